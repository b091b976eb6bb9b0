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

// Usage is what a program took.
type Usage struct {
	Wall    float64 `json:"wall_seconds"`
	CPU     float64 `json:"cpu_seconds"`    // user and system
	PeakRSS int64   `json:"peak_rss_bytes"` // of the largest of its processes
	// Together is the most that its processes held at one time, as it was seen every few milliseconds; 0: nobody looked,
	// or the system does not tell.
	Together int64 `json:"together_rss_bytes,omitempty"`
}

const mark = "LLAC_BENCH_TIMED"

// Run runs a program to its end and answers what it took and what it wrote to its standard output. When ctx is done the
// program is killed, with all that it has started.
func Run(ctx context.Context, argv, environment []string) (Usage, []byte, error) {
	return run(ctx, argv, environment, false)
}

// Watched is Run for a program of several processes: it also looks at what they hold together.
func Watched(ctx context.Context, argv, environment []string) (Usage, []byte, error) {
	return run(ctx, argv, environment, true)
}

func run(ctx context.Context, argv, environment []string, watch bool) (Usage, []byte, error) {
	var u Usage
	self, err := os.Executable()
	if err != nil {
		return u, nil, fmt.Errorf("find this program: %w", err)
	}
	c := exec.CommandContext(ctx, self, argv...)
	c.Env = append(environment, mark+"=1")
	var out, log bytes.Buffer
	c.Stdout, c.Stderr = &out, &log
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	told, tell, err := os.Pipe()
	if err != nil {
		return u, nil, err
	}
	defer told.Close()
	c.ExtraFiles = []*os.File{tell}
	err = c.Start()
	_ = tell.Close()
	if err != nil {
		return u, nil, fmt.Errorf("start %s: %w", argv[0], err)
	}
	most := func() int64 { return 0 }
	if watch {
		most = watchBelow(c.Process.Pid)
	}
	usage, readErr := io.ReadAll(told)
	together := most()
	if err := c.Wait(); err != nil {
		if ctx.Err() != nil {
			return u, nil, ctx.Err()
		}
		return u, out.Bytes(), fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, tail(log.String(), 20))
	}
	if err := errors.Join(readErr, json.Unmarshal(usage, &u)); err != nil {
		return u, nil, fmt.Errorf("read what %s took: %w; does main call timed.Serve?", argv[0], err)
	}
	u.Together = together
	return u, out.Bytes(), nil
}

func tail(s string, lines int) string {
	all := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// Serve does nothing but in a process that Run has started: there it runs the program, tells what it took, and exits.
func Serve() {
	if os.Getenv(mark) == "" {
		return
	}
	signal.Ignore(os.Interrupt) // Run says when to stop
	os.Exit(serve(os.Args[1:], os.NewFile(3, "usage")))
}

func serve(argv []string, tell *os.File) int {
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
		if runtime.GOOS != "darwin" { // there it is bytes
			usage.PeakRSS *= 1024
		}
	}
	if err := json.NewEncoder(tell).Encode(usage); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
