//go:build slow

package odcs

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/llac-project/llac/cmd/llac/cli"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/arrowschema"
	"github.com/llac-project/llac/platform/local/python"
)

const datasets = "../../datasets"

//go:embed testdata/requirements.txt
var requirements string

// result is what testdata/run.py reports of one contract.
type result struct {
	Contract, Output string
	Status           int
	Checks           []struct{ Type, Name, Field, Result, Reason string }
}

// datacontract runs a command of datacontract-cli for contracts, in a folder.
func datacontract(t *testing.T, folder, command string, contracts []string) []result {
	t.Helper()
	environment, err := python.Ensure(t.Context(), "datacontract", strings.Fields(requirements), os.Stderr)
	var missing *python.NoPythonError
	if errors.As(err, &missing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	program, err := filepath.Abs(filepath.Join("testdata", "run.py"))
	if err != nil {
		t.Fatal(err)
	}
	c := environment.Command(t.Context(), append([]string{program, command}, contracts...)...)
	var failure bytes.Buffer
	c.Dir, c.Stderr = folder, &failure
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, failure.String())
	}
	var results []result
	if err := json.Unmarshal(out, &results); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(results) != len(contracts) {
		t.Fatalf("%d results of %d contracts", len(results), len(contracts))
	}
	return results
}

// llac runs a command line that must succeed.
func llac(t *testing.T, args ...string) {
	t.Helper()
	var out, log bytes.Buffer
	app := cli.App{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &log, Clock: clock.System{},
		Getenv: func(string) string { return "" }}
	if status := app.Execute(t.Context(), args); status != 0 {
		t.Fatalf("llac %s: exit status %d\n%s%s", strings.Join(args, " "), status, out.String(), log.String())
	}
}

// exported publishes every dataset from the simulator, exports it and returns the folder and the contracts in it.
func exported(t *testing.T) (folder string, contracts []string) {
	t.Helper()
	dir, folder := filepath.Join(t.TempDir(), "llac"), t.TempDir()
	llac(t, "run", "--no-marts", "--datasets", datasets, "--dir", dir)
	llac(t, "datasets", "export", "--dir", dir, "--out", folder)
	all, err := contract.LoadDir(datasets)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		contracts = append(contracts, c.Dataset+contract.FileSuffix)
	}
	return folder, contracts
}

// unchecked are the reasons for which datacontract-cli reports a check as a warning and does not run it: it does not compare
// types with those of Parquet files, which llac datasets export does, and it reads one contract at a time.
var unchecked = []string{"Checking types in parquet files is not supported yet.", "is not checked: the contract has no schema"}

// TestPublishedFiles checks the contracts of the project, the complete contracts and the published files of every dataset.
func TestPublishedFiles(t *testing.T) {
	t.Parallel()
	folder, contracts := exported(t)
	source, err := filepath.Abs(datasets)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range slices.Concat(datacontract(t, source, "lint", contracts), datacontract(t, folder, "lint", contracts)) {
		if r.Status != 0 {
			t.Errorf("lint %s: exit status %d\n%s", r.Contract, r.Status, r.Output)
		}
	}
	for _, r := range datacontract(t, folder, "test", contracts) {
		if r.Status != 0 {
			t.Errorf("test %s: exit status %d\n%s", r.Contract, r.Status, r.Output)
		}
		var present []string
		for _, c := range r.Checks {
			known := slices.ContainsFunc(unchecked, func(reason string) bool { return strings.Contains(c.Reason, reason) })
			if c.Result != "passed" && !(c.Result == "warning" && known) {
				t.Errorf("test %s: %s: %s: %s", r.Contract, c.Name, c.Result, c.Reason)
			}
			if c.Type == "field_is_present" && c.Result == "passed" {
				present = append(present, c.Field)
			}
		}
		raw, err := os.ReadFile(filepath.Join(source, r.Contract))
		if err != nil {
			t.Fatal(err)
		}
		if want := columns(t, r.Contract, raw); !slices.Equal(slices.Sorted(slices.Values(present)), want) {
			t.Errorf("test %s has found the columns %s, want %s", r.Contract, present, want)
		}
	}
}

// columns returns the columns that a contract publishes, sorted.
func columns(t *testing.T, name string, raw []byte) []string {
	t.Helper()
	c, err := contract.Parse(name, raw)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range slices.Concat(arrowschema.InFiles(c), arrowschema.InPath(c)) {
		out = append(out, f.Name)
	}
	slices.Sort(out)
	return out
}

// TestFaultsAreFound shows that datacontract-cli reads the files: it misses a column and finds values that a contract forbids.
func TestFaultsAreFound(t *testing.T) {
	t.Parallel()
	folder, _ := exported(t)
	const name = "population" + contract.FileSuffix
	raw, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("name: territory_name", "name: territory_names", "minimum: 0", "minimum: 1000000").Replace(string(raw))
	if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	r := datacontract(t, folder, "test", []string{name})[0]
	var failed []string
	for _, c := range r.Checks {
		if c.Result == "failed" {
			failed = append(failed, c.Type+" "+c.Field)
		}
	}
	for _, want := range []string{"field_is_present territory_names", "field_minimum population"} {
		if !slices.Contains(failed, want) {
			t.Errorf("%s was not found; failed: %s", want, failed)
		}
	}
	if r.Status == 0 {
		t.Errorf("exit status 0\n%s", r.Output)
	}
}
