package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/llac-project/llac/operations/deploy"
	"github.com/llac-project/llac/operations/filelake"
	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/catalogue"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/aws"
)

// martsLake is a lake whose marts are built: the one in dir, or an environment's.
type martsLake struct {
	look   lake.Store // to read, without keeping anybody waiting
	folder string     // for what a build writes on this machine
	files  string     // where a person finds the marts
	place  func(key string) string
	copies *marts.Copies
	tables *catalogue.Marts // that follow the marts' pointer; nil: there are none

	contracts func(ctx context.Context) ([]*contract.Contract, error)

	// own answers the lake to write to, when nobody else builds in the folder; release gives it back.
	own func(ctx context.Context) (store lake.Store, release func() error, err error)
}

// martsLake opens the lake that marts are to be built in.
func (a *App) martsLake(ctx context.Context) (martsLake, error) {
	if a.env == "" {
		return a.martsHere(), nil
	}
	account, err := a.account(ctx, a.env)
	if err != nil {
		return martsLake{}, err
	}
	store, tables := account.Lake(a.env), account.Marts(a.env, slog.New(slog.DiscardHandler))
	folder := filepath.Join(a.dir, "cloud", a.env)
	copies := &marts.Copies{Store: store, Folder: filepath.Join(folder, "copies")}
	return martsLake{
		look: store, folder: filepath.Join(folder, "marts"), files: "s3://" + account.DataBucket(a.env) + "/marts",
		place: copies.Place, copies: copies, tables: &tables,
		// What is in force there counts, not what this work tree holds.
		contracts: func(ctx context.Context) ([]*contract.Contract, error) {
			all, err := account.Contracts(ctx, a.env)
			if err != nil {
				return nil, fail(exitError, fmt.Errorf("read the contracts in force in %s: %w", a.env, err), "llac datasets publish --env "+a.env+" puts those of this work tree in force there")
			}
			return all, nil
		},
		// Two machines may build at once: each under an id of its own, and one of them moves the pointer.
		own: func(context.Context) (lake.Store, func() error, error) {
			release, err := aws.Own(folder, "llac marts --env "+a.env)
			return store, release, err
		},
	}, nil
}

func (a *App) martsHere() martsLake {
	return martsLake{
		look: filelake.Open(a.dir, pipeline.DataBucket), folder: filepath.Join(a.dir, "marts"), files: pipeline.Place(a.dir, "marts"), place: a.place,
		contracts: func(context.Context) ([]*contract.Contract, error) { return pipeline.LoadContracts(a.contracts) },
		own: func(ctx context.Context) (lake.Store, func() error, error) {
			cloud, err := pipeline.Open(ctx, a.dir, "llac marts")
			if err != nil {
				return nil, nil, err
			}
			return cloud.Lake(), cloud.Close, nil
		},
	}
}

// account is the one that an environment is in.
func (a *App) account(ctx context.Context, env string) (deploy.Account, error) {
	if a.Account != nil {
		return a.Account(ctx, env)
	}
	return openAccount(ctx, env)
}

// enter opens the account and looks whether the environment of --env is there: queues that were never made are empty, too, and
// a name typed wrong must not look like an environment in which all is well.
func (a *App) enter(ctx context.Context) (deploy.Account, error) {
	account, err := a.account(ctx, a.env)
	if err == nil {
		err = account.Enter(ctx, a.env)
	}
	return account, err
}

// tablesError says that the marts are published and that the tables of Glue are not at them.
type tablesError struct{ err error }

func (e *tablesError) Error() string {
	return "the tables of the marts in Glue are not what is published: " + e.err.Error()
}

func (e *tablesError) Unwrap() error { return e.err }

// follow brings the tables to what is published, whoever published it, and answers those that it had to make or change.
// It is done after a build that failed too: another may have died between the two.
func (l martsLake) follow(ctx context.Context) ([]string, error) {
	if l.tables == nil || ctx.Err() != nil {
		return nil, nil
	}
	touched, err := l.tables.Follow(ctx)
	if err != nil && !errors.Is(err, context.Canceled) {
		err = &tablesError{err}
	}
	return touched, err
}
