package place

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/llac-project/llac/operations/checks"
	"github.com/llac-project/llac/operations/deploy"
	"github.com/llac-project/llac/operations/fault"
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

// environment is an environment of an AWS account.
type environment struct {
	Address
	clock.Clock
	account deploy.Account
}

func (e *environment) Name() string { return e.Env }

func (e *environment) Ledger() (ledger.Ledger, error) { return ledger.Ledger{Lake: e.lake()}, nil }

func (e *environment) Config() lake.Store { return e.account.Config(e.Env) }

func (e *environment) lake() lake.Store { return e.account.Lake(e.Env) }

func (e *environment) queues() pipeline.Queues {
	return pipeline.Queues{AWS: e.account.AWS, Env: e.Env}
}

func (e *environment) Contracts(ctx context.Context) ([]*contract.Contract, error) {
	contracts, err := e.account.Contracts(ctx, e.Env)
	if err != nil {
		return nil, fault.New(fault.NotFound, err, e.Command("datasets publish")+" puts those of this work tree in force")
	}
	return contracts, nil
}

func (e *environment) RunContracts(ctx context.Context) ([]*contract.Contract, error) {
	return e.Contracts(ctx)
}

func (e *environment) PlanContracts(ctx context.Context, contracts []*contract.Contract, remove []string) (*deploy.ContractPlan, error) {
	plan, err := deploy.PlanContracts(ctx, e.account.Config(e.Env), contracts, remove)
	if err != nil {
		return nil, fault.New(fault.Failed, err, "if there is no environment "+e.Env+", make stacks ENV="+e.Env+" creates it")
	}
	return plan, nil
}

// Unfinished returns none: the queues of an environment keep their work, and its services resume it.
func (e *environment) Unfinished() ([]pipeline.Pending, error) { return nil, nil }

func (e *environment) DeadLetters(ctx context.Context, service string) (DeadLetters, error) {
	letters, err := e.queues().Letters(ctx, service)
	return DeadLetters{Letters: letters}, err
}

func (e *environment) Replay(ctx context.Context, r ReplayRequest) (Replayed, error) {
	sent, err := e.queues().Replay(ctx, r.Service, r.Match)
	return Replayed{Replayed: sent, Note: fmt.Sprintf("The services of %s process them; %s shows the results.", e.Env,
		e.Command("runs"))}, err
}

func (e *environment) RunBuildsMarts() bool { return false }

func (e *environment) RunsHere() bool { return false }

func (e *environment) WhenStopped() string { return "what was requested already continues in " + e.Env }

// Ingest lands the pages and emits the event of their landing; it does not wait for the services.
func (e *environment) Ingest(ctx context.Context, c ingest.Collection, r RunRequest) (Ingested, error) {
	dataset := r.Datasets[0]
	its, err := e.account.Contract(ctx, e.Env, dataset)
	if err != nil {
		return Ingested{}, err
	}
	pages, err := ingest.Read(its, c)
	if err != nil {
		return Ingested{}, err
	}
	store := e.lake()
	at, err := pipeline.FreeSlot(ctx, store, dataset, e.Now())
	if err != nil {
		return Ingested{}, err
	}
	landed, err := pages.Land(ctx, store, lake.Slot(at), runtime.NewAttempt(), at)
	if err != nil {
		return Ingested{}, err
	}
	event := ingest.Event(landed, at)
	if err = ingest.Receipt(ctx, store, event, runtime.Build()); err == nil {
		err = e.account.Publish(ctx, e.Env, event)
	}
	if err != nil {
		return Ingested{}, fault.New(fault.Failed, err,
			"run the command again; the pages of this attempt stay in landing, where no service reads them")
	}
	return Ingested{Landed: &Landed{e.Env, dataset, landed.RunID, landed.Pages, landed.Rows, landed.SourceSystem}}, nil
}

func (e *environment) Marts() marts.Workspace {
	store, tables := e.lake(), e.account.Marts(e.Env, slog.New(slog.DiscardHandler))
	folder := filepath.Join(e.Dir, "cloud", e.Env)
	copies := &marts.Copies{Store: store, Folder: filepath.Join(folder, "copies")}
	return marts.Workspace{
		Lake: store, Folder: filepath.Join(folder, "marts"), Files: "s3://" + e.account.DataBucket(e.Env) + "/marts",
		Place: copies.Place, Copies: copies, Tables: &tables,
		Stale: "build from the work tree whose contracts are in force in " + e.Env,
		// The contracts in force there count, not those of this work tree.
		Contracts: func(ctx context.Context) ([]*contract.Contract, error) {
			all, err := e.account.Contracts(ctx, e.Env)
			if err != nil {
				return nil, fault.New(fault.Failed, fmt.Errorf("read the contracts in force in %s: %w", e.Env, err),
					"llac datasets publish --env "+e.Env+" puts those of this work tree in force")
			}
			return all, nil
		},
		// Two machines may build at the same time, each under its own build id; one of them moves the pointer.
		Own: func(context.Context) (lake.Store, func() error, error) {
			release, err := aws.Own(folder, "llac marts --env "+e.Env)
			return store, release, err
		},
	}
}

func (e *environment) Tables(context.Context) (views.Tables, error) {
	return views.Tables{}, unsupported("reading tables with DuckDB", "an environment", "query the databases of Glue with Athena")
}

func (e *environment) Check(ctx context.Context) []checks.Finding {
	return (&checks.Environment{Account: e.account, Env: e.Env, Contracts: e.Address.Contracts, Now: e.Now(), Command: e.Command}).Run(ctx)
}
