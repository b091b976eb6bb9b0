package duckdb

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// testLake is a small lake: simulated tables, a real one, and a broken one.
type testLake struct {
	t      *testing.T
	engine Engine
	dir    string
	look   Look
}

// newTestLake makes a lake in a folder whose name needs quoting everywhere.
func newTestLake(t *testing.T) *testLake {
	t.Helper()
	p := &testLake{t: t, engine: engine(t), dir: filepath.Join(t.TempDir(), "it's [a] *lake* né")}
	if err := os.Mkdir(p.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	p.look = Look{Run: "llac run", Marts: "llac marts", Unpublished: []string{"housing"}, Format: "csv", Limit: -1}
	p.add("staging", "population", "simulator", "select range as year, 'recorded' as data_origin from range(3)")
	p.add("staging", "rainfall", "meteo.cat", "select 1.5::decimal(4,1) as mm")
	p.add("marts", "dim_towns", "simulator", "select '080193' as town_id, 'Barcelona' as town_name union all "+
		"select '080001', null order by 1")
	p.add("marts", `odd "name"`, "", "select date '2023-01-31' as d")
	p.add("quarantine", "population", "simulator", "select 'bad_date' as code")
	p.look.Views = append(p.look.Views, View{Schema: "marts", Name: "gone", Query: "select 1", Files: []string{p.dir + "/gone.parquet"},
		Broken: "gone.parquet is missing", Repair: "llac marts"})
	return p
}

func (p *testLake) add(schema, name, source, query string) {
	p.t.Helper()
	file := filepath.Join(p.dir, fmt.Sprintf("%s-%d.parquet", schema, len(p.look.Views)))
	if _, err := p.engine.Run(p.t.Context(), Job{Statements: []string{"copy (" + query + ") to " + Text(file) +
		" (format parquet)"}}); err != nil {
		p.t.Fatal(err)
	}
	p.look.Views = append(p.look.Views, View{Schema: schema, Name: name, Source: source, Simulated: source == "simulator", Title: "Of " +
		name, Rows: 3,
		Query: "SELECT * FROM read_parquet([" + Text(file) + "], hive_partitioning = false)", Files: []string{file}})
}

// run runs statements and returns what they wrote.
func (p *testLake) run(statements string, change ...func(*Look)) (out, errs string, r Report) {
	p.t.Helper()
	look := p.look
	look.Statements = &statements
	for _, c := range change {
		c(&look)
	}
	var o, e bytes.Buffer
	r, err := p.engine.Look(p.t.Context(), look, Streams{Out: &o, Err: &e})
	if err != nil {
		p.t.Fatalf("%s: %v\n%s", statements, err, &e)
	}
	return o.String(), e.String(), r
}

// bytes returns the digests of all files of the lake.
func (p *testLake) bytes() map[string]string {
	p.t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		out[path] = fmt.Sprintf("%x", sha256.Sum256(b))
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}

func format(name string) func(*Look) { return func(l *Look) { l.Format = name } }
func limit(n int) func(*Look)        { return func(l *Look) { l.Limit = n } }

const simulatedNote = "; data_origin distinguishes recorded facts from invented values"

func TestLook(t *testing.T) {
	t.Parallel()
	p := newTestLake(t)
	for _, c := range []struct {
		name, sql string
		change    []func(*Look)
		out, errs string
	}{
		{"a mart by its name", "select * from dim_towns", nil, "town_id,town_name\n080001,\n080193,Barcelona\n",
			"simulated: marts.dim_towns" + simulatedNote + "\n"},
		{"with its schema, in capitals", "SELECT count(*) AS n FROM Staging.Population", nil, "n\n3\n", "simulated: staging.population" +
			simulatedNote + "\n"},
		{"real", "from rainfall", nil, "mm\n1.5\n", ""},
		{"no table", "select 1 as a, '' as b, null as c, 'x,\"y\"' as d, 'z' || chr(10) as e", nil,
			"a,b,c,d,e\n1,\"\",,\"x,\"\"y\"\"\",\"z\n\"\n", ""},
		{"an odd name", `from "odd ""name"""`, nil, "d\n2023-01-31\n", ""},
		{"quarantined rows", "from quarantine.population", nil, "code\nbad_date\n",
			"simulated: quarantine.population" + simulatedNote + "\n"},
		{"several, with semicolons in texts", "select ';' as a; -- ; here\nselect 2 as \"b;\";", nil, "a\n;\n\nb;\n2\n", ""},
		{"no rows", "select 1 as a where false", nil, "a\n", ""},
		{"through a join", "select count(*) as n from rainfall, population p, dim_towns", nil, "n\n6\n",
			"simulated: marts.dim_towns, staging.population" + simulatedNote + "\n"},
		{"through a join that cannot be analysed", "select count(*) as n from population join population p using (year)", nil, "n\n3\n",
			"simulated: staging.population" + simulatedNote + "\n"},
		{"through a view of the session", "create view mine as from population; select count(*) as n from mine", nil, "n\n3\n",
			"simulated: staging.population" + simulatedNote + "\n"},
		{"through a pivot", "select count(*) as n from (pivot population on data_origin)", nil, "n\n3\n", "simulated: staging.population" +
			simulatedNote + "\n"},
		{"a column named like a table", "select mm as population from rainfall", nil, "population\n1.5\n", ""},
		{"a column named like a command", `select 1 as "copy", 'copy' as b -- copy`, nil, "copy,b\n1,copy\n", ""},
		{"nothing", " ; -- nothing\n", nil, "", ""},
		{"json", "select 1 as a, 1.50 as b, null as c, 9007199254740993 as d, date '2023-01-31' as a, 'né\t' as e, [1, 2] as f, " +
			"{'g': true} as h", []func(*Look){format("json")},
			"[\n" + ` {"a": 1, "b": 1.5, "c": null, "d": "9007199254740993", "a_2": "2023-01-31", "e": "né\t", "f": [1, 2],` +
				` "h": {"g": true}}` + "\n]\n", ""},
		{"json of no rows", "from population where false", []func(*Look){format("json")}, "[]\n", "simulated: staging.population" +
			simulatedNote + "\n"},
		{"json, limited", "select year from population order by 1", []func(*Look){format("json"), limit(1)}, "[\n {\"year\": 0}\n]\n",
			"1 of 3 rows; --limit 0 shows all, --format csv writes them without waiting\nsimulated: staging.population" +
				simulatedNote + "\n"},
		{"markdown", "select year, 'a|b' || chr(10) as \"x|\" from population limit 1", []func(*Look){format("markdown")},
			"| year | x\\| |\n| ---: | --- |\n| 0 | a\\|b  |\n\n(1 row)\n(simulated: staging.population" + simulatedNote + ")\n", ""},
		{"a table", "select 1 as a, null as b, 'NULL' as c, '' as d, '日本' as e, e'\\x1b[31m\\n' as f, " +
			"chr(8238) || chr(8203) as g, 'x' as h", []func(*Look){format("table")}, strings.Join([]string{
			"a  b     c       d  e     f           g             h",
			"─  ────  ──────  ─  ────  ──────────  ────────────  ─",
			"1  NULL  \"NULL\"     日本  \\x1b[31m\\n  \\u202e\\u200b  x", "(1 row)", ""}, "\n"), ""},
		{"a table of no rows", "from dim_towns where false", []func(*Look){format("table")},
			"town_id  town_name\n───────  ─────────\n(0 rows)\n(simulated: marts.dim_towns" + simulatedNote + ")\n", ""},
		{"a table fitted", "select 12345678 as number, repeat('a', 50) as long, repeat('日', 30) as wide, 'x' as x, 'y' as y",
			[]func(*Look){format("table"), func(l *Look) { l.Width = 48 }}, strings.Join([]string{
				"  number  long               wide              x",
				"────────  ─────────────────  ────────────────  ─",
				"12345678  aaaaaaaaaaaaaaaa…  日日日日日日日…   x", "(1 row)",
				"(1 more column: y; --format csv shows all)", "(… marks truncated text; --format csv shows all)", ""}, "\n"), ""},
		{"a table cut by its limit", "from range(120000)", []func(*Look){format("table"), limit(1)},
			"range\n─────\n    0\n(1 of more than 50,001 rows; --limit 0 shows all, --format csv writes them without waiting)\n", ""},
		{"a huge value", "select repeat('x', 100000) as a", []func(*Look){format("table")}, "a" + "\n" + strings.Repeat("─", 500) + "\n" +
			strings.Repeat("x", 499) + "…\n(1 row)\n(… marks truncated text; --format csv shows all)\n", ""},
		{"a command", ".schema rainfall", []func(*Look){format("table")},
			"staging.rainfall: Of rainfall\nCOLUMN  TYPE          DESCRIPTION\n──────  ────────────  ───────────\nmm      " +
				"DECIMAL(4,1)\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, errs, r := p.run(c.sql, c.change...)
			if r.Error != nil || out != c.out || errs != c.errs {
				t.Errorf("error %v\n%s--- want\n%s--- standard error\n%s--- want\n%s", r.Error, out, c.out, errs, c.errs)
			}
		})
	}
}

