package deploy_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/deploy"
)

// Event types of the tests: from the validator to the stager, and from the stager to the gate.
const (
	validated1 = "cat.llac.landing.validated.v1"
	validated2 = "cat.llac.landing.validated.v2"
	staged1    = "cat.llac.staging.written.v1"
	staged2    = "cat.llac.staging.written.v2"
	rejected1  = "cat.llac.landing.rejected.v1"
)

// tree returns what this source tree would deploy.
func tree() deploy.Deployed {
	d := deploy.Deployed{}
	for _, s := range deploy.Services() {
		d[s] = deploy.EventTypesOf(s, "new")
	}
	return d
}

// with returns a copy in which the event types of one service are replaced. "" as the old type adds one; "" as the new one
// removes it.
func with(d deploy.Deployed, service, build string, consumes, emits changes) deploy.Deployed {
	d = maps.Clone(d)
	change := func(types []string, edits changes) []string {
		out := slices.Clone(types)
		for from, to := range edits {
			if from != "" {
				out = slices.DeleteFunc(out, func(s string) bool { return s == from })
			}
			out = append(out, strings.Fields(to)...)
		}
		return out
	}
	s := d[service]
	d[service] = deploy.EventTypes{Consumes: change(s.Consumes, consumes), Emits: change(s.Emits, emits), Build: build}
	return d
}

func old(d deploy.Deployed) deploy.Deployed {
	out := deploy.Deployed{}
	for s, types := range d {
		types.Build = "old"
		out[s] = types
	}
	return out
}

type changes = map[string]string

func TestCheck(t *testing.T) {
	t.Parallel()
	same := tree()
	// The next tree: the stager emits version 2 and the gate consumes both.
	second := with(with(same, "stager", "new", nil, changes{staged1: staged2}), "quality-gate", "new",
		changes{staged1: staged1 + " " + staged2}, nil)
	// The tree after that: the gate no longer consumes version 1.
	third := with(second, "quality-gate", "new", changes{staged1: ""}, nil)
	abrupt := with(with(same, "stager", "new", nil, changes{staged1: staged2}), "quality-gate", "new", changes{staged1: staged2}, nil)
	for _, c := range []struct {
		name          string
		service       string
		next, running deploy.Deployed
		refusals      []string // a part of each
		order         string
		notes         []string
	}{
		{"nothing has changed", "stager", same, old(same), nil, "", nil},
		{"the first deploy of all", "stager", same, deploy.Deployed{}, nil, "", []string{"quality-gate does not run yet"}},
		{"the producer before its consumer", "stager", second, old(same),
			[]string{"the running build old of quality-gate consumes staging.written.v1 and not staging.written.v2"},
			"quality-gate stager", nil},
		{"the consumer first", "quality-gate", second, old(same), nil, "", nil},
		{"then the producer", "stager", second, with(old(same), "quality-gate", "new", changes{"": staged2}, nil), nil, "", nil},
		{"the consumer drops a version that its producer emits", "quality-gate", third, old(same),
			[]string{"the running build old of stager still emits staging.written.v1", "would be lost"}, "", nil},
		{"the consumer drops a version that no service emits", "quality-gate", third, old(second), nil, "",
			[]string{"staging.written.v1 may still be in the queue"}},
		{"both change at once", "stager", abrupt, old(same), []string{"quality-gate"}, "", nil},
		{"an event that no service consumes", "validator", same, with(old(same), "validator", "old", nil,
			changes{rejected1: ""}), nil, "", nil},
		{"a new event whose consumer does not know it yet", "validator", same, with(old(same), "stager", "old",
			changes{validated1: ""}, nil),
			[]string{"the running build old of stager does not consume landing.validated.v1 yet"}, "stager validator", nil},
		{"an event that a consumer needs is dropped", "validator", with(same, "validator", "new", nil, changes{validated1: ""}), old(same),
			[]string{"the running build old of stager consumes landing.validated.v1, and build new of validator no longer emits " +
				"it"}, "", nil},
		{"an event that its consumer drops too is dropped", "validator",
			with(with(same, "validator", "new", nil, changes{validated1: ""}), "stager", "new", changes{validated1: ""}, nil), old(same),
			nil, "", []string{"deploy stager after"}},
		{"and then its consumer drops it", "stager", with(with(same, "validator", "new", nil, changes{validated1: ""}), "stager", "new",
			changes{validated1: ""}, nil),
			with(old(same), "validator", "new", nil, changes{validated1: ""}), nil, "", nil},
		{"it consumes its own event", "fetcher", with(same, "fetcher", "new", nil,
			changes{"cat.llac.extraction.continued.v1": "cat.llac.extraction.continued.v2"}), old(same),
			[]string{"consumes extraction.continued.v1 and not extraction.continued.v2"}, "", nil},
		{"a rollback to a build that emits the version before", "stager", same, old(third),
			[]string{"consumes staging.written.v2 and not staging.written.v1"}, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := deploy.Check(c.service, c.next, c.running)
			if v.OK != (len(c.refusals) == 0) || v.OK != (len(v.Refusals) == 0) {
				t.Fatalf("ok %v, refusals %+v", v.OK, v.Refusals)
			}
			all := ""
			for _, r := range v.Refusals {
				all += r.Why + "\n"
			}
			for _, want := range c.refusals {
				if !strings.Contains(all, want) {
					t.Errorf("%q is not in\n%s", want, all)
				}
			}
			if got := strings.Join(v.Order, " "); got != c.order {
				t.Errorf("order %q, want %q", got, c.order)
			}
			for _, want := range c.notes {
				if !strings.Contains(strings.Join(v.Notes, "\n"), want) {
					t.Errorf("%q is not in the notes %q", want, v.Notes)
				}
			}
		})
	}
}

