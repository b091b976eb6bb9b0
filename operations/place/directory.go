package place

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/llac-project/llac/operations/checks"
	"github.com/llac-project/llac/operations/deploy"
	"github.com/llac-project/llac/operations/fault"
	"github.com/llac-project/llac/operations/filelake"
	"github.com/llac-project/llac/operations/ingest"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/operations/views"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/platform/runtime"
)

// directory is a state directory of this machine.
type directory struct {
	Address
	clock.Clock
}

func (d *directory) Name() string { return d.Dir }

func (d *directory) Ledger() (ledger.Ledger, error) {
	if _, err := os.Stat(filepath.Join(d.Dir, "lake")); errors.Is(err, os.ErrNotExist) {
		return ledger.Ledger{}, &pipeline.NoLakeError{Dir: d.Dir}
	} else if err != nil {
		return ledger.Ledger{}, err
	}
	return ledger.Ledger{Lake: d.data()}, nil
}

func (d *directory) data() *filelake.Bucket { return filelake.Open(d.Dir, pipeline.DataBucket) }

func (d *directory) Config() lake.Store { return d.config() }

func (d *directory) config() *filelake.Bucket { return filelake.Open(d.Dir, pipeline.ConfigBucket) }

func (d *directory) Contracts(ctx context.Context) ([]*contract.Contract, error) {
	contracts, err := (&runtime.ConfigContracts{Store: d.config()}).Current(ctx)
	if err != nil {
		return nil, fault.New(fault.NotFound, err, d.Command("run")+" deploys them")
	}
	return contracts, nil
}

func (d *directory) RunContracts(context.Context) ([]*contract.Contract, error) {
	return pipeline.LoadContracts(d.Address.Contracts)
}

func (d *directory) PlanContracts(context.Context, []*contract.Contract, []string) (*deploy.ContractPlan, error) {
	return nil, unsupported("publishing contracts", "a state directory",
		"name an environment: llac datasets publish --env dev; in a directory llac run deploys the contracts")
}

func (d *directory) Unfinished() ([]pipeline.Pending, error) { return pipeline.Unfinished(d.Dir) }

func (d *directory) DeadLetters(ctx context.Context, service string) (DeadLetters, error) {
	cloud, err := pipeline.Look(ctx, d.Dir)
	if err != nil {
		return DeadLetters{}, err
	}
	letters, err := cloud.Queues().Letters(ctx, service)
	return DeadLetters{letters, process(cloud.Owner)}, errors.Join(err, cloud.Close())
}

func process(o *aws.OwnedError) *Process {
	if o == nil {
		return nil
	}
	return &Process{PID: o.PID, Since: o.Since, Command: o.Command}
}

func (d *directory) RunBuildsMarts() bool { return true }

func (d *directory) RunsHere() bool { return true }

func (d *directory) WhenStopped() string { return "work in progress is finished or put back" }

func (d *directory) Run(ctx context.Context, r RunRequest) (Run, error) {
	if r.Detach {
		return Run{}, unsupported("--detach", "a state directory",
			"the services run in this process: leave --detach out, or name an environment by --env")
	}
	return d.run(ctx, r, nil)
}

func (d *directory) Ingest(ctx context.Context, c ingest.Collection, r RunRequest) (Ingested, error) {
	run, err := d.run(ctx, r, &c)
	return Ingested{Run: &run}, err
}

func (d *directory) run(ctx context.Context, r RunRequest, c *ingest.Collection) (Run, error) {
	result, err := pipeline.Run(ctx, pipeline.Options{
		Settings: r.Local, Contracts: d.Address.Contracts, Datasets: r.Datasets, Slices: r.Slices, Force: r.Force,
		Timeout: r.Timeout, By: r.By,
		Ingest: c,
		Notice: r.Notice, Progress: r.Progress,
	})
	files := &Files{pipeline.Place(d.Dir, "staging"), pipeline.LogFile(d.Dir), pipeline.SpanFile(d.Dir)}
	return Run{Result: result, Files: files}, err
}

