package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/platform/lake"
)

// step draws the progress of a build of the marts.
func (s *screen) step(p marts.Step) {
	s.draw(func() []string {
		full := 0
		switch {
		case p.Doing == "export":
			full = 10
		case p.Total > 0:
			full = 10 * min(p.Done, p.Total) / p.Total
		}
		line := fmt.Sprintf("%-16s %s %-11s", "marts", gauge(full), p.Doing)
		if p.Total > 0 {
			line += fmt.Sprintf(" %d/%d", p.Done, p.Total)
		}
		return []string{line + "  " + p.Name}
	})
}

// martsReport is the report that `llac marts` and `llac run` end with.
func martsReport(t *text, m *marts.Refreshed) {
	built := m.State == marts.StateBuilt
	if !built && m.State != marts.StateCurrent {
		martsTrouble(t, m)
		return
	}
	var rows [][]string
	for _, r := range m.Models {
		took := "-"
		if r.Milliseconds > 0 || built {
			took = format.Milliseconds(float64(r.Milliseconds))
		}
		rows = append(rows, []string{r.Name, format.Count(r.Rows), martOrigin(r.Mart), format.Count(r.Tests), took, grain(r.Grain)})
	}
	if len(rows) > 0 {
		t.table([]string{"MART", ">ROWS", "~DATA", "?>TESTS PASSED", "?>TIME", "GRAIN: ONE ROW PER"}, rows, nil)
		t.line("")
	}
	if built {
		t.line("%s", builtText(m))
	} else {
		t.line("Marts: up to date, build %s of %s.", m.Build, format.Time(m.PublishedAt))
	}
	if len(m.Models) > 0 {
		t.line("Files: %s   Documentation: %s", m.Files, t.llac("marts docs"))
	}
	switch {
	case m.Database == "":
	case len(m.Tables) > 0:
		t.line("Tables: %s of %s created or changed, so that Athena reads these marts.", format.Count(int64(len(m.Tables))), m.Database)
	default:
		t.line("Tables: those of %s were up to date.", m.Database)
	}
}

func builtText(m *marts.Refreshed) string {
	tests, reused := 0, 0
	for _, test := range m.Tests {
		if test.Status == "pass" || test.Status == "warn" {
			tests++
		}
	}
	for _, r := range m.Models {
		if r.Reused {
			reused++
		}
	}
	line := fmt.Sprintf("Marts: build %s, %s, %s passed, in %s.", m.Build, format.Plural(len(m.Models), "model"),
		format.Plural(tests, "test"),
		format.Milliseconds(float64(m.Took.Milliseconds())))
	if reused > 0 {
		line += fmt.Sprintf(" The rows of %d are the same as before, so their files stay.", reused)
	}
	return line
}

// martsTrouble writes what failed, with some of the wrong rows.
func martsTrouble(t *text, m *marts.Refreshed) {
	if m.Failure == nil {
		return // the error has it all
	}
	for _, n := range m.Failure.Nodes {
		brokenNode(t, n)
	}
	if m.Build != "" {
		t.line("\nReaders keep the marts of build %s.", m.Build)
	}
}

func brokenNode(t *text, n marts.Broken) {
	what := n.Type
	if len(n.About) > 0 {
		what += " of " + format.List(n.About)
	}
	t.line("%s %s (%s)", t.paint(red, "failed"), n.Name, what)
	for line := range strings.SplitSeq(strings.TrimSpace(n.Message), "\n") {
		t.line("  %s", strings.TrimRight(line, " "))
	}
	if len(n.Rows) == 0 {
		return
	}
	var rows [][]string
	for _, row := range n.Rows {
		cells := []string{""}
		for _, v := range row {
			cell := "null"
			if v != nil {
				cell = fmt.Sprint(v)
			}
			cells = append(cells, cell)
		}
		rows = append(rows, cells)
	}
	t.table(append([]string{""}, n.Columns...), rows, nil)
	if n.More {
		t.line("  … and more")
	}
}

// grain returns what a row stands for, without the words that all grains start with.
func grain(s string) string {
	return strings.TrimSuffix(strings.TrimPrefix(s, "One row per "), ".")
}

// martOrigin describes whether a mart is real and, if it is simulated, whether its facts are recorded or invented (invariant
// 11).
func martOrigin(m lake.Mart) string {
	var origins []string
	for origin := range m.DataOrigins {
		origins = append(origins, origin)
	}
	slices.Sort(origins)
	switch {
	case m.SourceSystem == "":
		return "of the project, " + strings.Join(origins, " and ")
	case lake.Origin(m.SourceSystem).Simulated():
		return provenance(m.SourceSystem) + ", " + strings.Join(origins, " and ")
	}
	return provenance(m.SourceSystem)
}
