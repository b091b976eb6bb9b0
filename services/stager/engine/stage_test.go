package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"

	"github.com/llac-project/llac/platform/contract/arrowschema"
	"github.com/llac-project/llac/platform/lake"
)

// everyType is a contract with a column of each type, read from the source field of the same name.
const everyType = `{"Dataset":"things","Licence":"Open","LicenceURL":"https://licence.example","Attribution":"Font: exemple",` +
	`"SHA256":"c0ffee",
 "Source":{"ID":"abcd-1234"},"Key":["id"],"Partition":["zone"],"Fields":[
 {"Name":"id","Required":true},{"Name":"zone","PadLeft":2,"Default":"00"},
 {"Name":"text","Squeeze":true,"NullLiterals":["null"]},{"Name":"whole","Type":"integer"},{"Name":"number","Type":"number"},
 {"Name":"price","Type":"decimal","Precision":9,"Scale":2},{"Name":"open","Type":"boolean"},{"Name":"day","Type":"date"},
 {"Name":"at","Type":"timestamp"},{"Name":"point","Type":"json"},{"Name":"phone","Classification":"personal"}]}`

func stage(t *testing.T, contract string, pages ...string) (Result, *memorySink) {
	t.Helper()
	out := newMemorySink()
	result, err := Stage(t.Context(), testCase{contract: parseContract(t, contract), pages: pages}.inputOf(), out, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return result, out
}

func TestReadBack(t *testing.T) {
	t.Parallel()
	page := `[{"id":"a","zone":"1","text":" x  y ","whole":"7","number":"1.5","price":"-12.3","open":true,"day":"2024-02-29",` +
		`"at":"2024-02-29T01:02:03.000004Z","point":{"x":1},"phone":"972"},
{"id":"b","zone":"1","text":"null",":@llac_origin":"recorded"}]`
	_, out := stage(t, everyType, page)
	body := out.files["staged/zone=01"]
	table := readParquet(t, body)

	c := parseContract(t, everyType)
	want := arrowschema.Schema(c)
	if got := table.Schema(); got.NumFields() != want.NumFields() {
		t.Fatalf("schema: got %v, want %v", got, want)
	}
	for i, f := range want.Fields() {
		got := table.Schema().Field(i)
		if got.Name != f.Name || !arrow.TypeEqual(got.Type, f.Type) || got.Nullable != f.Nullable {
			t.Errorf("field %d: got %v, want %v", i, got, f)
		}
	}

	var text strings.Builder
	writeTable(&text, table, nil)
	wantRows := `id | text | whole | number | price | open | day | at | point | source_system | source_dataset_id | ` +
		`source_updated_at | data_origin | ingested_process_at | correlation_id | source_page | source_row | refused_cells | is_repaired
"a" | "x y" | 7 | 1.5 | -12.3 | true | 2024-02-29 | 2024-02-29T01:02:03.000004Z | "{\"x\":1}" | "portal.example" | ` +
		`"abcd-1234" | "2025-08-02" | "published" | "20250803T140512" | "20250803T140512" | 0 | 0 | 0 | false
"b" | null | null | null | null | null | null | null | null | "portal.example" | "abcd-1234" | ` +
		`"2025-08-02" | "recorded" | "20250803T140512" | "20250803T140512" | 0 | 1 | 0 | false
`
	if text.String() != wantRows {
		t.Errorf("got\n%s\nwant\n%s", text.String(), wantRows)
	}

	r, err := file.NewParquetReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	meta := r.MetaData()
	if meta.GetCreatedBy() != createdBy {
		t.Errorf("created by %q, want %q", meta.GetCreatedBy(), createdBy)
	}
	footer := map[string]string{}
	for _, kv := range meta.KeyValueMetadata() {
		footer[kv.Key] = kv.GetValue()
	}
	wantFooter := map[string]string{
		"attribution": "Font: exemple", "contract_sha256": "c0ffee", "data_origin": "published=1,recorded=1", "dataset": "things",
		"licence": "Open", "licence_url": "https://licence.example", "run": "20250803T140512", "simulated": "false",
		"source": "Font: exemple", "source_updated_at": "2025-08-02", "source_url": "https://portal.example/d/abcd-1234",
	}
	if !maps.Equal(footer, wantFooter) {
		t.Errorf("footer: got %v, want %v", footer, wantFooter)
	}
	for i := range want.NumFields() {
		chunk, err := meta.RowGroup(0).ColumnChunk(i)
		if err != nil {
			t.Fatal(err)
		}
		if chunk.Compression() != compress.Codecs.Zstd {
			t.Errorf("column %s: codec %v", want.Field(i).Name, chunk.Compression())
		}
		if set, err := chunk.StatsSet(); err != nil || !set {
			t.Errorf("column %s: no statistics (%v)", want.Field(i).Name, err)
		}
	}
}

// TestRowsAreComparedByTheirValues checks which rows with one key are in conflict: those whose values or refused texts differ.
func TestRowsAreComparedByTheirValues(t *testing.T) {
	t.Parallel()
	const c = `{"Key":["k"],"KeyConflict":"quarantine","Fields":[{"Name":"k","Required":true},{"Name":"a"},
		{"Name":"n","Type":"integer","Invalid":"cell"}]}`
	for page, conflicts := range map[string]int64{
		`[{"k":"1","a":"x","n":"1"},{"k":"1","a":" x ","n":1.0}]`:         0,
		`[{"k":"1","a":"x","n":"1"},{"k":"1","a":"x"}]`:                   2,
		`[{"k":"1","a":"x1","n":""},{"k":"1","a":"x","n":"1"}]`:           2,
		`[{"k":"1","a":"x","n":"bad"},{"k":"1","a":"x","n":"bad"}]`:       0,
		`[{"k":"1","a":"x","n":"bad"},{"k":"1","a":"x","n":"worse"}]`:     2,
		`[{"k":"1","a":"x","n":"bad"},{"k":"1","a":"x"}]`:                 2,
		`[{"k":"1","a":"x","n":"bad"},{"k":"2","a":"x","n":"bad"}]`:       0,
		`[{"k":"1","a":"x","n":"bad"},{"k":"1","a":"x","n":"bad","z":1}]`: 0,
	} {
		r, _ := stage(t, c, page)
		if r.ByReason[string(KeyConflict)] != conflicts {
			t.Errorf("%s: %d rows in conflict, want %d", page, r.ByReason[string(KeyConflict)], conflicts)
		}
	}
}

// registerPages generates pages like the register's: duplicates across pages, conflicts, bad rows.
func registerPages(seed uint64, pages, rows, keys int) []string {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]string, pages)
	for p := range out {
		page := make([]map[string]any, rows)
		for i := range page {
			key := r.IntN(keys)
			row := map[string]any{"id": fmt.Sprintf("S%05d", key), "zone": fmt.Sprint(key % 11), "whole": fmt.Sprint(key),
				"text": fmt.Sprintf(" nom  %d ", key)}
			switch r.IntN(40) {
			case 0:
				row["whole"] = "no"
			case 1:
				row["whole"] = "-1"
			case 2:
				delete(row, "id")
			}
			page[i] = row
		}
		body, err := json.Marshal(page)
		if err != nil {
			panic(err)
		}
		out[p] = string(body)
	}
	return out
}

