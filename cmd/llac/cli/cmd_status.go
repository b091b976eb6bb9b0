package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/operations/place"
)

func (a *App) statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show each dataset's snapshot, freshness, last run and dead letters",
		Long: `Show for every dataset whose contract is in force: the published snapshot, when
its source was last checked, compared with the freshness that the contract
promises, and how the last run ended. It works while llac run is running.` +
			exitStatus(exitOK, exitError, exitUsage, exitNotFound, exitCredentials),
		Example: `  llac status
  llac status --env dev
  llac status --json | jq '.data.datasets[] | {dataset, freshness}'`,
		Args: cobra.NoArgs,
		RunE: a.run("status", func(ctx context.Context, _ []string) (reply, error) { return a.runStatus(ctx) }),
	}
	a.withEnv(cmd.Flags())
	return cmd
}

func (a *App) runStatus(ctx context.Context) (reply, error) {
	p, err := a.open(ctx)
	if err != nil {
		return reply{}, err
	}
	s, err := place.ReadStatus(ctx, p, a.Clock.Now())
	if err != nil {
		return reply{}, err
	}
	return reply{data: s, text: func(t *text) { statusText(t, s) }}, nil
}

func statusText(t *text, s place.Status) {
	datasetStatuses(t, s.Datasets)
	martsStatus(t, s.Marts)
	for _, d := range s.Datasets {
		if d.Held != nil {
			t.line("\n%s is held at snapshot %s since %s by %s: %s.", d.Dataset, d.Snapshot, format.Time(d.Held.At), d.Held.By,
				d.Held.Reason)
		}
		if last := d.LastRun; last != nil && last.Reason != "" {
			t.line("\n%s, last run %s: %s\n  next: %s", d.Dataset, last.State, last.Reason, next(t.llac, *last)[0])
		}
	}
	if len(s.Unfinished) > 0 && s.Running == nil {
		t.line("\n%s unfinished; %s resumes.", format.Plural(len(s.Unfinished), "request"), t.llac("run"))
	}
	if s.Letters > 0 {
		t.line("\n%s; %s shows the reasons.", format.Plural(s.Letters, "dead letter"), t.llac("dlq list"))
	}
	if s.DeadLetters == nil {
		t.line("\nThe dead letters are unknown: reading the queues needs permission to write to the directory.")
	}
	if s.Running != nil {
		t.line("\nProcess %d is running here since %s: %s", s.Running.PID, format.Time(s.Running.Since), s.Running.Command)
	}
}

// datasetStatuses writes the table of the datasets.
func datasetStatuses(t *text, datasets []ledger.Status) {
	var rows [][]string
	for _, d := range datasets {
		checked, fresh, last, letters := "-", string(d.Freshness), "-", "?"
		if d.DeadLetters != nil {
			letters = format.Count(*d.DeadLetters)
		}
		if d.Snapshot != "" {
			checked = format.Age(time.Duration(d.AgeSeconds)*time.Second) + " ago"
			if d.FreshnessSeconds > 0 {
				fresh += " (within " + format.Age(time.Duration(d.FreshnessSeconds)*time.Second) + ")"
			}
		}
		if d.LastRun != nil {
			last = string(d.LastRun.State) + " " + d.LastRun.Slot
		}
		rows = append(rows, []string{
			d.Dataset, fresh, format.Count(d.Rows), format.Count(d.RefusedCells), provenance(d.SourceSystem), letters, dash(d.Snapshot),
			checked, last, format.Size(d.Bytes),
		})
	}
	const freshness, letters = 1, 5
	t.table([]string{
		"DATASET", "FRESHNESS", ">ROWS", "?>REFUSED CELLS", "~DATA", ">DEAD LETTERS", "?SNAPSHOT", "?CHECKED", "?LAST RUN", "?>PARQUET",
	}, rows,
		func(row, column int) string {
			d := datasets[row]
			switch {
			case column == freshness && d.Freshness == ledger.Fresh:
				return green
			case column == freshness:
				return yellow
			case column == letters && d.DeadLetters != nil && *d.DeadLetters > 0:
				return red
			}
			return ""
		})
}

func martsStatus(t *text, m *marts.Status) {
	if m == nil {
		t.line("\nMarts: never built; %s builds them.", t.llac("marts"))
		return
	}
	build := "\nMarts: build " + m.Build + " of " + format.Time(m.PublishedAt) + ", " + format.Plural(m.Models, "model")
	if len(m.Behind) > 0 {
		t.line("%s, older than the snapshots of %s; %s builds them again.", build, format.List(m.Behind), t.llac("marts"))
		return
	}
	t.line("%s, from the snapshots above.", build)
}
