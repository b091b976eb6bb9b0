package cli_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/contracttest"
	"github.com/llac-project/llac/platform/lake"
)

// contractFolder returns a folder with contract files.
func contractFolder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A contract in earlier forms is reported with its lines, and --fix rewrites it once.
func TestDatasetsCheckFix(t *testing.T) {
	t.Parallel()
	dir := contractFolder(t, map[string]string{"libraries.odcs.yaml": contracttest.Earlier})
	file := filepath.Join(dir, "libraries.odcs.yaml")
	stdout, stderr, status := llac(t, "datasets", "check", "--datasets", dir)
	if status != 3 || text(t, file) != contracttest.Earlier {
		t.Errorf("check: exit status %d", status)
	}
	wants(t, "the problems", stdout, file+`:27:23: schema[0].properties[0].physicalName: "ANY" is not the published column`,
		file+":64:25: schema[0].properties[5].classification: a property is a published column")
	wants(t, "the hint", stderr, "llac datasets check --fix --datasets "+dir+" rewrites the lines above")

	stdout, stderr, status = llac(t, "datasets", "check", "--fix", "--datasets", dir)
	if status != 0 || stderr != "" || text(t, file) != contracttest.Base {
		t.Errorf("--fix: exit status %d, %s, the file is\n%s", status, stderr, text(t, file))
	}
	wants(t, "what was changed", stdout, file+": 8 places rewritten", "    27 -         physicalName: ANY",
		"       +           - {property: llacSource, value: ANY}", "1 contract checked, no problems.")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the permissions are %v, %v", info.Mode(), err)
	}

	stdout, stderr, status = llac(t, "datasets", "check", "--fix", "--datasets", dir)
	if status != 0 || stdout != "1 contract checked, no problems.\n" || text(t, file) != contracttest.Base {
		t.Errorf("again: exit status %d, %s%s", status, stdout, stderr)
	}
}

// A file with other problems stays as it is, and keeps no other file from being rewritten.
func TestDatasetsCheckFixRefuses(t *testing.T) {
	t.Parallel()
	broken := strings.Replace(contracttest.Earlier, "Budget in euros.", "''", 1)
	dir := contractFolder(t, map[string]string{
		"libraries.odcs.yaml": contracttest.Earlier,
		"museums.odcs.yaml":   strings.Replace(broken, "name: libraries", "name: museums", 1),
	})
	linked := filepath.Join(t.TempDir(), "linked.yaml")
	if err := os.Rename(filepath.Join(dir, "libraries.odcs.yaml"), linked); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(linked, filepath.Join(dir, "libraries.odcs.yaml")); err != nil {
		t.Fatal(err)
	}
	before := text(t, filepath.Join(dir, "museums.odcs.yaml"))
	stdout, stderr, status := llac(t, "datasets", "check", "--fix", "--datasets", dir)
	if status != 3 || text(t, filepath.Join(dir, "museums.odcs.yaml")) != before {
		t.Errorf("exit status %d", status)
	}
	if text(t, linked) != contracttest.Base {
		t.Error("the file behind the link is not rewritten")
	}
	wants(t, "the problems", stdout, "museums.odcs.yaml:57:22: schema[0].properties[3].description: the description is missing")
	wants(t, "the hint", stderr, "fix the lines above that do not name llac datasets check --fix")

	var reply struct {
		Data struct {
			Fixed    []struct{ File string }
			Problems []contract.Problem
		}
	}
	stdout, _, _ = llac(t, "datasets", "check", "--fix", "--datasets", dir, "--json")
	if err := json.Unmarshal([]byte(stdout), &reply); err != nil || len(reply.Data.Fixed) != 0 || len(reply.Data.Problems) < 5 {
		t.Errorf("%v: %s", err, stdout)
	}
}

// A snapshot is exported byte for byte with its complete contract.
func TestDatasetsExport(t *testing.T) {
	t.Parallel()
	m, ctx := newMachine(t), context.Background()
	out := filepath.Join(t.TempDir(), "published")
	if _, stderr, status := m.llac(ctx, "datasets", "export", "--out", out); status != 8 {
		t.Errorf("of nothing: exit status %d, %s", status, stderr)
	}
	if stdout, stderr, status := m.llac(ctx, "run", "--no-marts", "population"); status != 0 {
		t.Fatalf("run: exit status %d\n%s%s", status, stdout, stderr)
	}
	if _, stderr, status := m.llac(ctx, "datasets", "export", "housing", "--out", out); status != 8 {
		t.Errorf("of an unpublished dataset: exit status %d, %s", status, stderr)
	}
	stdout, stderr, status := m.llac(ctx, "datasets", "export", "--out", out)
	if status != 0 {
		t.Fatalf("exit status %d\n%s", status, stderr)
	}
	wants(t, "the report", stdout, "municipalities", "population", "5,694", filepath.Join(out, "population.odcs.yaml"),
		"The data are simulated")
	pointer := m.pointer("population")
	for _, part := range pointer.Parts {
		for _, o := range part.Objects {
			year := o.Partition[0].Value
			b := text(t, filepath.Join(out, "population", "year="+year, "population.parquet"))
			if int64(len(b)) != o.Size || lake.SHA256([]byte(b)) != o.SHA256 {
				t.Errorf("the file of %s has other bytes", year)
			}
		}
	}
	complete := text(t, filepath.Join(out, "population.odcs.yaml"))
	wants(t, "the contract", complete, "path: population/year=*/population.parquet", "name: source_row", "physicalType: BIGINT",
		"value: "+pointer.ContractSHA256, "The data are simulated.")
	entries, err := os.ReadDir(out)
	if err != nil || len(entries) != 4 {
		t.Errorf("%v, the folder has %v", err, entries)
	}

	if _, stderr, status = m.llac(ctx, "datasets", "export", "population", "--out", out); status != 9 {
		t.Errorf("a second time: exit status %d, %s", status, stderr)
	}
	if _, stderr, status = m.llac(ctx, "datasets", "export", "population", "--out", out, "--force"); status != 0 ||
		text(t, filepath.Join(out, "population.odcs.yaml")) != complete {
		t.Errorf("with --force: exit status %d, %s", status, stderr)
	}
}

