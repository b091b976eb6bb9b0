package cli

import (
	"strings"
	"testing"

	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/operations/services"
)

// TestBarOfEveryState checks that the bar grows with each state of a run, also with that of a service that is added later.
func TestBarOfEveryState(t *testing.T) {
	t.Parallel()
	for _, states := range [][]string{services.States(), append(services.States(), "counting")} {
		last := -1
		for _, state := range states {
			got := full(progressOf(state, 0), states)
			if got <= last || got >= 10 {
				t.Errorf("of %q: %d steps are full in state %s, and %d before it", states, got, state, last)
			}
			last = got
		}
	}
	for _, c := range []struct {
		state string
		page  int
		bar   string
	}{
		{"requested", 0, "░░░░░░░░░░"}, {"held back", 0, "░░░░░░░░░░"}, {"extracting", 0, "██░░░░░░░░"}, {"extracting", 2, "███░░░░░░░"},
		{"extracting", 4, "█████░░░░░"}, {"checking", 4, "█████░░░░░"}, {"clearing", 4, "███████░░░"}, {"published", 4, "██████████"},
		{"failed", 1, "██████████"},
	} {
		if line := progressLine(progressOf(c.state, c.page)); !strings.Contains(line, " "+c.bar+" ") {
			t.Errorf("%s, page %d of 4: %q, want %s", c.state, c.page, line, c.bar)
		}
	}
}

func progressOf(state string, page int) pipeline.Progress {
	p := pipeline.Progress{Dataset: "places", Pages: 4, Page: page}
	p.State = ledger.State(state)
	return p
}
