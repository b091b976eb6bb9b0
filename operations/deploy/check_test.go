package deploy_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/deploy"
)

// The event types of the tests: what the validator says to the stager, and what the stager says to the gate.
const (
	validated1 = "cat.llac.landing.validated.v1"
	validated2 = "cat.llac.landing.validated.v2"
	staged1    = "cat.llac.staging.written.v1"
	staged2    = "cat.llac.staging.written.v2"
	rejected1  = "cat.llac.landing.rejected.v1"
)

// tree is what this source tree would deploy.
func tree() deploy.Deployed {
	d := deploy.Deployed{}
	for _, s := range deploy.Services() {
		d[s] = deploy.This(s, "new")
	}
	return d
}

// with changes the speech of one service of a copy: a type of "" is added or taken away.
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
	d[service] = deploy.Speech{Consumes: change(s.Consumes, consumes), Emits: change(s.Emits, emits), Build: build}
	return d
}

func old(d deploy.Deployed) deploy.Deployed {
	out := deploy.Deployed{}
	for s, speech := range d {
		speech.Build = "old"
		out[s] = speech
	}
	return out
}

type changes = map[string]string

func TestCheck(t *testing.T) {
	t.Parallel()
	same := tree()
	// The next tree, in which the stager speaks version 2 and the gate hears both.
	second := with(with(same, "stager", "new", nil, changes{staged1: staged2}), "quality-gate", "new", changes{staged1: staged1 + " " + staged2}, nil)
	// The one after: the gate has forgotten version 1.
	third := with(second, "quality-gate", "new", changes{staged1: ""}, nil)
	abrupt := with(with(same, "stager", "new", nil, changes{staged1: staged2}), "quality-gate", "new", changes{staged1: staged2}, nil)
	for _, c := range []struct {
		name          string
		service       string
		next, running deploy.Deployed
		refusals      []string // words of each
		order         string
		notes         []string
	}{
		{"nothing has changed", "stager", same, old(same), nil, "", nil},
		{"the first deploy of all", "stager", same, deploy.Deployed{}, nil, "", []string{"quality-gate does not run yet"}},
		{"the producer before its consumer", "stager", second, old(same),
			[]string{"build old of quality-gate, which runs, consumes staging.written.v1 and not staging.written.v2"}, "quality-gate stager", nil},
		{"the consumer first", "quality-gate", second, old(same), nil, "", nil},
		{"then the producer", "stager", second, with(old(same), "quality-gate", "new", changes{"": staged2}, nil), nil, "", nil},
		{"the consumer forgets while its producer still speaks", "quality-gate", third, old(same),
			[]string{"build old of stager, which runs, still says staging.written.v1", "dead letters"}, "", nil},
		{"the consumer forgets when nobody says it any more", "quality-gate", third, old(second), nil, "", []string{"staging.written.v1 may still wait in the queue"}},
		{"both change at once", "stager", abrupt, old(same), []string{"quality-gate"}, "", nil},
		{"an event that nobody here hears", "validator", same, with(old(same), "validator", "old", nil, changes{rejected1: ""}), nil, "", nil},
		{"a new event whose consumer does not know it yet", "validator", same, with(old(same), "stager", "old", changes{validated1: ""}, nil),
			[]string{"build old of stager, which runs, does not consume landing.validated.v1 yet"}, "stager validator", nil},
		{"an event that a consumer waits for is gone", "validator", with(same, "validator", "new", nil, changes{validated1: ""}), old(same),
			[]string{"build old of stager, which runs, waits for landing.validated.v1"}, "", nil},
		{"an event that nobody waits for any more is gone", "validator", with(with(same, "validator", "new", nil, changes{validated1: ""}), "stager", "new", changes{validated1: ""}, nil), old(same),
			nil, "", []string{"deploy stager after"}},
		{"and then its consumer forgets it", "stager", with(with(same, "validator", "new", nil, changes{validated1: ""}), "stager", "new", changes{validated1: ""}, nil),
			with(old(same), "validator", "new", nil, changes{validated1: ""}), nil, "", nil},
		{"it hears itself", "fetcher", with(same, "fetcher", "new", nil, changes{"cat.llac.extraction.continued.v1": "cat.llac.extraction.continued.v2"}), old(same),
			[]string{"consumes extraction.continued.v1 and not extraction.continued.v2"}, "", nil},
		{"a rollback to a build that speaks the version before", "stager", same, old(third),
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
					t.Errorf("no word of %q in\n%s", want, all)
				}
			}
			if got := strings.Join(v.Order, " "); got != c.order {
				t.Errorf("order %q, want %q", got, c.order)
			}
			for _, want := range c.notes {
				if !strings.Contains(strings.Join(v.Notes, "\n"), want) {
					t.Errorf("no word of %q in the notes %q", want, v.Notes)
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
	if want := []string{"landing-janitor", "quality-gate", "stager", "validator", "fetcher", "scheduler"}; !slices.Equal(ordered, want) || len(stuck) != 0 {
		t.Errorf("the first order is %v, stuck %v", ordered, stuck)
	}
	// Two hops change at once: whoever hears goes first.
	next := with(same, "quality-gate", "new", changes{"": staged2}, nil)
	next = with(next, "stager", "new", changes{"": validated2}, changes{staged1: staged2})
	next = with(next, "validator", "new", nil, changes{validated1: validated2})
	ordered, stuck = deploy.Order(next, old(same))
	if want := []string{"quality-gate", "stager", "validator"}; !slices.Equal(ordered, want) || len(stuck) != 0 {
		t.Errorf("order %v, stuck %v, want %v", ordered, stuck, want)
	}
	if v := deploy.Check("validator", next, old(same)); !slices.Equal(v.Order, []string{"stager", "validator"}) && !slices.Equal(v.Order, ordered) {
		t.Errorf("order for the validator %v", v.Order)
	}
	next = with(with(same, "stager", "new", nil, changes{staged1: staged2}), "quality-gate", "new", changes{staged1: staged2}, nil)
	if _, stuck = deploy.Order(next, old(same)); !slices.Equal(stuck, []string{"quality-gate", "stager"}) {
		t.Errorf("stuck %v", stuck)
	}
}

// The released versions of events never change, so that a type's name is all that two builds must agree on. What this
// tree speaks is what its golden files pin.
func TestWhatIsSpokenIsReleased(t *testing.T) {
	t.Parallel()
	released := events.Types()
	for s, speech := range tree() {
		for _, e := range slices.Concat(speech.Consumes, speech.Emits) {
			if !slices.Contains(released, e) {
				t.Errorf("%s speaks %s, which is no released type", s, e)
			}
		}
		if len(speech.Consumes) == 0 || len(speech.Emits) == 0 {
			t.Errorf("%s speaks nothing", s)
		}
	}
}
