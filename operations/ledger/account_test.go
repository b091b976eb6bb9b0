package ledger

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/llac-project/llac/events"
)

// event returns the event that a word stands for: "2023:landed" is of the slice 2023, "landed" of a run without slices.
func event(t *testing.T, word string) events.Event {
	t.Helper()
	slice, what, ok := strings.Cut(word, ":")
	if !ok {
		slice, what = "", word
	}
	r := events.Run{Dataset: "d", RunID: "20250803T051500", Slot: "20250803T051500", Slice: slice}
	if slice != "" {
		r.RunID, r.Slices = r.Slot+"-y"+slice, []string{"2023", "2024"}
	}
	failed := func(service string) events.RunFailed {
		return events.RunFailed{Run: r, Failure: events.Failure{Service: service, Reason: "why"}}
	}
	payloads := map[string]events.Payload{
		"requested": events.ExtractionRequested{Run: r}, "continued": events.ExtractionContinued{Run: r},
		"unchanged":  events.ExtractionUnchanged{Run: r},
		"unreadable": events.ExtractionFailed{Run: r, Failure: events.Failure{Service: "fetcher", Reason: "why"}},
		"landed":     events.LandingWritten{Run: r, Rows: 10}, "validated": events.LandingValidated{Run: r},
		"invalid": events.LandingRejected{Run: r},
		"staged":  events.StagingWritten{Run: r, Staged: 9, Quarantined: 1}, "accepted": events.StagingAccepted{Run: r},
		"published": events.StagingPublished{Run: r},
		"refused":   events.StagingRejected{Run: r}, "late": events.RunSuperseded{Run: r}, "deleted": events.LandingDeleted{Run: r},
		"stager-failed": failed("stager"), "gate-failed": failed("quality-gate"), "janitor-failed": failed("landing-janitor"),
		"validator-failed": failed("validator"),
	}
	p, ok := payloads[what]
	if !ok {
		t.Fatalf("unknown event %q", what)
	}
	e := events.New(p)
	e.ID = word
	return e
}

// The state of a request depends on its events alone, whether they are added once or twice, and in any order.
func TestState(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		events string
		want   State
	}{
		{"", Requested},
		{"requested", Extracting},
		{"requested continued", Extracting},
		{"requested unchanged", Unchanged},
		{"requested unreadable", Failed},
		{"requested landed", Checking},
		{"requested landed invalid", Rejected},
		{"requested landed validated staged", Checking},
		{"requested landed validated staged refused", Rejected},
		{"requested landed validated staged late", Superseded},
		{"requested landed validated staged published", Clearing},
		{"requested landed validated staged published deleted", Published},
		{"requested landed validated staged published janitor-failed", Uncleared},
		{"requested landed validated staged published janitor-failed deleted", Published},
		{"requested landed stager-failed", Failed},
		{"requested landed validator-failed validated staged", Checking},
		{"requested unreadable landed", Checking},
		{"requested landed validated staged gate-failed published deleted", Published},
		{"2023:requested 2024:requested 2023:unchanged", Extracting},
		{"2023:requested 2023:unchanged", Extracting},
		{"2023:requested 2024:requested 2023:unchanged 2024:unchanged", Unchanged},
		{"2023:requested 2024:requested 2023:unchanged 2024:landed", Checking},
		{"2023:requested 2024:requested 2023:landed 2023:staged 2023:accepted", Extracting},
		{"2023:requested 2024:requested 2023:landed 2024:landed 2023:staged 2023:accepted", Checking},
		{"2023:landed 2023:staged 2023:accepted 2024:landed 2024:staged 2024:refused", Rejected},
		{"2023:landed 2023:staged 2023:accepted 2024:unreadable", Failed},
		{"2023:landed 2024:unreadable", Checking},
		{"2023:requested 2024:unreadable", Extracting},
		{"2023:unchanged 2024:invalid", Rejected},
		{"2023:accepted 2023:landed 2024:landed 2024:published", Clearing},
		{"2023:accepted 2023:landed 2024:landed 2024:published 2024:deleted", Published},
		{"2023:unchanged 2024:landed 2024:accepted 2023:published 2023:deleted", Published},
		{"2023:landed 2023:late 2024:landed 2024:late", Superseded},
	} {
		words := strings.Fields(c.events)
		for seed := range uint64(5) {
			words := append(words, words...) // every event twice
			if seed > 0 {
				rand.New(rand.NewPCG(seed, 1)).Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
			}
			var a Account
			added := 0
			for _, w := range words {
				if a.Add(event(t, w)) {
					added++
				}
			}
			if got := a.State(); got != c.want || added != len(words)/2 {
				t.Errorf("%s: %s, want %s; %d of %d events were new", strings.Join(words, " "), got, c.want, added, len(words))
			}
		}
	}
}

func TestAccountIgnoresOtherEvents(t *testing.T) {
	t.Parallel()
	var a Account
	stale := events.New(events.DatasetStale{Dataset: "d"})
	stale.ID = "1"
	later := event(t, "landed")
	later.Type = "cat.llac.landing.written.v9"
	if a.Add(stale) || a.Add(later) || a.Started() {
		t.Error("an event that belongs to no run, or of a later build, was added")
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	var a Account
	for _, w := range strings.Fields("2023:requested 2024:requested 2023:landed 2023:staged 2023:accepted 2024:landed") {
		a.Add(event(t, w))
	}
	want := "{State:checking Runs:2 Ended:1 Rows:20 Staged:9 Quarantined:1 Refused:0}"
	if got := fmt.Sprintf("%+v", a.Progress()); got != want {
		t.Errorf("progress %s, want %s", got, want)
	}
}
