package cli

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/operations/place"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/source/portals"
)

// runOptions are the flags of `llac run`.
type runOptions struct {
	portalOptions
	followOptions
	force   bool
	noMarts bool
	project string
}

// portalOptions are the flags of every command that starts the services.
type portalOptions struct {
	portal   string
	logLevel string
}

func (o *portalOptions) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.portal, "portal", "",
		"source of the data: simulator, live, or addresses such as socrata=http://127.0.0.1:9000,idescat=… (default that of the "+
			"last run in --dir, else simulator)")
	cmd.Flags().StringVar(&o.logLevel, "log-level", "info", "level of <dir>/logs/llac.jsonl: debug, info, warn or error")
	_ = cmd.RegisterFlagCompletionFunc("portal",
		cobra.FixedCompletions([]string{pipeline.PortalSimulator, pipeline.PortalLive}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("log-level",
		cobra.FixedCompletions([]string{"debug", "info", "warn", "error"}, cobra.ShellCompDirectiveNoFileComp))
}

// defaultTimeout is the default of --timeout.
const defaultTimeout = 30 * time.Minute

// followOptions are the flags of every command that follows runs.
type followOptions struct {
	timeout time.Duration
	detach  bool
}

func (o *followOptions) register(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&o.timeout, "timeout", defaultTimeout, "time limit; unfinished work is left to the next run; 0 means no limit")
	cmd.Flags().BoolVar(&o.detach, "detach", false, "with --env: request only, without following the run")
}

// checkTimeout refuses a negative --timeout.
func checkTimeout(timeout time.Duration) error {
	if timeout < 0 {
		return invalid("use 0 for no limit", "--timeout %s is negative", timeout)
	}
	return nil
}

func (a *App) runCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run [dataset…]",
		Short: "Fetch, check and publish datasets, then build the marts",
		Long: `Fetch datasets from their portals and publish them. Without arguments: all
datasets. Datasets that a named dataset refers to, and that were never
published, are run too.

On this machine, run starts a local cloud, the six services and, by default, a
simulator of the portals in this process, and waits until each dataset is
published, unchanged, rejected or failed. Then dbt builds the marts if anything
has changed, in a Python environment that llac manages.

All contracts are checked first; while one is invalid nothing is started. Work
that an earlier run left unfinished is resumed. Ctrl-C stops cleanly and keeps
finished work; a second Ctrl-C stops immediately and loses nothing either.

With --env, run sends the request to the scheduler of an AWS environment and
follows its services. The contracts in force there are used, and Ctrl-C only
stops following. llac marts --env builds the marts of an environment.` +
			exitStatus(exitOK, exitError, exitUsage, exitContract, exitUnpublished, exitOwned, exitTimeout, exitMarts, exitNotFound,
				exitCredentials, exitInterrupted),
		Example: `  llac run
  llac run municipalities population
  llac run --portal live --dir live
  llac run municipalities --env dev
  llac run --json | jq '.data.datasets[] | {dataset, state, rows_staged}'`,
		ValidArgsFunction: a.completeDatasets,
	}
	o.portalOptions.register(cmd)
	o.followOptions.register(cmd)
	a.withEnv(cmd.Flags())
	cmd.Flags().BoolVar(&o.force, "force", false, "full fetch, even if the source reports no change")
	cmd.Flags().BoolVar(&o.noMarts, "no-marts", false, "datasets only, without the marts")
	cmd.Flags().StringVar(&o.project, "dbt", defaultProject, "folder of the dbt project of the marts")
	cmd.RunE = a.run("run", func(ctx context.Context, args []string) (reply, error) { return a.runRun(ctx, o, args) })
	return cmd
}

// runReply is the data of `llac run`.
type runReply struct {
	place.Run
	Marts  *marts.Refreshed `json:"marts,omitempty"`  // omitted if the marts were not built
	Answer *answerReply     `json:"answer,omitempty"` // omitted if the marts do not have the figures
}