// TestSameBytes checks invariant 6 for different numbers of processors. It is not parallel because it sets GOMAXPROCS.
func TestSameBytes(t *testing.T) {
	pages := registerPages(7, 20, 200, 1500)
	_, first := stage(t, everyType, pages...)
	if len(first.files) != 12 {
		t.Fatalf("%d files, want 11 zones and the quarantine", len(first.files))
	}
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	for _, n := range []int{1, 2, 8} {
		runtime.GOMAXPROCS(n)
		_, again := stage(t, everyType, pages...)
		if !maps.EqualFunc(first.files, again.files, bytes.Equal) {
			t.Errorf("different bytes with %d processors", n)
		}
	}
}

// TestRandomPages compares the staged counts with counts from maps, for pages in both orders.
func TestRandomPages(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		pages := registerPages(seed, 5, 60, 120)
		want := countByMaps(t, pages)
		for _, order := range []string{"as sent", "reversed"} {
			if order == "reversed" {
				slices.Reverse(pages)
			}
			r, out := stage(t, everyType, pages...)
			if got := [4]int64{r.RowsIn, r.Staged, r.Duplicates, r.Quarantined}; got != want {
				t.Errorf("seed %d %s: got rows in, staged, duplicates, quarantined %v, want %v", seed, order, got, want)
			}
			var inFiles int64
			for name, body := range out.files {
				if name != "quarantine" {
					inFiles += readParquet(t, body).NumRows()
				}
			}
			if inFiles != want[1] {
				t.Errorf("seed %d %s: the files hold %d rows, want %d", seed, order, inFiles, want[1])
			}
		}
	}
}

