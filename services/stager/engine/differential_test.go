package engine

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/llac-project/llac/platform/lake"
)

// agree stages the input and compares the result with the reference: every file, row, cell and count. The bytes must be
// the same for any number of workers and any amount of memory.
func agree(t *testing.T, in Input) Result {
	t.Helper()
	temporary := t.TempDir()
	result, first := mustStage(t, in, Options{Workers: 1, Temporary: temporary})
	for _, o := range []Options{{Workers: 3, Temporary: temporary}, {Workers: 2, Memory: 8 << 20, Temporary: temporary}} {
		again, out := mustStage(t, in, o)
		if !maps.EqualFunc(first.files, out.files, bytes.Equal) {
			t.Errorf("%d workers and %d bytes of memory: got files %v, want those of one worker: %v",
				o.Workers, o.Memory, out.names(), first.names())
		}
		if fmt.Sprintf("%+v", again) != fmt.Sprintf("%+v", result) {
			t.Errorf("%d workers and %d bytes of memory give %+v, want %+v", o.Workers, o.Memory, again, result)
		}
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("left behind in the temporary folder: %v, %v", left, err)
	}
	compare(t, in, refStage(t, in), result, first)
	return result
}

func mustStage(t *testing.T, in Input, o Options) (Result, *memorySink) {
	t.Helper()
	out := newMemorySink()
	r, err := Stage(t.Context(), in, out, o)
	if err != nil {
		t.Fatalf("stage with %+v: %v", o, err)
	}
	return r, out
}

// compare compares an engine's output with the reference's.
func compare(t *testing.T, in Input, want refResult, got Result, out *memorySink) {
	t.Helper()
	// Invariant 5: rows add up.
	if got.RowsIn != got.Staged+got.Duplicates+got.Quarantined {
		t.Errorf("%d rows in, but %d staged + %d duplicates + %d quarantined", got.RowsIn, got.Staged, got.Duplicates, got.Quarantined)
	}
	var rows int64
	for _, q := range want.quarantine {
		if q.action == "row" {
			rows++
		}
	}
	g := [4]int64{got.RowsIn, got.Staged, got.Duplicates, got.Quarantined}
	w := [4]int64{want.rowsIn, want.staged, want.duplicates, rows}
	if g != w {
		t.Errorf("rows in, staged, duplicates, quarantined: got %v, want %v", g, w)
	}
	if !maps.Equal(got.ByReason, want.byReason) {
		t.Errorf("by reason: got %v, want %v", got.ByReason, want.byReason)
	}
	if !maps.Equal(got.Cells, want.cells) || !maps.Equal(got.CellReasons, want.cellReasons) {
		t.Errorf("cells: got %v, %v, want %v, %v", got.Cells, got.CellReasons, want.cells, want.cellReasons)
	}

	files := slices.SortedFunc(maps.Keys(want.files), comparePartitions)
	if len(want.quarantine) > 0 {
		files = append(files, "quarantine")
	}
	var listed []string
	for _, f := range got.Files {
		name := outputName(f.Output)
		listed = append(listed, name)
		rows := len(want.files[name])
		if f.Quarantine {
			rows = len(want.quarantine)
		}
		if f.Rows != int64(rows) || f.Bytes != int64(len(out.files[name])) {
			t.Errorf("%s: result has %d rows and %d bytes, want %d rows and %d bytes",
				name, f.Rows, f.Bytes, rows, len(out.files[name]))
		}
	}
	if !slices.Equal(listed, files) {
		t.Errorf("files: got %v, want %v", listed, files)
	}
	slices.Sort(files)
	if names := out.names(); !slices.Equal(names, files) {
		t.Fatalf("committed: got %v, want %v", names, files)
	}
	for name, rows := range want.files {
		compareRows(t, name, rows, want.columns, readParquet(t, out.files[name]))
		if !t.Failed() {
			compareFooter(t, in, name, want.columns, rows, out.files[name])
		}
	}
	if len(want.quarantine) > 0 {
		compareQuarantine(t, want.quarantine, readParquet(t, out.files["quarantine"]))
	}
}

