package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/llac-project/llac/cmd/llac/cli"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/local/portal"
)

// machine is the tool with a small simulator and a directory of its own.
type machine struct {
	t   *testing.T
	dir string
	sim *portal.Portal
	app func(stdout, stderr *bytes.Buffer) *cli.App
}

func newMachine(t *testing.T, faults ...portal.Fault) *machine {
	t.Helper()
	return machineOf(t, portal.Options{RegisterRows: 300}, faults...)
}

func machineOf(t *testing.T, o portal.Options, faults ...portal.Fault) *machine {
	t.Helper()
	m := &machine{t: t, dir: t.TempDir(), sim: portal.New(o)}
	if err := m.sim.SetFaults(faults...); err != nil {
		t.Fatal(err)
	}
	if err := m.sim.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.sim.Close)
	m.app = func(stdout, stderr *bytes.Buffer) *cli.App {
		return &cli.App{Stdout: stdout, Stderr: stderr, Clock: clock.System{}, Getenv: func(string) string { return "" },
			Pipeline: func(s *pipeline.Settings) { s.Simulator, s.Grace = m.sim, 100*time.Millisecond }}
	}
	return m
}

func (m *machine) llac(ctx context.Context, args ...string) (stdout, stderr string, status int) {
	var out, errs bytes.Buffer
	status = m.app(&out, &errs).Execute(ctx, append(args, "--dir", m.dir, "--datasets", "../../../datasets"))
	return out.String(), errs.String(), status
}

func wants(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%s lacks %q:\n%s", what, p, text)
		}
	}
}

func TestRunThenLook(t *testing.T) {
	t.Parallel()
	m, ctx := newMachine(t), context.Background()
	stdout, stderr, status := m.llac(ctx, "run", "--no-marts", "municipalities")
	if status != 0 {
		t.Fatalf("run: exit status %d\n%s%s", status, stdout, stderr)
	}
	wants(t, "standard error", stderr, "simulated")
	wants(t, "the report", stdout, "municipalities  published", "949", "simulated", "LANDING-JANITOR",
		`llac sql "select * from municipalities limit 10" --dir `, "Simulated: municipalities")
	stdout, _, status = m.llac(ctx, "run", "--no-marts", "municipalities", "--json")
	var reply struct {
		OK   bool
		Data struct {
			Datasets []struct {
				Dataset, State, Snapshot string
				Simulated                bool
			}
		}
	}
	if err := json.Unmarshal([]byte(stdout), &reply); err != nil || status != 0 || !reply.OK || len(reply.Data.Datasets) != 1 ||
		reply.Data.Datasets[0].State != "unchanged" || !reply.Data.Datasets[0].Simulated {
		t.Errorf("run --json: %v, exit status %d\n%s", err, status, stdout)
	}
	stdout, _, _ = m.llac(ctx, "run", "--no-marts", "municipalities")
	wants(t, "the second report", stdout, "municipalities  unchanged", "has not changed", reply.Data.Datasets[0].Snapshot)
	stdout, _, status = m.llac(ctx, "status")
	wants(t, "status", stdout, "municipalities", "fresh (within 9 d)", "never published")
	if status != 0 {
		t.Errorf("status: %d", status)
	}
	stdout, _, _ = m.llac(ctx, "show", "municipalities/"+reply.Data.Datasets[0].Snapshot)
	wants(t, "show", stdout, "verdict on", "every_municipality_is_there", "evidence", "landing.deleted")
	stdout, _, _ = m.llac(ctx, "dlq", "replay", "--all")
	wants(t, "replay of nothing", stdout, "No dead letters")
}

// The dataset fails and its message becomes a dead letter. Once the cause is fixed, replay completes the run.
func TestFailReplay(t *testing.T) {
	t.Parallel()
	m, ctx := newMachine(t, portal.Fault{Kind: portal.Status, Portal: "socrata", Status: 404}), context.Background()
	stdout, stderr, status := m.llac(ctx, "run", "--no-marts", "municipalities")
	if status != 4 {
		t.Fatalf("run: exit status %d, want 4\n%s%s", status, stdout, stderr)
	}
	wants(t, "the report", stdout, "municipalities: failed", "404", "llac show municipalities/", "llac dlq list")
	stdout, _, status = m.llac(ctx, "dlq", "replay", "--all")
	if status != 4 {
		t.Errorf("replay before the cause is fixed: exit status %d\n%s", status, stdout)
	}
	wants(t, "replay", stdout, "sent back to fetcher", "failed again")
	if err := m.sim.SetFaults(); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, status = m.llac(ctx, "dlq", "replay", "--all", "fetcher")
	if status != 0 {
		t.Errorf("replay: exit status %d\n%s%s", status, stdout, stderr)
	}
	wants(t, "replay", stdout, "published")
	stdout, _, _ = m.llac(ctx, "dlq", "list")
	wants(t, "dlq list", stdout, "No dead letters.")
}

// syncBuffer is a terminal that a test reads while the tool writes.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// Ctrl-C ends the run cleanly and shows how to continue, and the next run continues.
func TestInterruptAndResume(t *testing.T) {
	t.Parallel()
	m := newMachine(t, portal.Fault{Kind: portal.Slow, Portal: "socrata", Pages: true, Delay: time.Hour})
	ctx, interrupt := context.WithCancel(context.Background())
	defer interrupt()
	var out bytes.Buffer
	terminal := &syncBuffer{}
	a := m.app(&out, nil)
	a.Stderr, a.Terminal, a.Width = terminal, true, 80
	done := make(chan int, 1)
	go func() {
		done <- a.Execute(ctx, []string{"run", "--no-marts", "municipalities", "--dir", m.dir, "--datasets", "../../../datasets"})
	}()
	// The fetcher waits for a page that does not arrive.
	poll(t, func() bool { return strings.Contains(terminal.String(), "extracting") })
	interrupt()
	if status := <-done; status != 130 {
		t.Errorf("exit status %d, want 130\n%s", status, terminal)
	}
	wants(t, "the terminal", terminal.String(), "municipalities   ", "\x1b[1A\x1b[J", "Stopping: work in progress is finished or put back.",
		"interrupted", "resumes it")
	wants(t, "the report", out.String(), "unfinished", "Unfinished: municipalities.")
	if err := m.sim.SetFaults(); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, status := m.llac(context.Background(), "run", "--no-marts", "municipalities")
	if status != 0 {
		t.Errorf("resumed: exit status %d\n%s%s", status, stdout, stderr)
	}
	wants(t, "standard error", stderr, "Resuming run")
}

// poll waits until a condition holds.
func poll(t *testing.T, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for !holds() {
		if err := (clock.System{}).Sleep(ctx, 10*time.Millisecond); err != nil {
			t.Fatal("the condition did not hold within a minute")
		}
	}
}
