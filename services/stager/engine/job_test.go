package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet/file"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
)

// TestRowsAndCellsThatDoNotAddUp checks that wrong counts of rows or refused cells fail the run (invariant 5).
func TestRowsAndCellsThatDoNotAddUp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lose func(*job)
		want string // "": the counts are right
	}{
		{func(*job) {}, ""},
		{func(j *job) { j.result.RowsIn++ }, "2 quarantined; this is a bug in the stager"},
		{func(j *job) { j.result.Staged-- }, "2 quarantined; this is a bug in the stager"},
		{func(j *job) { j.result.Duplicates++ }, "2 quarantined; this is a bug in the stager"},
		{func(j *job) { j.quarantine.counts[actionRow]++ }, "3 quarantined; this is a bug in the stager"},
		{func(j *job) { j.quarantine.counts[actionCell]-- }, "the rows count 4 refused cells, the quarantine has 3"},
		{func(j *job) { j.refused++ }, "the rows count 5 refused cells, the quarantine has 4"},
		{func(j *job) { j.cells[1].Refused-- }, "the rows count 4 refused cells, the quarantine has 4"},
	} {
		text := contract.Field{Type: contract.Text}
		j := &job{
			Input: Input{Contract: &contract.Contract{Dataset: "things"}}, result: Result{RowsIn: 10, Staged: 5, Duplicates: 3},
			plan:  &plan{columns: []*column{{field: text}, {field: contract.Field{Name: "places"}}}},
			cells: []lake.Cells{{Defaulted: 2}, {Refused: 4}}, refused: 4,
			quarantine: quarantine{counts: [actions]int64{actionRow: 2, actionCell: 4}},
		}
		c.lose(j)
		switch err := j.check(); {
		case c.want != "":
			wantFault(t, err, c.want)
		case err != nil:
			t.Errorf("correct counts: got %v", err)
		}
	}
}

// TestPagesThatChange checks that a second pass over changed pages fails. It must not end as a run without rows.
func TestPagesThatChange(t *testing.T) {
	t.Parallel()
	in := plainRun(t, everyType, `[{"id":"a","whole":1},{"id":"a","whole":2},{"id":"b","whole":3},{"id":"b","whole":3}]`)
	read, times := in.Pages[0].Read, 0
	in.Pages[0].Read = func(ctx context.Context, into []byte) ([]byte, error) {
		body, err := read(ctx, into)
		if times++; times > 1 {
			body = []byte(strings.Replace(string(body), `3}]`, `4}]`, 1))
		}
		return body, err
	}
	out := newMemorySink()
	_, err := Stage(t.Context(), in, out, Options{Workers: 1})
	wantFault(t, err, "changed during")
	if len(out.files) > 0 {
		t.Errorf("committed: %v", out.names())
	}
}

