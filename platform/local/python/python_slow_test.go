//go:build slow

package python

import (
	"os/exec"
	"strings"
	"testing"
)

// TestInstall installs an environment without packages, which needs no network.
func TestInstall(t *testing.T) {
	t.Parallel()
	base, err := find(t.Context(), exec.LookPath)
	if err != nil {
		t.Skip(err)
	}
	var progress strings.Builder
	dir := t.TempDir()
	if err := install(t.Context(), base, dir, nil, &progress); err != nil {
		t.Skip("this Python makes no virtual environment: ", err)
	}
	out, err := Environment{dir}.Command(t.Context(), "-c", "import sys; print(sys.prefix)").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(out)); got != dir {
		t.Errorf("runs in %q, want %q", got, dir)
	}
	if !strings.Contains(progress.String(), dir) {
		t.Errorf("no progress: %q", progress.String())
	}
	err = install(t.Context(), base, dir, []string{"not a requirement"}, &progress)
	if err == nil || !strings.Contains(err.Error(), "pip install not a requirement") {
		t.Errorf("got %v", err)
	}
}
