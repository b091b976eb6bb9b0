package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/aws"
)

func (a *App) dlqCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dlq",
		Short: "The messages that a service gave up on: list, show, replay",
		Long: `A dead letter is a message that a service gave up on, kept with its original body and the reason in that service's
dead-letter queue. Its run has stopped there. Nothing is lost: mend the cause, and replay it.` + exitStatus(exitOK, exitError, exitUsage, exitUnpublished, exitOwned, exitNotFound, exitCredentials, exitInterrupted),
		Args: subcommands,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	a.withEnv(cmd.PersistentFlags())
	cmd.AddCommand(a.dlqListCommand(), a.dlqShowCommand(), a.dlqReplayCommand())
	return cmd
}

func (a *App) dlqListCommand() *cobra.Command {
	return &cobra.Command{
		Use:       "list [service]",
		Short:     "The dead letters, the oldest first",
		Long:      `list shows the dead letters of a service, or of all.` + exitStatus(exitOK, exitError, exitUsage, exitNotFound, exitCredentials),
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: serviceNames(),
		RunE: a.run("dlq list", func(ctx context.Context, args []string) (reply, error) {
			return a.runDLQList(ctx, strings.Join(args, ""))
		}),
	}
}

func serviceNames() []string {
	var names []string
	for _, s := range pipeline.Services {
		names = append(names, s.Name)
	}
	return names
}

// lettersReply is the data of `llac dlq list` and `show`.
type lettersReply struct {
	Letters []pipeline.Letter `json:"letters"`
}

// checkService refuses a name that no service has; "" stands for all of them.
func checkService(name string) error {
	if name != "" && !slices.Contains(serviceNames(), name) {
		return fail(exitUsage, fmt.Errorf("%q is no service", name), "the services are "+and(serviceNames()))
	}
	return nil
}

func (a *App) runDLQList(ctx context.Context, service string) (reply, error) {
	if err := checkService(service); err != nil {
		return reply{}, err
	}
	letters, err := a.look(ctx, service)
	if err != nil {
		return reply{}, err
	}
	data := lettersReply{Letters: []pipeline.Letter{}}
	for _, l := range letters {
		l.Envelope = nil // show has it
		data.Letters = append(data.Letters, l)
	}
	now := a.Clock.Now()
	return reply{data: data, text: func(t *text) {
		if len(letters) == 0 {
			t.line("No dead letters.")
			return
		}
		var rows [][]string
		for _, l := range letters {
			old := "-"
			if !l.FirstReceivedAt.IsZero() {
				old = age(now.Sub(l.FirstReceivedAt))
			}
			rows = append(rows, []string{l.ID, l.Service, dash(l.Event), dash(l.Dataset), dash(l.Run), stamp(l.FirstReceivedAt), old, l.Reason})
		}
		t.table([]string{"ID", "SERVICE", "EVENT", "DATASET", "RUN", "FIRST RECEIVED", ">AGE", "REASON"}, rows, nil)
		t.line("\n%s shows one; %s tries it again once the cause is mended.", t.llac("dlq show <id>"), t.llac("dlq replay <id>"))
	}}, nil
}

func (a *App) look(ctx context.Context, service string) ([]pipeline.Letter, error) {
	if a.env != "" {
		queues, err := a.queues(ctx)
		if err != nil {
			return nil, err
		}
		return queues.Letters(ctx, service)
	}
	cloud, err := pipeline.Look(ctx, a.dir)
	if err != nil {
		return nil, err
	}
	letters, err := cloud.Queues().Letters(ctx, service)
	return letters, errors.Join(err, cloud.Close())
}

// queues are those of the environment.
func (a *App) queues(ctx context.Context) (pipeline.Queues, error) {
	account, err := a.enter(ctx)
	return pipeline.Queues{AWS: account.AWS, Env: a.env}, err
}

func (a *App) dlqShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show <id>",
		Short: "One dead letter: its reason and its envelope, never rows",
		Long:  `show takes the id that list shows, or the id of the event.` + exitStatus(exitOK, exitError, exitUsage, exitNotFound, exitCredentials),
		Args:  cobra.ExactArgs(1),
		RunE:  a.run("dlq show", func(ctx context.Context, args []string) (reply, error) { return a.runDLQShow(ctx, args[0]) }),
	}
}