// TestPanicsAreFaults checks that a panic anywhere ends the run with an error and leaves no file open.
func TestPanicsAreFaults(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"read", "write", "commit"} {
		in := plainRun(t, everyType, registerPages(12, 5, 30, 100)...)
		if where == "read" {
			in.Pages[2].Read = func(context.Context, []byte) ([]byte, error) { panic("boo") }
		}
		sink := &strictSink{calls: map[string]int{}, refuse: func(call string, n int) error {
			if call == where && n == 1 {
				panic("boo")
			}
			return nil
		}}
		_, err := Stage(t.Context(), in, sink, Options{Workers: 2})
		wantFault(t, err, "panic: boo")
		if sink.created != sink.committed+sink.aborted {
			t.Errorf("%s: %d files created, %d committed, %d aborted", where, sink.created, sink.committed, sink.aborted)
		}
	}

	j, err := newJob(plainRun(t, everyType, registerPages(12, 5, 30, 100)...), Options{Workers: 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	j.plan.columns[1] = nil
	wantFault(t, j.eachPage(t.Context(), j.process), "panic: ")
}

// TestRowGroupsAreWrittenInOrder checks the order of row groups when their encoders finish in another order (invariant
// 6).
func TestRowGroupsAreWrittenInOrder(t *testing.T) {
	t.Parallel()
	format, err := newFormat(arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil))
	if err != nil {
		t.Fatal(err)
	}
	out := newMemorySink()
	f, err := newParquetFile(t.Context(), format, out, Output{})
	if err != nil {
		t.Fatal(err)
	}
	const groups = 20
	var appended sync.WaitGroup
	for n := groups - 1; n >= 0; n-- {
		e, err := newEncoder(DefaultLevel)
		if err != nil {
			t.Fatal(err)
		}
		e.reset()
		if err := e.coded(format.columns[0], []uint32{1}, 1, func(uint32) []byte {
			return binary.LittleEndian.AppendUint64(nil,
				uint64(n))
		}); err != nil {
			t.Fatal(err)
		}
		appended.Go(func() {
			if err := f.append(e, n, 1); err != nil {
				t.Error(err)
			}
		})
	}
	if err := f.await(groups); err != nil {
		t.Fatal(err)
	}
	appended.Wait()
	if err := f.commit(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for row, cell := range refCells(readParquet(t, out.files["staged"]).Column(0)) {
		if cell != strconv.Itoa(row) {
			t.Fatalf("row group %s is at position %d", cell, row)
		}
	}
}

// TestPageWithTooMuchText checks that a page fails if its values exceed what a cell can address. They must not be
// staged as other values.
func TestPageWithTooMuchText(t *testing.T) {
	t.Parallel()
	c := testCase{contract: parseContract(t, `{"Fields":[{"Name":"v"}]}`), pages: []string{`[{"v":"` +
		strings.Repeat("x", 400) + `"},{"v":"` + strings.Repeat("y", 400) + `"}]`}}
	j, err := newJob(c.inputOf(), Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := newWorker(j)
	if err != nil {
		t.Fatal(err)
	}
	w.textLimit = 500
	b := &batch{}
	w.read(t.Context(), b, &j.Pages[0], []byte(c.pages[0]))
	wantFault(t, b.err, "smaller pages")
}

// TestPageOfRejectedRows checks that rejected rows are written one row group at a time, even if one page holds all of
// them, and that a page whose rejected rows exceed the memory limit fails.
func TestPageOfRejectedRows(t *testing.T) {
	t.Parallel()
	page := func(rows int) string { return "[1" + strings.Repeat(",1", rows-1) + "]" }
	const rows = 2*quarantineRows + 1
	r, out := stage(t, `{"Fields":[{"Name":"v"}]}`, page(rows))
	if r.Quarantined != rows || r.ByReason[string(BadRow)] != rows {
		t.Errorf("got %+v, want %d bad rows", r, rows)
	}
	f, err := file.NewParquetReader(bytes.NewReader(out.files["quarantine"]))
	if err != nil {
		t.Fatal(err)
	}
	if f.NumRows() != rows || f.NumRowGroups() != 3 {
		t.Errorf("%d rows in %d row groups, want %d in 3", f.NumRows(), f.NumRowGroups(), rows)
	}

	c := testCase{contract: parseContract(t, `{"Fields":[{"Name":"v"}]}`), pages: []string{page(maxBatchBad / 128)}}
	none := newMemorySink()
	_, err = Stage(t.Context(), c.inputOf(), none, Options{})
	wantFault(t, err, "smaller pages")
	if len(none.files) > 0 {
		t.Errorf("a failed run has committed %v", none.names())
	}
}

// TestTooManyFooters checks that many partitions of many columns are rejected: footers stay in memory until the commit.
func TestTooManyFooters(t *testing.T) {
	t.Parallel()
	const columns = 400
	fields := make([]string, columns)
	for i := range fields {
		fields[i] = fmt.Sprintf(`{"Name":"v%d"}`, i)
	}
	rows := make([]string, maxFooters/columns+1)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"p":"%d"}`, i)
	}
	c := testCase{contract: parseContract(t, `{"Partition":["p"],"Fields":[{"Name":"p"},`+strings.Join(fields, ",")+`]}`),
		pages: []string{"[" + strings.Join(rows, ",") + "]"}}
	_, err := Stage(t.Context(), c.inputOf(), newMemorySink(), Options{})
	wantFault(t, err, "partitions of 410 columns")
}
