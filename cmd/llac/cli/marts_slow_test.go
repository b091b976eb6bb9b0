//go:build slow

package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/platform/local/portal"
	"github.com/llac-project/llac/platform/local/python"
)

// TestMarts uses the real project: a run ends with the table of the marts, the next run has nothing to do and needs no
// Python, a failing test shows its rows and changes nothing, and the documentation is one page.
func TestMarts(t *testing.T) {
	t.Parallel()
	_, err := duckdb.Open(t.Context(), io.Discard)
	var none *python.NoPythonError
	if errors.As(err, &none) {
		t.Skip(err)
	}
	m, ctx := machineOf(t, portal.Options{}), context.Background()
	stdout, stderr, status := m.llac(ctx, "run", "--dbt", project)
	if status != 0 {
		t.Fatalf("run: exit status %d\n%s%s", status, stdout, stderr)
	}
	wants(t, "the report", stdout, "GRAIN: ONE ROW PER", "dim_municipalities ", "fact_service_usage_daily ",
		"agg_economic_indicators_quarterly ", "simulated, recorded",
		"simulated, invented", "of the project, generated", "tests passed, in ", "Marts: build ")
	m.looksAtMarts(stdout)
	m.on(func(context.Context, io.Writer) (duckdb.Engine, error) {
		return duckdb.Engine{}, errors.New("Python was requested, although nothing has changed")
	})
	stdout, stderr, status = m.llac(ctx, "run", "--dbt", project)
	if status != 0 {
		t.Errorf("the second run: exit status %d\n%s%s", status, stdout, stderr)
	}
	wants(t, "the second report", stdout, "Marts: up to date, build ")
	stdout, _, _ = m.llac(ctx, "status")
	wants(t, "status", stdout, "from the snapshots above")
	m.on(nil)

	// Every published mart is listed, comes from the simulator or the project, and has passed a test.
	stdout, _, _ = m.llac(ctx, "marts", "list", "--json")
	var list struct{ Data martsAnswer }
	if err := json.Unmarshal([]byte(stdout), &list); err != nil || len(list.Data.Models) < 9 {
		t.Fatalf("marts list --json: %v\n%s", err, stdout)
	}
	for _, mart := range list.Data.Models {
		if mart.Rows == 0 || mart.Tests == 0 || mart.SourceSystem != "simulator" && mart.SourceSystem != "" {
			t.Errorf("got %+v", mart)
		}
	}

	// A test that fails.
	broken := filepath.Join(t.TempDir(), "dbt")
	if err := os.CopyFS(broken, os.DirFS(project)); err != nil {
		t.Fatal(err)
	}
	test := "select municipality_id, municipality_name from {{ ref('dim_municipalities') }} where is_current and comarca_id = " +
		"'13' order by 1"
	if err := os.WriteFile(filepath.Join(broken, "tests", "assert_nobody_lives_in_barcelones.sql"), []byte(test), 0o644); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, status = m.llac(ctx, "marts", "--dbt", broken)
	if status != 10 {
		t.Errorf("marts with a failing test: exit status %d\n%s%s", status, stdout, stderr)
	}
	wants(t, "the report", stdout, "assert_nobody_lives_in_barcelones (test of dim_municipalities)", "municipality_name", "080193",
		"Barcelona", "Readers keep the marts of build "+list.Data.Build)
	wants(t, "standard error", stderr, "1 model or test failed, so nothing of build", "llac marts", m.file("marts", "failed"))
	stdout, _, _ = m.llac(ctx, "marts", "list", "--json")
	var after struct{ Data martsAnswer }
	if err := json.Unmarshal([]byte(stdout), &after); err != nil || after.Data.Build != list.Data.Build {
		t.Errorf("after a failing test, readers see build %s: %v", after.Data.Build, err)
	}

	stdout, stderr, status = m.llac(ctx, "marts", "docs", "--dbt", project)
	page, err := os.ReadFile(m.file("marts", "docs.html"))
	if err != nil || status != 0 || !bytes.Contains(page, []byte("fact_population_monthly")) || !strings.Contains(stdout, "docs.html") {
		t.Errorf("marts docs: %v, exit status %d\n%s%s", err, status, stdout, stderr)
	}
}

// looksAtMarts compares the answer at the end of a report with the facts, and executes the query that it shows.
func (m *machine) looksAtMarts(report string) {
	m.t.Helper()
	wants(m.t, "the answer", report, "between 1 January 2023 and 1 January 2024?", "Catalonia: 7,909,125 to 8,034,743, +125,618 (+1.59 %).",
		"  Baix Penedès       +2.41 %   +2,793  ██████", "  … 33 between them", "  Pallars Jussà      −0.52 %      −69  ▒▒▒",
		"Font: Idescat. Padró municipal d'habitants.",
		"These figures are recorded facts, served here by the simulator")
	_, query, found := strings.Cut(report, "llac sql \"select comarca_name, population_start")
	query, _, ends := strings.Cut("select comarca_name, population_start"+query, "\" --dir ")
	if !found || !ends {
		m.t.Fatalf("the report shows no query:\n%s", report)
	}
	stdout, stderr, status := m.llac(context.Background(), "sql", query, "--format", "csv")
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if status != 0 || len(lines) != 44 || lines[1] != "Baix Penedès,115802,118595,2793,2.41" ||
		lines[43] != "Pallars Jussà,13370,13301,-69,-0.52" {
		m.t.Errorf("the shown query: exit status %d\n%s%s", status, stdout, stderr)
	}
	if stderr != "simulated: marts.agg_population_trends_yearly, marts.dim_municipalities; data_origin distinguishes recorded "+
		"facts from invented values\n" {
		m.t.Errorf("standard error: %q", stderr)
	}
	stdout, stderr, status = m.llac(context.Background(), "export", "agg_population_trends_yearly", "--out", m.file("trends.csv"), "--json")
	var exported struct {
		Data struct {
			Rows     int64
			Metadata map[string]string
		}
	}
	if err := json.Unmarshal([]byte(stdout), &exported); err != nil || status != 0 || exported.Data.Rows == 0 ||
		exported.Data.Metadata["build"] == "" || exported.Data.Metadata["simulated"] != "true" ||
		!strings.Contains(exported.Data.Metadata["source"], "pmh/446/477") ||
		!strings.Contains(exported.Data.Metadata["snapshots"], "population=") {
		m.t.Errorf("export of a mart: %v, exit status %d\n%s%s", err, status, stdout, stderr)
	}
}
