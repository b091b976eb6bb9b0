package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/llac-project/llac/operations/deploy"
	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/operations/filelake"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/memory"
)

// App is the tool and the world it stands in.
type App struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Clock          clock.Clock
	Getenv         func(string) string
	Terminal       bool // standard error is a terminal: progress may be drawn
	Color          bool // standard output is a terminal that wants colours
	Width          int  // columns of the terminal that standard error is
	OutWidth       int  // columns of the terminal that standard output is; 0: it is none
	Interactive    bool // standard input and output are a terminal: a shell may be opened

	// LimitMemory makes the process keep to a budget, PeakMemory is the most it has had, both in bytes; nil: neither is
	// done. Both are of the whole process.
	LimitMemory func(budget int64)
	PeakMemory  func() int64

	// Engine is where the marts are made; nil: the managed environment, which is installed on first use.
	Engine func(ctx context.Context, progress io.Writer) (duckdb.Engine, error)

	// Account is the account that an environment is in; nil: the one whose credentials are found as every AWS tool does.
	Account func(ctx context.Context, env string) (deploy.Account, error)

	// Pipeline lets a test change how the pipeline is run; nil: as the flags say.
	Pipeline func(*pipeline.Settings)

	dir       string
	contracts string
	env       string // environment of the cloud that is meant; empty: what is in dir
	json      bool
	status    int
	patient   atomic.Bool // Ctrl-C is for a shell that runs in us, and ends nothing
}

// The defaults of the flags that every command has.
const (
	defaultDir       = ".llac"
	defaultContracts = "datasets"
	defaultProject   = "dbt"
)

// Main runs the tool with the program's arguments and streams and returns its exit status. The first Ctrl-C stops
// cleanly, the second at once.
func Main() int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	a := &App{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Clock: clock.System{}, Getenv: os.Getenv, LimitMemory: memory.Limit, PeakMemory: memory.Peak}
	plain := os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb"
	a.Terminal = term.IsTerminal(int(os.Stderr.Fd())) && os.Getenv("TERM") != "dumb"
	a.Color = term.IsTerminal(int(os.Stdout.Fd())) && !plain
	if w, _, err := term.GetSize(int(os.Stderr.Fd())); err == nil {
		a.Width = w
	}
	if w, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		a.OutWidth = w
		a.Interactive = term.IsTerminal(int(os.Stdin.Fd()))
	}
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
	return a.Execute(ctx, os.Args[1:])
}

// Execute runs one command line and returns its exit status.
func (a *App) Execute(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	command, err := root.ExecuteContextC(ctx)
	if err != nil { // a command's own errors do not come here: the command line is wrong
		a.json = slices.Contains(args, "--json")
		a.finish(strings.TrimPrefix(command.CommandPath(), "llac "), reply{}, fail(exitUsage, plainly(err), command.CommandPath()+" --help shows how it is used"))
	}
	return a.status
}

// plainly leaves out of an error of the command line what only a Go programmer reads.
func plainly(err error) error {
	message, _, _ := strings.Cut(err.Error(), ": strconv.")
	return errors.New(message)
}

// llac is a command line as a person types it next: with the flags that say where we are.
func (a *App) llac(words string) string {
	line := "llac " + words
	verb, _, _ := strings.Cut(words, " ")
	if a.env != "" && verb != "deploy" && words != "datasets check" {
		line += " --env " + a.env
	}
	if a.dir != defaultDir && (a.env == "" || verb == "marts") && verb != "datasets" {
		line += " --dir " + shellWord(a.dir)
	}
	if a.contracts != defaultContracts && (verb == "datasets" || a.env == "" && (verb == "run" || verb == "marts")) {
		line += " --datasets " + shellWord(a.contracts)
	}
	return line
}

// reply is what a command answers.
type reply struct {
	data any         // for --json
	text func(*text) // for a person
}

// envelope is the JSON that every command answers.
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

// finish writes the reply and the error and sets the exit status.
func (a *App) finish(command string, r reply, err error) {
	var f *failure
	if err != nil {
		f = a.classify(err)
		a.status = f.status
	}
	if a.json {
		e := envelope{OK: err == nil, Command: command, Data: r.data}
		if f != nil {
			e.Error = &envelopeError{Code: codeOf(f.status), Message: f.Error(), Hint: f.hint}
		}
		encoder := json.NewEncoder(a.Stdout)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(e); err != nil && a.status == exitOK {
			a.status = exitError // nobody reads us any more
		}
		return
	}
	if r.text != nil {
		t := &text{color: a.Color, llac: a.llac}
		r.text(t)
		if _, err := io.WriteString(a.Stdout, t.String()); err != nil && a.status == exitOK {
			a.status = exitError
		}
	}
	if f == nil || f.quiet {
		return
	}
	if command != "llac" {
		command = "llac " + command
	}
	fmt.Fprintf(a.Stderr, "%s: %v\n", command, f)
	if f.hint != "" {
		fmt.Fprintf(a.Stderr, "  next: %s\n", f.hint)
	}
}

// run makes a cobra function of a command's own.
func (a *App) run(name string, f func(ctx context.Context, args []string) (reply, error)) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		r, err := f(cmd.Context(), args)
		a.finish(name, r, err)
		return nil
	}
}

// withEnv gives a command --env: it then looks at an environment of the cloud instead of at this machine.
func (a *App) withEnv(flags *pflag.FlagSet) {
	flags.StringVar(&a.env, "env", "", "environment of the cloud that is meant, such as dev; without it, what is in --dir")
}

// ledger reads a lake: that of an environment, or this machine's plain files. It works whether or not a pipeline runs, and disturbs none.
func (a *App) ledger(ctx context.Context) (ledger.Ledger, error) {
	if a.env != "" {
		account, err := a.enter(ctx)
		if err != nil {
			return ledger.Ledger{}, err
		}
		return ledger.Ledger{Lake: account.Lake(a.env)}, nil
	}
	if _, err := os.Stat(filepath.Join(a.dir, "lake")); errors.Is(err, os.ErrNotExist) {
		return ledger.Ledger{}, &pipeline.NoLakeError{Dir: a.dir}
	} else if err != nil {
		return ledger.Ledger{}, err
	}
	return ledger.Ledger{Lake: filelake.Open(a.dir, pipeline.DataBucket)}, nil
}