// comparePartitions compares file names in partition order: value by value.
func comparePartitions(a, b string) int {
	values := func(name string) (out []string) {
		for _, part := range strings.Split(name, "/")[1:] {
			_, value, _ := strings.Cut(part, "=")
			out = append(out, value)
		}
		return out
	}
	return slices.Compare(values(a), values(b))
}

// compareRows compares a staged file cell by cell and reports the first difference.
func compareRows(t *testing.T, name string, want [][]string, columns []string, table arrow.Table) {
	t.Helper()
	var names []string
	for _, f := range table.Schema().Fields() {
		names = append(names, f.Name)
	}
	if !slices.Equal(names, columns) {
		t.Errorf("%s: columns: got %v, want %v", name, names, columns)
		return
	}
	if table.NumRows() != int64(len(want)) {
		t.Errorf("%s: %d rows, want %d", name, table.NumRows(), len(want))
		return
	}
	for i, column := range columns {
		for row, cell := range refCells(table.Column(i)) {
			if cell != want[row][i] {
				t.Errorf("%s: row %d, column %s: got %s, want %s", name, row, column, quoted(cell), quoted(want[row][i]))
				return
			}
		}
	}
}

func quoted(cell string) string {
	switch {
	case cell == refNull:
		return "null"
	case len(cell) > 200:
		return fmt.Sprintf("%.60q… of %d bytes", cell, len(cell))
	}
	return strconv.Quote(cell)
}

// refCells formats a column exactly: dates in days, timestamps in microseconds, decimals without their point.
func refCells(column *arrow.Column) []string {
	out := make([]string, 0, column.Len())
	for _, chunk := range column.Data().Chunks() {
		for i := range chunk.Len() {
			if chunk.IsNull(i) {
				out = append(out, refNull)
				continue
			}
			switch a := chunk.(type) {
			case *array.Int64:
				out = append(out, strconv.FormatInt(a.Value(i), 10))
			case *array.Float64:
				out = append(out, strconv.FormatFloat(a.Value(i), 'g', -1, 64))
			case *array.Boolean:
				out = append(out, refBoolean(a.Value(i)))
			case *array.Date32:
				out = append(out, strconv.Itoa(int(a.Value(i))))
			case *array.Timestamp:
				out = append(out, strconv.FormatInt(int64(a.Value(i)), 10))
			case *array.Decimal128:
				out = append(out, a.Value(i).BigInt().String())
			default:
				out = append(out, a.ValueStr(i))
			}
		}
	}
	return out
}

func tableColumns(table arrow.Table) (out [][]string) {
	for i := range int(table.NumCols()) {
		out = append(out, refCells(table.Column(i)))
	}
	return out
}

// compareQuarantine compares the quarantine row by row.
func compareQuarantine(t *testing.T, want []refRejected, table arrow.Table) {
	t.Helper()
	if table.NumRows() != int64(len(want)) {
		t.Errorf("quarantine: %d rows, want %d", table.NumRows(), len(want))
		return
	}
	cells := map[string][]string{}
	for i, f := range table.Schema().Fields() {
		cells[f.Name] = refCells(table.Column(i))
	}
	for row, w := range want {
		start := strconv.Itoa(w.start)
		if at, err := strconv.Atoi(cells["byte_start"][row]); w.loose && err == nil && at >= w.start && at <= w.end {
			start = cells["byte_start"][row]
		}
		for column, cell := range map[string]string{
			"source_page": strconv.Itoa(w.page), "page_sha256": w.sha256, "source_row": strconv.Itoa(w.index), "action": w.action,
			"byte_start": start, "byte_end": strconv.Itoa(w.end), "field": w.field, "code": string(w.code),
		} {
			if got := cells[column][row]; got != cell {
				t.Errorf("quarantine: row %d (page %d, row %d, %s): %s: got %s, want %s",
					row, w.page, w.index, w.code, column, quoted(got), quoted(cell))
				return
			}
		}
		if m := cells["message"][row]; m == "" || m == refNull || w.code == refBadRow && !strings.Contains(m, "want an object") {
			t.Errorf("quarantine: row %d: code %s has the message %s", row, w.code, quoted(m))
		}
		if got := cells["source_value"][row]; len(w.value) <= 1024 && got != w.value || (got == refNull) != (w.value == refNull) {
			t.Errorf("quarantine: row %d: source_value: got %s, want %s", row, quoted(got), quoted(w.value))
			return
		}
		if err := compareShown(w, cells["row_json"][row]); err != nil {
			t.Errorf("quarantine: row %d: row_json: %v", row, err)
			return
		}
	}
}

