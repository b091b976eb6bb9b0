package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
)

func (a *App) martsCleanCommand() *cobra.Command {
	var days int
	var dry bool
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Delete the files of builds that no reader has seen for 90 days",
		Long: `clean deletes files of the marts that no reader has seen for 90 days: of builds that others followed, and of builds that published
nothing. What readers see stays, and what they saw within that time; so does the record of every build. With --env the tables of
those builds in Glue go first. What was deleted, and why that was right, is in runs/marts/<when>.cleaned.json before the first
file goes. Where a record is gone, so that nobody can tell what readers saw, nothing is deleted.` +
			exitStatus(exitOK, exitError, exitUsage, exitOwned, exitNotFound, exitMarts, exitCredentials, exitInterrupted),
		Example: `  llac marts clean --dry-run
  llac marts clean --env dev`,
		Args: cobra.NoArgs,
		RunE: a.run("marts clean", func(ctx context.Context, _ []string) (reply, error) { return a.runMartsClean(ctx, days, dry) }),
	}
	cmd.Flags().IntVar(&days, "days", 90, "how many days after its last day with readers a file stays; at least 1")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would be deleted, and delete nothing")
	return cmd
}

// cleanReply is the data of `llac marts clean`.
type cleanReply struct {
	marts.Cleaned
	DryRun bool `json:"dry_run"`
}

func (a *App) runMartsClean(ctx context.Context, days int, dry bool) (reply, error) {
	if days < 1 || days > 36500 {
		return reply{}, fail(exitUsage, fmt.Errorf("--days %d: a build that is at work must be safe", days), "--days 90 keeps what readers saw within three months")
	}
	if a.env == "" {
		if _, err := a.ledger(ctx); err != nil {
			return reply{}, err
		}
	}
	l, err := a.martsLake(ctx)
	if err != nil {
		return reply{}, err
	}
	store, release := l.look, func() error { return nil }
	if !dry {
		if store, release, err = l.own(ctx); err != nil {
			return reply{}, err
		}
	}
	out, err := a.cleanMarts(ctx, l, store, days, dry)
	err = errors.Join(err, release())
	var tables *tablesError
	switch {
	case errors.Is(err, marts.ErrNoMarts):
		return reply{}, fail(exitNotFound, marts.ErrNoMarts, a.llac("marts")+" builds them")
	case errors.As(err, &tables):
		return reply{}, a.martsFailure(err, false)
	case err != nil:
		return reply{}, err
	}
	data := cleanReply{out, dry}
	return reply{data: data, text: func(t *text) { cleanText(t, data) }}, nil
}

func (a *App) cleanMarts(ctx context.Context, l martsLake, store lake.Store, days int, dry bool) (marts.Cleaned, error) {
	o := marts.CleanOptions{Store: store, Now: a.Clock.Now(), Keep: time.Duration(days) * 24 * time.Hour, Code: runtime.Build(), By: whoami(), DryRun: dry}
	if l.tables != nil && !dry {
		o.Forget = l.tables.Forget
		// A public table that still shows a build would keep it.
		if _, err := l.follow(ctx); err != nil {
			return marts.Cleaned{}, err
		}
	}
	return marts.Clean(ctx, o)
}

func cleanText(t *text, r cleanReply) {
	since := stamp(r.Before)
	if len(r.Files) == 0 {
		t.line("Nothing to delete: readers have seen every file since %s, or it is younger; %s stay.", since, plural(r.Kept, "file"))
		return
	}
	var rows [][]string
	for _, f := range r.Files {
		how := "others followed"
		if !f.Published {
			how = "never published"
		}
		rows = append(rows, []string{f.Mart, f.Build, size(f.Size), how})
	}
	t.table([]string{"MART", "BUILD", ">SIZE", "WHY"}, rows, nil)
	what := "Deleted"
	if r.DryRun {
		what = "Would delete"
	}
	t.line("\n%s %s of %s, %s, that no reader has seen since %s; %s.", what, plural(len(r.Files), "file"), plural(r.Builds(), "build"), size(r.Bytes()), since, plural(r.Kept, "file")+" stay")
}