func (a *App) runRun(ctx context.Context, o runOptions, args []string) (reply, error) {
	if err := checkTimeout(o.timeout); err != nil {
		return reply{}, err
	}
	p, settings, err := a.openToRun(ctx, o.portalOptions, "llac run")
	if err != nil {
		return reply{}, err
	}
	buildMarts := p.RunBuildsMarts() && !o.noMarts
	if buildMarts {
		var missing *marts.ProjectError
		if err := marts.CheckProject(o.project); errors.As(err, &missing) {
			return reply{}, fail(exitUsage, err, "--dbt names the folder of the dbt project; --no-marts runs the datasets alone")
		}
	}
	s := a.newScreen()
	if p.RunsHere() && o.portal == "" && settings.Portal != pipeline.PortalSimulator {
		s.notice("--portal " + settings.Portal + ", as in the last run here.")
	}
	defer a.announceStop(ctx, s, p.WhenStopped())()
	run, err := p.Run(ctx, place.RunRequest{
		Datasets: args, Force: o.force, Timeout: o.timeout, Detach: o.detach, By: whoami(), Local: settings, Notice: s.notice,
		Progress: s.progress,
	})
	s.clear()
	data := runReply{Run: run}
	var martsErr error
	if err == nil && buildMarts {
		// The published snapshots are complete even if a dataset failed: the marts can be built from them.
		data.Marts, martsErr = a.refreshMarts(ctx, p, martsOptions{project: o.project}, s)
	}
	if data.Marts != nil && martsErr == nil && ctx.Err() == nil {
		data.Answer = a.answer(ctx, p)
	}
	r := a.runReply(run, err, func(t *text) {
		if data.Marts != nil {
			t.line("")
			martsReport(t, data.Marts)
		}
		answerText(t, data.Answer, cmp.Or(a.OutWidth, 100))
	})
	if r.data != nil {
		r.data = data
	}
	return problemsReply(r, err), a.runError(run, err, martsErr)
}

// runReply returns the reply of a command that ran datasets; more writes what follows the report.
func (a *App) runReply(run place.Run, err error, more func(*text)) reply {
	if err != nil && run.StartedAt.IsZero() {
		return reply{} // nothing was started
	}
	r := reply{data: run}
	if run.Datasets != nil {
		r.text = func(t *text) {
			runReport(t, run)
			more(t)
		}
	}
	return r
}

// problemsReply makes the problems of invalid contracts the data of a reply.
func problemsReply(r reply, err error) reply {
	var problems contract.Problems
	if errors.As(err, &problems) {
		r.data = map[string]any{"problems": problems}
	}
	return r
}

// runError returns the error of a command that ran datasets: err, or datasets that did not end well, or that of the marts.
func (a *App) runError(run place.Run, err, martsErr error) error {
	switch {
	case err != nil:
		return err
	case !run.Detached && !run.Good():
		return a.unpublished(run.Result)
	case martsErr != nil:
		return a.martsFailure(martsErr, true)
	}
	return nil
}

// openToRun opens the place, and returns the settings of the services if they run here. The services of an environment have
// their own: the last run in the state directory does not count there.
func (a *App) openToRun(ctx context.Context, o portalOptions, note string) (p place.Place, s pipeline.Settings, err error) {
	p, err = a.open(ctx)
	switch {
	case err != nil:
		return nil, s, err
	case p.RunsHere():
		s, err = a.settings(o, note)
	case o.portal != "":
		err = invalid("leave --portal out: the services there read the portals of the contracts in force",
			"--portal has no effect in %s", p.Name())
	}
	return p, s, err
}

// settings returns the settings of the services from the flags and the environment variables.
func (a *App) settings(o portalOptions, note string) (pipeline.Settings, error) {
	dir := a.address.Dir
	s := pipeline.Settings{
		Dir: dir, Portal: cmp.Or(o.portal, pipeline.LastPortal(dir), pipeline.PortalSimulator), Clock: a.Clock, Note: note,
		AppTokens: portals.All.AppTokens(a.Getenv),
		Endpoint:  a.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"), Failpoint: a.Getenv("LLAC_FAILPOINT"),
	}
	if err := s.CheckPortal(); err != nil {
		return s, fail(exitUsage, err, "use simulator, live, or kind=address,… with the kinds "+format.List(portals.All.Names()))
	}
	var level slog.Level
	if level.UnmarshalText([]byte(o.logLevel)) != nil {
		return s, invalid("use debug, info, warn or error", "unknown log level %q", o.logLevel)
	}
	s.LogLevel = level
	if a.Pipeline != nil {
		a.Pipeline(&s)
	}
	return s, nil
}

// announceStop writes a line when ctx ends: what then becomes of the work. The function that it returns ends that.
func (a *App) announceStop(ctx context.Context, s *screen, what string) func() {
	stop := context.AfterFunc(ctx, func() { s.write("Stopping: " + what + ". Ctrl-C again stops immediately.") })
	return func() { stop() }
}

// whoami returns the name of the user, for the record.
func whoami() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}
