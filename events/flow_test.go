package events_test

import (
	"slices"
	"testing"

	"github.com/llac-project/llac/events"
)

func TestEveryConsumedEventIsEmitted(t *testing.T) {
	t.Parallel()
	mentioned := map[string]bool{}
	for _, f := range events.Flow {
		for _, eventType := range slices.Concat(f.Consumes, f.Emits) {
			mentioned[eventType] = true
		}
		for _, eventType := range f.Consumes {
			direct := slices.Contains(f.Direct, eventType)
			emitted := slices.ContainsFunc(events.Flow, func(f events.ServiceFlow) bool { return slices.Contains(f.Emits, eventType) })
			switch {
			case !emitted && !direct:
				t.Errorf("%s consumes %s, which no service emits", f.Service, eventType)
			case emitted && direct:
				t.Errorf("%s receives %s both directly and from a topic", f.Service, eventType)
			}
		}
		for _, eventType := range f.Direct {
			if !slices.Contains(f.Consumes, eventType) {
				t.Errorf("%s is sent %s directly but does not consume it", f.Service, eventType)
			}
		}
	}
	for _, eventType := range events.Types() {
		if !mentioned[eventType] {
			t.Errorf("%s is in the catalogue but in no service's flow", eventType)
		}
	}
}

func TestUnknownServiceHasNoFlow(t *testing.T) {
	t.Parallel()
	if got := events.Consumes("unknown"); len(got) != 0 {
		t.Errorf("consumes %v", got)
	}
	if got := events.Emits("unknown"); len(got) != 0 {
		t.Errorf("emits %v", got)
	}
	if got := events.Emits("stager"); len(got) != 2 {
		t.Errorf("the stager emits %v", got)
	}
}
