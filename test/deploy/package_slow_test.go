//go:build slow

package deploy

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPackageIsReproducible builds one package from two copies of the source, whose files have different times: the bytes are the same.
func TestPackageIsReproducible(t *testing.T) {
	t.Parallel()
	const service = "validator"
	other := copied(t, root(t))
	one, two := t.TempDir(), t.TempDir()
	for tree, out := range map[string]string{root(t): one, other: two} {
		if output, ok := run(t, tree, nil, "package", "SERVICE="+service, "FUNCTIONS_BUILD=test", "FUNCTIONS_DIR="+out+"/functions",
			"PACKAGES_DIR="+out); !ok {
			t.Fatal(output)
		} else if r, _ := packed(t, out, service); !strings.Contains(output, r.SHA256) {
			t.Errorf("the digest %s is not in the output:\n%s", r.SHA256, output)
		}
	}
	a, zipA := packed(t, one, service)
	b, zipB := packed(t, two, service)
	if a != b || !bytes.Equal(zipA, zipB) || a.Build != "test" {
		t.Errorf("built twice: %+v and %+v", a, b)
	}
}

// copied returns a copy of the source tree.
func copied(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); rel != "." && (strings.HasPrefix(name, ".") || name == "bin" || name == "testdata") {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		if !d.Type().IsRegular() || d.Name() == ".git" {
			return nil
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), body, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}
