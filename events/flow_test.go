package events_test

import (
	"slices"
	"testing"

	"github.com/llac-project/llac/events"
)

func TestTheFlowIsClosed(t *testing.T) {
	t.Parallel()
	mentioned := map[string]bool{}
	for _, f := range events.Flow {
		for _, eventType := range slices.Concat(f.Consumes, f.Emits) {
			mentioned[eventType] = true
		}
		for _, eventType := range f.Consumes {
			direct := slices.Contains(f.Direct, eventType)
			if emitters := events.Emitters(eventType); len(emitters) == 0 && !direct {
				t.Errorf("%s waits for %s, which nobody says", f.Service, eventType)
			} else if len(emitters) > 0 && direct {
				t.Errorf("%s gets %s directly and from %v", f.Service, eventType, emitters)
			}
		}
		for _, eventType := range f.Direct {
			if !slices.Contains(f.Consumes, eventType) {
				t.Errorf("%s is sent %s and does not consume it", f.Service, eventType)
			}
		}
	}
	for _, eventType := range events.Types() {
		if !mentioned[eventType] {
			t.Errorf("%s is in the catalogue and in no service's flow", eventType)
		}
	}
}

func TestOfAnUnknownServiceNothingIsSaid(t *testing.T) {
	t.Parallel()
	if got := events.Consumes("nobody"); len(got) != 0 {
		t.Errorf("consumes %v", got)
	}
	if got := events.Emits("nobody"); len(got) != 0 {
		t.Errorf("emits %v", got)
	}
	if got := events.Emits("stager"); len(got) != 2 {
		t.Errorf("the stager emits %v", got)
	}
}
