package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/llac-project/llac/operations/deploy"
	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/operations/place"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/memory"
)

// App is the command line tool with its streams, its clock and what tests replace.
type App struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Clock          clock.Clock
	Getenv         func(string) string
	Terminal       bool // standard error is a terminal: progress may be drawn
	Color          bool // standard output is a terminal that shows colours
	Width          int  // columns of the terminal on standard error
	OutWidth       int  // columns of the terminal on standard output; 0: not a terminal
	Interactive    bool // standard input and output are a terminal: a shell may be opened

	// LimitMemory makes the process keep to a budget, PeakMemory returns the most it has used, both in bytes; nil: not done.
	LimitMemory func(budget int64)
	PeakMemory  func() int64

	// Engine opens the engine that builds the marts. Nil: the managed environment, which is installed on first use.
	Engine func(ctx context.Context, progress io.Writer) (duckdb.Engine, error)

	// Account finds the account of an environment. Nil: by the credentials that AWS tools find.
	Account func(ctx context.Context, env string) (deploy.Account, error)

	// Pipeline lets a test change the settings of the services. Nil: those of the flags.
	Pipeline func(*pipeline.Settings)

	address place.Address
	json    bool
	status  int
	patient atomic.Bool // a shell runs in this process and handles Ctrl-C
}

// defaultProject is the default of --dbt.
const defaultProject = "dbt"

// Main runs the tool with the program's arguments and streams and returns its exit status. The first Ctrl-C stops
// cleanly, the second immediately.
func Main() int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	a := &App{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Clock: clock.System{}, Getenv: os.Getenv, LimitMemory: memory.Limit,
		PeakMemory: memory.Peak}
	a.detectTerminals()
	defer a.handleSignals(ctx, cancel)()
	return a.Execute(ctx, os.Args[1:])
}

// detectTerminals finds out which streams are terminals.
func (a *App) detectTerminals() {
	dumb := os.Getenv("TERM") == "dumb"
	a.Terminal = term.IsTerminal(int(os.Stderr.Fd())) && !dumb
	a.Color = term.IsTerminal(int(os.Stdout.Fd())) && !dumb && os.Getenv("NO_COLOR") == ""
	if w, _, err := term.GetSize(int(os.Stderr.Fd())); err == nil {
		a.Width = w
	}
	if w, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		a.OutWidth = w
		a.Interactive = term.IsTerminal(int(os.Stdin.Fd()))
	}
}

// handleSignals cancels on the first signal and exits on the second. The function it returns stops that.
func (a *App) handleSignals(ctx context.Context, cancel func()) (stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for s := range signals {
			if s == os.Interrupt && a.patient.Load() {
				continue
			}
			if ctx.Err() != nil {
				fmt.Fprintln(os.Stderr)
				os.Exit(exitInterrupted)
			}
			cancel()
		}
	}()
	return func() { signal.Stop(signals) }
}

// Execute runs one command line and returns its exit status.
func (a *App) Execute(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	command, err := root.ExecuteContextC(ctx)
	if err != nil { // the command line is wrong; errors of commands do not come here
		a.json = slices.Contains(args, "--json")
		a.finish(strings.TrimPrefix(command.CommandPath(), "llac "), reply{},
			fail(exitUsage, plainly(err), command.CommandPath()+" --help shows the usage"))
	}
	return a.status
}

// plainly removes from an error of the command line what only Go programmers understand.
func plainly(err error) error {
	message, _, _ := strings.Cut(err.Error(), ": strconv.")
	return errors.New(message)
}

// llac returns a command line to type next, with the flags that select the place.
func (a *App) llac(words string) string { return a.address.Command(words) }

// open opens the place that --env or --dir selects.
func (a *App) open(ctx context.Context) (place.Place, error) {
	return a.address.Open(ctx, place.Options{Clock: a.Clock, Account: a.Account})
}

// account finds the account of an environment.
func (a *App) account(ctx context.Context, env string) (deploy.Account, error) {
	if a.Account != nil {
		return a.Account(ctx, env)
	}
	return place.Account(ctx, env)
}

// withEnv adds --env, which selects an environment instead of a state directory.
func (a *App) withEnv(flags *pflag.FlagSet) {
	flags.StringVar(&a.address.Env, "env", "", "AWS environment, such as dev (default: the state directory --dir)")
}

// reply is the result of a command.
type reply struct {
	data any         // for --json
	text func(*text) // for a person
}

// envelope is the JSON document of every command.
type envelope struct {
	OK      bool           `json:"ok"`
	Command string         `json:"command"`
	Data    any            `json:"data"`
	Error   *envelopeError `json:"error"`
}

type envelopeError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// finish writes the reply and the error, and sets the exit status.
func (a *App) finish(command string, r reply, err error) {
	var f *failure
	if err != nil {
		f = a.classify(err)
		a.status = f.status
	}
	if a.json {
		a.writeEnvelope(command, r, f)
		return
	}
	if r.text != nil {
		t := a.newText()
		r.text(t)
		if _, err := io.WriteString(a.Stdout, printable(t.String())); err != nil && a.status == exitOK {
			a.status = exitError
		}
	}
	if f == nil || f.quiet {
		return
	}
	if command != "llac" {
		command = "llac " + command
	}
	message := fmt.Sprintf("%s: %v\n", command, f)
	if f.hint != "" {
		message += fmt.Sprintf("  next: %s\n", f.hint)
	}
	_, _ = io.WriteString(a.Stderr, printable(message))
}

func (a *App) writeEnvelope(command string, r reply, f *failure) {
	e := envelope{OK: f == nil, Command: command, Data: r.data}
	if f != nil {
		e.Error = &envelopeError{Code: codeOf(f.status), Message: f.Error(), Hint: f.hint}
	}
	encoder := json.NewEncoder(a.Stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(e); err != nil && a.status == exitOK {
		a.status = exitError // standard output was closed
	}
}

// run adapts a run function to cobra.
func (a *App) run(name string, f func(ctx context.Context, args []string) (reply, error)) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		r, err := f(cmd.Context(), args)
		a.finish(name, r, err)
		return nil
	}
}
