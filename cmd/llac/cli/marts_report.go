package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/platform/lake"
)

// step draws how far a build of the marts is.
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

// martsReport is the table of the marts that `llac marts` and `llac run` end with.
func martsReport(t *text, m *martsReply) {
	if m.State != martsBuilt && m.State != martsCurrent {
		martsTrouble(t, m)
		return
	}
	var rows [][]string
	for _, r := range m.Models {
		lasts := "-"
		if r.Milliseconds > 0 || m.State == martsBuilt {
			lasts = lasted(float64(r.Milliseconds))
		}
		rows = append(rows, []string{r.Name, grain(r.Grain), count(r.Rows), count(r.Tests), lasts, martOrigin(r.Mart)})
	}
	if len(rows) > 0 {
		t.table([]string{"MART", "GRAIN: ONE ROW PER", ">ROWS", ">TESTS PASSED", ">TIME", "DATA"}, rows, nil)
		t.line("")
	}
	switch m.State {
	case martsBuilt:
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
		line := fmt.Sprintf("Marts: build %s, %s, %s passed, in %s.", m.Build, plural(len(m.Models), "model"), plural(tests, "test"), lasted(float64(m.lasted.Milliseconds())))
		if reused > 0 {
			line += fmt.Sprintf(" The rows of %d are the same as before, so their files stay.", reused)
		}
		t.line("%s", line)
	case martsCurrent:
		t.line("Marts: up to date, build %s of %s.", m.Build, stamp(m.PublishedAt))
	}
	if len(m.Models) > 0 {
		t.line("Files: %s   What each is: %s", m.files, t.llac("marts docs"))
	}
	switch {
	case m.Database == "":
	case len(m.Tables) > 0:
		t.line("Tables: %s of %s made or changed, so that Athena reads this.", count(int64(len(m.Tables))), m.Database)
	default:
		t.line("Tables: those of %s were right already.", m.Database)
	}
}

// martsTrouble tells what failed, with some of the rows that are wrong.
func martsTrouble(t *text, m *martsReply) {
	if m.Failure == nil {
		return // the error says all of it
	}
	for _, n := range m.Failure.Nodes {
		what := n.Type
		if len(n.About) > 0 {
			what += " of " + and(n.About)
		}
		t.line("%s %s (%s)", t.paint(red, "failed"), n.Name, what)
		for line := range strings.SplitSeq(strings.TrimSpace(n.Message), "\n") {
			t.line("  %s", strings.TrimRight(line, " "))
		}
		if len(n.Rows) == 0 {
			continue
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
	if m.Build != "" {
		t.line("\nReaders keep the marts of build %s.", m.Build)
	}
}

func martsListText(t *text, r martsListReply) {
	var rows [][]string
	for _, m := range r.Models {
		rows = append(rows, []string{m.Name, grain(m.Grain), count(m.Rows), count(m.Tests), m.Build, martOrigin(m)})
	}
	t.table([]string{"MART", "GRAIN: ONE ROW PER", ">ROWS", ">TESTS PASSED", "BUILD", "DATA"}, rows, nil)
	t.line("\nBuild %s of %s. A mart of an earlier build has had the same rows since, or could not be made again.", r.Build, stamp(r.PublishedAt))
	if len(r.Behind) > 0 {
		t.line("Newer snapshots are published of %s; %s builds the marts of them.", and(r.Behind), t.llac("marts"))
	}
}

// grain is what a row stands for, without the words that begin every grain.
func grain(s string) string {
	return strings.TrimSuffix(strings.TrimPrefix(s, "One row per "), ".")
}

// martOrigin says whether a mart is real, and of a simulated one how much of it is carried facts (invariant 11).
func martOrigin(m lake.Mart) string {
	var origins []string
	for origin := range m.DataOrigins {
		origins = append(origins, origin)
	}
	slices.Sort(origins)
	switch {
	case m.SourceSystem == "":
		return "the project's own, " + strings.Join(origins, " and ")
	case lake.Origin(m.SourceSystem).Simulated():
		return provenance(m.SourceSystem) + ", " + strings.Join(origins, " and ")
	}
	return provenance(m.SourceSystem)
}
