package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/klauspost/compress/zstd"

	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/portal"
)

// TestFourthDataset checks that a dataset of a known portal kind needs only a contract file, and that each published
// row can be traced to bytes in the archive.
func TestFourthDataset(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "libraries")
	got := w.run()["libraries"]
	want(t, got, ledger.Published)
	checkRowCounts(t, got)
	if got.Staged != 100 || got.Pages != 5 || !got.Simulated { // the last page is empty and shows the end
		t.Errorf("staged %d rows of %d pages, simulated %v", got.Staged, got.Pages, got.Simulated)
	}
	p := w.pointer("libraries")
	partitions := map[string]int64{}
	for _, o := range p.Parts[0].Objects {
		partitions[o.Partition[0].Value] = o.Rows
	}
	// "1" becomes "01" and stays text in the path.
	if len(partitions) != 11 || partitions["00"] != 66 || partitions["01"] == 0 {
		t.Errorf("partitions %v", partitions)
	}
	archived := w.archived("libraries")
	pages := w.pages("libraries", archived)
	rows := 0
	for _, o := range p.Parts[0].Objects {
		w.parquet(o.Key, func(column map[string]string) {
			rows++
			record := recordAt(t, pages, column["source_page"], column["source_row"])
			if record["codi"] != column["library_id"] {
				t.Errorf("row %s: at page %s, row %s is the record %v", column["library_id"], column["source_page"],
					column["source_row"], record)
			}
			if column["source_system"] != "simulator" || column["data_origin"] != "invented" {
				t.Errorf("row %s is not marked as simulated: %v", column["library_id"], column)
			}
			if _, inside := column["district_id"]; inside {
				t.Error("the partition column is inside the file")
			}
		})
	}
	if rows != 100 {
		t.Errorf("read %d rows back", rows)
	}
	if left := w.keys("landing/libraries/"); len(left) != 0 {
		t.Errorf("landing still holds %v", left)
	}
	w.checkAbsent([]string{librarian}, archived)
	want(t, w.run()["libraries"], ledger.Unchanged)
}

// TestCKAN publishes a CKAN resource with a contract alone.
func TestCKAN(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "facilities")
	got := w.run()["facilities"]
	want(t, got, ledger.Published)
	checkRowCounts(t, got)
	if got.Staged != 54 || got.Pages != 3 {
		t.Errorf("staged %d rows of %d pages, want 54 of 3", got.Staged, got.Pages)
	}
}

// TestPersonalValues runs the whole register and searches for its planted personal values in every file that Llac
// writes. They must be in landing and archive only (invariant 8).
func TestPersonalValues(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "social_services", "municipalities")
	got := w.run()["social_services"]
	want(t, got, ledger.Published)
	checkRowCounts(t, got)
	if got.Staged < 12000 || got.Quarantined == 0 || got.Duplicates == 0 {
		t.Errorf("staged %d, quarantined %d, duplicates %d: the register's invalid rows are missing", got.Staged,
			got.Quarantined, got.Duplicates)
	}
	w.checkAbsent(portal.PlantedPersonalValues(), w.archived("social_services"))
}

// TestInvalidContract checks that no portal is requested while a contract is invalid.
func TestInvalidContract(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "libraries")
	w.contract("facilities", func(s string) string { return strings.Replace(s, "logicalType: integer", "logicalType: intger", 1) })
	_, err := pipeline.Run(t.Context(), pipeline.Options{Settings: w.settings(), Contracts: w.contracts})
	problems, ok := err.(contract.Problems)
	if !ok || len(problems) == 0 || problems[0].Line == 0 {
		t.Fatalf("want the contract's problems with their lines, got %v", err)
	}
	if requests := w.portal.Requests(); len(requests) != 0 {
		t.Errorf("the portal received %d requests", len(requests))
	}
	if entries, err := os.ReadDir(w.dir); err != nil || len(entries) != 0 {
		t.Errorf("the state directory is not empty: %v %v", entries, err)
	}
}

