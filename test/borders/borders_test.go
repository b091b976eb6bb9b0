package borders

import (
	"bytes"
	"encoding/json"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const base = "github.com/llac-project/llac/"

// root is the repository's folder.
func root(t *testing.T) string {
	t.Helper()
	r, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// allowed returns which packages of the project the code of a module may import, by prefix, and whether a border is
// declared for the module. A service may import no other service.
func allowed(module string) (prefixes []string, known bool) {
	if strings.HasPrefix(module, "services/") {
		return []string{"events", "platform", module}, true
	}
	prefixes, known = map[string][]string{
		"events":          {"events"},
		"events/document": {"events"},
		"platform":        {"events", "platform"},
		"platform/local":  {"events", "platform"},
		"operations":      {"events", "platform", "services", "operations"},
		"cmd/llac":        {"events", "platform", "services", "operations", "cmd/llac"},
		"test":            {"events", "platform", "services", "operations", "cmd/llac", "test"},
	}[module]
	return prefixes, known
}

// importsLocal holds the modules that may import the emulators in platform/local.
var importsLocal = map[string]bool{"platform/local": true, "operations": true, "cmd/llac": true, "test": true}

// violation returns why a module may not import a path; "" when it may.
func violation(module, path string) string {
	own, ours := strings.CutPrefix(path, base)
	if !ours {
		if module == "events" && strings.Contains(strings.SplitN(path, "/", 2)[0], ".") {
			return "events imports the standard library only"
		}
		return ""
	}
	if own == "platform/local" || strings.HasPrefix(own, "platform/local/") {
		if !importsLocal[module] {
			return "only operations, cmd/llac and tests import the emulators"
		}
		return ""
	}
	prefixes, _ := allowed(module)
	for _, prefix := range prefixes {
		if own == prefix || strings.HasPrefix(own, prefix+"/") {
			return ""
		}
	}
	return "the dependency direction is events <- platform <- services/* <- operations <- cmd/llac"
}

// sources calls visit for every Go file of every module, with the module's folder.
func sources(t *testing.T, visit func(module, file string)) {
	t.Helper()
	top, workspace := root(t), modules(t)
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && path != top && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		rel, err := filepath.Rel(top, path)
		if err != nil {
			return err
		}
		module := ""
		for _, m := range workspace {
			if strings.HasPrefix(filepath.ToSlash(rel), m+"/") && len(m) > len(module) {
				module = m
			}
		}
		if module == "" {
			t.Errorf("%s belongs to no module of go.work", rel)
			return nil
		}
		visit(module, rel)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestDependencyDirection(t *testing.T) {
	t.Parallel()
	files := 0
	sources(t, func(module, file string) {
		files++
		// Tests of a service may not cross either: they would hide a missing port.
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root(t), file), nil, parser.ImportsOnly)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			return
		}
		for _, i := range parsed.Imports {
			path, _ := strconv.Unquote(i.Path.Value)
			if why := violation(module, path); why != "" {
				t.Errorf("%s imports %s: %s", file, path, why)
			}
		}
	})
	if files < 50 {
		t.Fatalf("only %d Go files found: the walk is broken", files)
	}
}

func TestViolationsAreFound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		module, path string
		bad          bool
	}{
		{"events", "encoding/json", false},
		{"events", "github.com/aws/aws-sdk-go-v2/aws", true},
		{"events", base + "platform/lake", true},
		{"platform", base + "services/stager", true},
		{"platform", base + "platform/local/aws", true},
		{"services/stager", base + "services/fetcher", true},
		{"services/stager", base + "platform/local/aws", true},
		{"services/stager", base + "services/stager/engine", false},
		{"services/stager", base + "platform/lake", false},
		{"cmd/llac", base + "services/fetcher", false},
		{"cmd/llac", base + "platform/local/portal", false},
		{"operations", base + "platform/local/aws", false},
		{"operations", base + "services/stager", false},
		{"operations", base + "cmd/llac/cli", true},
		{"services/stager", base + "operations/marts", true},
		{"platform/local", base + "cmd/llac", true},
	} {
		if got := violation(c.module, c.path) != ""; got != c.bad {
			t.Errorf("%s importing %s: violation %v, want %v", c.module, c.path, got, c.bad)
		}
	}
}

func TestMainsAreShort(t *testing.T) {
	t.Parallel()
	mains := 0
	sources(t, func(module, file string) {
		if filepath.Base(file) != "main.go" || !strings.HasPrefix(file, "services/") && !strings.HasPrefix(file, "cmd/") {
			return
		}
		b, err := os.ReadFile(filepath.Join(root(t), file))
		if err != nil {
			t.Fatal(err)
		}
		mains++
		if n := bytes.Count(b, []byte("\n")); n > 15 {
			t.Errorf("%s has %d lines, at most 15 are allowed; move the work to the service or the runtime", file, n)
		}
	})
	want := 1 // llac
	for _, m := range modules(t) {
		if strings.HasPrefix(m, "services/") {
			want++
		}
	}
	if mains != want {
		t.Errorf("found %d main.go, want one per service and one for llac: %d", mains, want)
	}
}

func TestPackagesHaveDocComments(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	sources(t, func(_, file string) {
		dir := filepath.Dir(file)
		if strings.HasSuffix(file, "_test.go") {
			return
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root(t), file), nil,
			parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			return
		}
		documented[dir] = documented[dir] || parsed.Doc != nil
	})
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %s has no package comment; define its noun and what must hold", dir)
		}
		switch filepath.Base(dir) {
		case "util", "utils", "common", "helpers", "models", "misc":
			t.Errorf("package name %s is not a noun of the domain", dir)
		}
	}
}

// TestModulesAreComplete resolves every import of every module, of its tests too, without the workspace: each go.mod names
// what its module needs. make alone also compiles and tests each of them.
func TestModulesAreComplete(t *testing.T) {
	t.Parallel()
	for _, m := range modules(t) {
		if _, known := allowed(m); !known {
			t.Errorf("go.work lists the module %s, but no border is declared for it; add it to the borders", m)
		}
		list := exec.Command("go", "list", "-deps", "-test", "./...")
		list.Dir = filepath.Join(root(t), m)
		list.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
		if out, err := list.CombinedOutput(); err != nil {
			t.Errorf("%s is not complete without the workspace (GOWORK=off go list): %v\n%s", m, err, out)
		}
	}
}

// modules returns the folders of the workspace's modules.
func modules(t *testing.T) []string {
	t.Helper()
	work, err := exec.Command("go", "work", "edit", "-json", filepath.Join(root(t), "go.work")).Output()
	if err != nil {
		t.Fatal(err)
	}
	var workspace struct{ Use []struct{ DiskPath string } }
	if err := json.Unmarshal(work, &workspace); err != nil {
		t.Fatal(err)
	}
	out := make([]string, len(workspace.Use))
	for i, m := range workspace.Use {
		out[i] = strings.TrimPrefix(filepath.ToSlash(m.DiskPath), "./")
	}
	return out
}
