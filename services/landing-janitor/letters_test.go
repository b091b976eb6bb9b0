package janitor

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
)

// letter returns a dead letter of an event with this ID, sent at Start.
func letter(service, message, event string, p events.Payload) messaging.Letter {
	body, _ := runtimetest.Event(event, p).Marshal()
	return messaging.Letter{
		Service: service, MessageID: message, Body: string(body), SentAt: runtimetest.Start,
		Reason: "the portal returned status 503", Receives: 5,
	}
}

func (b *fixture) kept(key string) lake.DeadLetter {
	b.t.Helper()
	var l lake.DeadLetter
	body, _, err := b.Lake.Get(b.t.Context(), key)
	if err == nil {
		err = json.Unmarshal(body, &l)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return l
}

func TestOldDeadLettersAreKept(t *testing.T) {
	t.Parallel()
	b := newFixture(t, "")
	run := events.Run{Dataset: "things", RunID: slot1, Slot: slot1}
	first := letter("fetcher", "m1", "things/"+slot1+"/scheduler/1", events.ExtractionRequested{Run: run})
	again := first // it was replayed and failed again
	again.MessageID, again.Reason = "m2", "the portal returned status 500"
	other := letter("fetcher", "m3", "things/"+slot1+"/scheduler/1", events.ExtractionRequested{Run: run, Force: true})
	b.Letters["fetcher"] = []messaging.Letter{first, again, other}
	b.Letters["stager"] = []messaging.Letter{
		{Service: "stager", MessageID: "m4", Body: "Planted Person, 1 Carrer Major", SentAt: runtimetest.Start},
	}
	b.Letters["landing-janitor"] = []messaging.Letter{
		letter("landing-janitor", "m5", "things/"+slot2+"/quality-gate/1", events.StagingPublished{Run: run}),
	}

	b.swept(3 * day)
	if keys := b.under("dead-letters/"); len(keys) != 0 {
		t.Errorf("letters of exactly three days were copied: %v", keys)
	}
	b.swept(3*day + time.Minute)
	keys := b.under("dead-letters/")
	want := []string{
		"dead-letters/fetcher/things-" + slot1 + "-scheduler-1.json", "dead-letters/fetcher/things-" + slot1 + "-scheduler-1.m3.json",
		"dead-letters/landing-janitor/things-" + slot2 + "-quality-gate-1.json", "dead-letters/stager/m4.json",
	}
	if slices.Sort(keys); !slices.Equal(keys, want) {
		t.Fatalf("kept %v\nwant %v", keys, want)
	}
	l := b.kept(keys[0])
	if l.Body != first.Body || l.Reason != first.Reason || l.MessageID != "m1" || l.Receives != 5 ||
		l.EventID != "things/"+slot1+"/scheduler/1" ||
		!l.SentAt.Equal(runtimetest.Start) || l.SHA256 != lake.SHA256([]byte(first.Body)) || l.Size != len(first.Body) {
		t.Errorf("kept %+v", l)
	}
	if l := b.kept(keys[1]); l.Body != other.Body {
		t.Errorf("another body under the same id is kept as %+v", l)
	}
	// Invariant 8: the body of a message that is not an event of Llac is unknown.
	if l := b.kept(keys[3]); l.Body != "" || l.Size == 0 || l.SHA256 == "" {
		t.Errorf("of a message that is not an event: kept %+v", l)
	}
	before := b.Lake.Snapshot()
	b.swept(4 * day)
	for _, key := range keys {
		if string(b.Lake.Snapshot()[key]) != string(before[key]) {
			t.Errorf("%s changed", key)
		}
	}
}

// TestALetterThatCannotBeKept checks that one letter that cannot be copied does not stop the others, and that the next sweep
// copies it.
func TestALetterThatCannotBeKept(t *testing.T) {
	t.Parallel()
	b := newFixture(t, "")
	run := events.Run{Dataset: "things", RunID: slot1, Slot: slot1}
	b.Letters["fetcher"] = []messaging.Letter{
		letter("fetcher", "m1", "first", events.ExtractionRequested{Run: run}),
		letter("fetcher", "m2", "second", events.ExtractionRequested{Run: run}),
	}
	b.Letters["stager"] = []messaging.Letter{letter("stager", "m3", "third", events.LandingValidated{Run: run})}
	refused := errors.New("refused")
	b.Lake.Before = func(op, key string) error {
		if strings.HasSuffix(key, "/first.json") {
			return refused
		}
		return nil
	}
	if err := b.sweep(4 * day); !errors.Is(err, refused) {
		t.Errorf("error %v", err)
	}
	if keys := b.under("dead-letters/"); len(keys) != 2 {
		t.Errorf("kept %v", keys)
	}
	b.Lake.Before = nil
	b.swept(4 * day)
	if keys := b.under("dead-letters/"); len(keys) != 3 {
		t.Errorf("kept %v", keys)
	}
}
