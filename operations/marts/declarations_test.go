package marts_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/llac-project/llac/operations/marts"
)

const realProject = "../../dbt"

// realMarts reads the declarations of the project's marts.
func realMarts(t *testing.T) []marts.Declaration {
	t.Helper()
	all, err := marts.ReadDeclarations(realProject)
	if err != nil {
		t.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(d marts.Declaration) bool { return d.Kind == "" })
	if len(all) == 0 {
		t.Fatal("the project declares no mart")
	}
	return all
}

// TestEveryMartIsDeclared checks that each SQL file of the marts' folder has a yml file that declares it completely.
func TestEveryMartIsDeclared(t *testing.T) {
	t.Parallel()
	declared := map[string]marts.Declaration{}
	for _, d := range realMarts(t) {
		declared[d.Name] = d
	}
	files, err := filepath.Glob(realProject + "/models/marts/*/*.sql")
	if err != nil || len(files) != len(declared) {
		t.Fatalf("%d SQL files of marts and %d declarations, %v", len(files), len(declared), err)
	}
	for _, file := range files {
		d, ok := declared[strings.TrimSuffix(filepath.Base(file), ".sql")]
		if !ok || d.Grain == "" || d.Key == nil || filepath.Base(filepath.Dir(file)) != d.Kind+"s" {
			t.Errorf("%s: declare kind (as its folder), grain and key under config.meta in the yml file next to it; found %+v", file, d)
		}
	}
}

// TestDocsListEveryMart checks the table of docs/marts.md against the project.
func TestDocsListEveryMart(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/marts.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## The marts\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)` \\|").FindAllStringSubmatch(section, -1) {
		listed = append(listed, m[1])
	}
	slices.Sort(listed)
	var want []string
	for _, d := range realMarts(t) {
		want = append(want, d.Name)
	}
	if !slices.Equal(listed, want) {
		t.Errorf("the table of docs/marts.md lists\n%s\nand the project has\n%s", strings.Join(listed, "\n"), strings.Join(want, "\n"))
	}
}

func TestReadDeclarations(t *testing.T) {
	t.Parallel()
	project := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		file := filepath.Join(project, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("dbt_project.yml", "name: two\nmodel-paths: [models, more]\n")
	put("models/deep/b.yml", "models: [{name: b, description: \"{{ doc('b') }}\", config: {meta: {accumulates: towns, kind: "+
		"fact, key: [x, y]}}}]")
	put("more/a.yaml", "models: [{name: a}]\nunit_tests: []")
	put("more/a.sql", "select 1")
	got, err := marts.ReadDeclarations(project)
	if err != nil || len(got) != 2 || got[0].Name != "a" || got[1].Name != "b" || got[1].Accumulates != "towns" ||
		!slices.Equal(got[1].Key, []string{"x", "y"}) {
		t.Errorf("got %+v, %v", got, err)
	}
	put("more/a.yaml", "models: {{ none }}")
	if _, err := marts.ReadDeclarations(project); err == nil || !strings.Contains(err.Error(), "a.yaml") {
		t.Errorf("a file that is not YAML: got %v", err)
	}
}