// named says whether a person means this letter.
func named(l pipeline.Letter, id string) bool {
	return l.EventID == id || len(id) >= 4 && strings.HasPrefix(l.ID, id)
}

func (a *App) noLetter(id string) error {
	return fail(exitNotFound, fmt.Errorf("there is no dead letter %s", id), a.llac("dlq list")+" shows those that are there")
}

func (a *App) runDLQShow(ctx context.Context, id string) (reply, error) {
	letters, err := a.look(ctx, "")
	if err != nil {
		return reply{}, err
	}
	var data lettersReply
	for _, l := range letters {
		if named(l, id) {
			data.Letters = append(data.Letters, l)
		}
	}
	if len(data.Letters) == 0 {
		return reply{}, a.noLetter(id)
	}
	return reply{data: data, text: func(t *text) {
		for _, l := range data.Letters {
			letterText(t, l)
		}
	}}, nil
}

func letterText(t *text, l pipeline.Letter) {
	t.line("dead letter %s of %s", l.ID, l.Service)
	t.line("  reason          %s", l.Reason)
	t.line("  tried           %s, first %s, given up %s", tries(l.Receives), stamp(l.FirstReceivedAt), stamp(l.FailedAt))
	t.line("  trace           %s", dash(l.TraceID))
	t.line("  body            %s, sha256 %s", size(int64(l.Size)), l.SHA256)
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

// replayOptions are the flags of `llac dlq replay`.
type replayOptions struct {
	portalOptions
	all     bool
	timeout time.Duration
}

func (a *App) dlqReplayCommand() *cobra.Command {
	var o replayOptions
	cmd := &cobra.Command{
		Use:   "replay <id> | replay --all [service]",
		Short: "Send dead letters back to their service and let it deal with them",
		Long: `replay sends a dead letter's original body back to its service's queue and then deletes the letter, in this order, so
that nothing is lost between the two; who did the work already knows the event by its id. It then runs the services
until they have nothing left to do, unless a llac run is at work in the directory, whose services take it. In an environment of
the cloud (--env) its functions take it.` +
			exitStatus(exitOK, exitError, exitUsage, exitUnpublished, exitTimeout, exitNotFound, exitCredentials, exitInterrupted),
		Args: cobra.MaximumNArgs(1),
	}
	o.register(cmd)
	cmd.Flags().BoolVar(&o.all, "all", false, "all dead letters, of one service when it is named")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 30*time.Minute, "stop waiting for the services after this; 0: never")
	cmd.RunE = a.run("dlq replay", func(ctx context.Context, args []string) (reply, error) { return a.runDLQReplay(ctx, o, args) })
	return cmd
}

// replayReply is the data of `llac dlq replay`.
type replayReply struct {
	Replayed []pipeline.Letter `json:"replayed"`
	Runs     []ledger.Summary  `json:"runs"`              // what became of their runs; empty where another process deals with them
	Again    []pipeline.Letter `json:"again"`             // events that died again
	Running  *owner            `json:"running,omitempty"` // the process that deals with them
}

func (a *App) runDLQReplay(ctx context.Context, o replayOptions, args []string) (reply, error) {
	service, chosen, err := o.selection(args)
	if err != nil {
		return reply{}, err
	}
	if o.timeout < 0 {
		return reply{}, negative(o.timeout)
	}
	var settings pipeline.Settings
	if a.env == "" {
		if settings, err = a.settings(o.portalOptions, "llac dlq replay"); err != nil {
			return reply{}, err
		}
	}
	// Look first: where nothing is, nothing is made.
	letters, err := a.look(ctx, service)
	if err != nil {
		return reply{}, err
	}
	found := slices.ContainsFunc(letters, chosen)
	switch {
	case !found && o.all:
		return reply{data: replayReply{Replayed: []pipeline.Letter{}}, text: func(t *text) { t.line("No dead letters to replay.") }}, nil
	case !found:
		return reply{}, a.noLetter(args[0])
	}
	var out replayReply
	if a.env != "" {
		queues, err := a.queues(ctx)
		if err == nil {
			out.Replayed, err = queues.Replay(ctx, service, chosen)
		}
		return reply{data: out, text: func(t *text) {
			replayText(t, out)
			t.line("The services of %s deal with them; %s shows what becomes of their runs.", a.env, a.llac("runs"))
		}}, err
	}
	screen := a.newScreen()
	if !a.json {
		settings.Trouble = screen.notice
	}
	defer a.tellStop(ctx, screen)()
	p, err := pipeline.Start(ctx, settings)
	var owned *aws.OwnedError
	if errors.As(err, &owned) {
		err = a.replayThere(ctx, service, chosen, &out)
	} else if err == nil {
		if !a.json {
			screen.notice("Reading " + p.Portals + ".")
		}
		err = errors.Join(a.replayHere(ctx, p, service, chosen, o.timeout, &out), p.Close())
	}
	if err == nil && !out.good() {
		err = fail(exitUnpublished, errors.New("not every replayed run came to a good end"), a.llac("dlq list")+" and "+a.llac("show <run>")+" say why")
	}
	return reply{data: out, text: func(t *text) { replayText(t, out) }}, err
}

