package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/platform/runtime"
)

// martsCleanOptions are the flags of `llac marts clean`.
type martsCleanOptions struct {
	days   int
	dryRun bool
}

func (a *App) martsCleanCommand() *cobra.Command {
	var o martsCleanOptions
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Delete files of mart builds that readers have not seen for 90 days",
		Long: `Delete files of the marts that readers have not seen for 90 days: of superseded
builds, and of builds that published nothing. The files that readers see, or saw
within that time, stay, and so does the record of every build. With --env, the
tables of those builds in Glue are deleted first.

What is deleted, and why, is written to runs/marts/<when>.cleaned.json before
the first file is deleted. If a record is missing, so that it is unknown what
readers saw, nothing is deleted.` +
			exitStatus(exitOK, exitError, exitUsage, exitOwned, exitNotFound, exitMarts, exitCredentials, exitInterrupted),
		Example: `  llac marts clean --dry-run
  llac marts clean --env dev`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().IntVar(&o.days, "days", 90, "days that a file stays after readers last saw it; at least 1")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "preview only; nothing is deleted")
	cmd.RunE = a.run("marts clean", func(ctx context.Context, _ []string) (reply, error) { return a.runMartsClean(ctx, o) })
	return cmd
}

// cleanReply is the data of `llac marts clean`.
type cleanReply struct {
	marts.Cleaned
	DryRun bool `json:"dry_run"`
}

func (a *App) runMartsClean(ctx context.Context, o martsCleanOptions) (reply, error) {
	if o.days < 1 || o.days > 36500 {
		return reply{}, invalid("--days 90 keeps what readers saw within three months",
			"--days %d is out of range: the files of a build in progress must stay", o.days)
	}
	p, err := a.openLake(ctx)
	if err != nil {
		return reply{}, err
	}
	cleaned, err := p.Marts().Clean(ctx, marts.CleanOptions{
		Now: a.Clock.Now(), Keep: time.Duration(o.days) * 24 * time.Hour, Code: runtime.Build(), By: whoami(), DryRun: o.dryRun,
	})
	var tables *marts.TablesError
	switch {
	case errors.Is(err, marts.ErrNoMarts):
		return reply{}, fail(exitNotFound, marts.ErrNoMarts, a.llac("marts")+" builds them")
	case errors.As(err, &tables):
		return reply{}, a.martsFailure(err, false)
	case err != nil:
		return reply{}, err
	}
	data := cleanReply{cleaned, o.dryRun}
	return reply{data: data, text: func(t *text) { cleanText(t, data) }}, nil
}

func cleanText(t *text, r cleanReply) {
	since := format.Time(r.Before)
	if len(r.Files) == 0 {
		t.line("Nothing to delete: every file was seen by readers since %s, or is younger; %s stay.", since, format.Plural(r.Kept, "file"))
		return
	}
	var rows [][]string
	for _, f := range r.Files {
		reason := "superseded"
		if !f.Published {
			reason = "never published"
		}
		rows = append(rows, []string{f.Mart, f.Build, format.Size(f.Size), reason})
	}
	t.table([]string{"MART", "BUILD", ">SIZE", "REASON"}, rows, nil)
	verb := "Deleted"
	if r.DryRun {
		verb = "Would delete"
	}
	t.line("\n%s %s of %s, %s, that no reader has seen since %s; %s stay.", verb, format.Plural(len(r.Files), "file"),
		format.Plural(r.Builds(), "build"),
		format.Size(r.Bytes()), since, format.Plural(r.Kept, "file"))
}
