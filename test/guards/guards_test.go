package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
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

// testExists reports whether a test in a folder matches the first element of a -run pattern.
func testExists(t *testing.T, folder, pattern string) bool {
	t.Helper()
	pattern, _, _ = strings.Cut(pattern, "/")
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
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
