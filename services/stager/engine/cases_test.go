package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/services/stager/matching"
)

var update = flag.Bool("update", false, "rewrite the expected sections of testdata/cases")

// TestCases runs every file of testdata/cases. A case is a contract in JSON, its pages, and the expected result: every
// staged file, the quarantine, the counts. Fields default to staged text with a source field of the same name.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			c := parseCase(t, string(raw))
			got := c.run(t)
			if *update {
				if err := os.WriteFile(name, []byte(c.input+"-- expected --\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != c.expected {
				t.Errorf("%s:\ngot\n%s\nwant\n%s", name, got, c.expected)
			}
		})
	}
}

// testCase is one parsed case file.
type testCase struct {
	input    string // everything before the expected section
	contract *contract.Contract
	slice    string
	finders  map[string]matching.Finder
	pages    []string
	expected string
}

func parseCase(t *testing.T, text string) testCase {
	t.Helper()
	var c testCase
	c.input, c.expected, _ = strings.Cut(text, "-- expected --\n")
	for _, section := range strings.Split("\n"+c.input, "\n-- ")[1:] {
		head, body, _ := strings.Cut(section, " --\n")
		switch {
		case head == "contract":
			c.contract = parseContract(t, body)
		case head == "slice":
			c.slice = strings.TrimSpace(body)
		case strings.HasPrefix(head, "names of "):
			c.finders = parseNames(t, c.finders, strings.TrimPrefix(head, "names of "), body)
		case strings.HasPrefix(head, "page"):
			c.pages = append(c.pages, body)
		default:
			t.Fatalf("unknown section %q", head)
		}
	}
	if c.contract == nil {
		t.Fatal("the case has no contract")
	}
	return c
}

// parseNames reads the reference of a matched column: the matching options in JSON, then one entry per line with id,
// name and group.
func parseNames(t *testing.T, into map[string]matching.Finder, column, text string) map[string]matching.Finder {
	t.Helper()
	first, rest, _ := strings.Cut(text, "\n")
	var o matching.Options
	if err := json.Unmarshal([]byte(first), &o); err != nil {
		t.Fatalf("names of %s: %v", column, err)
	}
	var entries []matching.Entry
	for _, line := range strings.Fields(rest) {
		parts := append(strings.Split(line, "|"), "", "")
		name, group := strings.ReplaceAll(parts[1], "_", " "), strings.ReplaceAll(parts[2], "_", " ")
		entries = append(entries, matching.Entry{ID: parts[0], Name: name, Group: group})
	}
	if into == nil {
		into = map[string]matching.Finder{}
	}
	into[column] = matching.New(entries, o)
	return into
}

// parseContract reads a contract from JSON. "Drop" lists columns that are not staged.
func parseContract(t *testing.T, text string) *contract.Contract {
	t.Helper()
	var c struct {
		contract.Contract
		Drop []string
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		t.Fatalf("contract: %v", err)
	}
	if c.Dataset == "" {
		c.Dataset = "things"
	}
	if c.Source.Kind == "" {
		c.Source.Kind = "socrata"
	}
	if c.KeyConflict == "" {
		c.KeyConflict = contract.QuarantineConflicts
	}
	for i := range c.Fields {
		f := &c.Fields[i]
		f.Staged = !slices.Contains(c.Drop, f.Name)
		if f.Source == "" && !f.Derived() {
			f.Source = f.Name
		}
		if f.Type == "" {
			f.Type = contract.Text
		}
	}
	return &c.Contract
}

func (c testCase) inputOf() Input {
	in := Input{
		Contract: c.contract, Slice: c.slice, Finders: c.finders,
		Lineage: Lineage{
			Source: "Font: exemple", SourceSystem: "portal.example", SourceURL: "https://portal.example/d/abcd-1234",
			SourceUpdatedAt: "2025-08-02", Slot: "20250803T140512", RunID: "20250803T140512",
		},
	}
	for i, body := range c.pages {
		in.Pages = append(in.Pages, Page{
			Key: fmt.Sprintf("landing/%s/page-%d", c.contract.Dataset, i), SHA256: lake.SHA256([]byte(body)), Rows: -1,
			Read: func(context.Context, []byte) ([]byte, error) { return []byte(body), nil },
		})
	}
	return in
}

