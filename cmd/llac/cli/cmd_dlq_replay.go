package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/operations/place"
)

// replayOptions are the flags of `llac dlq replay`.
type replayOptions struct {
	portalOptions
	followOptions
	all bool
}

func (a *App) dlqReplayCommand() *cobra.Command {
	var o replayOptions
	cmd := &cobra.Command{
		Use:   "replay <id> | replay --all [service]",
		Short: "Send dead letters back to their service",
		Long: `Send the original body of a dead letter back to its service's queue, then delete
the letter, in this order, so that nothing is lost between the two. A service
that has processed the event already recognizes it by its id.

On this machine the services then run until they have nothing left to do, unless
llac run is running in the directory; then its services process the messages. In
an environment (--env) the functions process them.` +
			exitStatus(exitOK, exitError, exitUsage, exitUnpublished, exitTimeout, exitNotFound, exitCredentials, exitInterrupted),
		Example: `  llac dlq replay 3f2a91c0
  llac dlq replay --all stager`,
		Args: cobra.MaximumNArgs(1),
	}
	o.portalOptions.register(cmd)
	cmd.Flags().BoolVar(&o.all, "all", false, "all dead letters, or those of the named service")
	cmd.Flags().DurationVar(&o.timeout, "timeout", defaultTimeout, "time limit for the services; 0 means no limit")
	cmd.RunE = a.run("dlq replay", func(ctx context.Context, args []string) (reply, error) { return a.runDLQReplay(ctx, o, args) })
	return cmd
}

// selection returns which letters are meant.
func (o replayOptions) selection(args []string) (service string, match func(pipeline.Letter) bool, err error) {
	switch {
	case !o.all && len(args) != 1:
		return "", nil, invalid("use llac dlq replay <id>, or --all", "no dead letter is named")
	case !o.all:
		return "", func(l pipeline.Letter) bool { return l.Named(args[0]) }, nil
	case len(args) == 1:
		service = args[0]
	}
	return service, func(pipeline.Letter) bool { return true }, checkService(service)
}

func (a *App) runDLQReplay(ctx context.Context, o replayOptions, args []string) (reply, error) {
	service, match, err := o.selection(args)
	if err != nil {
		return reply{}, err
	}
	if err := checkTimeout(o.timeout); err != nil {
		return reply{}, err
	}
	p, settings, err := a.openToRun(ctx, o.portalOptions, "llac dlq replay")
	if err != nil {
		return reply{}, err
	}
	// Look first: a directory in which nothing has run must not be created.
	dead, err := p.DeadLetters(ctx, service)
	switch found := slices.ContainsFunc(dead.Letters, match); {
	case err != nil:
		return reply{}, err
	case !found && o.all:
		return reply{data: place.Replayed{Replayed: []pipeline.Letter{}}, text: func(t *text) { t.line("No dead letters to replay.") }}, nil
	case !found:
		return reply{}, a.noLetter(args[0])
	}
	s := a.newScreen()
	defer a.announceStop(ctx, s, p.WhenStopped())()
	out, err := p.Replay(ctx, place.ReplayRequest{Service: service, Match: match, Timeout: o.timeout, Local: settings, Notice: s.notice})
	if err == nil && !out.Good() {
		err = fail(exitUnpublished, errNotGood, a.llac("dlq list")+" and "+a.llac("show <run>")+" show the reasons")
	}
	return reply{data: out, text: func(t *text) { replayText(t, out) }}, err
}

func replayText(t *text, r place.Replayed) {
	for _, l := range r.Replayed {
		t.line("sent back to %s: %s %s", l.Service, dash(l.Event), dash(l.EventID))
	}
	if r.Running != nil {
		t.line("Process %d processes them: %s", r.Running.PID, r.Running.Command)
	}
	if r.Note != "" {
		t.line("%s", r.Note)
	}
	for _, l := range r.Again {
		t.line("%s in %s: %s", t.paint(red, "failed again"), l.Service, l.Reason)
	}
	if len(r.Runs) > 0 {
		t.line("")
		runsText(t, r.Runs)
	}
}
