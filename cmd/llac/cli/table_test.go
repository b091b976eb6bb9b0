package cli

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/llac-project/llac/operations/cost"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/lake"
)

// TestTablesFitTheTerminal checks that tables with optional columns keep to the width of the terminal, and that the provenance
// is never left out (invariant 11).
func TestTablesFitTheTerminal(t *testing.T) {
	t.Parallel()
	rows := [][]string{{"municipalities", "949", "simulated", "20250801T051500", strings.Repeat("reason ", 20)},
		{"population", "5,694", "real (api.idescat.cat)", "20250801T051500", ""}}
	for _, width := range []int{40, 60, 80, 0} {
		text := &text{width: width}
		text.table([]string{"DATASET", ">ROWS", "~DATA", "?SNAPSHOT", "REASON"}, rows, nil)
		for line := range strings.Lines(text.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); width > 0 && n > width {
				t.Errorf("in %d columns: a line has %d: %q", width, n, line)
			}
		}
		for _, cells := range []string{"949  simulated ", "5,694  real ("} {
			if !strings.Contains(text.String(), cells) {
				t.Errorf("in %d columns: the table lacks %q:\n%s", width, cells, text.String())
			}
		}
		if host := strings.Contains(text.String(), "real (api.idescat.cat)"); host != (width != 40) {
			t.Errorf("in %d columns: the host is shown: %v\n%s", width, host, text.String())
		}
		if whole := strings.Contains(text.String(), "20250801T051500"); whole != (width == 0 || width == 80) {
			t.Errorf("in %d columns: the optional column is shown: %v\n%s", width, whole, text.String())
		}
		if header := fmt.Sprint(strings.Fields(text.String())[:3]); header != "[DATASET ROWS DATA]" {
			t.Errorf("in %d columns: the header starts with %s", width, header)
		}
	}
}

// TestProvenanceIsShownInEveryWidth checks invariant 11 for the tables of the commands: in a narrow terminal too, simulated data
// are not mistaken for real.
func TestProvenanceIsShownInEveryWidth(t *testing.T) {
	t.Parallel()
	const slot, host = "20250801T051500", "analisi.transparenciacatalunya.cat"
	simulator := string(lake.SimulatorOrigin)
	runs := []ledger.Summary{{Slot: slot, Dataset: "service_qualifications", State: ledger.Published, SourceSystem: simulator},
		{Slot: slot, Dataset: "population", State: ledger.Uncleared, SourceSystem: host}}
	models := []lake.Mart{
		{Name: "agg_economic_indicators_quarterly", SourceSystem: simulator, DataOrigins: map[string]int64{"invented": 1, "recorded": 1}},
		{Name: "dim_municipalities", SourceSystem: host, Grain: "One row per municipality and version of it."}}
	results := []pipeline.Outcome{{Summary: runs[0]}, {Summary: runs[1]}}
	tables := map[string]func(t *text){
		"llac runs": func(t *text) { runsText(t, runs) },
		"llac run":  func(t *text) { outcomes(t, pipeline.Result{Datasets: results}) },
		"llac status": func(t *text) {
			datasetStatuses(t, []ledger.Status{{Dataset: runs[0].Dataset, SourceSystem: simulator},
				{Dataset: runs[1].Dataset, SourceSystem: host}})
		},
		"llac marts list": func(t *text) {
			martsListText(t, martsListReply{MartsPointer: &lake.MartsPointer{Models: models}})
		},
		"llac marts": func(t *text) {
			martsReport(t, &marts.Refreshed{State: marts.StateBuilt, Models: []marts.RefreshedModel{{Mart: models[0]}, {Mart: models[1]}}})
		},
		"llac cost": func(t *text) {
			costOfRuns(t, costReply{Estimate: cost.Estimate{Runs: []cost.Run{{Dataset: runs[0].Dataset, SourceSystem: simulator},
				{Dataset: runs[1].Dataset, SourceSystem: host}}}})
		},
	}
	for name, table := range tables {
		for _, width := range []int{40, 60, 80, 0} {
			text := &text{width: width, llac: func(words string) string { return "llac " + words }}
			table(text)
			for _, word := range []string{" simulated", " real ("} {
				if !strings.Contains(text.String(), word) {
					t.Errorf("%s in %d columns lacks %q:\n%s", name, width, word, text.String())
				}
			}
		}
	}
}
