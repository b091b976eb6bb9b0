package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/llac-project/llac/operations/answer"
	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/place"
	"github.com/llac-project/llac/platform/lake"
)

// answerReply is the answer that a run ends with, or the reason why it has none.
type answerReply struct {
	*answer.Change
	Refused string `json:"refused,omitempty"`
}

// answer finds the answer in the marts. The answer is an extra: an error is reported and does not fail the run.
func (a *App) answer(ctx context.Context, p place.Place) *answerReply {
	change, err := a.populationChange(ctx, p)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil
	case err != nil:
		return &answerReply{Refused: err.Error()}
	case change == nil:
		return nil
	}
	return &answerReply{Change: change}
}

func (a *App) populationChange(ctx context.Context, p place.Place) (*answer.Change, error) {
	tables, err := p.Tables(ctx)
	if err != nil {
		return nil, err
	}
	engine, err := a.openEngine(ctx, a.Stderr)
	if err != nil {
		return nil, err
	}
	change, err := answer.Population(ctx, engine, tables)
	var refused *answer.RefusedError
	if errors.As(err, &refused) {
		return nil, refused
	}
	return change, err
}

// shownPerEnd is how many comarques of each end of the list are shown.
const shownPerEnd = 5

// answerText writes the answer within width columns.
func answerText(t *text, r *answerReply, width int) {
	if r == nil {
		return
	}
	if r.Change == nil {
		t.line("\nNo answer about the population: %s.", r.Refused)
		return
	}
	c := r.Change
	t.line("\nHow did the population of Catalonia's %d comarques change between 1 January %d and 1 January %d?", len(c.Comarques), c.From,
		c.To)
	t.line("Catalonia: %s to %s, %s (%s).\n", format.Count(c.Start), format.Count(c.End), signed(c.End-c.Start),
		signedPercent(100*float64(c.End-c.Start)/float64(c.Start)))
	barChart(t, c.Comarques, width)
	t.line("\n%s", strings.Join(c.Attribution, " "))
	t.line("%s", answerSource(c))
	t.line("Query for all of them, marts of build %s:\n%s", c.Build, t.llac("sql "+format.ShellText(c.Query)))
}

// answerSource names the source of the figures, and whether they are real (invariant 11).
func answerSource(c *answer.Change) string {
	updated := ""
	if c.UpdatedAt != "" {
		updated = "Updated " + c.UpdatedAt + ". "
	}
	switch {
	case lake.Origin(c.Source) == lake.SimulatorOrigin:
		text := fmt.Sprintf("These figures are recorded facts, served here by the simulator (data_origin %s, source_system %s).", c.Origin,
			c.Source)
		if c.UpdatedAt != "" {
			text += " Its date of the last update is " + c.UpdatedAt + "."
		}
		return text
	case c.Simulated:
		return updated + "Served by " + c.Source + ", which is not one of the real portals."
	}
	return updated + "Published by " + c.Source + "."
}

// barChart draws the fastest and the slowest comarques.
func barChart(t *text, comarques []answer.Comarca, width int) {
	top := min(shownPerEnd, len(comarques))
	shown := append(comarques[:top:top], comarques[max(top, len(comarques)-shownPerEnd):]...)
	names, changes, largest := 0, 0, 0.0
	for _, one := range shown {
		names, changes = max(names, utf8.RuneCountInString(one.Name)), max(changes, utf8.RuneCountInString(signed(one.Change)))
		largest = max(largest, math.Abs(one.Percent))
	}
	room := max(4, min(40, width-names-changes-17))
	for i, one := range shown {
		if left := len(comarques) - len(shown); i == top && left > 0 {
			t.line("  … %d between them", left)
		}
		length := 0
		if largest > 0 {
			length = int(math.Round(math.Abs(one.Percent) / largest * float64(room)))
		}
		color, block := green, "█"
		if one.Change < 0 {
			color, block = red, "▒"
		}
		blank := strings.Repeat(" ", names-utf8.RuneCountInString(one.Name))
		t.line("  %s%s  %8s  %*s  %s", one.Name, blank, signedPercent(one.Percent), changes, signed(one.Change),
			t.paint(color, strings.Repeat(block, length)))
	}
}

// signed writes a number with its sign.
func signed(n int64) string {
	if n > 0 {
		return "+" + format.Count(n)
	}
	return strings.Replace(format.Count(n), "-", "−", 1)
}

// signedPercent writes a percentage with its sign.
func signedPercent(f float64) string {
	return strings.Replace(fmt.Sprintf("%+.2f %%", f), "-", "−", 1)
}
