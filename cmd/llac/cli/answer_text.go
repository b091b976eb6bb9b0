package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/llac-project/llac/operations/answer"
	"github.com/llac-project/llac/platform/lake"
)

// answerReply is the answer that a run ends with, or why there is none.
type answerReply struct {
	*answer.Change
	Refused string `json:"refused,omitempty"`
}

// answer asks the marts. An answer is an extra: what keeps it from being found is told and fails nothing.
func (a *App) answer(ctx context.Context) *answerReply {
	tables, err := a.tables(ctx)
	if err != nil {
		return &answerReply{Refused: err.Error()}
	}
	engine, err := a.openEngine(ctx, a.Stderr)
	if err != nil {
		return &answerReply{Refused: err.Error()}
	}
	change, err := answer.Population(ctx, engine, tables)
	var refused *answer.RefusedError
	switch {
	case errors.As(err, &refused):
		return &answerReply{Refused: refused.Reason}
	case err != nil && ctx.Err() != nil:
		return nil
	case err != nil:
		return &answerReply{Refused: err.Error()}
	case change == nil:
		return nil
	}
	return &answerReply{Change: change}
}

// shown is how many comarques are told of each end.
const shown = 5

// answerText draws the answer in so many columns.
func answerText(t *text, r *answerReply, width int) {
	if r == nil {
		return
	}
	if r.Change == nil {
		t.line("\nNo answer about the population: %s.", r.Refused)
		return
	}
	c := r.Change
	t.line("\nHow did the population of Catalonia's %d comarques change between 1 January %d and 1 January %d?", len(c.Comarques), c.From, c.To)
	t.line("Catalonia: %s to %s, %s (%s).\n", count(c.Start), count(c.End), signed(c.End-c.Start), inPercent(100*float64(c.End-c.Start)/float64(c.Start)))
	told := make([]answer.Comarca, 0, 2*shown)
	top := min(shown, len(c.Comarques))
	told = append(told, c.Comarques[:top]...)
	told = append(told, c.Comarques[max(top, len(c.Comarques)-shown):]...)
	names, changes, largest := 0, 0, 0.0
	for _, one := range told {
		names, changes = max(names, utf8.RuneCountInString(one.Name)), max(changes, utf8.RuneCountInString(signed(one.Change)))
		largest = max(largest, math.Abs(one.Percent))
	}
	room := max(4, min(40, width-names-changes-17))
	for i, one := range told {
		if left := len(c.Comarques) - len(told); i == top && left > 0 {
			t.line("  … %d between them", left)
		}
		bar := ""
		if largest > 0 {
			bar = strings.Repeat("█", int(math.Round(math.Abs(one.Percent)/largest*float64(room))))
		}
		color := green
		if one.Change < 0 {
			color, bar = red, strings.ReplaceAll(bar, "█", "▒")
		}
		blank := strings.Repeat(" ", names-utf8.RuneCountInString(one.Name))
		t.line("  %s%s  %8s  %*s  %s", one.Name, blank, inPercent(one.Percent), changes, signed(one.Change), t.paint(color, bar))
	}
	t.line("\n%s", strings.Join(c.Attribution, " "))
	updated := ""
	if c.UpdatedAt != "" {
		updated = "Updated " + c.UpdatedAt + ". "
	}
	switch { // Invariant 11
	case lake.Origin(c.Source) == lake.SimulatorOrigin:
		if c.UpdatedAt != "" {
			updated = " The date of update that it gives is " + c.UpdatedAt + "."
		}
		t.line("These figures are recorded facts; here the simulator served them (data_origin %s, source_system %s).%s", c.Origin, c.Source, updated)
	case c.Simulated:
		t.line("%sServed by %s, which is none of the real portals.", updated, c.Source)
	default:
		t.line("%sPublished by %s.", updated, c.Source)
	}
	t.line("Ask for all of them, marts of build %s:\n%s", c.Build, t.llac("sql "+shellText(c.Query)))
}

// signed writes a number with its sign.
func signed(n int64) string {
	if n > 0 {
		return "+" + count(n)
	}
	return strings.Replace(count(n), "-", "−", 1)
}

// inPercent writes a change in percent, with its sign.
func inPercent(f float64) string {
	s := fmt.Sprintf("%+.2f %%", f)
	return strings.Replace(s, "-", "−", 1)
}