func countByMaps(t *testing.T, pages []string) [4]int64 {
	t.Helper()
	var in, quarantined int64
	byKey := map[string]map[string]int64{} // number of occurrences by key and row
	for _, body := range pages {
		var rows []map[string]string
		if err := json.Unmarshal([]byte(body), &rows); err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			in++
			if row["id"] == "" || row["whole"] == "no" {
				quarantined++
				continue
			}
			if byKey[row["id"]] == nil {
				byKey[row["id"]] = map[string]int64{}
			}
			byKey[row["id"]][fmt.Sprint(row)]++
		}
	}
	var staged, duplicates int64
	for _, rows := range byKey {
		var n int64
		for _, times := range rows {
			n += times
		}
		if len(rows) > 1 {
			quarantined += n
			continue
		}
		staged++
		duplicates += n - 1
	}
	return [4]int64{in, staged, duplicates, quarantined}
}

func TestLongText(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("à", 5<<20/2)
	page := `[{"v":"` + long + `"},{"v":"short"}]`
	_, out := stage(t, `{"Fields":[{"Name":"v"}]}`, page)
	var b strings.Builder
	writeTable(&b, readParquet(t, out.files["staged"]), nil)
	if !strings.Contains(b.String(), "5242880 bytes") {
		t.Errorf("the long text is missing: %s", b.String())
	}
	r, out := stage(t, `{"Fields":[{"Name":"v","MaxLength":100,"Pattern":"(à|x)*short"}]}`, page)
	if r.ByReason["too_long"] != 1 || r.Staged != 1 {
		t.Errorf("got %+v, want one row too long", r)
	}
	// The quarantine stores a long value shortened: the page holds all of it.
	if n := len(out.files["quarantine"]); n > 8<<10 {
		t.Errorf("the quarantine takes %d bytes", n)
	}
}

func TestShownValuesAreJSON(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("à\u2028\\\"", 1000)
	quoted, err := json.Marshal(long)
	if err != nil {
		t.Fatal(err)
	}
	page := `[{"n":"x","v":` + string(quoted) + `,"j":[` + strings.Repeat("1,", 2000) + `1]}]`
	_, out := stage(t, `{"Fields":[{"Name":"v"},{"Name":"j","Type":"json"},{"Name":"n","Type":"integer"}]}`, page)
	table := readParquet(t, out.files["quarantine"])
	at := table.Schema().FieldIndices("row_json")[0]
	shown := table.Column(at).Data().Chunk(0).ValueStr(0)
	var row map[string]any
	if err := json.Unmarshal([]byte(shown), &row); err != nil {
		t.Fatalf("row_json is not JSON: %v\n%s", err, shown)
	}
	if s := row["v"].(string); !strings.HasPrefix(long, s[:strings.Index(s, "…")]) || len(s) > 2*maxShown {
		t.Errorf("v is shown as %q", s)
	}
}

func TestManyRowGroups(t *testing.T) {
	t.Parallel()
	var page strings.Builder
	page.WriteString(`[`)
	const rows = groupRows + 10
	for i := range rows {
		if i > 0 {
			page.WriteByte(',')
		}
		fmt.Fprintf(&page, `{"v":%d}`, i)
	}
	page.WriteString(`]`)
	_, out := stage(t, `{"Key":["v"],"Fields":[{"Name":"v","Type":"integer"}]}`, page.String())
	r, err := file.NewParquetReader(bytes.NewReader(out.files["staged"]))
	if err != nil {
		t.Fatal(err)
	}
	if r.NumRowGroups() != 2 || r.NumRows() != rows {
		t.Errorf("%d row groups, %d rows; want 2 and %d", r.NumRowGroups(), r.NumRows(), rows)
	}
}

