package programs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBuildFailed checks that the error of a program that does not compile starts as test/guards expects it.
func TestBuildFailed(t *testing.T) {
	t.Parallel()
	broken := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(broken, []byte("package main\n\nfunc main() { undefined() }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := compile(t.TempDir(), []string{broken})
	if err == nil || !strings.HasPrefix(err.Error(), BuildFailed) || !strings.Contains(err.Error(), "undefined: undefined") {
		t.Errorf("compile returned %v", err)
	}
}
