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

// allowed says which of our own packages the non-test code of a module may import, by prefix; nil: the standard library
// alone.
var allowed = map[string][]string{
	"events":                   {"events"},
	"events/document":          {"events"},
	"platform":                 {"events", "platform"},
	"platform/local":           {"events", "platform"},
	"services/scheduler":       {"events", "platform", "services/scheduler"},
	"services/fetcher":         {"events", "platform", "services/fetcher"},
	"services/validator":       {"events", "platform", "services/validator"},
	"services/stager":          {"events", "platform", "services/stager"},
	"services/quality-gate":    {"events", "platform", "services/quality-gate"},
	"services/landing-janitor": {"events", "platform", "services/landing-janitor"},
	"operations":               {"events", "platform", "services", "operations"},
	"cmd/llac":                 {"events", "platform", "services", "operations", "cmd/llac"},
	"test":                     {"events", "platform", "services", "operations", "cmd/llac", "test"},
}

// localUsers may import platform/local: nobody else may carry the emulators.
var localUsers = map[string]bool{"platform/local": true, "operations": true, "cmd/llac": true, "test": true}

// violation says why a module may not import a path, or "".
func violation(module, path string) string {
	own, ours := strings.CutPrefix(path, base)
	if !ours {
		if module == "events" && strings.Contains(strings.SplitN(path, "/", 2)[0], ".") {
			return "events stands on the standard library alone"
		}
		return ""
	}
	if own == "platform/local" || strings.HasPrefix(own, "platform/local/") {
		if !localUsers[module] {
			return "only operations, cmd/llac and tests import the emulators"
		}
		return ""
	}
	for _, prefix := range allowed[module] {
		if own == prefix || strings.HasPrefix(own, prefix+"/") {
			return ""
		}
	}
	return "the dependency direction is events <- platform <- services/* <- operations <- cmd/llac"
}

// sources calls visit for every Go file of every module, with the module's folder.
func sources(t *testing.T, visit func(module, file string)) {
	t.Helper()
	top := root(t)
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
		for m := range allowed {
			if strings.HasPrefix(filepath.ToSlash(rel), m+"/") && len(m) > len(module) {
				module = m
			}
		}
		if module == "" {
			t.Errorf("%s belongs to no module of the list; add it to the borders", rel)
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

func TestViolationsAreSeen(t *testing.T) {
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
			t.Errorf("%s has %d lines, a main has 15 at the most: the work belongs in the service or the runtime", file, n)
		}
	})
	if mains != 7 {
		t.Errorf("found %d main.go, want one for each of six services and llac", mains)
	}
}

func TestPackagesSayWhatTheyAre(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	sources(t, func(_, file string) {
		dir := filepath.Dir(file)
		if strings.HasSuffix(file, "_test.go") {
			return
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root(t), file), nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			return
		}
		documented[dir] = documented[dir] || parsed.Doc != nil
	})
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %s has no package comment: say what its noun means and what must hold", dir)
		}
		switch filepath.Base(dir) {
		case "util", "utils", "common", "helpers", "models", "misc":
			t.Errorf("package %s is no noun of the domain", dir)
		}
	}
}

// TestModulesBuildAlone builds every module without the workspace: what a service needs, its own go.mod says.
func TestModulesBuildAlone(t *testing.T) {
	t.Parallel()
	work, err := exec.Command("go", "work", "edit", "-json", filepath.Join(root(t), "go.work")).Output()
	if err != nil {
		t.Fatal(err)
	}
	var workspace struct{ Use []struct{ DiskPath string } }
	if err := json.Unmarshal(work, &workspace); err != nil {
		t.Fatal(err)
	}
	if len(workspace.Use) != len(allowed) {
		t.Errorf("go.work lists %d modules, the borders %d", len(workspace.Use), len(allowed))
	}
	for _, m := range workspace.Use {
		build := exec.Command("go", "build", "-o", os.DevNull, "./...")
		build.Dir = filepath.Join(root(t), m.DiskPath)
		build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
		if out, err := build.CombinedOutput(); err != nil {
			t.Errorf("%s does not build alone (GOWORK=off): %v\n%s", m.DiskPath, err, out)
		}
	}
}
