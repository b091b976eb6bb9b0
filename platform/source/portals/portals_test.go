package portals_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/source/portals"
)

// Every kind is complete, and no two share a name or a host.
func TestEveryKindIsComplete(t *testing.T) {
	t.Parallel()
	names, hosts := map[string]bool{}, map[string]string{}
	for _, kind := range portals.All {
		if names[kind.Name] {
			t.Errorf("two portal kinds have the name %q", kind.Name)
		}
		names[kind.Name] = true
		if _, err := portals.All.Find(kind.Name); err != nil {
			t.Error(err)
			continue
		}
		for _, host := range kind.Hosts {
			if other := hosts[host]; other != "" {
				t.Errorf("host %s belongs to %s and to %s", host, other, kind.Name)
			}
			hosts[host] = kind.Name
			if host != strings.ToLower(host) || strings.ContainsAny(host, ":/") {
				t.Errorf("%s: host %q is not a plain host name in lower case", kind.Name, host)
			}
		}
	}
}

// Every package next to this one that exports a Kind must be in the list. The failure names a kind that is not registered.
func TestEveryKindPackageIsListed(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, entry := range entries {
		paths, _ := filepath.Glob(filepath.Join("..", entry.Name(), "*.go"))
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") || !entry.IsDir() {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			if !declaresKind(file) {
				continue
			}
			found++
			if _, err := portals.All.Find(file.Name.Name); err != nil {
				t.Errorf("package platform/source/%s exports a Kind that portals.All does not contain under the package's name: %v",
					entry.Name(), err)
			}
			if tests, _ := filepath.Glob(filepath.Join("..", entry.Name(), "*_test.go")); !contains(t, tests, "sourcetest.Run(") {
				t.Errorf("portal kind %s has no conformance test: call sourcetest.Run in a test of platform/source/%[1]s", entry.Name())
			}
		}
	}
	if found != len(portals.All) {
		t.Errorf("%d packages export a Kind, portals.All has %d", found, len(portals.All))
	}
}

// declaresKind reports whether a file declares a package-level variable Kind.
func declaresKind(file *ast.File) bool {
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, spec := range g.Specs {
			for _, name := range spec.(*ast.ValueSpec).Names {
				if name.Name == "Kind" {
					return true
				}
			}
		}
	}
	return false
}

// contains reports whether one of the files contains a text.
func contains(t *testing.T, paths []string, text string) bool {
	t.Helper()
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), text) {
			return true
		}
	}
	return false
}
