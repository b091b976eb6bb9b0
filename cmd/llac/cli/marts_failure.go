package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/llac-project/llac/operations/deploy"
	"github.com/llac-project/llac/operations/fault"
	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/platform/local/python"
)

// martsFailure returns the failure of a build of the marts. If only the marts are missing, its exit status is exitMarts.
// inRun: the datasets were run by the same command.
func (a *App) martsFailure(err error, inRun bool) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, pipeline.ErrInterrupted) {
		return fail(exitInterrupted, pipeline.ErrInterrupted, a.llac("marts")+" builds the marts; the published ones stay")
	}
	if notOfMarts(err, inRun) {
		return a.classify(err)
	}
	hint := a.martsHint(err)
	if inRun {
		err = fmt.Errorf("the datasets are published, the marts are not: %w", err)
		hint += "; --no-marts leaves them out"
	}
	return fail(exitMarts, err, hint)
}

// notOfMarts reports whether an error has another cause than the build of the marts.
func notOfMarts(err error, inRun bool) bool {
	var (
		project     *marts.ProjectError
		owned       *aws.OwnedError
		problems    contract.Problems
		folder      *pipeline.FolderError
		credentials *deploy.CredentialsError
		described   *fault.Error
		known       *failure
	)
	return errors.As(err, &project) || errors.As(err, &problems) || errors.As(err, &folder) || errors.As(err, &credentials) ||
		errors.As(err, &described) || errors.As(err, &known) || errors.As(err, &owned) && !inRun
}

// martsHint returns what to do about an error of a build.
func (a *App) martsHint(err error) string {
	var (
		noPython *python.NoPythonError
		broken   *marts.BrokenError
		failed   *marts.FailedError
		lost     *marts.LostError
		mixed    *marts.MixedError
		altered  *lake.IntegrityError
		tables   *marts.TablesError
	)
	build := a.llac("marts")
	switch {
	case errors.As(err, &failed):
		hint := "fix what is shown above, in the data or in the dbt project; then " + build + " builds the marts"
		if dir := failed.Record.Failure.Folder; dir != "" {
			hint += "; the SQL and dbt's log are in " + dir
		}
		return hint
	case errors.As(err, &lost):
		return a.llac("marts list") + " shows the other build; " + build + " builds again if the datasets are newer"
	case errors.As(err, &altered):
		return "an object of the lake was changed: find out by whom; the published marts stay"
	case errors.As(err, &tables):
		return "readers on Athena may see marts of an earlier build; " + build + " updates the tables without building again"
	case errors.As(err, &mixed):
		return "keep them in separate directories: llac run --portal live --dir live"
	case errors.Is(err, marts.ErrNothingPublished):
		return a.llac("run") + " publishes datasets and builds the marts"
	case errors.As(err, &noPython), errors.As(err, &broken):
		return "then " + build + " builds them"
	}
	return build + " tries again"
}
