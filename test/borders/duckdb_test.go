package borders

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// opensDuckDB is the one file that may open DuckDB: it sets the time zone, without which a query gives other bytes on
// another machine.
const opensDuckDB = "operations/duckdb/programs/database.py"

// What opens DuckDB: a function of its Python package, even one without a connection, because it uses a hidden one; its
// program; a driver of database/sql. A name that ends in duckdb is another package, such as dbt's adapter.
var (
	pythonName  = regexp.MustCompile(`(?:^|[^.\w])duckdb\.(\w+)`)
	pythonNames = regexp.MustCompile(`(?m)^\s*(?:from duckdb\b|import .*\bduckdb as\b)`)
	goOpening   = regexp.MustCompile(`sql\.Open\("duckdb"|exec\.Command(?:Context)?\((?:\w+, )?"duckdb"|` +
		`"[^"\n]*(?:go-duckdb|duckdb-go)|import duckdb\b`)
)

// harmless are the names of DuckDB's Python package that open nothing, and duckdb.go, which comments name.
var harmless = []string{"Error", "StatementType", "tokenize", "go"}

// openings returns what opens DuckDB in a file.
func openings(file, text string) (found []string) {
	switch filepath.Ext(file) {
	case ".py":
		for _, m := range pythonName.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(harmless, m[1]) {
				found = append(found, "duckdb."+m[1])
			}
		}
		found = append(found, pythonNames.FindAllString(text, -1)...)
	case ".go":
		found = goOpening.FindAllString(text, -1)
	}
	return found
}

func TestDuckDBIsOpenedInOnePlace(t *testing.T) {
	t.Parallel()
	python := 0
	err := filepath.WalkDir(root(t), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && path != root(t) && (strings.HasPrefix(name, ".") || name == "bin") {
			return filepath.SkipDir
		}
		ext := filepath.Ext(path)
		if d.IsDir() || ext != ".py" && ext != ".go" || strings.HasSuffix(path, filepath.Join("borders", "duckdb_test.go")) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root(t), path)
		if err != nil {
			return err
		}
		if ext == ".py" {
			python++
		}
		found := openings(path, string(text))
		if filepath.ToSlash(name) == opensDuckDB {
			if !slices.Equal(found, []string{"duckdb.connect"}) {
				t.Errorf("%s opens DuckDB with %q, want duckdb.connect", name, found)
			}
			return nil
		}
		for _, f := range found {
			t.Errorf("%s opens DuckDB with %q; use connect of %s, which sets the time zone", name, f, opensDuckDB)
		}
		return nil
	})
	if err != nil || python < 10 {
		t.Fatalf("%d Python files found: the walk is broken, or %v", python, err)
	}
}

func TestOpeningsAreFound(t *testing.T) {
	t.Parallel()
	for text, file := range map[string]string{
		"con = duckdb.connect()":                              "a.py",
		"duckdb.sql('select 1')":                              "a.py",
		"x = [duckdb.execute(q) for q in qs]":                 "a.py",
		"from duckdb import connect":                          "a.py",
		"    import duckdb as d":                              "a.py",
		`sql.Open("duckdb", "")`:                              "a.go",
		`_ "github.com/duckdb/duckdb-go/v2"`:                  "a.go",
		`exec.CommandContext(ctx, "duckdb", "-c", q)`:         "a.go",
		`e.Command(ctx, "-c", "import duckdb; duckdb.sql(q)"`: "a.go",
	} {
		if len(openings(file, text)) == 0 {
			t.Errorf("%s: no opening found in %s", file, text)
		}
	}
	for text, file := range map[string]string{
		"except duckdb.Error as error:": "a.py", "for token in duckdb.tokenize(sql):": "a.py", "import duckdb": "a.py",
		"from dbt.adapters.duckdb.connections import X": "a.py", "database.connect()": "a.py",
		`e, err := duckdb.Open(ctx, io.Discard)`: "a.go", `import "` + base + `operations/duckdb"`: "a.go",
	} {
		if found := openings(file, text); len(found) > 0 {
			t.Errorf("%s: %q opens nothing, found %q", file, text, found)
		}
	}
}