func TestOrderOfAll(t *testing.T) {
	t.Parallel()
	same := tree()
	if ordered, stuck := deploy.Order(same, old(same)); len(ordered)+len(stuck) != 0 {
		t.Errorf("nothing differs, and the order is %v, stuck %v", ordered, stuck)
	}
	ordered, stuck := deploy.Order(same, nil)
	if want := []string{"landing-janitor", "quality-gate", "stager", "validator", "fetcher", "scheduler"}; !slices.Equal(ordered,
		want) || len(stuck) != 0 {
		t.Errorf("the first order is %v, stuck %v", ordered, stuck)
	}
	// Two hops change at once: consumers first.
	next := with(same, "quality-gate", "new", changes{"": staged2}, nil)
	next = with(next, "stager", "new", changes{"": validated2}, changes{staged1: staged2})
	next = with(next, "validator", "new", nil, changes{validated1: validated2})
	ordered, stuck = deploy.Order(next, old(same))
	if want := []string{"quality-gate", "stager", "validator"}; !slices.Equal(ordered, want) || len(stuck) != 0 {
		t.Errorf("order %v, stuck %v, want %v", ordered, stuck, want)
	}
	if v := deploy.Check("validator", next, old(same)); !slices.Equal(v.Order, []string{"stager", "validator"}) &&
		!slices.Equal(v.Order, ordered) {
		t.Errorf("order for the validator %v", v.Order)
	}
	next = with(with(same, "stager", "new", nil, changes{staged1: staged2}), "quality-gate", "new", changes{staged1: staged2}, nil)
	if _, stuck = deploy.Order(next, old(same)); !slices.Equal(stuck, []string{"quality-gate", "stager"}) {
		t.Errorf("stuck %v", stuck)
	}
}

// Released versions of events never change, so two builds agree if they use the same types. All types of this tree have
// golden files.
func TestEventTypesAreReleased(t *testing.T) {
	t.Parallel()
	released := events.Types()
	for s, types := range tree() {
		for _, e := range slices.Concat(types.Consumes, types.Emits) {
			if !slices.Contains(released, e) {
				t.Errorf("%s uses %s, which is not a released type", s, e)
			}
		}
		if len(types.Consumes) == 0 || len(types.Emits) == 0 {
			t.Errorf("%s has no event types", s)
		}
	}
}
