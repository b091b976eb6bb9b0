package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/klauspost/compress/zstd"

	"github.com/llac-project/llac/cmd/llac/cli"
)

const places = "testdata/datasets/places.odcs.yaml"

// pages are the files of a folder, with one duplicate, one row without its district, and personal values everywhere.
var pages = map[string]string{
	"page-1.json":        `[{"id":"P1","districte":"01","telefon":"PLANTED"},{"id":"P2","districte":"02","telefon":"PLANTED"}]`,
	"page-2.json":        `[{"id":"P3","districte":"02","dni":"PLANTED"},{"id":"P1","districte":"01","telefon":"PLANTED 2"}]`,
	"page-10.json":       `[{"id":"P4","telefon":"PLANTED"}]`,
	"_manifest.try.json": `{"pages":[]}`,
	"notes.txt":          "no page",
}

// folderOf writes files into a new folder.
func folderOf(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// tree reads every file below a folder, by its relative path; a missing folder is empty.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[filepath.ToSlash(rel)] = string(body)
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return out
}

// parquetSize matches the size of the files, which the engine's tests check.
var parquetSize = regexp.MustCompile(`[0-9.]+ kB of Parquet|"bytes_out": [0-9]+`)

func TestStageGolden(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, args string }{
		{"stage", places + " --in DIR/pages --out DIR/out --force"},
		{"stage_of_a_portal", places + " --in DIR/pages --out DIR/out --force --source-system " +
			"analisi.transparenciacatalunya.cat --run 20250803T140512"},
		{"stage_exists", places + " --in DIR/pages --out DIR/taken"},
		{"stage_no_pages", places + " --in DIR/empty --out DIR/out"},
		{"stage_no_folder", places + " --in DIR/none --out DIR/out"},
		{"stage_twice", places + " --in DIR/twice --out DIR/out"},
		{"stage_broken", "testdata/broken/places.odcs.yaml --in DIR/pages --out DIR/out"},
		{"stage_broken_of_a_folder", "testdata/broken/places.odcs.yaml --in DIR/pages --out DIR/out --datasets testdata/broken"},
		{"stage_no_contract", "testdata/none.odcs.yaml --in DIR/pages --out DIR/out"},
		{"stage_no_out", places + " --in DIR/pages"},
		{"stage_little_memory", places + " --in DIR/pages --out DIR/out --memory 32MiB"},
		{"stage_bad_memory", places + " --in DIR/pages --out DIR/out --memory lots"},
		{"stage_bad_level", places + " --in DIR/pages --out DIR/out --level 0"},
		{"stage_many_workers", places + " --in DIR/pages --out DIR/out --workers 9223372036854775807"},
		{"stage_bad_system", places + " --in DIR/pages --out DIR/out --source-system Real!"},
		{"stage_bad_run", places + " --in DIR/pages --out DIR/out --run ../x"},
		{"stage_no_slices", places + " --in DIR/pages --out DIR/out --slice 2024"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, files := range map[string]map[string]string{"pages": pages, "empty": {"a.txt": ""},
				"twice": {"p.json": "[]", "p.json.gz": ""}} {
				if err := os.Rename(folderOf(t, files), filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.MkdirAll(filepath.Join(dir, "taken", "staging", "places"), 0o755); err != nil {
				t.Fatal(err)
			}
			args := append([]string{"stage"}, strings.Fields(strings.ReplaceAll(c.args, "DIR", dir))...)
			stdout, stderr, status := llac(t, args...)
			got := fmt.Sprintf("$ llac stage %s\n%s", strings.ReplaceAll(c.args, "DIR", "$DIR"), stdout)
			if stderr != "" {
				got += "--- standard error\n" + stderr
			}
			golden(t, c.name+".txt", dir, parquetSize.ReplaceAllString(got, "some kB of Parquet")+fmt.Sprintf("--- exit status "+
				"%d\n", status))
			document, stderr, jsonStatus := llac(t, append(args, "--json")...)
			if stderr != "" || jsonStatus != status || !json.Valid([]byte(document)) {
				t.Errorf("--json: standard error %q, exit status %d, want %d\n%s", stderr, jsonStatus, status, document)
			}
			golden(t, c.name+".json", dir, parquetSize.ReplaceAllString(document, `"bytes_out": 0`))
			if _, err := os.Stat(filepath.Join(dir, "out")); (err == nil) != (status == 0) {
				t.Errorf("exit status %d, output folder: %v", status, err)
			}
		})
	}
}