func TestTooManyPartitions(t *testing.T) {
	t.Parallel()
	var page strings.Builder
	page.WriteString(`[{"p":"a","v":1}`)
	for i := range maxPartitions {
		fmt.Fprintf(&page, `,{"p":"%d","v":1}`, i)
	}
	page.WriteString(`]`)
	in := testCase{contract: parseContract(t, `{"Partition":["p"],"Fields":[{"Name":"p"},{"Name":"v","Type":"integer"}]}`),
		pages: []string{page.String()}}.inputOf()
	_, err := Stage(t.Context(), in, newMemorySink(), Options{})
	wantFault(t, err, "more than 10000 partitions")
}

func TestRowCountMatchesManifest(t *testing.T) {
	t.Parallel()
	in := testCase{contract: parseContract(t, everyType), pages: []string{`[{"id":"a"}]`}}.inputOf()
	in.Pages[0].Rows = 2
	_, err := Stage(t.Context(), in, newMemorySink(), Options{})
	wantFault(t, err, "got 1 rows, but the manifest counts 2")
}

// TestSimulatedRowsAreMarked checks the footer of rows that no official portal served, with and without an origin per
// row.
func TestSimulatedRowsAreMarked(t *testing.T) {
	t.Parallel()
	rows := `[{"id":"a"},{"id":"b",":@llac_origin":"published"},{"id":"c",":@llac_origin":"recorded"}]`
	for system, want := range map[string]string{
		string(lake.SimulatorOrigin): "true invented=2,recorded=1", "unofficial:127.0.0.1:9000": "true invented=2,recorded=1",
		"analisi.transparenciacatalunya.cat": "false published=2,recorded=1",
	} {
		in := testCase{contract: parseContract(t, everyType), pages: []string{rows}}.inputOf()
		in.Lineage.SourceSystem = system
		out := newMemorySink()
		if _, err := Stage(t.Context(), in, out, Options{}); err != nil {
			t.Fatal(err)
		}
		r, err := file.NewParquetReader(bytes.NewReader(out.files["staged/zone=00"]))
		if err != nil {
			t.Fatal(err)
		}
		footer := r.MetaData().KeyValueMetadata()
		simulated, origins := footer.FindValue("simulated"), footer.FindValue("data_origin")
		if simulated == nil || origins == nil || *simulated+" "+*origins != want {
			t.Errorf("%s: simulated %v, origins %v, want %s", system, simulated, origins, want)
		}
	}
}

// TestOtherErrorsAreNotPermanent checks that an error of the lake or a deadline permits a retry.
func TestOtherErrorsAreNotPermanent(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	newInput := func() Input {
		return testCase{contract: parseContract(t, everyType), pages: []string{`[{"id":"a"},{"zone":"x"}]`}}.inputOf()
	}
	check := func(name string, err, want error) {
		t.Helper()
		var fault *Fault
		if !errors.Is(err, want) || errors.As(err, &fault) {
			t.Errorf("%s: got %v, want %v and no fault", name, err, want)
		}
	}

	in := newInput()
	in.Pages[0].Read = func(context.Context, []byte) ([]byte, error) { return nil, broken }
	_, err := Stage(t.Context(), in, newMemorySink(), Options{})
	check("read", err, broken)

	for _, name := range []string{"staged/zone=00", "quarantine"} {
		out := newMemorySink()
		out.fail = func(n string) error {
			if n == name {
				return broken
			}
			return nil
		}
		_, err = Stage(t.Context(), newInput(), out, Options{})
		check("commit "+name, err, broken)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Stage(ctx, newInput(), newMemorySink(), Options{})
	check("cancelled", err, context.Canceled)
}

func wantFault(t *testing.T, err error, text string) {
	t.Helper()
	var fault *Fault
	if !errors.As(err, &fault) || !fault.Permanent() || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want a Fault containing %q", err, text)
	}
}
