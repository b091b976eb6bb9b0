package contract_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/quality"
)

// TestTheTableOfMetricsIsDerived compares the table in docs/contracts.md with the registered metrics; -update writes it.
func TestTheTableOfMetricsIsDerived(t *testing.T) {
	t.Parallel()
	const begin, end = "from platform/quality -->\n", "<!-- end of metrics -->"
	path := filepath.Join("..", "..", "docs", "contracts.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	table, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatal("docs/contracts.md has no place for the table of metrics")
	}
	want := metricsTable()
	if table == want {
		return
	}
	if !*update {
		t.Fatalf("docs/contracts.md: the table of metrics is out of date; run go test ./platform/contract -update\ngot\n%swant\n%s",
			table, want)
	}
	if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

func metricsTable() string {
	var b strings.Builder
	b.WriteString("\n| metric | written | about | measures |\n|---|---|---|---|\n")
	for _, m := range quality.ForContracts() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, written(m), about(m), m.Text)
	}
	return b.String() + "\n"
}

// written describes how a contract writes a rule of the metric.
func written(m quality.Metric) string {
	out := "custom"
	if m.Standard != "" {
		out = "`metric: " + m.Standard + "`"
	}
	if m.Validity {
		out += " with `" + strings.Join(quality.StandardValidities, "`, `") + "`; custom also `" +
			strings.Join(quality.OwnValidities, "`/`") + "`"
	}
	if len(m.Units) > 0 {
		out += ", in " + strings.Join(m.Units, " or ")
	}
	return out
}

// about describes what a rule of the metric applies to.
func about(m quality.Metric) string {
	switch {
	case m.Column == quality.WholeTable:
		return "table"
	case m.Column == quality.ColumnOrKey:
		return "key or column"
	case m.Column == quality.ColumnOrAny:
		return "column, or the one with the highest value"
	case m.Numeric:
		return "numeric column"
	case m.Reference:
		return "column with a reference"
	}
	return "column"
}
