package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/llac-project/llac/operations/deploy"
	"github.com/llac-project/llac/operations/fault"
	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/ingest"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/local/aws"
)

// failure is an error with the exit status of the tool.
type failure struct {
	status int
	err    error
	hint   string // what to do next
	quiet  bool   // the text reports the error already
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// fail returns a *failure.
func fail(status int, err error, hint string) error {
	return &failure{status: status, err: err, hint: hint}
}

// invalid returns a *failure of the command line.
func invalid(hint, message string, args ...any) error {
	return fail(exitUsage, fmt.Errorf(message, args...), hint)
}

// classify finds the exit status of an error and what to do next.
func (a *App) classify(err error) *failure {
	var known *failure
	var described *fault.Error
	var problems contract.Problems
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &described):
		return &failure{status: statusOf[described.Kind], err: err, hint: described.Fix}
	case errors.As(err, &problems):
		err = fmt.Errorf("%s in the contracts, so nothing was done:\n%w", format.Plural(len(problems), "problem"), err)
		return &failure{status: exitContract, err: err, hint: "fix the lines above; " + a.llac("datasets check") + " checks all contracts"}
	case errors.Is(err, pipeline.ErrInterrupted), errors.Is(err, context.Canceled):
		return &failure{status: exitInterrupted, err: pipeline.ErrInterrupted, hint: a.llac("run") + " resumes it; finished work is kept"}
	}
	status, hint := a.statusAndHint(err)
	return &failure{status: status, err: err, hint: hint}
}

// statusAndHint finds the exit status and the hint of the error types of operations.
func (a *App) statusAndHint(err error) (status int, hint string) {
	var (
		folder      *pipeline.FolderError
		unknown     *pipeline.UnknownDatasetError
		owned       *aws.OwnedError
		noLake      *pipeline.NoLakeError
		service     *deploy.UnknownServiceError
		credentials *deploy.CredentialsError
		environment *deploy.NoEnvironmentError
		input       *ingest.InputError
		project     *marts.ProjectError
	)
	switch {
	case errors.As(err, &folder):
		return exitUsage, "--datasets names the folder of the contracts"
	case errors.As(err, &project):
		return exitUsage, "--dbt names the folder of the dbt project"
	case errors.As(err, &unknown):
		return exitUsage, "to add a dataset, add <name>" + contract.FileSuffix + " to " + a.address.Contracts
	case errors.As(err, &owned):
		return exitOwned, a.llac("status") + " shows its progress"
	case errors.Is(err, pipeline.ErrTimeout):
		return exitTimeout, a.llac("run") + " resumes it; finished work is kept"
	case errors.Is(err, ledger.ErrNoRun):
		return exitNotFound, a.llac("runs") + " lists the runs of this lake"
	case errors.As(err, &service):
		return exitUsage, "name one of them"
	case errors.As(err, &input):
		return exitUsage, input.Fix
	case errors.As(err, &environment):
		return exitNotFound, "check the name, AWS_PROFILE and AWS_REGION; make stacks ENV=" + environment.Env + " creates an environment"
	case errors.As(err, &credentials):
		return exitCredentials, "log in (aws sso login), or set AWS_PROFILE or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION"
	case errors.As(err, &noLake):
		return exitNotFound, a.llac("run") + " creates it"
	}
	return exitError, a.llac("doctor") + " looks for the cause"
}