// pages returns the archived pages of the published run by their position in its landing manifest, which is archived too.
func (w *workspace) pages(dataset string, archived map[string][]byte) [][]byte {
	w.t.Helper()
	var manifest lake.Manifest
	if err := json.Unmarshal(archived[w.pointer(dataset).Parts[0].Manifest.Key], &manifest); err != nil {
		w.t.Fatal(err)
	}
	var out [][]byte
	for i, page := range manifest.Pages {
		body := archived[page.Key]
		if page.Index != i || lake.SHA256(body) != page.SHA256 {
			w.t.Fatalf("page %d of the manifest has the index %d and another digest than the archive", i, page.Index)
		}
		out = append(out, body)
	}
	return out
}

// recordAt returns the record of a Socrata page at a position, as source_page and source_row give it.
func recordAt(t *testing.T, pages [][]byte, page, row string) map[string]any {
	t.Helper()
	at, err := strconv.Atoi(page)
	if err != nil || at >= len(pages) {
		t.Fatalf("page %q of %d: %v", page, len(pages), err)
	}
	var records []map[string]any
	if err := json.Unmarshal(pages[at], &records); err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(row)
	if err != nil || n >= len(records) {
		t.Fatalf("row %q of %d: %v", row, len(records), err)
	}
	return records[n]
}

// archived unpacks a dataset's archive: raw pages by their former landing key.
func (w *workspace) archived(dataset string) map[string][]byte {
	w.t.Helper()
	out := map[string][]byte{}
	reader, err := zstd.NewReader(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	defer reader.Close()
	w.withCloud(func(c *pipeline.Cloud) {
		if err := c.Lake().List(w.t.Context(), "archive/"+dataset+"/", func(i lake.Info) bool {
			b, _, err := c.Lake().Get(w.t.Context(), i.Key)
			if err != nil {
				w.t.Fatal(err)
			}
			if strings.HasSuffix(i.Key, ".zst") {
				if b, err = reader.DecodeAll(b, nil); err != nil {
					w.t.Fatal(err)
				}
			}
			out["landing/"+strings.TrimSuffix(strings.TrimPrefix(i.Key, "archive/"), ".zst")] = b
			return true
		}); err != nil {
			w.t.Fatal(err)
		}
	})
	return out
}

// checkAbsent searches for values in every file of the state directory except landing and archive. They must be in the
// archive, or the test would prove nothing.
func (w *workspace) checkAbsent(values []string, archived map[string][]byte) {
	w.t.Helper()
	for _, v := range values {
		found := false
		for _, page := range archived {
			found = found || bytes.Contains(page, []byte(v))
		}
		if !found {
			w.t.Errorf("%q is not in the archive: the test proves nothing", v)
		}
	}
	files := 0
	err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(w.dir, path)
		if err != nil {
			return err
		}
		if strings.Contains(rel, "/landing/") || strings.Contains(rel, "/archive/") {
			return nil
		}
		files++
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		search := func(where string, text []byte) {
			for _, v := range values {
				if bytes.Contains(text, []byte(v)) {
					w.t.Errorf("%s contains the personal value %q", where, v)
				}
			}
		}
		search(rel, b)
		if bytes.HasPrefix(b, []byte("PAR1")) { // its pages are compressed: search the values
			readParquet(w.t, b, func(row map[string]string) {
				for column, v := range row {
					search(rel+" "+column, []byte(v))
				}
			})
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if files < 10 {
		w.t.Fatalf("only %d files were searched", files)
	}
}

// parquet reads one published file, row by row, as text.
func (w *workspace) parquet(key string, visit func(map[string]string)) {
	w.t.Helper()
	b, err := os.ReadFile(pipeline.Place(w.dir, key))
	if err != nil {
		w.t.Fatal(err)
	}
	readParquet(w.t, b, visit)
}

func readParquet(t *testing.T, b []byte, visit func(map[string]string)) {
	t.Helper()
	table, err := pqarrow.ReadTable(context.Background(), bytes.NewReader(b), nil, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Release()
	rows := make([]map[string]string, table.NumRows())
	for i := range rows {
		rows[i] = map[string]string{}
	}
	for c := range int(table.NumCols()) {
		at := 0
		for _, chunk := range table.Column(c).Data().Chunks() {
			for i := range chunk.Len() {
				if chunk.IsValid(i) {
					rows[at][table.Schema().Field(c).Name] = chunk.ValueStr(i)
				}
				at++
			}
		}
	}
	for _, r := range rows {
		visit(r)
	}
}