// Replay runs the services until they have nothing left to do, unless another process runs them.
func (d *directory) Replay(ctx context.Context, r ReplayRequest) (Replayed, error) {
	r.Local.Trouble = r.Notice
	p, err := pipeline.Start(ctx, r.Local)
	var owned *aws.OwnedError
	if errors.As(err, &owned) {
		return d.replayElsewhere(ctx, r)
	}
	if err != nil {
		return Replayed{}, err
	}
	r.Notice("Reading " + p.Portals + ".")
	out, err := replayHere(ctx, p, r)
	return out, errors.Join(err, p.Close())
}

// replayElsewhere leaves the messages to the process that owns the directory.
func (d *directory) replayElsewhere(ctx context.Context, r ReplayRequest) (Replayed, error) {
	cloud, err := pipeline.Look(ctx, d.Dir)
	if err != nil {
		return Replayed{}, err
	}
	out := Replayed{Running: process(cloud.Owner)}
	out.Replayed, err = cloud.Queues().Replay(ctx, r.Service, r.Match)
	return out, errors.Join(err, cloud.Close())
}

func replayHere(ctx context.Context, p *pipeline.Pipeline, r ReplayRequest) (out Replayed, err error) {
	if out.Replayed, err = p.Cloud.Queues().Replay(ctx, r.Service, r.Match); err != nil {
		return out, err
	}
	bounded, cancel := withTimeout(ctx, r.Timeout)
	defer cancel()
	if err := p.Drain(bounded); err != nil {
		return out, err
	}
	left, err := p.Cloud.Queues().Letters(ctx, "")
	if err != nil {
		return out, err
	}
	for _, sent := range out.Replayed {
		for _, letter := range left {
			if letter.EventID == sent.EventID && letter.SHA256 == sent.SHA256 {
				out.Again = append(out.Again, letter)
			}
		}
	}
	out.Runs, err = summaries(ctx, ledger.Ledger{Lake: p.Cloud.Lake()}, out.Replayed)
	return out, err
}

// summaries reads the runs that letters belong to, each once.
func summaries(ctx context.Context, l ledger.Ledger, letters []pipeline.Letter) ([]ledger.Summary, error) {
	var out []ledger.Summary
	seen := map[ledger.Request]bool{}
	for _, letter := range letters {
		r := ledger.Request{Dataset: letter.Dataset, Slot: lake.ParseRunID(letter.Run).Slot}
		if r.Dataset == "" || r.Slot == "" || seen[r] {
			continue
		}
		seen[r] = true
		s, err := l.Summary(ctx, r.Dataset, r.Slot)
		if noRun(err) {
			continue
		}
		if err != nil {
			return out, err
		}
		out = append(out, s)
	}
	return out, nil
}

func (d *directory) Marts() marts.Workspace {
	return marts.Workspace{
		Lake: d.data(), Folder: filepath.Join(d.Dir, "marts"), Files: pipeline.Place(d.Dir, "marts"), Place: d.file,
		Stale:     d.Command("datasets dbt") + " updates them",
		Contracts: d.RunContracts,
		Own: func(ctx context.Context) (lake.Store, func() error, error) {
			cloud, err := pipeline.Open(ctx, d.Dir, "llac marts")
			if err != nil {
				return nil, nil, err
			}
			return cloud.Lake(), cloud.Close, nil
		},
	}
}

// file returns the absolute path of an object of the lake.
func (d *directory) file(key string) string {
	path := pipeline.Place(d.Dir, key)
	if absolute, err := filepath.Abs(path); err == nil {
		return filepath.ToSlash(absolute)
	}
	return path
}

func (d *directory) Tables(ctx context.Context) (views.Tables, error) {
	l, err := d.Ledger()
	if err != nil {
		return views.Tables{}, err
	}
	tables, err := views.Read(ctx, views.Lake{Data: l.Lake, Config: d.config(), Command: d.Command, Place: d.file})
	if err != nil {
		return tables, fmt.Errorf("read the published tables of %s: %w", d.Dir, err)
	}
	return tables, nil
}

func (d *directory) Check(ctx context.Context) []checks.Finding {
	return checks.Directory{Dir: d.Dir, Contracts: d.Address.Contracts, Command: d.Command}.Run(ctx)
}
