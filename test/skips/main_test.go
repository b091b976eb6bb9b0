package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "tests.json")
	lines := `{"Action":"output","Package":"p","Test":"TestA","Output":"    a.go:1: no Python here\n"}
{"Action":"skip","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b.go:1: this target has no long polls\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
not json
{"Action":"pass","Package":"p","Test":"TestC"}
{"Action":"skip","Package":"empty"}
`
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := read(file)
	if err != nil || len(got) != 1 || !strings.Contains(got[0], "TestA") || !strings.Contains(got[0], "no Python") {
		t.Errorf("read %q, %v; want TestA alone, with its reason", got, err)
	}
}
