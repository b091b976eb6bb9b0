package cli

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/filelake"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
)

// statusReply is the data of `llac status`.
type statusReply struct {
	Datasets   []ledger.Status    `json:"datasets"`
	Unfinished []pipeline.Pending `json:"unfinished"`
	// DeadLetters counts all of them by service, also those of no dataset; null where we may not open the queues.
	DeadLetters map[string]int `json:"dead_letters"`
	Running     *owner         `json:"running,omitempty"` // the process that owns the directory now
	Marts       *martsStatus   `json:"marts"`             // null: never built
}

// martsStatus is where the marts stand.
type martsStatus struct {
	Build       string    `json:"build"`
	PublishedAt time.Time `json:"published_at"`
	Models      int       `json:"models"`
	Behind      []string  `json:"behind"` // datasets of which another snapshot is published than the marts are made of
}

// owner is the process that owns a state directory.
type owner struct {
	PID     int       `json:"pid"`
	Since   time.Time `json:"since"`
	Command string    `json:"command"`
}

func (a *App) statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Where every dataset stands: snapshot, freshness, last run, dead letters",
		Long: `status shows for every dataset whose contract is deployed the published snapshot, how long ago its source was last
checked against the freshness the contract promises, and how the last run ended. It works beside a running llac run.` +
			exitStatus(exitOK, exitError, exitUsage, exitNotFound, exitCredentials),
		Args: cobra.NoArgs,
		RunE: a.run("status", func(ctx context.Context, _ []string) (reply, error) { return a.runStatus(ctx) }),
	}
	a.withEnv(cmd.Flags())
	return cmd
}

func (a *App) runStatus(ctx context.Context) (reply, error) {
	l, err := a.ledger(ctx)
	if err != nil {
		return reply{}, err
	}
	contracts, err := a.inForce(ctx)
	if err != nil {
		return reply{}, err
	}
	out := statusReply{DeadLetters: map[string]int{}}
	letters, owned, err := a.deadLetters(ctx)
	if errors.Is(err, fs.ErrPermission) { // the lake may be looked at by who may not open its queues
		out.DeadLetters = nil
	} else if err != nil {
		return reply{}, err
	}
	out.Running = owned
	byDataset := map[string]int{}
	for _, letter := range letters {
		out.DeadLetters[letter.Service]++
		byDataset[letter.Dataset]++
	}
	if a.env == "" {
		if out.Unfinished, err = pipeline.Unfinished(a.dir); err != nil {
			return reply{}, err
		}
	}
	now := a.Clock.Now()
	for _, c := range contracts {
		s, err := l.Status(ctx, c, now)
		if err != nil {
			return reply{}, err
		}
		if n := byDataset[c.Dataset]; out.DeadLetters != nil {
			s.DeadLetters = &n
		}
		out.Datasets = append(out.Datasets, s)
	}
	if out.Marts, err = martsStatusOf(ctx, l.Lake); err != nil {
		return reply{}, err
	}
	return reply{data: out, text: func(t *text) { statusText(t, out, len(letters)) }}, nil
}

// inForce are the contracts in force, in the environment or on this machine.
func (a *App) inForce(ctx context.Context) ([]*contract.Contract, error) {
	if a.env == "" {
		contracts, err := (&runtime.ConfigContracts{Store: filelake.Open(a.dir, pipeline.ConfigBucket)}).Current(ctx)
		if err != nil {
			return nil, fail(exitNotFound, err, a.llac("run")+" deploys them")
		}
		return contracts, nil
	}
	account, err := a.enter(ctx)
	if err != nil {
		return nil, err
	}
	contracts, err := account.Contracts(ctx, a.env)
	if err != nil {
		return nil, fail(exitNotFound, err, a.llac("datasets publish")+" puts those of this work tree in force there; where there is no environment "+a.env+" yet, make stacks ENV="+a.env+" makes it")
	}
	return contracts, nil
}

