//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package timed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Usage is the resources that a program used.
type Usage struct {
	Wall    float64 `json:"wall_seconds"`
	CPU     float64 `json:"cpu_seconds"`    // user and system
	PeakRSS int64   `json:"peak_rss_bytes"` // of the largest of its processes
	// TreePeakRSS is the most memory that all its processes held at one time, sampled every few milliseconds; 0 if it
	// was not measured or the system does not support it.
	TreePeakRSS int64 `json:"tree_peak_rss_bytes,omitempty"`
}

const mark = "LLAC_BENCH_TIMED"

// Run runs a program to its end and returns its usage and its standard output. When ctx is done, it kills the program
// and everything that the program started.
func Run(ctx context.Context, argv, environment []string) (Usage, []byte, error) {
	return run(ctx, argv, environment, false)
}

// RunTree is Run for a program with several processes: it also measures their memory together.
func RunTree(ctx context.Context, argv, environment []string) (Usage, []byte, error) {
	return run(ctx, argv, environment, true)
}

func run(ctx context.Context, argv, environment []string, watch bool) (Usage, []byte, error) {
	var u Usage
	self, err := os.Executable()
	if err != nil {
		return u, nil, fmt.Errorf("find the path of this program: %w", err)
	}
	c := exec.CommandContext(ctx, self, argv...)
	c.Env = append(environment, mark+"=1")
	var out, log bytes.Buffer
	c.Stdout, c.Stderr = &out, &log
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	reader, writer, err := os.Pipe()
	if err != nil {
		return u, nil, err
	}
	defer reader.Close()
	c.ExtraFiles = []*os.File{writer}
	err = c.Start()
	_ = writer.Close()
	if err != nil {
		return u, nil, fmt.Errorf("start %s: %w", argv[0], err)
	}
	most := func() int64 { return 0 }
	if watch {
		most = watchTree(c.Process.Pid)
	}
	usage, readErr := io.ReadAll(reader)
	tree := most()
	if err := c.Wait(); err != nil {
		if ctx.Err() != nil {
			return u, nil, ctx.Err()
		}
		return u, out.Bytes(), fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, tail(log.String(), 20))
	}
	if err := errors.Join(readErr, json.Unmarshal(usage, &u)); err != nil {
		return u, nil, fmt.Errorf("read the usage of %s: %w; main must call timed.Serve", argv[0], err)
	}
	u.TreePeakRSS = tree
	return u, out.Bytes(), nil
}

func tail(s string, lines int) string {
	all := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// Serve returns at once unless Run started this process. In such a process it runs the program, reports its usage, and
// exits.
func Serve() {
	if os.Getenv(mark) == "" {
		return
	}
	signal.Ignore(os.Interrupt) // Run decides when to stop
	os.Exit(serve(os.Args[1:], os.NewFile(3, "usage")))
}

func serve(argv []string, report *os.File) int {
	c := exec.Command(argv[0], argv[1:]...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, mark+"=") {
			c.Env = append(c.Env, v)
		}
	}
	start := time.Now()
	err := c.Run()
	wall := time.Since(start).Seconds()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(1, exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	usage := Usage{Wall: wall, CPU: (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds()}
	if r, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
		usage.PeakRSS = int64(r.Maxrss)
		if runtime.GOOS != "darwin" { // on darwin Maxrss is in bytes
			usage.PeakRSS *= 1024
		}
	}
	if err := json.NewEncoder(report).Encode(usage); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
