// Command guards removes each guard from a copy of the tree, one at a time, and runs the test that covers it. The test must
// fail: a guard that can be removed without a failing test is not tested.
//
//	go run ./test/guards            all guards
//	go run ./test/guards receipt    the guards whose name or file contains "receipt"
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/llac-project/llac/test/programs"
)

// Guard is one place in the code that prevents something that must never happen.
type Guard struct {
	Name   string // what happens without the guard
	File   string // path from the top of the repository
	Edits  []Edit // changes that remove the guard
	Module string // folder of the module with the test
	Test   string // package and -run pattern: ". TestShrink"
}

// Edit replaces a text that occurs exactly once in the guard's file.
type Edit struct{ Find, Put string }

// patience bounds one test. Without its guard, a run may wait forever for a lost event.
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

// remove returns the code of the guard's file without the guard.
func (g Guard) remove(code []byte) ([]byte, error) {
	for _, e := range g.Edits {
		if n := bytes.Count(code, []byte(e.Find)); n != 1 {
			return nil, fmt.Errorf("%s contains %q %d times, want once: the code has changed, so change test/guards/guards.go too",
				g.File, e.Find, n)
		}
		code = bytes.Replace(code, []byte(e.Find), []byte(e.Put), 1)
	}
	return code, nil
}

// try removes the guard, checks that its test fails, and puts the guard back.
func (g Guard) try(ctx context.Context, dir string) error {
	file := filepath.Join(dir, g.File)
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	without, err := g.remove(b)
	if err != nil {
		return err
	}
	defer os.WriteFile(file, b, 0o644)
	if err := os.WriteFile(file, without, 0o644); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	pkg, pattern, _ := strings.Cut(g.Test, " ")
	test := exec.CommandContext(ctx, "go", "test", "-count=1", "-vet=off", "-timeout", "3m", "-run", pattern, pkg)
	test.Dir = filepath.Join(dir, g.Module)
	test.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := test.CombinedOutput()
	return g.check(out, err)
}

// uncompiled are texts in the output of a test whose code, or the programs that it runs, did not compile.
var uncompiled = []string{"[build failed]", "[setup failed]", programs.BuildFailed}

// check reports whether the output of the test shows that it failed because the guard was removed.
func (g Guard) check(out []byte, err error) error {
	contains := func(text string) bool { return bytes.Contains(out, []byte(text)) }
	switch {
	case err == nil:
		return fmt.Errorf("%s %s passes without it", g.Module, g.Test)
	case slices.ContainsFunc(uncompiled, contains):
		return fmt.Errorf("the code does not compile without it, so nothing was tested:\n%s", out)
	case contains("no tests to run"):
		return fmt.Errorf("%s has no test %s", g.Module, g.Test)
	}
	return nil
}