func TestLookIntoTheReport(t *testing.T) {
	t.Parallel()
	p := newTestLake(t)
	_, _, r := p.run("select town_name from dim_towns order by 1; select 1.50 as a where false", format("rows"), limit(1))
	want := []Rows{
		{Columns: []Column{{"town_name", "VARCHAR"}}, Values: [][]any{{"Barcelona"}}, More: true},
		{Columns: []Column{{"a", "DECIMAL(3,2)"}}, Values: [][]any{}},
	}
	if !reflect.DeepEqual(r.Results, want) || !reflect.DeepEqual(r.Simulated, []string{"marts.dim_towns"}) ||
		!reflect.DeepEqual(r.Used, r.Simulated) {
		t.Errorf("got %+v", r)
	}
}

// No statement changes a file of the lake or reads another file.
func TestLookChangesNothing(t *testing.T) {
	t.Parallel()
	p := newTestLake(t)
	before := p.bytes()
	mine := p.look.Views[0].Files[0]
	elsewhere := filepath.Join(t.TempDir(), "x")
	secret := filepath.Join(t.TempDir(), "secret.csv")
	if err := os.WriteFile(secret, []byte("a\n1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	over := "copy (select 1 as a) to " + Text(mine) + " (format csv, use_tmp_file false)"
	for _, sql := range []string{
		over, "explain analyze " + over, "with a as (" + over + ") select 1", "create temp table t as with a as (" + over + ") from a",
		"prepare p as " + over,
		"select 1; " + over, "/* /* */ */ CoPy(select 1) to " + Text(mine), "begin; " + over + "; commit",
		"copy (pivot population on year) to " + Text(mine),
		"create view v as with a as (" + over + ") select 1; from v", "create macro m() as table with a as (" + over +
			") select 1; from m()",
		"with a as (co" + "py (select 1) to " + Text(elsewhere) + ") from a", "copy population to " + Text(elsewhere), "export database " +
			Text(elsewhere),
		"attach " + Text(elsewhere), "attach " + Text(mine), "attach ':memory:' as other", "install httpfs", "load httpfs",
		"force install httpfs", "update extensions",
		"import database " + Text(p.dir), "from " + Text(secret), "from read_csv(" + Text(secret) + ")", "from read_text(" + Text(secret) +
			")", "from glob('/*')",
		"from read_parquet('" + strings.ReplaceAll(filepath.Dir(p.dir), "'", "''") + "/*/../../*/secret.csv')",
		"from 'https://example.cat/x.parquet'",
		"set enable_external_access = true", "reset allowed_paths", "set threads = 1", "call enable_logging()",
		"pragma enable_profiling = 'json'", "create persistent secret s (type s3)",
		"vacuum", "checkpoint population", "detach memory", "use nowhere",
	} {
		_, _, r := p.run(sql)
		if r.Error == nil || r.Error.Message == "" {
			t.Errorf("not refused: %s", sql)
		}
	}
	if after := p.bytes(); !reflect.DeepEqual(before, after) {
		t.Errorf("the lake had %v and has %v", before, after)
	}
	if _, err := os.Stat(elsewhere); err == nil {
		t.Error("a file was written elsewhere")
	}
	_, _, r := p.run("attach 'x'")
	if r.Error.Code != "read_only" || r.Error.Message != "ATTACH is refused: a query only reads" ||
		!strings.Contains(r.Error.Hint, "llac export") {
		t.Errorf("got %+v", r.Error)
	}
}

func TestLookRefused(t *testing.T) {
	t.Parallel()
	p := newTestLake(t)
	for _, c := range []struct{ sql, code, message, hint string }{
		{"select * from\n nowhere", "refused", "Table with name nowhere does not exist!\n\nLINE 2:  nowhere\n         ^",
			"the tables are staging.population"},
		{"from dim_town", "refused", "LINE 1: from dim_town", "did you mean dim_towns?"},
		{"from housing", "refused", "LINE 1: from housing", "housing was never published: llac run housing"},
		{"selec 1", "refused", "LINE 1: selec 1\n        ^", ""},
		{"select nope from dim_towns", "refused", `Candidate bindings: "`, ""},
		{"select 'x'::int", "refused", "Could not convert string 'x'", ""},
		{"from gone", "missing", "marts.gone cannot be read: gone.parquet is missing", "llac marts"},
		{"select e'a\\0b'", "refused", "Null character", ""},
		{"select \x00", "refused", "LINE 1: select \\0", ""},
		{"select '\xff'", "refused", "", ""},
		{".jump", "usage", "unknown command .jump", ".help"},
		{".schema dim_town", "missing", "unknown table dim_town", "did you mean dim_towns?"},
	} {
		_, _, r := p.run(c.sql)
		if c.sql == "select '\xff'" {
			continue // JSON cannot carry it; it must only not break anything
		}
		if r.Error == nil || r.Error.Code != c.code || !strings.Contains(r.Error.Message, c.message) ||
			!strings.Contains(r.Error.Hint, c.hint) {
			t.Errorf("%q: got %+v", c.sql, r.Error)
		}
	}
	// Without marts, the name of a mart has a hint of its own.
	_, _, r := p.run("from fact_rain", func(l *Look) { l.Views = l.Views[:2] })
	if r.Error == nil || r.Error.Hint != "the marts were never built: llac marts" {
		t.Errorf("got %+v", r.Error)
	}
	// Statements before the refused one have run.
	if out, _, r := p.run("select 1 as a; selec 2; select 3"); r.Error == nil || out != "" {
		t.Errorf("if one statement cannot be parsed, none runs; got %q, %v", out, r.Error)
	}
	if out, _, r := p.run("select 1 as a; from nowhere; select 3"); r.Error == nil || out != "a\n1\n" {
		t.Errorf("got %q, %v", out, r.Error)
	}
}

// A file that is not Parquet breaks only its own table.
func TestLookAtBrokenFile(t *testing.T) {
	t.Parallel()
	p := newTestLake(t)
	if err := os.WriteFile(p.look.Views[0].Files[0], []byte("not Parquet, but long enough to look like it"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, r := p.run("from population")
	if r.Error == nil || r.Error.Code != "missing" || !strings.Contains(r.Error.Message, filepath.Base(p.look.Views[0].Files[0])) {
		t.Errorf("got %+v", r.Error)
	}
	if out, _, r := p.run("from rainfall"); r.Error != nil || out != "mm\n1.5\n" {
		t.Errorf("got %q, %v", out, r.Error)
	}
}

// Statements from a pipe run when their semicolon has arrived.
func TestLookAtPipe(t *testing.T) {
	t.Parallel()
	p := newTestLake(t)
	look := p.look
	look.Format = "csv"
	in, writer := io.Pipe()
	read, out := io.Pipe()
	done := make(chan error, 1)
	var r Report
	go func() {
		var err error
		r, err = p.engine.Look(t.Context(), look, Streams{In: in, Out: out, Err: io.Discard})
		_ = out.Close()
		done <- err
	}()
	lines := bufio.NewScanner(read)
	next := func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("got %q, want %q", lines.Text(), want)
		}
	}
	_, _ = io.WriteString(writer, "select\n ';' as a; \n")
	next("a")
	next(";")
	_, _ = io.WriteString(writer, ".mode json\nselect 1 as b -- ;\n;\nselect 2 as c")
	next("")
	next("[")
	next(` {"b": 1}`)
	next("]")
	_ = writer.Close()
	next("")
	next("[")
	next(` {"c": 2}`)
	next("]")
	if err := <-done; err != nil || r.Error != nil {
		t.Errorf("got %v, %v", err, r.Error)
	}
}

// A long query ends when the context ends, and leaves no folder.
func TestLookInterrupted(t *testing.T) {
	t.Parallel()
	p := newTestLake(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	look := p.look
	look.Format = "csv"
	in, writer := io.Pipe()
	read, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := p.engine.Look(ctx, look, Streams{In: in, Out: out})
		done <- err
	}()
	go func() {
		_, _ = io.WriteString(writer, "select 1 as a;\nselect count(*) from range(100000000) t(a), range(100000000) u(b) "+
			"where a * b % 7 = 3;\n")
	}()
	lines := bufio.NewScanner(read)
	lines.Scan()
	lines.Scan() // the first has run, and the second is running or about to
	go func() { _, _ = io.Copy(io.Discard, read) }()
	canceled := time.Now()
	cancel(why)
	_ = writer.Close()
	if err := <-done; !errors.Is(err, why) || time.Since(canceled) > 30*time.Second {
		t.Errorf("got %v after %s", err, time.Since(canceled))
	}
}
