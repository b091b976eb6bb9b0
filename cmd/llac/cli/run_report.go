package cli

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/llac-project/llac/cmd/llac/ledger"
	"github.com/llac-project/llac/cmd/llac/pipeline"
)

// runReport is what `llac run` ends with.
func runReport(t *text, dir string, r pipeline.Result) {
	var rows [][]string
	for _, d := range r.Datasets {
		rows = append(rows, []string{
			d.Dataset, outcome(d.Summary), count(d.Pages), count(d.RowsFetched), count(d.Staged), count(d.Duplicates), count(d.Quarantined),
			dash(d.Snapshot), size(d.BytesLanded), size(d.BytesStaged), provenance(d.SourceSystem),
		})
	}
	t.table([]string{"DATASET", "OUTCOME", ">PAGES", ">FETCHED", ">STAGED", ">DUPLICATE", ">QUARANTINED", "SNAPSHOT", ">RAW", ">PARQUET", "DATA"}, rows,
		func(row, column int) string {
			if column != 1 {
				return ""
			}
			return stateColor(r.Datasets[row].State)
		})
	stageTimes(t, r)
	for _, d := range r.Datasets {
		if len(d.ByReason) > 0 {
			t.line("\nQuarantined in %s: %s.", d.Dataset, reasons(d.ByReason))
		}
	}
	failures(t, r)
	files(t, dir, r)
}

// outcome is a state in words.
func outcome(s ledger.Summary) string {
	switch s.State {
	case ledger.Unchanged:
		return "unchanged since " + s.Snapshot
	case ledger.Uncleared:
		return "published, landing not cleared"
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
	for _, d := range r.Datasets {
		switch {
		case d.State.Good():
		case d.State.Ended():
			t.line("\n%s: %s. %s", d.Dataset, t.paint(red, string(d.State)), d.Reason)
			t.line("  next: %s", strings.Join(next(d.Summary), ", "))
		default:
			t.line("\n%s is unfinished (%s). What was done is kept.\n  next: llac run", d.Dataset, d.State)
		}
	}
}

// next are the commands that show more of a request that did not end well.
func next(s ledger.Summary) []string {
	commands := []string{"llac show " + s.Dataset + "/" + s.Slot}
	if s.State == ledger.Failed || s.State == ledger.Uncleared {
		commands = append(commands, "llac dlq list")
	}
	return commands
}

// nextStep is the hint of a run that ended badly.
func nextStep(r pipeline.Result) string {
	for _, d := range r.Datasets {
		if !d.State.Good() {
			return strings.Join(next(d.Summary), " and ") + " show why"
		}
	}
	return ""
}

// files tells where the published files are and how to query them.
func files(t *text, dir string, r pipeline.Result) {
	var simulated []string
	first := true
	for _, d := range r.Datasets {
		if d.Table == nil {
			continue
		}
		if first {
			t.line("\nThe files, and a query for each:")
			first = false
		}
		for i, g := range d.Table.Globs {
			name := d.Dataset
			if i > 0 {
				name = ""
			}
			t.line("  %-16s %s", name, g)
		}
		t.line("  %-16s duckdb -c \"%s LIMIT 10\"", "", d.Table.Query)
		if d.Simulated {
			simulated = append(simulated, d.Dataset)
		}
	}
	if len(simulated) > 0 {
		t.line("\nSimulated: %s. Their rows say so in source_system, and data_origin tells carried facts (recorded) from\ninvented values. llac run --portal live --dir live reads the real portals.", strings.Join(simulated, ", "))
	}
	t.line("\nLogs: %s   Traces: %s", pipeline.LogFile(dir), pipeline.SpanFile(dir))
}
