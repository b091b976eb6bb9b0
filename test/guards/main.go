// Command guards removes each guard of what must never happen, one at a time, in a copy of the tree, and runs the test that
// stands for it. The test must fail. A guard whose removal no test notices is no guard.
//
//	go run ./test/guards            all of them
//	go run ./test/guards receipt    those whose name or file contains "receipt"
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

// Guard is one place in the code that keeps something from happening.
type Guard struct {
	Name   string // what must never happen
	File   string // from the repository's top
	Edits  []Edit // which take the guard away
	Module string // folder of the module whose test runs
	Test   string // package and -run pattern: ". TestShrink"
}

// Edit replaces a text that stands exactly once in the guard's file.
type Edit struct{ Find, Put string }

// patience bounds one test: without its guard a run may wait for ever for an event that was lost.
const patience = 4 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, strings.Join(os.Args[1:], " ")); err != nil {
		fmt.Fprintln(os.Stderr, "guards:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string) error {
	dir, err := os.MkdirTemp("", "llac-guards")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := copyTree(ctx, dir); err != nil {
		return err
	}
	failed, tried := 0, 0
	for _, g := range guards {
		if !strings.Contains(g.Name, only) && !strings.Contains(g.File, only) {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		tried++
		start := time.Now()
		if err := g.try(ctx, dir); err != nil {
			failed++
			fmt.Printf("FAIL  %s: %v\n", g.Name, err)
			continue
		}
		fmt.Printf("ok    %s (%s fails without it, %.0fs)\n", g.Name, g.Test, time.Since(start).Seconds())
	}
	fmt.Printf("guards: %d passed, %d failed\n", tried-failed, failed)
	if failed > 0 || tried == 0 {
		return fmt.Errorf("%d of %d guards are not tested", failed, tried)
	}
	return nil
}

// copyTree copies what git tracks or would track.
func copyTree(ctx context.Context, to string) error {
	list, err := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return fmt.Errorf("list the files (run from the repository's top): %w", err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		b, err := os.ReadFile(name)
		if os.IsNotExist(err) {
			continue // deleted, not yet committed
		}
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(target, b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// try removes the guard, sees its test fail, and puts it back.
func (g Guard) try(ctx context.Context, dir string) error {
	file := filepath.Join(dir, g.File)
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	without := b
	for _, e := range g.Edits {
		if n := bytes.Count(without, []byte(e.Find)); n != 1 {
			return fmt.Errorf("%s holds %q %d times, want once: the code has moved on, bring test/guards up to date", g.File, e.Find, n)
		}
		without = bytes.Replace(without, []byte(e.Find), []byte(e.Put), 1)
	}
	defer os.WriteFile(file, b, 0o644)
	if err := os.WriteFile(file, without, 0o644); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	pkg, pattern, _ := strings.Cut(g.Test, " ")
	test := exec.CommandContext(ctx, "go", "test", "-count=1", "-timeout", "3m", "-run", pattern, pkg)
	test.Dir = filepath.Join(dir, g.Module)
	test.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := test.CombinedOutput()
	switch {
	case err == nil:
		return fmt.Errorf("%s %s passes without it", g.Module, g.Test)
	case bytes.Contains(out, []byte("[build failed]")) || bytes.Contains(out, []byte("[setup failed]")) || bytes.Contains(out, []byte("build the services")):
		return fmt.Errorf("the code does not compile without it, so nothing was tested:\n%s", out)
	case bytes.Contains(out, []byte("no tests to run")):
		return fmt.Errorf("%s %s names no test", g.Module, g.Test)
	}
	return nil
}
