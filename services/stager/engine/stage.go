package engine

import (
	"cmp"
	"context"
	"errors"
)

// Stage stages one run. An error whose Permanent method returns true is final. After an error the outputs are
// incomplete and must not be used.
//
// Stage reads the pages once. It reads them a second time only if rows with the same key differ and the contract
// quarantines such rows: the second pass then knows the conflicting keys.
func Stage(ctx context.Context, in Input, out Sink, o Options) (Result, error) {
	result, conflicting, err := pass(ctx, in, out, o, nil)
	if err != nil || len(conflicting) == 0 {
		return result, err
	}
	result, others, err := pass(ctx, in, out, o, conflicting)
	if err == nil && len(others) > 0 {
		changed := errors.New("the pages changed during staging; run it again when no process writes them")
		err = &Fault{"stage " + in.Contract.Dataset, changed}
	}
	return result, err
}

// pass stages a run whose conflicting keys are known. If it finds others, it stages nothing and returns them.
func pass(ctx context.Context, in Input, out Sink, o Options, conflicting map[digest]bool) (Result, map[digest]bool, error) {
	j, err := newJob(in, o, conflicting)
	if err != nil {
		return Result{}, nil, &Fault{"prepare staging of " + in.Contract.Dataset, err}
	}
	defer func() { j.keys.close() }()
	if j.encoders, err = newEncoders(ctx, out, o.workers(), cmp.Or(o.Level, DefaultLevel)); err != nil {
		return Result{}, nil, &Fault{"prepare staging of " + in.Contract.Dataset, err}
	}
	err = guarded(func() error {
		if err := j.eachPage(ctx, j.process); err != nil || len(j.newConflicts) > 0 {
			return err
		}
		if err := j.check(); err != nil {
			return err
		}
		return j.finish()
	})
	if err != nil || len(j.newConflicts) > 0 {
		j.encoders.abort()
		return Result{}, j.newConflicts, err
	}
	return j.result, nil, nil
}
