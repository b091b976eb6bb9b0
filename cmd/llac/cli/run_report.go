package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/lake"
)

// runReport is what `llac run` ends with.
func runReport(t *text, dir string, r pipeline.Result) {
	outcomes(t, r)
	files(t, dir, r)
}

// outcomes tells what became of each dataset of a run.
func outcomes(t *text, r pipeline.Result) {
	var rows [][]string
	var unchanged []string
	for _, d := range r.Datasets {
		row := []string{
			d.Dataset, outcome(d.Summary), count(d.Pages), count(d.RowsFetched), count(d.Staged), count(d.Duplicates), count(d.Quarantined),
			dash(d.Snapshot), size(d.BytesLanded), size(d.BytesStaged), provenance(d.SourceSystem),
		}
		if d.State == ledger.Unchanged {
			unchanged = append(unchanged, d.Dataset)
			for _, figure := range []int{2, 3, 4, 5, 6, 8, 9} {
				row[figure] = "-"
			}
		}
		rows = append(rows, row)
	}
	t.table([]string{"DATASET", "OUTCOME", ">PAGES", ">FETCHED", ">STAGED", ">DUPLICATE", ">QUARANTINED", "SNAPSHOT", ">RAW", ">PARQUET", "DATA"}, rows,
		func(row, column int) string {
			if column != 1 {
				return ""
			}
			return stateColor(r.Datasets[row].State)
		})
	if len(unchanged) > 0 {
		t.line("\nThe source of %s has not changed: the published snapshot stays.", and(unchanged))
	}
	stageTimes(t, r)
	for _, d := range r.Datasets {
		if len(d.ByReason) > 0 {
			t.line("\nQuarantined in %s: %s.", d.Dataset, reasons(d.ByReason))
		}
	}
	failures(t, r)
}

// outcome is a state in words.
func outcome(s ledger.Summary) string {
	switch s.State {
	case ledger.Uncleared:
		return "published, landing not cleared"
	case ledger.Held:
		return string(s.State)
	}
	if !s.State.Ended() {
		return "unfinished (" + string(s.State) + ")"
	}
	return string(s.State)
}

func reasons(byReason map[string]int64) string {
	keys := slices.SortedFunc(maps.Keys(byReason), func(a, b string) int {
		return cmp.Or(cmp.Compare(byReason[b], byReason[a]), cmp.Compare(a, b))
	})
	for i, k := range keys {
		keys[i] = k + " " + count(byReason[k])
	}
	return strings.Join(keys, ", ")
}

// stageTimes tells how long each stage was at work for each dataset.
func stageTimes(t *text, r pipeline.Result) {
	header := []string{"TIME AT WORK"}
	for _, s := range pipeline.Services {
		header = append(header, ">"+strings.ToUpper(s.Name))
	}
	header = append(header, ">FIRST TO LAST")
	var rows [][]string
	for _, d := range r.Datasets {
		if len(d.Stages) == 0 {
			continue
		}
		row := []string{d.Dataset}
		for _, s := range pipeline.Services {
			cell := "-"
			for _, stage := range d.Stages {
				if stage.Stage == s.Name {
					cell = lasted(float64(stage.Milliseconds))
				}
			}
			row = append(row, cell)
		}
		rows = append(rows, append(row, lasted(float64(d.FinishedAt.Sub(d.StartedAt).Milliseconds()))))
	}
	if len(rows) > 0 {
		t.line("")
		t.table(header, rows, nil)
	}
}

// failures tells what did not end well, and what to do next.
func failures(t *text, r pipeline.Result) {
	var unfinished []string
	for _, d := range r.Datasets {
		switch {
		case d.State.Good():
		case d.State == ledger.Held && d.Reason != "":
			t.line("\n%s: %s.", d.Dataset, d.Reason)
			t.line("  next: %s, once that is mended", t.llac("run"))
		case d.State.Ended():
			t.line("\n%s: %s. %s", d.Dataset, t.paint(red, string(d.State)), d.Reason)
			t.line("  next: %s", strings.Join(next(t.llac, d.Summary), ", "))
		default:
			unfinished = append(unfinished, d.Dataset)
		}
	}
	if len(unfinished) > 0 {
		t.line("\nUnfinished: %s. What was done is kept.", and(unfinished))
	}
}

// next are the commands that show more of a request that did not end well.
func next(llac func(string) string, s ledger.Summary) []string {
	commands := []string{llac("show " + s.Dataset + "/" + s.Slot)}
	if s.State == ledger.Failed || s.State == ledger.Uncleared {
		commands = append(commands, llac("dlq list"))
	}
	return commands
}

// ill says of a run that ended badly which datasets did, and where that is explained.
func (a *App) ill(r pipeline.Result) error {
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
	verb := " shows why"
	if len(hints) != 1 {
		verb = " show why"
	}
	return fail(exitUnpublished, fmt.Errorf("%s of %s neither published nor unchanged: %s", count(len(names)), plural(len(r.Datasets), "dataset"), and(names)), and(hints)+verb)
}

// files tells where the published files are and how to query them.
func files(t *text, dir string, r pipeline.Result) {
	var simulated, unofficial, published []string
	for _, d := range r.Datasets {
		if d.Table == nil {
			continue
		}
		published = append(published, d.Dataset)
		switch { // Invariant 11: by what lies there, whatever this run fetched.
		case lake.Origin(d.Table.SourceSystem) == lake.SimulatorOrigin:
			simulated = append(simulated, d.Dataset)
		case d.Table.Simulated:
			unofficial = append(unofficial, d.Dataset)
		}
	}
	if len(published) > 0 {
		t.line("\nLook at what is published, each a table of its name (%s for a shell; llac run --json has DuckDB's own query of each):", t.llac("sql"))
		t.line("  %s", t.llac(`sql "select * from `+published[0]+` limit 10"`))
	}
	if len(simulated) > 0 {
		t.line("\nSimulated: %s.", and(simulated))
		t.line("  Each row says so: source_system; and data_origin tells carried facts (recorded) from invented values.")
		t.line("  llac run --portal live --dir live reads the real portals.")
	}
	if len(unofficial) > 0 {
		t.line("\nNot from the real portals: %s. Each row says so in source_system.", and(unofficial))
	}
	t.line("\nFiles: %s   Logs: %s   Traces: %s", pipeline.Place(dir, "staging"), pipeline.LogFile(dir), pipeline.SpanFile(dir))
}