// run stages the case and formats the result.
func (c testCase) run(t *testing.T) string {
	t.Helper()
	out := newMemorySink()
	result, err := Stage(t.Context(), c.inputOf(), out, Options{})
	if err != nil {
		if files := out.names(); len(files) > 0 {
			t.Errorf("a failed run has committed %v", files)
		}
		return "error: " + err.Error() + "\n"
	}
	var b strings.Builder
	for _, f := range result.Files {
		body := out.files[outputName(f.Output)]
		if f.Bytes != int64(len(body)) {
			t.Errorf("%s: result has %d bytes, want %d", outputName(f.Output), f.Bytes, len(body))
		}
		rec := readParquet(t, body)
		if rec.NumRows() != f.Rows {
			t.Errorf("%s: result has %d rows, want %d", outputName(f.Output), f.Rows, rec.NumRows())
		}
		fmt.Fprintf(&b, "%s\n", outputName(f.Output))
		hide := []string{"source_system", "source_dataset_id", "source_updated_at", "ingested_process_at", "correlation_id",
			"page_sha256", "is_repaired"}
		writeTable(&b, rec, hide)
	}
	fmt.Fprintf(&b, "rows in %d = staged %d + duplicates %d + quarantined %d\n", result.RowsIn, result.Staged,
		result.Duplicates, result.Quarantined)
	for _, code := range slices.Sorted(maps.Keys(result.ByReason)) {
		fmt.Fprintf(&b, "%s %d\n", code, result.ByReason[code])
	}
	for _, column := range slices.Sorted(maps.Keys(result.Cells)) {
		n := result.Cells[column]
		fmt.Fprintf(&b, "%s: refused %d, defaulted %d, repaired %d\n", column, n.Refused, n.Defaulted, n.Repaired)
	}
	return b.String()
}

// writeTable formats a table, one line per row, with quoted texts.
func writeTable(b *strings.Builder, rec arrow.Table, hide []string) {
	columns := make([][]string, 0, rec.NumCols())
	for i := range int(rec.NumCols()) {
		name := rec.Column(i).Name()
		if slices.Contains(hide, name) {
			continue
		}
		cells := []string{name}
		for _, chunk := range rec.Column(i).Data().Chunks() {
			for row := range chunk.Len() {
				cells = append(cells, cellText(chunk, row))
			}
		}
		columns = append(columns, cells)
	}
	for row := range int(rec.NumRows()) + 1 {
		for i, c := range columns {
			if i > 0 {
				b.WriteString(" | ")
			}
			b.WriteString(c[row])
		}
		b.WriteByte('\n')
	}
}

func cellText(a arrow.Array, row int) string {
	switch {
	case a.IsNull(row):
		return "null"
	case a.DataType().ID() == arrow.STRING:
		s := a.(*array.String).Value(row)
		if len(s) > 200 {
			s = fmt.Sprintf("%s… %d bytes", s[:20], len(s))
		}
		return strconv.Quote(s)
	}
	return a.ValueStr(row)
}

// readParquet reads a file back through arrow-go's own reader.
func readParquet(t *testing.T, body []byte) arrow.Table {
	t.Helper()
	r, err := file.NewParquetReader(bytes.NewReader(body))
	if err != nil {
		t.Fatalf("read parquet: %v", err)
	}
	ar, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatalf("read parquet: %v", err)
	}
	table, err := ar.ReadTable(t.Context())
	if err != nil {
		t.Fatalf("read parquet: %v", err)
	}
	return table
}

// memorySink keeps committed files by name.
type memorySink struct {
	mu      sync.Mutex
	files   map[string][]byte
	aborted int
	fail    func(name string) error // rejects a commit
}

func newMemorySink() *memorySink { return &memorySink{files: map[string][]byte{}} }

func outputName(o Output) string {
	if o.Quarantine {
		return "quarantine"
	}
	name := "staged"
	for _, p := range o.Partition {
		name += "/" + p.Column + "=" + p.Value
	}
	return name
}

func (m *memorySink) Create(_ context.Context, o Output) (File, error) {
	return &memoryFile{sink: m, name: outputName(o)}, nil
}

func (m *memorySink) names() []string { return slices.Sorted(maps.Keys(m.files)) }

type memoryFile struct {
	bytes.Buffer
	sink *memorySink
	name string
}

func (f *memoryFile) Commit(context.Context) error {
	f.sink.mu.Lock()
	defer f.sink.mu.Unlock()
	if f.sink.fail != nil {
		if err := f.sink.fail(f.name); err != nil {
			return err
		}
	}
	if _, there := f.sink.files[f.name]; there {
		return fmt.Errorf("%s committed twice", f.name)
	}
	f.sink.files[f.name] = f.Bytes()
	return nil
}

func (f *memoryFile) Abort() {
	f.sink.mu.Lock()
	defer f.sink.mu.Unlock()
	f.sink.aborted++
}
