package python

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// fake writes a program that prints a version as Python does.
func fake(t *testing.T, says string) string {
	t.Helper()
	at := filepath.Join(t.TempDir(), "python")
	if err := os.WriteFile(at, []byte("#!/bin/sh\n"+says+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return at
}

func TestFind(t *testing.T) {
	t.Parallel()
	old, good, broken := fake(t, "echo 3 9"), fake(t, "echo 3 12"), fake(t, "exit 127")
	for _, c := range []struct {
		name   string
		path   map[string]string
		want   string
		tooOld int
	}{
		{"the first that is new enough", map[string]string{"python3": old, "python3.12": good}, good, 0},
		{"a shim that leads nowhere is passed over", map[string]string{"python3": broken, "python": good}, good, 0},
		{"none", nil, "", 0},
		{"too old", map[string]string{"python3": old, "python": old}, "", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := find(t.Context(), func(name string) (string, error) {
				if p, ok := c.path[name]; ok {
					return p, nil
				}
				return "", exec.ErrNotFound
			})
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			var missing *NoPythonError
			if errors.As(err, &missing) != (c.want == "") {
				t.Fatalf("got %v", err)
			}
			if missing != nil && len(missing.TooOld) != c.tooOld {
				t.Errorf("too old: %v, want %d", missing.TooOld, c.tooOld)
			}
		})
	}
}
