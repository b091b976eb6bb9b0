//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package staging

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/llac-project/llac/test/bench/staging/pages"
	"github.com/llac-project/llac/test/bench/timed"
)

// TestMain also acts as a contestant that stages nothing and writes the same files for every set of pages.
func TestMain(m *testing.M) {
	timed.Serve()
	if out := os.Getenv("CONTEST_TEST_OUT"); out != "" {
		if err := fakeStage(out, os.Getenv("CONTEST_TEST_CAPACITY")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const testRows = 100

// fakeStage writes a possible output of the distinct set: one row staged, the others quarantined.
func fakeStage(out, amount string) error {
	var fields []arrow.Field
	row := map[string]any{}
	for _, name := range []string{"record_id", "text_1", "text_2", "text_3", "text_4", "text_5", "text_6", "amount",
		"first_date", "postal_code"} {
		fields = append(fields, arrow.Field{Name: name, Type: arrow.BinaryTypes.String})
		row[name] = "x"
	}
	row["amount"] = amount
	if err := parquet(filepath.Join(out, "staging", "distinct"), fields, []map[string]any{row}); err != nil {
		return err
	}
	fields = []arrow.Field{{Name: "source_page", Type: arrow.PrimitiveTypes.Int64}, {Name: "source_row",
		Type: arrow.PrimitiveTypes.Int64}, {Name: "code", Type: arrow.BinaryTypes.String}}
	if err := parquet(filepath.Join(out, "quarantine", "distinct"), fields, []map[string]any{{"source_page": 0, "source_row": 1,
		"code": "bad"}}); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(Counts{RowsIn: testRows, Staged: 1, Quarantined: testRows - 1,
		ByReason: map[string]int64{"bad": testRows - 1}})
}

func parquet(dir string, fields []arrow.Field, rows []map[string]any) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, "rows.parquet"))
	if err != nil {
		return err
	}
	schema := arrow.NewSchema(fields, nil)
	text, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	batch, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	w, err := pqarrow.NewFileWriter(schema, f, nil, pqarrow.DefaultWriterProps())
	if err != nil {
		return err
	}
	if err := w.Write(batch); err != nil {
		return err
	}
	return w.Close()
}

// fakeContestant is a contestant whose only row has the given amount.
func fakeContestant(name, amount string) Contestant {
	return Contestant{
		Name: name,
		Command: func(_ string, _ pages.Data, out string) []string {
			return []string{"env", "CONTEST_TEST_OUT=" + out, "CONTEST_TEST_CAPACITY=" + amount, os.Args[0]}
		},
		Counts: plainCounts,
	}
}

func TestContest(t *testing.T) {
	set := Set{pages.Distinct, testRows, []string{"peer"}}
	contest := Contest{Ours: fakeContestant("llac", "7"), Peers: map[string]Contestant{"peer": fakeContestant("peer", "7")},
		Rounds: 3, Progress: io.Discard}
	r, err := contest.Run(t.Context(), set)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Runs) != 2 || len(r.Runs[0].Wall) != 3 || len(r.Runs[1].Ratios) != 3 || r.Runs[0].Bytes <= 0 ||
		r.Counts.Staged != 1 || len(r.Identical) != len(settings) {
		t.Errorf("got %+v", r)
	}
	left, err := filepath.Glob(filepath.Join(os.Getenv("PWD"), "..", "..", "..", ".cache", "bench", "out-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}

	contest.Peers = map[string]Contestant{"peer": fakeContestant("peer", "8")}
	_, err = contest.Run(t.Context(), set)
	if err == nil || !strings.Contains(err.Error(), "amount=7") || !strings.Contains(err.Error(), "amount=8") {
		t.Errorf("a peer with another value: %v", err)
	}

	alone := Contest{Ours: contest.Ours, Rounds: 2, Progress: io.Discard}
	if r, err = alone.Run(t.Context(), set); err != nil || len(r.Runs) != 1 || len(r.Runs[0].Wall) != 2 {
		t.Errorf("without peers: %+v %v", r, err)
	}

	set.Rows++ // a row is lost
	if _, err = alone.Run(t.Context(), set); err == nil || !strings.Contains(err.Error(), "lost rows") {
		t.Errorf("a contestant that loses a row: %v", err)
	}
}

func TestFirstDifference(t *testing.T) {
	t.Parallel()
	a := map[string]string{"x": "1", "y": "2"}
	for want, b := range map[string]map[string]string{"": {"x": "1", "y": "2"}, "y": {"x": "1", "y": "3"}, "x": {"y": "2"},
		"z": {"x": "1", "y": "2", "z": "3"}} {
		if at, ok := firstDifference(a, b); at != want || ok != (want != "") {
			t.Errorf("%v: %q %v, want %q", b, at, ok, want)
		}
	}
}

func TestRequirementsAreExact(t *testing.T) {
	t.Parallel()
	if r := Requirements(); len(r) < 4 || slices.ContainsFunc(r, func(s string) bool { return !strings.Contains(s, "==") }) {
		t.Errorf("got %v", r)
	}
}
