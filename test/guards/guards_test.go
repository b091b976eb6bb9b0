package main

import (
	"errors"
	"go/build"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/llac-project/llac/test/programs"
)

// TestGuardsMatchTheCode checks, without running a guard, that its edits match the code and that its test exists.
func TestGuardsMatchTheCode(t *testing.T) {
	t.Parallel()
	const repository = "../.."
	names := map[string]bool{}
	for _, g := range guards {
		if names[g.Name] {
			t.Errorf("two guards are named %q", g.Name)
		}
		names[g.Name] = true
		code, err := os.ReadFile(filepath.Join(repository, g.File))
		if err != nil {
			t.Errorf("%s: %v", g.Name, err)
			continue
		}
		if _, err := g.remove(code); err != nil {
			t.Errorf("%s: %v", g.Name, err)
		}
		pkg, pattern, _ := strings.Cut(g.Test, " ")
		if !testExists(t, filepath.Join(repository, g.Module, pkg), pattern) {
			t.Errorf("%s: %s has no test %s", g.Name, filepath.Join(g.Module, pkg), pattern)
		}
	}
}

// TestCheck checks that a guard counts as tested only when its test ran and failed.
func TestCheck(t *testing.T) {
	t.Parallel()
	g := Guard{Name: "something happens", Module: "test", Test: "./chaos TestKilled"}
	failed := errors.New("exit status 1")
	for name, c := range map[string]struct {
		out  string
		err  error
		want string
	}{
		"the test failed":             {"--- FAIL: TestKilled", failed, ""},
		"the test passed":             {"ok", nil, "passes without it"},
		"the test does not compile":   {"FAIL llac/test/chaos [build failed]", failed, "does not compile"},
		"an import is missing":        {"FAIL llac/test/chaos [setup failed]", failed, "does not compile"},
		"the programs do not compile": {"--- FAIL: TestKilled\n" + programs.BuildFailed + ": exit status 1", failed, "does not compile"},
		"the pattern matches no test": {"testing: warning: no tests to run", failed, "has no test"},
	} {
		err := g.check([]byte(c.out), c.err)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: check returned %v, want %q", name, err, c.want)
		}
	}
}

// TestTestExists checks that a test with a build tag does not count: a guard's test is run without tags.
func TestTestExists(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, code := range map[string]string{
		"fast_test.go":       "package x\n\nfunc TestFast(t *testing.T) {}\n",
		"slow_test.go":       "//go:build slow\n\npackage x\n\nfunc TestSlow(t *testing.T) {}\n",
		"foreign_js_test.go": "package x\n\nfunc TestForeign(t *testing.T) {}\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(code), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	exists := map[string]bool{"TestFast": true, "TestFast/case": true, "TestSlow": false, "TestForeign": false, "TestX": false}
	for pattern, want := range exists {
		if got := testExists(t, folder, pattern); got != want {
			t.Errorf("testExists(%s) is %v", pattern, got)
		}
	}
}

// testExists reports whether a test in a folder, built without tags, matches the first element of a -run pattern.
func testExists(t *testing.T, folder, pattern string) bool {
	t.Helper()
	pattern, _, _ = strings.Cut(pattern, "/")
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if match, err := build.Default.MatchFile(folder, filepath.Base(file)); err != nil || !match {
			continue // of another platform, or of a build tag
		}
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w*)\(`).FindAllSubmatch(code, -1) {
			if regexp.MustCompile(pattern).Match(match[1]) {
				return true
			}
		}
	}
	return false
}
