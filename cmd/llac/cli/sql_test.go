package cli_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/llac-project/llac/cmd/llac/cli"
	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/platform/local/python"
)

// asMain makes the test binary run as the tool: a shell needs a terminal and its own process.
const asMain = "LLAC_TEST_AS_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		os.Exit(cli.Main())
	}
	os.Exit(m.Run())
}

// openPython returns the managed environment, and skips the test without Python.
func openPython(t *testing.T) duckdb.Engine {
	t.Helper()
	e, err := duckdb.Open(t.Context(), io.Discard)
	var missing *python.NoPythonError
	if errors.As(err, &missing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// sqlAnswer is the envelope of `llac sql --json`.
type sqlAnswer struct {
	OK   bool
	Data struct {
		Results []struct {
			Columns []struct{ Name, Type string }
			Rows    [][]any
			More    bool
			Count   int `json:"row_count"`
		}
		Snapshots map[string]string
		Simulated []string
	}
	Error struct{ Code, Message, Hint string }
}

// TestSQLAndExport queries and exports what a run has published, without marts.
func TestSQLAndExport(t *testing.T) {
	t.Parallel()
	engine := openPython(t)
	m, ctx := newMachine(t), context.Background()
	if _, stderr, status := m.llac(ctx, "run", "--no-marts", "municipalities"); status != 0 {
		t.Fatalf("run: exit status %d\n%s", status, stderr)
	}
	ask := func(want int, args ...string) (string, string) {
		t.Helper()
		stdout, stderr, status := m.llac(ctx, append([]string{"sql"}, args...)...)
		if status != want {
			t.Errorf("%v: exit status %d, want %d\n%s%s", args, status, want, stdout, stderr)
		}
		return stdout, stderr
	}
	stdout, _ := ask(0, "select municipality_name from municipalities where municipality_id = '080193'")
	wants(t, "a table", stdout, "municipality_name\n", "\nBarcelona\n", "(1 row)\n", "(simulated: staging.municipalities;")
	stdout, stderr := ask(0, "--format", "csv", "select comarca_name, count(*) as n from municipalities where comarca_id = '39' "+
		"group by all")
	if stdout != "comarca_name,n\nAran,9\n" || !strings.HasPrefix(stderr, "simulated: staging.municipalities;") {
		t.Errorf("csv: %q, %q", stdout, stderr)
	}
	var answer sqlAnswer
	stdout, stderr = ask(0, "--json", "select count(*) as n from municipalities; select 1 as a where false")
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil || stderr != "" || !answer.OK || len(answer.Data.Results) != 2 ||
		answer.Data.Results[0].Rows[0][0] != 949.0 ||
		answer.Data.Results[1].Count != 0 || len(answer.Data.Snapshots["staging.municipalities"]) != 15 ||
		!slices.Equal(answer.Data.Simulated, []string{"staging.municipalities"}) {
		t.Errorf("sql --json: %v, %q\n%s", err, stderr, stdout)
	}
	file := filepath.Join(t.TempDir(), "query.sql")
	if err := os.WriteFile(file, []byte("select ';' as a;\nfrom municipalities select count(*) as n;\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, _ = ask(0, "--format", "csv", "--file", file)
	if stdout != "a\n;\n\nn\n949\n" {
		t.Errorf("sql --file: %q", stdout)
	}

	for _, c := range []struct {
		status        int
		message, hint string
		args          []string
	}{
		{2, "Table with name municipalites does not exist!", "did you mean municipalities?", []string{"from municipalites"}},
		{2, "LINE 1: from population", "population was never published: llac run --dir " + m.dir, []string{"from population"}},
		{2, "LINE 1: from dim_time", "the marts were never built: llac marts --dir " + m.dir, []string{"from dim_time"}},
		{2, "COPY is refused: a query only reads", "llac export", []string{"copy municipalities to '/tmp/x'"}},
		{2, "a query and --file exclude each other", "", []string{"select 1", "--file", "-"}},
		{2, "unknown format \"loud\"", "use table", []string{"select 1", "--format", "loud"}},
		{2, "--limit -2 is negative", "", []string{"select 1", "--limit", "-2"}},
		{2, "put it between quotes", "llac sql --help", []string{"select", "1"}},
		{2, "read the statements", "", []string{"--file", filepath.Join(m.dir, "none.sql")}},
		{1, "Could not convert string 'x'", "", []string{"select 'x'::int"}},
	} {
		_, stderr := ask(c.status, c.args...)
		wants(t, strings.Join(c.args, " "), stderr, c.message, c.hint)
	}

	// In each format, the export has the rows of the table, and a second export has the same bytes.
	out := t.TempDir()
	export := func(want int, args ...string) (string, string) {
		t.Helper()
		stdout, stderr, status := m.llac(ctx, append([]string{"export"}, args...)...)
		if status != want {
			t.Errorf("%v: exit status %d, want %d\n%s%s", args, status, want, stdout, stderr)
		}
		return stdout, stderr
	}
	for _, format := range []string{"csv", "xlsx", "parquet"} {
		first, again := filepath.Join(out, "m."+format), filepath.Join(out, "again."+format)
		stdout, _ = export(0, "municipalities", "--out", first)
		wants(t, "export", stdout, first+": 949 rows of staging.municipalities", "SIMULATED DATA")
		export(0, "staging.municipalities", "--out", again, "--format", format)
		a, errA := os.ReadFile(first)
		b, errB := os.ReadFile(again)
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: %v, %v, or different bytes of the same snapshot", format, errA, errB)
		}
	}
	_, stderr = export(9, "municipalities", "--out", filepath.Join(out, "m.csv"))
	wants(t, "export over a file", stderr, "m.csv exists already", "--force")
	export(0, "municipalities", "--out", filepath.Join(out, "m.csv"), "--force")
	body, err := os.ReadFile(filepath.Join(out, "m.csv"))
	if err != nil {
		t.Fatal(err)
	}
	wants(t, "the csv", string(body), "# SIMULATED DATA", "# dataset: municipalities", "# simulated: true", "# data_origin: recorded=949",
		"# attribution: Font: Generalitat de Catalunya",
		"# licence: Llicència oberta", "# source_updated_at: 2", "# snapshot: "+answer.Data.Snapshots["staging.municipalities"],
		"# source: https://analisi.transparenciacatalunya.cat 9aju-tpwc")
	reader := csv.NewReader(bytes.NewReader(body))
	reader.Comment = '#'
	rows, err := reader.ReadAll()
	if err != nil || len(rows) != 950 || rows[0][0] != "municipality_id" || rows[1][0] != "080018" {
		t.Errorf("the csv has %d rows, %v", len(rows), err)
	}
	parquet, err := engine.Run(ctx, duckdb.Job{Query: "select count(*), count(distinct municipality_id) from " +
		duckdb.Text(filepath.Join(out, "m.parquet"))})
	if err != nil || parquet.Values[0][0] != json.Number("949") {
		t.Errorf("the parquet has %v, %v", parquet.Values, err)
	}
	beside := filepath.Join(out, "beside.csv")
	export(0, "municipalities", "--out", beside, "--about", "beside")
	body, err = os.ReadFile(beside + "-metadata.json")
	if head, errHead := os.ReadFile(beside); err != nil || errHead != nil || !bytes.HasPrefix(head, []byte("municipality_id,")) {
		t.Errorf("description in its own file: %v, %v", err, errHead)
	}
	wants(t, "the description in its own file", string(body), `"@context": "http://www.w3.org/ns/csvw"`, `"url": "beside.csv"`,
		`"dc:license": "Llic`, "SIMULATED DATA", `"name": "comarca_id"`)
	if left, err := filepath.Glob(filepath.Join(out, ".llac-export-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	for _, c := range []struct {
		status        int
		message, hint string
		args          []string
	}{
		{2, "unknown table nothing", "the tables are municipalities", []string{"nothing"}},
		{8, "population was never published", "llac run population", []string{"population"}},
		{2, `unknown format "doc"`, "use csv", []string{"municipalities", "--out", filepath.Join(out, "m.doc")}},
		{2, "apply to csv only", "", []string{"municipalities", "--format", "xlsx", "--excel"}},
		{2, "is a folder", "", []string{"municipalities", "--out", out}},
		{2, "write ", "a folder that can be written to", []string{"municipalities", "--out", filepath.Join(out, "none", "m.csv")}},
	} {
		_, stderr := export(c.status, c.args...)
		wants(t, strings.Join(c.args, " "), stderr, c.message, c.hint)
	}
	stdout, _, _ = llac(t, "__complete", "export", "--dir", m.dir, "")
	wants(t, "completion", stdout, "municipalities\tMunicipalities of Catalonia")

	m.shell(t, engine)

	// A file of the lake is missing: the error names it, and what to do.
	files, err := filepath.Glob(m.file("lake", "data", "staging", "municipalities", "*", "*.parquet"))
	if err != nil || len(files) != 1 || os.Remove(files[0]) != nil {
		t.Fatalf("%v, %v", files, err)
	}
	_, stderr = ask(8, "from municipalities")
	wants(t, "a missing file", stderr, "staging.municipalities cannot be read: "+files[0]+" is missing", "llac run --force municipalities")
	_, stderr = export(8, "municipalities")
	wants(t, "a missing file", stderr, files[0]+" is missing", "llac run --force municipalities")
}

// session drives the shell on a pseudo-terminal: each step waits for the expected output before it types.
const session = `
import os, pty, re, select, sys, time
program, steps = sys.argv[1:-1], eval(sys.argv[-1])
pid, fd = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm"
    os.execv(program[0], program)
seen, before = b"", ""
for expected, typed in steps:
    until, got = time.time() + 120, b""
    while not re.search(expected.encode(), got):
        if not select.select([fd], [], [], 2)[0]:
            if time.time() > until:
                sys.exit(f"waited for {expected!r}, got {got.decode(errors='replace')!r}")
            if before == "\x03":  # readline may not have been ready, and receives it with the next key
                os.write(fd, before.encode())
            continue
        try:
            b = os.read(fd, 65536)
        except OSError:
            b = b""
        if not b and not re.search(expected.encode(), got):
            sys.exit(f"ended before {expected!r}, got {got.decode(errors='replace')!r}")
        got += b
    seen, before = seen + got, typed
    os.write(fd, typed.encode())
while True:
    try:
        b = os.read(fd, 65536)
    except OSError:
        break
    if not b:
        break
    seen += b
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`

// shell tests the interactive shell on the machine's lake.
func (m *machine) shell(t *testing.T, engine duckdb.Engine) {
	t.Helper()
	steps := `[
		("llac> ", "select municipality_name from municipalities where municipality_id = '080193';\n"),
		("simulated: staging.municipalities.*llac> ", "select 1 as a,\n"),
		("\\.\\.\\.> ", "';' as b;\n"),
		("1 row.*llac> ", "attach 'x';\n"),
		("ATTACH is refused.*llac> ", ".mode csv\n"),
		("llac> ", "select null as n, 2 as two;\n"),
		(",2.*llac> ", "select count(*) from range(100000000) t(a), range(100000000) u(b) where a * b % 7 = 3;\n"),
		("remaining", "\x03"),
		("interrupted.*llac> ", ".tab\t\n"),
		("Municipalities of Catalonia.*llac> ", ".reload\n"),
		("All these data are simulated.*llac> ", "select 1\n"),
		("\\.\\.\\.> ", "\x03"),
		("llac> ", "\x04"),
	]`
	steps = strings.ReplaceAll(steps, `("`, `("(?s)`)
	c := engine.Environment.Command(t.Context(), "-I", "-c", session, os.Args[0], "sql", "--dir", m.dir, steps)
	c.Env = append(c.Env, asMain+"=1")
	out, err := c.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("the shell: %v: %s\n%s", err, exit.Stderr, out)
	}
	wants(t, "the shell", string(out), "1 dataset, no marts yet", "Barcelona", "(1 row)")
	history, err := os.ReadFile(m.file("sql_history"))
	if err != nil || !strings.Contains(string(history), "attach 'x';") {
		t.Errorf("history: %q, %v", history, err)
	}
}

// An empty lake is reported without Python.
func TestSQLOfNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "lake", "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"sql", "select 1"}, {"export", "population"}} {
		stdout, stderr, status := llac(t, append(args, "--dir", dir)...)
		if status != 8 || stdout != "" || !strings.Contains(stderr, "nothing is published in "+dir) ||
			!strings.Contains(stderr, "llac run --dir ") {
			t.Errorf("%v: %d, %q, %q", args, status, stdout, stderr)
		}
	}
}
