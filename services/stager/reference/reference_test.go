package reference

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/services/stager/matching"
)

func field(within string) contract.Field {
	f := contract.Field{
		Name: "town_id", Type: contract.Text, Staged: true, Reference: &contract.Reference{Dataset: "towns", Column: "id"},
		Match: &contract.Match{Name: "name", Aliases: map[string]string{"Old Town": "New Town"}, Except: []string{"0"}},
	}
	if within != "" {
		f.Match.Within, f.Match.Group = within, "county"
		f.Match.Earlier = map[string][]string{"t2000": {"c0"}, "new": {"C0"}}
	}
	return f
}

// parquetOf writes rows, given as a JSON array, as a Parquet file of several row groups.
func parquetOf(t *testing.T, rows string, properties ...parquet.WriterProperty) []byte {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "other", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "id", Type: arrow.BinaryTypes.String},
		{Name: "name", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "county", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "list", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
	}, nil)
	record, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	defer record.Release()
	var file bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &file, parquet.NewWriterProperties(append(properties,
		parquet.WithMaxRowGroupLength(1500))...), pqarrow.DefaultWriterProps())
	if err == nil {
		err = w.Write(record)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestNames(t *testing.T) {
	t.Parallel()
	var rows []string
	for i := range 4000 {
		name := fmt.Sprintf("%q", fmt.Sprintf("Town %d", i))
		if i%10 == 9 {
			name = "null"
		}
		rows = append(rows, fmt.Sprintf(`{"id":"t%d","name":%s,"county":"c%d"}`, i, name, i%3))
	}
	rows = append(rows, `{"id":"0","name":"None"}`, `{"id":"new","name":"New Town","county":"c1"}`,
		`{"id":"new","name":"New Town","county":"c1"}`)
	for _, properties := range [][]parquet.WriterProperty{nil, {parquet.WithDictionaryDefault(false)},
		{parquet.WithDataPageVersion(parquet.DataPageV2)}} {
		n := New(field("county"))
		if err := n.Add(parquetOf(t, "["+strings.Join(rows, ",")+"]", properties...), nil); err != nil {
			t.Fatal(err)
		}
		f := n.Finder()
		for name, want := range map[string]matching.Result{
			"town 0":    {ID: "t0", Method: matching.ExactInGroup, Confidence: 1},
			"town 3996": {ID: "t3996", Method: matching.ExactInGroup, Confidence: 1},
			"town 2000": {ID: "t2000", Method: matching.Exact, Confidence: 0.8}, "town 9": {Method: matching.Unmatched},
			"town 2002": {Method: matching.Ambiguous}, // it never belonged to C0
			"none":      {Method: matching.Unmatched},
			"old town":  {ID: "new", Method: matching.Exact, Confidence: 0.8},
		} {
			if got := f.Find(name, "C0"); got != want {
				t.Errorf("%s: got %+v, want %+v", name, got, want)
			}
		}
	}
}

// TestPartition: a column may be in the file's path.
func TestPartition(t *testing.T) {
	t.Parallel()
	n := New(field("county"))
	for _, county := range []string{"c1", "c2"} {
		if err := n.Add(parquetOf(t, `[{"id":"`+county+`","name":"Town"}]`), []lake.PartitionValue{{Column: "county",
			Value: county}}); err != nil {
			t.Fatal(err)
		}
	}
	if got := n.Finder().Find("Town", "c2"); got.ID != "c2" {
		t.Errorf("got %+v", got)
	}
}

func TestFilesThatHoldNoNames(t *testing.T) {
	t.Parallel()
	whole := parquetOf(t, `[{"id":"a","name":"A"}]`)
	f := field("")
	for name, c := range map[string]struct {
		body []byte
		name string
		says string
	}{
		"no Parquet":   {[]byte("PAR1 or not"), "name", "read Parquet"},
		"cut short":    {whole[:len(whole)/2], "name", "read Parquet"},
		"no column":    {whole, "nombre", "column nombre is missing"},
		"no text":      {whole, "other", "column other is not a text column"},
		"not one text": {whole, "list", "column list is missing"},
	} {
		f.Match = &contract.Match{Name: c.name}
		if err := New(f).Add(c.body, nil); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want an error containing %q", name, err, c.says)
		}
	}
	// Changed bytes give names or an error, not a panic.
	for at := range whole {
		broken := bytes.Clone(whole)
		broken[at] ^= 0x5a
		_ = New(field("")).Add(broken, nil)
		_, _, _ = ReadOrigin(broken)
	}
}

func TestReadOrigin(t *testing.T) {
	t.Parallel()
	if dataset, simulated, err := ReadOrigin(parquetOf(t, "[]")); dataset != "" || !simulated || err != nil {
		t.Errorf("a file without metadata: %q, %v, %v", dataset, simulated, err)
	}
	if _, _, err := ReadOrigin([]byte("x")); err == nil {
		t.Error("a file that is not Parquet has an origin")
	}
}

func TestMatched(t *testing.T) {
	t.Parallel()
	c := &contract.Contract{Fields: []contract.Field{{Name: "a", Staged: true}, field(""),
		{Name: "how", MethodOf: "town_id", Staged: true}}}
	if got := Matched(c); len(got) != 1 || got[0].Name != "town_id" {
		t.Errorf("matched: %+v", got)
	}
}
