package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/llac-project/llac/cmd/llac/ledger"
	"github.com/llac-project/llac/cmd/llac/pipeline"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/local/aws"
)

// failure is an error as the tool ends with it.
type failure struct {
	status int
	err    error
	hint   string // what to do next
	quiet  bool   // the text has said it all already
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// fail makes a failure of a message.
func fail(status int, err error, hint string) error {
	return &failure{status: status, err: err, hint: hint}
}

// classify finds the exit status of an error and what to do about it.
func classify(err error) *failure {
	var (
		known    *failure
		problems contract.Problems
		unknown  *pipeline.UnknownDatasetError
		owned    *aws.OwnedError
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &problems):
		err = fmt.Errorf("%s in the contracts, and nothing was started:\n%w", plural(len(problems), "problem"), err)
		return &failure{status: exitContract, err: err, hint: "mend them; llac datasets check says whether they are well"}
	case errors.As(err, &unknown):
		return &failure{status: exitUsage, err: err, hint: "llac datasets list names them; a dataset is added by adding datasets/<name>.odcs.yaml"}
	case errors.As(err, &owned):
		return &failure{status: exitOwned, err: err, hint: "wait for it, stop it, or use another --dir; llac status shows how far it is"}
	case errors.Is(err, pipeline.ErrTimeout):
		return &failure{status: exitTimeout, err: err, hint: "what was done is kept: llac run resumes it"}
	case errors.Is(err, pipeline.ErrInterrupted), errors.Is(err, context.Canceled):
		return &failure{status: exitInterrupted, err: pipeline.ErrInterrupted, hint: "what was done is kept: llac run resumes it"}
	case errors.Is(err, ledger.ErrNoRun):
		return &failure{status: exitNotFound, err: err, hint: "llac runs lists the runs of this lake"}
	case errors.Is(err, pipeline.ErrNoLake):
		return &failure{status: exitNotFound, err: err}
	}
	return &failure{status: exitError, err: err, hint: "llac doctor looks for the cause"}
}