// compareShown compares what a quarantine row shows: the public values as received, long ones shortened.
func compareShown(w refRejected, got string) error {
	var shown map[string]json.RawMessage
	if err := json.Unmarshal([]byte(got), &shown); err != nil || !utf8.ValidString(got) {
		return fmt.Errorf("%s is not a JSON object in UTF-8: %v", quoted(got), err)
	}
	if w.bad == BadText {
		// The engine may choose which parts of it to show, as long as they are public.
		for name := range shown {
			if !w.public[name] { // a repeated name too
				return fmt.Errorf("it shows the field %q", name)
			}
		}
		return nil
	}
	if w, g := slices.Sorted(maps.Keys(w.shown)), slices.Sorted(maps.Keys(shown)); !slices.Equal(w, g) {
		return fmt.Errorf("it shows the fields %q, want %q", g, w)
	}
	for name, value := range shown {
		w, cut := w.shown[name], ""
		if len(w) <= 1024 && string(value) == w || len(w) > 1024 && len(value) < 8*1024 && json.Unmarshal(value, &cut) == nil {
			continue
		}
		return fmt.Errorf("it shows %s as %s, want %s", name, quoted(string(value)), quoted(w))
	}
	return nil
}

var seeds = flag.Int("seeds", 400, "generated runs of TestGeneratedRuns")

// TestGeneratedRuns stages random contracts and pages; -seeds sets their number. Every reason code must occur, so that
// the runs cover all of them.
func TestGeneratedRuns(t *testing.T) {
	t.Parallel()
	seen := map[string]int64{}
	for seed := range uint64(*seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			in := newGenerator(seed).input()
			r := agree(t, in)
			if t.Failed() {
				describe(t, in)
			}
			seen["staged"] += r.Staged
			if len(in.Finders) > 0 {
				seen["matched"] += r.Staged
			}
			seen["duplicates"] += r.Duplicates
			for code, n := range r.ByReason {
				seen[code] += n
			}
			for code, n := range r.CellReasons {
				seen[code] += n
			}
			seen["refused"] += r.Refused()
			seen["defaulted"] += lake.TotalCells(r.Cells).Defaulted
		})
	}
	t.Logf("seen: %v", seen)
	for _, what := range []string{"staged", "matched", "duplicates", "refused", "defaulted", "missing_required",
		"bad_type", "bad_text", "bad_integer", "bad_number", "bad_decimal", "bad_boolean", "bad_date",
		"bad_timestamp", "ambiguous_time", "repeated_name",
		"unmapped_code", "pattern", "too_short", "too_long", "out_of_range", "check_digit", "bad_partition",
		"wrong_slice", "key_conflict", "bad_row", "bad_page"} {
		if seen[what] < 10 {
			t.Errorf("%s occurred %d times, want 10 at least", what, seen[what])
		}
	}
}

// describe logs a failed run.
func describe(t *testing.T, in Input) {
	t.Helper()
	t.Logf("key %v (%s), partition %v, slice %q of %+v", in.Contract.Key, in.Contract.KeyConflict, in.Contract.Partition,
		in.Slice, in.Contract.Slicing)
	for _, f := range in.Contract.Fields {
		t.Logf("%+v", f)
	}
	for _, p := range in.Pages {
		body, err := p.Read(t.Context(), nil)
		t.Logf("%s: %.2000q %v", p.Key, body, err)
	}
}