// Nothing is written of a snapshot whose files are not the published ones.
func TestDatasetsExportOfChangedFiles(t *testing.T) {
	t.Parallel()
	m, ctx := newMachine(t), context.Background()
	if stdout, stderr, status := m.llac(ctx, "run", "--no-marts", "municipalities"); status != 0 {
		t.Fatalf("run: exit status %d\n%s%s", status, stdout, stderr)
	}
	o := m.pointer("municipalities").Parts[0].Objects[0]
	at := filepath.Join(m.dir, "lake", "data", filepath.FromSlash(o.Key))
	for what, change := range map[string]func() error{
		"changed": func() error { return os.WriteFile(at, []byte("PAR1"), 0o644) },
		"missing": func() error { return os.Remove(at) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		out := t.TempDir()
		_, stderr, status := m.llac(ctx, "datasets", "export", "--out", out)
		if status != 1 {
			t.Errorf("%s: exit status %d", what, status)
		}
		wants(t, "the error", stderr, o.Key, "llac run --force municipalities")
		if entries, err := os.ReadDir(out); err != nil || len(entries) != 0 {
			t.Errorf("%s: %v, the folder has %v", what, err, entries)
		}
	}
}

// pointer returns the pointer of a published dataset.
func (m *machine) pointer(dataset string) lake.Pointer {
	m.t.Helper()
	var p lake.Pointer
	at := filepath.Join(m.dir, "lake", "data", filepath.FromSlash(lake.PointerKey(dataset)))
	if err := json.Unmarshal([]byte(text(m.t, at)), &p); err != nil {
		m.t.Fatal(err)
	}
	return p
}

// A lake keeps snapshots whose contracts have the forms of earlier versions. They can be read and exported, and the next run
// takes their place.
func TestSnapshotOfAnEarlierContract(t *testing.T) {
	t.Parallel()
	m, ctx := newMachine(t), context.Background()
	if stdout, stderr, status := m.llac(ctx, "run", "--no-marts", "municipalities"); status != 0 {
		t.Fatalf("run: exit status %d\n%s%s", status, stdout, stderr)
	}
	earlier := text(t, filepath.Join("testdata", "earlier", "municipalities.odcs.yaml"))
	if _, err := contract.Parse("municipalities.odcs.yaml", []byte(earlier)); err == nil {
		t.Fatal("the contract has no earlier form")
	}
	sha := lake.SHA256([]byte(earlier))
	pinned := filepath.Join(m.dir, "lake", "config", filepath.FromSlash(lake.ContractKey(sha)))
	if err := os.WriteFile(pinned, []byte(earlier), 0o644); err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(m.dir, "lake", "data", filepath.FromSlash(lake.PointerKey("municipalities")))
	before := m.pointer("municipalities")
	pointer := strings.ReplaceAll(text(t, at), before.ContractSHA256, sha)
	if err := os.WriteFile(at, []byte(pointer), 0o644); err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	if _, stderr, status := m.llac(ctx, "datasets", "export", "--out", out); status != 0 {
		t.Errorf("export: exit status %d, %s", status, stderr)
	}
	complete := text(t, filepath.Join(out, "municipalities.odcs.yaml"))
	wants(t, "the contract", complete, "value: "+sha, "{property: llacSource, value: codi}", "name: source_system")
	if strings.Contains(complete, "physicalName") {
		t.Errorf("the contract has an earlier form:\n%s", complete)
	}
	if stdout, _, status := m.llac(ctx, "status"); status != 0 {
		t.Errorf("status: exit status %d, %s", status, stdout)
	}
	if stdout, stderr, status := m.llac(ctx, "run", "--no-marts", "--force", "municipalities"); status != 0 {
		t.Errorf("the next run: exit status %d\n%s%s", status, stdout, stderr)
	}
	if after := m.pointer("municipalities"); after.ContractSHA256 != before.ContractSHA256 || after.Snapshot <= before.Snapshot {
		t.Errorf("the pointer is %+v", after)
	}
}
