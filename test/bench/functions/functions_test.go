package functions

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestZipped(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bootstrap")
	if err := os.WriteFile(path, bytes.Repeat([]byte("lake "), 1<<18), 0o755); err != nil {
		t.Fatal(err)
	}
	size, err := zipped(path)
	if err != nil || size < 200 || size > 20_000 {
		t.Errorf("1.3 MB of one word: zipped size %d, error %v", size, err)
	}
}

func TestAFunctionThatEndsIsAnError(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bootstrap")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho no region >&2\nexit 2\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, _, err := start(t.Context(), path); err == nil || !strings.Contains(err.Error(), "no region") {
		t.Errorf("got %v", err)
	}
}
