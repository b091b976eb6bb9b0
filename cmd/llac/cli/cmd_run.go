package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/source/portals"
)

// runOptions are the flags of `llac run`.
type runOptions struct {
	portalOptions
	force   bool
	timeout time.Duration
	noMarts bool
	project string
	detach  bool
}

// portalOptions are the flags of every command that starts the services.
type portalOptions struct {
	portal   string
	logLevel string
}

func (o *portalOptions) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.portal, "portal", "", "where the data come from: simulator, live, or socrata=http://127.0.0.1:9000,idescat=… (default that of the last run in --dir; of the first, simulator)")
	cmd.Flags().StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error, for <dir>/logs/llac.jsonl")
	_ = cmd.RegisterFlagCompletionFunc("portal", cobra.FixedCompletions([]string{pipeline.PortalSimulator, pipeline.PortalLive}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("log-level", cobra.FixedCompletions([]string{"debug", "info", "warn", "error"}, cobra.ShellCompDirectiveNoFileComp))
}

func (a *App) runCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run [dataset…]",
		Short: "Bring datasets from the portal to a published snapshot, on this machine",
		Long: `run starts a local cloud, the six services and, unless told otherwise, a simulator of the portals in this process, asks
for a run of each dataset named (of all when none is named), and waits until each is published, unchanged, refused or
failed. Datasets that a named one refers to, and that were never published, are run too.

Then dbt builds the marts of what is published, in a Python environment of Llac's own, where anything has changed; --no-marts
leaves them out (llac marts builds them later).

Every contract is checked first; while one is invalid nothing is started. What an earlier run left unfinished is
resumed. Ctrl-C stops cleanly and keeps what was done; a second Ctrl-C stops at once, and loses nothing either.

With --env it asks the scheduler of an environment of the cloud and follows what its services do; nothing runs here, the contracts are
those in force there, and Ctrl-C only stops following. The marts of an environment are built by llac marts --env.` +
			exitStatus(exitOK, exitError, exitUsage, exitContract, exitUnpublished, exitOwned, exitTimeout, exitMarts, exitNotFound, exitCredentials, exitInterrupted),
		Example: `  llac run
  llac run municipalities population
  llac run --portal live --dir live
  llac run municipalities --env dev
  llac run --json | jq '.data.datasets[] | {dataset, state, rows_staged}'`,
		ValidArgsFunction: a.completeDatasets,
	}
	o.register(cmd)
	a.withEnv(cmd.Flags())
	cmd.Flags().BoolVar(&o.detach, "detach", false, "with --env: ask, and do not follow")
	cmd.Flags().BoolVar(&o.force, "force", false, "fetch even what the source says has not changed")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 30*time.Minute, "leave what is not finished by then to the next run; 0: never")
	cmd.Flags().BoolVar(&o.noMarts, "no-marts", false, "do not build the marts")
	cmd.Flags().StringVar(&o.project, "dbt", defaultProject, "folder of the dbt project, of which the marts are built")
	cmd.RunE = a.run("run", func(ctx context.Context, args []string) (reply, error) { return a.runRun(ctx, o, args) })
	return cmd
}

func (a *App) runRun(ctx context.Context, o runOptions, args []string) (reply, error) {
	if o.timeout < 0 {
		return reply{}, negative(o.timeout)
	}
	if a.env != "" {
		return a.runThere(ctx, wish{datasets: args, force: o.force, timeout: o.timeout, detach: o.detach})
	}
	settings, err := a.settings(o.portalOptions, "llac run")
	if err != nil {
		return reply{}, err
	}
	if !o.noMarts {
		var missing *marts.ProjectError
		if err := marts.CheckProject(o.project); errors.As(err, &missing) {
			return reply{}, fail(exitUsage, err, "--dbt names the folder of the dbt project; --no-marts runs the datasets alone")
		}
	}
	options := pipeline.Options{
		Settings: settings, Contracts: a.contracts, Datasets: args, Force: o.force, Timeout: o.timeout, By: whoami(),
	}
	screen := a.newScreen()
	if !a.json {
		options.Notice, options.Progress = screen.notice, screen.progress
	}
	if o.portal == "" && settings.Portal != pipeline.PortalSimulator && !a.json {
		screen.notice("--portal " + settings.Portal + ", as in the last run here.")
	}
	defer a.tellStop(ctx, screen)()
	result, err := pipeline.Run(ctx, options)
	screen.clear()
	data := runReply{Result: result}
	var martsErr error
	if err == nil && !o.noMarts {
		// What is published is whole, whether or not every dataset is well: marts are built of it.
		data.Marts, martsErr = a.buildMarts(ctx, martsOptions{project: o.project, force: false}, screen)
	}
	if data.Marts != nil && martsErr == nil && ctx.Err() == nil {
		data.Answer = a.answer(ctx)
	}
	r := reply{data: data, text: func(t *text) {
		runReport(t, a.dir, result)
		if data.Marts != nil {
			t.line("")
			martsReport(t, data.Marts)
		}
		answerText(t, data.Answer, cmp.Or(a.OutWidth, 100))
	}}
	if result.Datasets == nil {
		r.text = nil
	}
	var problems contract.Problems
	switch {
	case errors.As(err, &problems):
		r.data = map[string]any{"problems": problems}
	case err != nil && result.StartedAt.IsZero():
		r.data = nil // nothing was begun
	}
	switch {
	case err == nil && !result.Good():
		err = a.ill(result)
	case err == nil && martsErr != nil:
		err = a.martsFailure(martsErr, true)
	}
	return r, err
}

// runReply is the data of `llac run`.
type runReply struct {
	pipeline.Result
	Marts  *martsReply  `json:"marts,omitempty"`  // nothing with --no-marts, or where the run did not come to its end
	Answer *answerReply `json:"answer,omitempty"` // nothing where the marts have no such figures
}

// settings are the pipeline's settings as the flags and the environment say.
func (a *App) settings(o portalOptions, note string) (pipeline.Settings, error) {
	s := pipeline.Settings{
		Dir: a.dir, Portal: cmp.Or(o.portal, pipeline.LastPortal(a.dir), pipeline.PortalSimulator), Clock: a.Clock, Note: note, AppTokens: portals.All.AppTokens(a.Getenv),
		Endpoint: a.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"), Failpoint: a.Getenv("LLAC_FAILPOINT"),
	}
	if err := s.CheckPortal(); err != nil {
		return s, fail(exitUsage, err, "say simulator, live, or kind=address,… of "+and(portals.All.Names()))
	}
	var level slog.Level
	if level.UnmarshalText([]byte(o.logLevel)) != nil {
		return s, fail(exitUsage, fmt.Errorf("--log-level %q is none", o.logLevel), "say debug, info, warn or error")
	}
	s.LogLevel = level
	if a.Pipeline != nil {
		a.Pipeline(&s)
	}
	return s, nil
}

// negative refuses a --timeout.
func negative(timeout time.Duration) error {
	return fail(exitUsage, fmt.Errorf("--timeout %s is negative", timeout), "say 0 for no timeout")
}

// tellStop tells on the screen, when ctx ends, that we are stopping; the function it answers ends that.
func (a *App) tellStop(ctx context.Context, s *screen) func() {
	stop := context.AfterFunc(ctx, func() {
		s.notice("Stopping: work under way is finished or put back. Ctrl-C again stops at once.")
	})
	return func() { stop() }
}

// whoami is who asks for a run, for the record.
func whoami() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}
