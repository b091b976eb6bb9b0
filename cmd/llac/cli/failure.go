package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/llac-project/llac/operations/deploy"
	"github.com/llac-project/llac/operations/ingest"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/operations/pipeline"
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
func (a *App) classify(err error) *failure {
	var (
		known    *failure
		problems contract.Problems
		folder   *pipeline.FolderError
		unknown  *pipeline.UnknownDatasetError
		owned    *aws.OwnedError
		none     *pipeline.NoLakeError
		service  *deploy.UnknownServiceError
		nobody   *deploy.CredentialsError
		nowhere  *deploy.NoEnvironmentError
		input    *ingest.InputError
		project  *marts.ProjectError
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &problems):
		err = fmt.Errorf("%s in the contracts, so nothing was done:\n%w", plural(len(problems), "problem"), err)
		return &failure{status: exitContract, err: err, hint: "mend the lines above; " + a.llac("datasets check") + " says whether all is well"}
	case errors.As(err, &folder):
		return &failure{status: exitUsage, err: err, hint: "--datasets names the folder of the contracts"}
	case errors.As(err, &project):
		return &failure{status: exitUsage, err: err, hint: "--dbt names the folder of the dbt project"}
	case errors.As(err, &unknown):
		return &failure{status: exitUsage, err: err, hint: "a dataset is added by adding <name>" + contract.FileSuffix + " to " + a.contracts}
	case errors.As(err, &owned):
		return &failure{status: exitOwned, err: err, hint: a.llac("status") + " shows how far it is"}
	case errors.Is(err, pipeline.ErrTimeout):
		return &failure{status: exitTimeout, err: err, hint: a.llac("run") + " resumes it: what was done is kept"}
	case errors.Is(err, pipeline.ErrInterrupted), errors.Is(err, context.Canceled):
		return &failure{status: exitInterrupted, err: pipeline.ErrInterrupted, hint: a.llac("run") + " resumes it: what was done is kept"}
	case errors.Is(err, ledger.ErrNoRun):
		return &failure{status: exitNotFound, err: err, hint: a.llac("runs") + " lists the runs of this lake"}
	case errors.As(err, &service):
		return &failure{status: exitUsage, err: err, hint: "name one of them"}
	case errors.As(err, &input):
		return &failure{status: exitUsage, err: err, hint: input.Fix}
	case errors.As(err, &nowhere):
		return &failure{status: exitNotFound, err: err, hint: "look at the name, AWS_PROFILE and AWS_REGION; make stacks ENV=" + nowhere.Env + " makes an environment"}
	case errors.As(err, &nobody):
		return &failure{status: exitCredentials, err: err, hint: "log in (aws sso login), or set AWS_PROFILE or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION"}
	case errors.As(err, &none):
		return &failure{status: exitNotFound, err: err, hint: a.llac("run") + " fills it"}
	}
	return &failure{status: exitError, err: err, hint: a.llac("doctor") + " looks for the cause"}
}
