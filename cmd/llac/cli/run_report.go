package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/operations/place"
	"github.com/llac-project/llac/operations/services"
	"github.com/llac-project/llac/platform/lake"
)

// runReport is the report that a command that ran datasets ends with.
func runReport(t *text, r place.Run) {
	if r.Detached {
		t.line("Not following the run: %s shows its result.", t.llac("runs"))
		return
	}
	outcomes(t, r.Result)
	if r.Files != nil {
		published(t, *r.Files, r.Result)
		return
	}
	t.line("\n%s shows a run stage by stage; %s shows the state of every dataset.", t.llac("show <run>"), t.llac("status"))
}

// outcomes writes the outcome of each dataset of a run.
func outcomes(t *text, r pipeline.Result) {
	var rows [][]string
	var unchanged []string
	for _, d := range r.Datasets {
		row := []string{
			d.Dataset, outcome(d.Summary), format.Count(d.RowsFetched), format.Count(d.Staged), format.Count(d.Duplicates),
			format.Count(d.Quarantined), format.Count(d.Refused),
			format.Count(d.Pages), format.Size(d.BytesLanded), format.Size(d.BytesStaged), dash(d.Snapshot), provenance(d.SourceSystem),
		}
		if d.State == ledger.Unchanged {
			unchanged = append(unchanged, d.Dataset)
			for figure := 2; figure <= 9; figure++ {
				row[figure] = "-"
			}
		}
		rows = append(rows, row)
	}
	t.table([]string{
		"DATASET", "OUTCOME", ">FETCHED", ">STAGED", "?>DUPLICATE", "?>QUARANTINED", "?>REFUSED CELLS", "?>PAGES", "?>RAW", "?>PARQUET",
		"?SNAPSHOT", "~DATA",
	}, rows,
		func(row, column int) string {
			if column != 1 {
				return ""
			}
			return stateColor(r.Datasets[row].State)
		})
	if len(unchanged) > 0 {
		t.line("\nThe source of %s has not changed: the published snapshot stays.", format.List(unchanged))
	}
	stageTimes(t, r)
	for _, d := range r.Datasets {
		if len(d.ByReason) > 0 {
			t.line("\nQuarantined rows in %s: %s.", d.Dataset, reasons(d.ByReason))
		}
		if len(d.RefusedByReason) > 0 {
			t.line("\nRefused cells in %s: %s. They are null in the staged rows.", d.Dataset, reasons(d.RefusedByReason))
		}
	}
	failures(t, r)
}

// outcome names the state of a run.
func outcome(s ledger.Summary) string {
	switch {
	case s.State == ledger.Uncleared:
		return "published, landing not cleared"
	case s.State == ledger.Held || s.State.Ended():
		return string(s.State)
	}
	return "unfinished (" + string(s.State) + ")"
}

func reasons(byReason map[string]int64) string {
	keys := slices.SortedFunc(maps.Keys(byReason), func(a, b string) int {
		return cmp.Or(cmp.Compare(byReason[b], byReason[a]), cmp.Compare(a, b))
	})
	for i, k := range keys {
		keys[i] = k + " " + format.Count(byReason[k])
	}
	return strings.Join(keys, ", ")
}

// stageTimes writes how long each stage worked on each dataset.
func stageTimes(t *text, r pipeline.Result) {
	header := []string{"TIME AT WORK"}
	for _, s := range services.All {
		header = append(header, "?>"+strings.ToUpper(s.Name))
	}
	header = append(header, ">FIRST TO LAST")
	var rows [][]string
	for _, d := range r.Datasets {
		if len(d.Stages) == 0 {
			continue
		}
		row := []string{d.Dataset}
		for _, s := range services.All {
			row = append(row, stageTime(d.Stages, s.Name))
		}
		rows = append(rows, append(row, format.Milliseconds(float64(d.FinishedAt.Sub(d.StartedAt).Milliseconds()))))
	}
	if len(rows) > 0 {
		t.line("")
		t.table(header, rows, nil)
	}
}

func stageTime(stages []ledger.StageTime, name string) string {
	for _, s := range stages {
		if s.Stage == name {
			return format.Milliseconds(float64(s.Milliseconds))
		}
	}
	return "-"
}

// failures writes what did not end well, and what to do next.
func failures(t *text, r pipeline.Result) {
	var unfinished []string
	for _, d := range r.Datasets {
		switch {
		case d.State.Good():
		case d.State == ledger.Held && d.Reason != "":
			t.line("\n%s: %s.", d.Dataset, d.Reason)
			t.line("  next: %s, once that is fixed", t.llac("run"))
		case d.State.Ended():
			t.line("\n%s: %s. %s", d.Dataset, t.paint(red, string(d.State)), d.Reason)
			t.line("  next: %s", strings.Join(next(t.llac, d.Summary), ", "))
		default:
			if d.Reason != "" {
				t.line("\n%s %s.", d.Dataset, d.Reason)
			}
			unfinished = append(unfinished, d.Dataset)
		}
	}
	if len(unfinished) > 0 {
		t.line("\nUnfinished: %s. Finished work is kept.", format.List(unfinished))
	}
}

// next returns the commands that show more of a request that did not end well.
func next(llac func(string) string, s ledger.Summary) []string {
	commands := []string{llac("show " + s.Dataset + "/" + s.Slot)}
	if s.State == ledger.Failed || s.State == ledger.Uncleared {
		commands = append(commands, llac("dlq list"))
	}
	return commands
}

// unpublished is the error of a run in which datasets did not end well.
func (a *App) unpublished(r pipeline.Result) error {
	var names, hints []string
	for _, d := range r.Datasets {
		if d.State.Good() {
			continue
		}
		names = append(names, d.Dataset)
		if hints == nil && d.State != ledger.Held {
			hints = next(a.llac, d.Summary)
		}
	}
	verb := " shows the reason"
	if len(hints) != 1 {
		verb = " show the reason"
	}
	return fail(exitUnpublished, fmt.Errorf("%s of %s neither published nor unchanged: %s", format.Count(len(names)),
		format.Plural(len(r.Datasets), "dataset"), format.List(names)), format.List(hints)+verb)
}

// published writes where the published files are, how to query them, and which are not real.
func published(t *text, files place.Files, r pipeline.Result) {
	var simulated, unofficial, names []string
	for _, d := range r.Datasets {
		if d.Table == nil {
			continue
		}
		names = append(names, d.Dataset)
		switch { // Invariant 11: by what is published, whatever this run fetched.
		case lake.Origin(d.Table.SourceSystem) == lake.SimulatorOrigin:
			simulated = append(simulated, d.Dataset)
		case d.Table.Simulated:
			unofficial = append(unofficial, d.Dataset)
		}
	}
	if len(names) > 0 {
		t.line("\nEach published dataset is a table (%s opens a shell; llac run --json has a DuckDB query for each):", t.llac("sql"))
		t.line("  %s", t.llac(`sql "select * from `+names[0]+` limit 10"`))
	}
	if len(simulated) > 0 {
		t.line("\nSimulated: %s.", format.List(simulated))
		t.line("  Each row names the simulator in source_system; data_origin distinguishes recorded facts from invented values.")
		t.line("  llac run --portal live --dir live reads the real portals.")
	}
	if len(unofficial) > 0 {
		t.line("\nNot from the real portals: %s. Each row names its source in source_system.", format.List(unofficial))
	}
	t.line("\nFiles: %s   Logs: %s   Traces: %s", files.Staging, files.Log, files.Spans)
}
