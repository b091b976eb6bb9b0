//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package timed

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMain also acts as the programs that the tests run.
func TestMain(m *testing.M) {
	Serve()
	if megabytes := len(os.Getenv("TIMED_TEST_HOLD")); megabytes > 0 {
		held := make([]byte, megabytes<<20)
		for i := range held {
			held[i] = byte(i)
		}
		if os.Getenv("TIMED_TEST_CHILD") != "" { // one more process that holds as much at the same time
			child := exec.Command(os.Args[0])
			child.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "TIMED_TEST_CHILD=") })
			if err := child.Run(); err != nil {
				os.Exit(1)
			}
		}
		for start := time.Now(); os.Getenv("TIMED_TEST_LASTING") != "" && time.Since(start) < 20*interval; { // long enough to be sampled
			held[0]++
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestMemoryIsTheProgramsOwn(t *testing.T) {
	// The memory of a big parent must not count for a small child.
	ours := make([]byte, 200<<20)
	for i := range ours {
		ours[i] = 1
	}
	small, out, err := Run(t.Context(), []string{"sh", "-c", "echo hello"}, os.Environ())
	if err != nil || string(out) != "hello\n" {
		t.Fatalf("got error %v and output %q", err, out)
	}
	if small.PeakRSS > 50<<20 || small.PeakRSS < 100<<10 {
		t.Errorf("a shell used %d bytes, its parent %d", small.PeakRSS, len(ours))
	}
	big, _, err := Run(t.Context(), []string{os.Args[0]}, append(os.Environ(), "TIMED_TEST_HOLD="+strings.Repeat("x", 100)))
	if err != nil {
		t.Fatal(err)
	}
	if big.PeakRSS < 100<<20 || big.PeakRSS > 160<<20 || big.CPU <= 0 || big.Wall <= 0 {
		t.Errorf("a program that holds 100 MiB used %+v", big)
	}
}

func TestProcessesTogether(t *testing.T) {
	if _, err := os.Stat("/proc/self/statm"); err != nil {
		t.Skip("only Linux reports the memory of processes")
	}
	both, _, err := RunTree(t.Context(), []string{os.Args[0]}, append(os.Environ(), "TIMED_TEST_HOLD="+strings.Repeat("x", 60),
		"TIMED_TEST_CHILD=1", "TIMED_TEST_LASTING=1"))
	if err != nil {
		t.Fatal(err)
	}
	if both.TreePeakRSS < 110<<20 || both.TreePeakRSS > 200<<20 || both.PeakRSS > 100<<20 {
		t.Errorf("two processes of 60 MiB each used %+v", both)
	}
}

func TestFailureIncludesOutput(t *testing.T) {
	t.Parallel()
	_, _, err := Run(t.Context(), []string{"sh", "-c", "echo no such page >&2; exit 3"}, os.Environ())
	if err == nil || !strings.Contains(err.Error(), "no such page") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v", err)
	}
	if _, _, err := Run(t.Context(), []string{"/no/such/program"}, os.Environ()); err == nil {
		t.Error("a missing program: want an error")
	}
}

func TestEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, _, err := Run(ctx, []string{"sleep", "60"}, os.Environ())
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 30*time.Second {
		t.Errorf("got %v after %s", err, time.Since(start))
	}
}
