package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/operations/services"
)

func (a *App) dlqCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dlq",
		Short: "List, show and replay messages that failed permanently (dead letters)",
		Long: `List, show and replay messages that failed permanently (dead letters). A service
that cannot process a message puts it into its dead-letter queue, with its
original body and the reason. The message's run has stopped there. Nothing is
lost: fix the cause, then replay the message.` +
			exitStatus(exitOK, exitError, exitUsage, exitUnpublished, exitOwned, exitNotFound, exitCredentials, exitInterrupted),
		Example: `  llac dlq list
  llac dlq show 3f2a91c0
  llac dlq replay 3f2a91c0`,
		Args: subcommands,
		RunE: showHelp,
	}
	a.withEnv(cmd.PersistentFlags())
	cmd.AddCommand(a.dlqListCommand(), a.dlqShowCommand(), a.dlqReplayCommand())
	return cmd
}

// lettersReply is the data of `llac dlq list` and `show`.
type lettersReply struct {
	Letters []pipeline.Letter `json:"letters"`
}

func serviceNames() []string {
	var names []string
	for _, s := range services.All {
		names = append(names, s.Name)
	}
	return names
}

// checkService refuses the name of an unknown service; "" means all services.
func checkService(name string) error {
	if name != "" && !slices.Contains(serviceNames(), name) {
		return invalid("the services are "+format.List(serviceNames()), "unknown service %q", name)
	}
	return nil
}

// letters reads the dead letters of a service, or of all.
func (a *App) letters(ctx context.Context, service string) ([]pipeline.Letter, error) {
	p, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	dead, err := p.DeadLetters(ctx, service)
	return dead.Letters, err
}

func (a *App) noLetter(id string) error {
	return fail(exitNotFound, fmt.Errorf("no dead letter has the id %s", id), a.llac("dlq list")+" lists them")
}

func (a *App) dlqListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list [service]",
		Short: "List dead letters, oldest first",
		Long: `List the dead letters of a service, or of all services, oldest first.` +
			exitStatus(exitOK, exitError, exitUsage, exitNotFound, exitCredentials),
		Example: `  llac dlq list
  llac dlq list stager --env dev`,
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: serviceNames(),
		RunE: a.run("dlq list", func(ctx context.Context, args []string) (reply, error) {
			return a.runDLQList(ctx, strings.Join(args, ""))
		}),
	}
}

func (a *App) runDLQList(ctx context.Context, service string) (reply, error) {
	if err := checkService(service); err != nil {
		return reply{}, err
	}
	letters, err := a.letters(ctx, service)
	if err != nil {
		return reply{}, err
	}
	data := lettersReply{Letters: []pipeline.Letter{}}
	for _, l := range letters {
		l.Envelope = nil // dlq show has it
		data.Letters = append(data.Letters, l)
	}
	now := a.Clock.Now()
	return reply{data: data, text: func(t *text) { lettersText(t, letters, now) }}, nil
}

func lettersText(t *text, letters []pipeline.Letter, now time.Time) {
	if len(letters) == 0 {
		t.line("No dead letters.")
		return
	}
	var rows [][]string
	for _, l := range letters {
		age := "-"
		if !l.FirstReceivedAt.IsZero() {
			age = format.Age(now.Sub(l.FirstReceivedAt))
		}
		rows = append(rows, []string{l.ID, l.Service, dash(l.Dataset), age, dash(l.Event), dash(l.Run),
			format.Time(l.FirstReceivedAt), l.Reason})
	}
	t.table([]string{"ID", "SERVICE", "DATASET", ">AGE", "?EVENT", "?RUN", "?FIRST RECEIVED", "REASON"}, rows, nil)
	t.line("\n%s shows one; %s tries it again once the cause is fixed.", t.llac("dlq show <id>"), t.llac("dlq replay <id>"))
}

func (a *App) dlqShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show <id>",
		Short: "Show a dead letter with its reason and its envelope, never rows",
		Long: `Show a dead letter. It is named by the id that llac dlq list shows, or by the id
of its event.` + exitStatus(exitOK, exitError, exitUsage, exitNotFound, exitCredentials),
		Example: `  llac dlq show 3f2a91c0`,
		Args:    cobra.ExactArgs(1),
		RunE:    a.run("dlq show", func(ctx context.Context, args []string) (reply, error) { return a.runDLQShow(ctx, args[0]) }),
	}
}

func (a *App) runDLQShow(ctx context.Context, id string) (reply, error) {
	letters, err := a.letters(ctx, "")
	if err != nil {
		return reply{}, err
	}
	letters = slices.DeleteFunc(letters, func(l pipeline.Letter) bool { return !l.Named(id) })
	if len(letters) == 0 {
		return reply{}, a.noLetter(id)
	}
	return reply{data: lettersReply{letters}, text: func(t *text) {
		for _, l := range letters {
			letterText(t, l)
		}
	}}, nil
}

func letterText(t *text, l pipeline.Letter) {
	t.line("dead letter %s of %s", l.ID, l.Service)
	t.line("  reason          %s", l.Reason)
	t.line("  attempts        %s, first received %s, failed %s", attempts(l.Receives), format.Time(l.FirstReceivedAt),
		format.Time(l.FailedAt))
	t.line("  trace           %s", dash(l.TraceID))
	t.line("  body            %s, sha256 %s", format.Size(int64(l.Size)), l.SHA256)
	if l.Envelope == nil {
		t.line("  not an event that this build knows: its body is not shown")
		return
	}
	t.line("  event           %s (%s)", l.Event, l.EventID)
	t.line("  dataset, run    %s, %s", dash(l.Dataset), dash(l.Run))
	t.line("\n%s", indented(*l.Envelope))
	if l.Dataset != "" && l.Run != "" {
		t.line("next: %s, %s", t.llac("show "+l.Dataset+"/"+l.Run), t.llac("dlq replay "+l.ID))
	}
}

// attempts writes how often a message was tried; 0 means unknown.
func attempts(n int) string {
	if n == 0 {
		return "unknown"
	}
	return format.Plural(n, "attempt")
}

// errNotGood is the error of a replay after which a run has not ended well.
var errNotGood = errors.New("a replayed run did not end well")