// martsStatusOf reads where the marts stand; nil where they were never built.
func martsStatusOf(ctx context.Context, store lake.Store) (*martsStatus, error) {
	p, _, err := lake.ReadMartsPointer(ctx, store)
	if err != nil || p == nil {
		return nil, err
	}
	behind, err := marts.Behind(ctx, store, p)
	return &martsStatus{p.Build, p.PublishedAt, len(p.Models), behind}, err
}

// deadLetters lists the dead letters; a lake whose queues were never made has none.
func (a *App) deadLetters(ctx context.Context) ([]pipeline.Letter, *owner, error) {
	if a.env != "" {
		letters, err := a.look(ctx, "")
		return letters, nil, err
	}
	cloud, err := pipeline.Look(ctx, a.dir)
	var none *pipeline.NoLakeError
	if errors.As(err, &none) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	letters, err := cloud.Queues().Letters(ctx, "")
	return letters, ownerOf(cloud), errors.Join(err, cloud.Close())
}

func ownerOf(c *pipeline.Cloud) *owner {
	if c.Owner == nil {
		return nil
	}
	return &owner{PID: c.Owner.PID, Since: c.Owner.Since, Command: c.Owner.Command}
}

func statusText(t *text, r statusReply, letters int) {
	var rows [][]string
	for _, s := range r.Datasets {
		checked, fresh, last, letters := "-", string(s.Freshness), "-", "?"
		if s.DeadLetters != nil {
			letters = count(*s.DeadLetters)
		}
		if s.Snapshot != "" {
			checked = age(time.Duration(s.AgeSeconds)*time.Second) + " ago"
			if s.FreshnessSeconds > 0 {
				fresh += " (within " + age(time.Duration(s.FreshnessSeconds)*time.Second) + ")"
			}
		}
		if s.LastRun != nil {
			last = s.LastRun.Slot + " " + string(s.LastRun.State)
		}
		rows = append(rows, []string{
			s.Dataset, dash(s.Snapshot), count(s.Rows), size(s.Bytes), checked, fresh, provenance(s.SourceSystem), last, letters,
		})
	}
	t.table([]string{"DATASET", "SNAPSHOT", ">ROWS", ">PARQUET", "CHECKED", "FRESHNESS", "DATA", "LAST RUN", ">DEAD LETTERS"}, rows,
		func(row, column int) string {
			switch {
			case column == 5 && r.Datasets[row].Freshness == ledger.Fresh:
				return green
			case column == 5:
				return yellow
			case column == 8 && r.Datasets[row].DeadLetters != nil && *r.Datasets[row].DeadLetters > 0:
				return red
			}
			return ""
		})
	switch m := r.Marts; {
	case m == nil:
		t.line("\nMarts: never built; %s builds them.", t.llac("marts"))
	case len(m.Behind) > 0:
		t.line("\nMarts: build %s of %s, %s, behind %s; %s builds them anew.", m.Build, stamp(m.PublishedAt), plural(m.Models, "model"), and(m.Behind), t.llac("marts"))
	default:
		t.line("\nMarts: build %s of %s, %s, of the snapshots above.", m.Build, stamp(m.PublishedAt), plural(m.Models, "model"))
	}
	for _, s := range r.Datasets {
		if s.Held != nil {
			t.line("\n%s is held at %s since %s by %s: %s.", s.Dataset, s.Snapshot, stamp(s.Held.At), s.Held.By, s.Held.Reason)
		}
		if last := s.LastRun; last != nil && last.Reason != "" {
			t.line("\n%s, last run %s: %s\n  next: %s", s.Dataset, last.State, last.Reason, next(t.llac, *last)[0])
		}
	}
	if len(r.Unfinished) > 0 && r.Running == nil {
		t.line("\n%s unfinished; %s resumes.", plural(len(r.Unfinished), "request"), t.llac("run"))
	}
	if letters > 0 {
		t.line("\n%s; %s shows why.", plural(letters, "dead letter"), t.llac("dlq list"))
	}
	if r.DeadLetters == nil {
		t.line("\nThe dead letters are not known: only who may write to the directory may open its queues.")
	}
	if r.Running != nil {
		t.line("\nProcess %d runs here since %s: %s", r.Running.PID, stamp(r.Running.Since), r.Running.Command)
	}
}
