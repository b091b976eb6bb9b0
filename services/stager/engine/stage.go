package engine

import (
	"cmp"
	"context"
	"errors"
)

// Stage stages one run. An error that says Permanent() is final; the outputs of a failed call are worthless and nobody
// has been told of them.
//
// It goes over the pages once. Only when rows of one key are found to differ, under a contract that says that then none of
// them is to be believed, it goes over them a second time, knowing those keys.
func Stage(ctx context.Context, in Input, out Sink, o Options) (Result, error) {
	result, rivals, err := pass(ctx, in, out, o, nil)
	if err != nil || len(rivals) == 0 {
		return result, err
	}
	result, others, err := pass(ctx, in, out, o, rivals)
	if err == nil && len(others) > 0 {
		err = &Fault{"stage " + in.Contract.Dataset, errors.New("its pages changed while they were staged; stage them again when nobody writes them")}
	}
	return result, err
}

// pass stages a run whose rivals are known: the keys whose rows differ. When it finds others it stages nothing and answers
// them.
func pass(ctx context.Context, in Input, out Sink, o Options, rivals map[digest]bool) (Result, map[digest]bool, error) {
	j, err := newJob(in, o, rivals)
	if err != nil {
		return Result{}, nil, &Fault{"prepare staging of " + in.Contract.Dataset, err}
	}
	defer func() { j.keys.close() }()
	if j.encoders, err = newEncoders(ctx, out, o.workers(), cmp.Or(o.Level, DefaultLevel)); err != nil {
		return Result{}, nil, &Fault{"prepare staging of " + in.Contract.Dataset, err}
	}
	err = guarded(func() error {
		if err := j.eachPage(ctx, j.take); err != nil || len(j.found) > 0 {
			return err
		}
		if err := j.count(); err != nil {
			return err
		}
		return j.finish()
	})
	if err != nil || len(j.found) > 0 {
		j.encoders.abort()
		return Result{}, j.found, err
	}
	return j.result, nil, nil
}