func (o replayOptions) selection(args []string) (service string, chosen func(pipeline.Letter) bool, err error) {
	if !o.all {
		if len(args) != 1 {
			return "", nil, fail(exitUsage, errors.New("which dead letter?"), "say llac dlq replay <id>, or --all")
		}
		return "", func(l pipeline.Letter) bool { return named(l, args[0]) }, nil
	}
	if len(args) == 1 {
		service = args[0]
	}
	return service, func(pipeline.Letter) bool { return true }, checkService(service)
}

// replayThere leaves the work to the services of the process that owns the directory.
func (a *App) replayThere(ctx context.Context, service string, chosen func(pipeline.Letter) bool, out *replayReply) error {
	cloud, err := pipeline.Look(ctx, a.dir)
	if err != nil {
		return err
	}
	out.Running = ownerOf(cloud)
	out.Replayed, err = cloud.Queues().Replay(ctx, service, chosen)
	return errors.Join(err, cloud.Close())
}

// replayHere runs the services until they have nothing left to do.
func (a *App) replayHere(ctx context.Context, p *pipeline.Pipeline, service string, chosen func(pipeline.Letter) bool, timeout time.Duration, out *replayReply) error {
	var err error
	if out.Replayed, err = p.Cloud.Queues().Replay(ctx, service, chosen); err != nil {
		return err
	}
	bounded := ctx
	if timeout > 0 {
		var cancel context.CancelFunc
		bounded, cancel = context.WithTimeoutCause(ctx, timeout, pipeline.ErrTimeout)
		defer cancel()
	}
	if err := p.Drain(bounded); err != nil {
		return err
	}
	l := ledger.Ledger{Lake: p.Cloud.Lake()}
	seen := map[ledger.Request]bool{}
	left, err := p.Cloud.Queues().Letters(ctx, "")
	if err != nil {
		return err
	}
	for _, r := range out.Replayed {
		for _, again := range left {
			if again.EventID == r.EventID && again.SHA256 == r.SHA256 {
				out.Again = append(out.Again, again)
			}
		}
		request := ledger.Request{Dataset: r.Dataset, Slot: lake.ParseRunID(r.Run).Slot}
		if request.Dataset == "" || request.Slot == "" || seen[request] {
			continue
		}
		seen[request] = true
		s, err := l.Summary(ctx, request.Dataset, request.Slot)
		if errors.Is(err, ledger.ErrNoRun) {
			continue
		}
		if err != nil {
			return err
		}
		out.Runs = append(out.Runs, s)
	}
	return nil
}

func (r replayReply) good() bool {
	if len(r.Again) > 0 {
		return false
	}
	for _, s := range r.Runs {
		if s.State.Ended() && !s.State.Good() && s.State != ledger.Superseded {
			return false
		}
	}
	return true
}

func replayText(t *text, r replayReply) {
	for _, l := range r.Replayed {
		t.line("sent back to %s: %s %s", l.Service, dash(l.Event), dash(l.EventID))
	}
	if r.Running != nil {
		t.line("Process %d deals with them: %s", r.Running.PID, r.Running.Command)
	}
	for _, l := range r.Again {
		t.line("%s in %s: %s", t.paint(red, "died again"), l.Service, l.Reason)
	}
	if len(r.Runs) > 0 {
		t.line("")
		runsText(t, r.Runs)
	}
}