// TestStageSameBytes checks invariant 6 for any number of workers and any compression of the pages.
func TestStageSameBytes(t *testing.T) {
	t.Parallel()
	in, out := folderOf(t, pages), t.TempDir()
	var first map[string]string
	for i, more := range [][]string{nil, {"--workers", "1"}, {"--workers", "4", "--memory", "192MiB"}} {
		dir := filepath.Join(out, fmt.Sprint(i))
		if _, stderr, status := llac(t, append([]string{"stage", places, "--in", in, "--out", dir}, more...)...); status != 0 {
			t.Fatalf("exit status %d: %s", status, stderr)
		}
		got := tree(t, dir)
		if first == nil {
			first = got
		}
		if !maps.Equal(got, first) {
			t.Errorf("%v gives different files", more)
		}
	}
	want := []string{"quarantine/places/rows.parquet", "staging/places/district_id=01/places.parquet",
		"staging/places/district_id=02/places.parquet"}
	for _, path := range want {
		if first[path] == "" {
			t.Errorf("missing: %s", path)
		}
	}
	if len(first) != len(want) {
		t.Errorf("%d files, want %d", len(first), len(want))
	}
}

// TestStageReadsTheArchive stages pages as the landing janitor archives them.
func TestStageReadsTheArchive(t *testing.T) {
	t.Parallel()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	packed := map[string]string{}
	for name, body := range pages {
		packed[name+".zst"] = string(w.EncodeAll([]byte(body), nil))
	}
	out := t.TempDir()
	stdout, stderr, status := llac(t, "stage", places, "--in", folderOf(t, packed), "--out", out, "--json")
	if status != 0 || !strings.Contains(stdout, `"rows_in": 5`) || !strings.Contains(stdout, `"bytes_in": 229`) {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
	packed["page-2.json.zst"] = packed["page-2.json.zst"][:20]
	_, stderr, status = llac(t, "stage", places, "--in", folderOf(t, packed), "--out", out, "--force")
	if status != 1 || !strings.Contains(stderr, "page-2.json.zst") || !strings.Contains(stderr, "is unchanged") || len(tree(t, out)) != 3 {
		t.Errorf("a truncated file: exit status %d, %d files\n%s", status, len(tree(t, out)), stderr)
	}
}

// TestStageLaterPagesWin checks that pages are ordered by name, numbers by value.
func TestStageLaterPagesWin(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(places)
	if err != nil {
		t.Fatal(err)
	}
	latest := folderOf(t, map[string]string{"places.odcs.yaml": strings.Replace(string(raw), "value: quarantine}", "value: latest}", 1)})
	in := folderOf(t, map[string]string{
		"page-10.json": `[{"id":"P1","districte":"10"}]`, "page-9.json": `[{"id":"P1","districte":"09"}]`,
		"page-1.json": `[{"id":"P1","districte":"01"}]`,
	})
	out := t.TempDir()
	if _, stderr, status := llac(t, "stage", filepath.Join(latest, "places.odcs.yaml"), "--in", in, "--out", out); status != 0 {
		t.Fatalf("exit status %d: %s", status, stderr)
	}
	if got := tree(t, out); len(got) != 1 || got["staging/places/district_id=10/places.parquet"] == "" {
		t.Errorf("staged: %d files", len(got))
	}
}

// countdown is a context that ends after a number of checks.
type countdown struct {
	context.Context
	looks atomic.Int64
}

func (c *countdown) Err() error {
	if c.looks.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// TestStageInterrupted interrupts a staging at many points: nothing of it is left, and an earlier output is unchanged.
func TestStageInterrupted(t *testing.T) {
	t.Parallel()
	in, old := folderOf(t, pages), t.TempDir()
	if _, stderr, status := llac(t, "stage", places, "--in", in, "--out", old); status != 0 {
		t.Fatalf("exit status %d: %s", status, stderr)
	}
	before := tree(t, old)
	changed := maps.Clone(pages)
	changed["page-3.json"] = `[{"id":"P5","districte":"03"}]`
	in = folderOf(t, changed)
	fresh := filepath.Join(t.TempDir(), "made", "here")
	for looks := int64(0); ; looks++ {
		for _, out := range []string{fresh, old} {
			var stdout, stderr bytes.Buffer
			ctx := &countdown{Context: context.Background()}
			ctx.looks.Store(looks)
			a := &cli.App{Stdout: &stdout, Stderr: &stderr, Clock: noon{}}
			status := a.Execute(ctx, []string{"stage", places, "--in", in, "--out", out, "--force"})
			if status == 0 {
				if looks < 5 {
					t.Errorf("it checked the context only %d times", looks)
				}
				if got := tree(t, out); len(got) != 4 || got["staging/places/district_id=03/places.parquet"] == "" {
					t.Errorf("%d files after --force", len(got))
				}
				if out == old {
					return
				}
				continue
			}
			if status != 130 || !strings.Contains(stderr.String(), "nothing was written") {
				t.Fatalf("after %d checks: exit status %d: %s", looks, status, &stderr)
			}
			if _, err := os.Stat(filepath.Dir(fresh)); err == nil {
				t.Fatalf("after %d checks: the folder exists: %v", looks, tree(t, fresh))
			}
			if !maps.Equal(tree(t, old), before) {
				t.Fatalf("after %d checks: the earlier output has changed", looks)
			}
		}
	}
}

// TestStageForce checks that the whole earlier output is replaced, also the quarantine.
func TestStageForce(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	if _, stderr, status := llac(t, "stage", places, "--in", folderOf(t, pages), "--out", out); status != 0 {
		t.Fatalf("exit status %d: %s", status, stderr)
	}
	before := tree(t, out)
	in := folderOf(t, map[string]string{"p.json": `[{"id":"P9","districte":"09"}]`})
	if _, stderr, status := llac(t, "stage", places, "--in", in, "--out", out); status != 9 || !strings.Contains(stderr, "--force") ||
		!maps.Equal(tree(t, out), before) {
		t.Errorf("without --force: exit status %d: %s", status, stderr)
	}
	if _, stderr, status := llac(t, "stage", places, "--in", in, "--out", out, "--force"); status != 0 {
		t.Fatalf("exit status %d: %s", status, stderr)
	}
	if got := tree(t, out); len(got) != 1 || got["staging/places/district_id=09/places.parquet"] == "" {
		t.Errorf("%d files after --force", len(got))
	}
}

// TestStagePersonalValues checks invariant 8: neither the decompressed files nor any output has a personal value, also if a
// page is truncated; and a truncated page is always reported.
func TestStagePersonalValues(t *testing.T) {
	t.Parallel()
	torn := maps.Clone(pages)
	torn["page-3.json"] = `[{"id":"P7","districte":"01","telefon":"PLANTED"},{"id":"P8","telefon":"PLANTED`
	for name, files := range map[string]map[string]string{"whole": pages, "torn": torn} {
		for _, more := range []string{"--json=false", "--json"} {
			out := t.TempDir()
			stdout, stderr, status := llac(t, "stage", places, "--in", folderOf(t, files), "--out", out, more)
			output := stdout + stderr
			staged := tree(t, out)
			if name == "torn" && (!strings.Contains(output, "page-3.json") && !strings.Contains(output, "malformed") || status != 0 &&
				len(staged) != 0) {
				t.Errorf("%s: exit status %d, %d files, output\n%s", name, status, len(staged), output)
			}
			if name == "whole" && len(staged) != 3 {
				t.Errorf("%s: %d files", name, len(staged))
			}
			for path, body := range staged {
				values := everyValue(t, body)
				if !strings.Contains(values, "P") {
					t.Errorf("%s: the scan does not find the values of %s", name, path)
				}
				output += body + values
			}
			if strings.Contains(output, "PLANTED") {
				t.Errorf("%s %s: a personal value is shown", name, more)
			}
		}
	}
}

// everyValue writes every cell of a Parquet file.
func everyValue(t *testing.T, body string) string {
	t.Helper()
	r, err := file.NewParquetReader(bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	ar, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := ar.ReadTable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for i := range int(table.NumCols()) {
		for _, chunk := range table.Column(i).Data().Chunks() {
			for row := range chunk.Len() {
				fmt.Fprintln(&out, chunk.ValueStr(row))
			}
		}
	}
	return out.String()
}

func TestStageCompletion(t *testing.T) {
	t.Parallel()
	if stdout, _, _ := llac(t, "__complete", "stage", ""); !strings.Contains(stdout, "yaml\n") {
		t.Errorf("completion of the contract: %q", stdout)
	}
	if stdout, _, _ := llac(t, "__complete", "stage", places, "--in", ""); !strings.Contains(stdout, "16") { // folders alone
		t.Errorf("completion of --in: %q", stdout)
	}
}

// TestStageOfAnotherSource checks that a folder's pages are what their bytes state, whatever a person vouches for (invariant 11).
func TestStageOfAnotherSource(t *testing.T) {
	t.Parallel()
	const (
		gdp    = "../../../datasets/gdp_quarterly.odcs.yaml"
		marked = `[{"id":"P1","districte":"01",":@llac_origin":"recorded"}]`
		table  = `{"version":"2.0","class":"dataset","href":"https://api.idescat.cat/taules/v2/pibt/21132/24942/cat/data?lang=ca",` +
			`"id":["YEAR"],"size":[1],"dimension":{"YEAR":{"category":{"index":["2023"]}}},"value":[1]}`
		answer = `{"success":true,"result":{"resource_id":"00000000-d8bc-4707-9a09-a21c6c2669f3","fields":[{"id":"nom"}],` +
			`"records":[{"nom":"a"}]}}`
		portal = "analisi.transparenciacatalunya.cat"
	)
	for name, c := range map[string]struct {
		contract, page string
		more           []string
		want           string // empty: the page is staged
	}{
		"simulated rows without a portal": {places, marked, nil, ""},
		"simulated rows": {places, marked, []string{"--source-system", portal},
			"page-1.json: the page has the mark of the portal simulator: no portal sent it"},
		"another table": {gdp, table, nil, "page-1.json: the page is not one of gdp_quarterly"},
		"another resource": {"../../../test/e2e/testdata/contracts/facilities.odcs.yaml", answer, nil,
			"page-1.json: the page is not one of facilities"},
		"another table of the portal": {gdp, table, []string{"--source-system", "api.idescat.cat"}, "pibt/21132/24942/cat"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "out")
			in := folderOf(t, map[string]string{"page-1.json": c.page})
			_, stderr, status := llac(t, append([]string{"stage", c.contract, "--in", in, "--out", out}, c.more...)...)
			if c.want == "" {
				if status != 0 {
					t.Errorf("exit status %d: %s", status, stderr)
				}
				return
			}
			if status != 2 || !strings.Contains(stderr, c.want) {
				t.Errorf("exit status %d, want 2 and %q\n%s", status, c.want, stderr)
			}
			if _, err := os.Stat(out); err == nil {
				t.Error("files were written")
			}
		})
	}
}
