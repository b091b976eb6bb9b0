package readback

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/local/python"
	"github.com/llac-project/llac/services/stager/engine"
)

// requirements are the readers, with the versions of the benchmark.
var requirements = []string{"duckdb==2.0.0", "polars==2.1.0", "pyarrow==26.0.1"}

// column is one column of a file: its input as JSON, and the expected output as read.py formats it.
type column struct {
	field contract.Field
	in    []string
	out   []*string // nil: null
}

// add adds a value. Without out the expected output is null.
func (c *column) add(in string, out ...string) {
	c.in = append(c.in, in)
	if len(out) == 0 {
		c.out = append(c.out, nil)
		return
	}
	c.out = append(c.out, &out[0])
}

func newColumn(name string, kind contract.Type) *column {
	return &column{field: contract.Field{Name: name, Source: name, Type: kind, Staged: true}}
}

func float(f float64) string {
	return fmt.Sprintf("%016x", math.Float64bits(f))
}

func date(t time.Time) string { return strconv.FormatInt(t.Unix()/86400, 10) }

func micros(text string) string {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return strconv.FormatInt(t.UnixMicro(), 10)
}

// everyType returns a table with the values of each type that readers and writers get wrong.
func everyType() []*column {
	id := newColumn("id", contract.Integer)
	id.field.Required = true
	whole, text, filled, nothing := newColumn("whole", contract.Integer), newColumn("text", contract.Text),
		newColumn("filled", contract.Text), newColumn("nothing", contract.Text)
	long, nested, open, number := newColumn("long", contract.Text), newColumn("nested", contract.JSON),
		newColumn("open", contract.Boolean), newColumn("number", contract.Number)
	day, at, never, noWhole := newColumn("day", contract.Date), newColumn("at", contract.Timestamp),
		newColumn("never", contract.Timestamp), newColumn("no_whole", contract.Integer)
	small, middle, large, share := newColumn("small", contract.Decimal), newColumn("middle", contract.Decimal),
		newColumn("large", contract.Decimal), newColumn("share", contract.Decimal)
	small.field.Precision, small.field.Scale = 9, 2
	middle.field.Precision, middle.field.Scale = 18, 4
	large.field.Precision, large.field.Scale = 38, 10
	share.field.Precision, share.field.Scale = 38, 38
	empty := ""
	filled.field.Default = &empty // null becomes the empty text

	for _, v := range []string{"0", "9223372036854775807", "-9223372036854775808", "-1", "1", "42", "256", "-129"} {
		id.add(v, v)
		whole.add(strconv.Quote(v), v)
	}
	for _, v := range []string{"plain", "l'Hospitalet \"de\" \\", "à", "😀 𝒳", "a\u2028\ufeff", "z\u007f", "\U0010ffff", ""} {
		quoted, _ := json.Marshal(v)
		filled.add(string(quoted), v)
		if v == "" {
			text.add(string(quoted)) // an empty text is null
		} else {
			text.add(string(quoted), v)
		}
	}
	for _, v := range []float64{0, math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, -0.1, 1e300, 2.2250738585072014e-308} {
		number.add(strconv.FormatFloat(v, 'g', -1, 64), float(v))
	}
	number.add("-0.0", float(0))
	for _, v := range []string{"1970-01-01", "1969-12-31", "0001-01-01", "9999-12-31", "2024-02-29", "1582-10-04", "1900-03-01"} {
		t, _ := time.Parse(time.DateOnly, v)
		day.add(strconv.Quote(v), date(t))
	}
	day.add("null")
	for _, v := range []string{"1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z",
		"9999-12-31T23:59:59.999999Z", "2024-02-29T01:02:03.000004Z",
		"2014-10-13T12:00:00+02:00", "1900-01-01T00:00:00.5Z"} {
		at.add(strconv.Quote(v), micros(v))
	}
	at.add("null")
	for _, v := range []string{"-9999999.99", "9999999.99", "0.00", "-0.01", "0.01", "-1.00", "1.27"} {
		small.add(strconv.Quote(v), v)
	}
	small.add("null")
	for _, v := range []string{"-99999999999999.9999", "99999999999999.9999", "0.0000", "-0.0001", "-128.0000", "255.0000", "1.5000"} {
		middle.add(v, v)
	}
	middle.add("null")
	for _, v := range []string{"-9999999999999999999999999999.9999999999", "9999999999999999999999999999.9999999999",
		"0.0000000000", "-0.0000000001",
		"-1.0000000000", "18446744073709551616.0000000000", "-18446744073709551617.0000000000"} {
		large.add(v, v)
	}
	large.add("null")
	for _, v := range []string{"0." + strings.Repeat("9", 38), "-0." + strings.Repeat("9", 38), "0." + strings.Repeat("0", 38),
		"-0." + strings.Repeat("0", 37) + "1"} {
		share.add(strconv.Quote(v), v)
	}
	for _, v := range []string{`{"type":"Point", "coordinates":[2.1,41.4]}`, `[]`, `"text"`, `-0`, `true`, `{"à":"\ud83d\ude00"}`, `""`} {
		nested.add(v, v)
	}
	nested.add("null")
	for i, v := range []string{"true", "0", "null", `"FALSE"`, `"1"`, "false", "true", "null"} {
		if v == "null" {
			open.add(v)
		} else {
			open.add(v, []string{"true", "false", "", "false", "true", "false", "true"}[i])
		}
	}
	long.add(strconv.Quote(strings.Repeat("a", 256)), strings.Repeat("a", 256))
	long.add(strconv.Quote(strings.Repeat("à", 5000)), strings.Repeat("à", 5000))
	long.add(strconv.Quote("b"), "b")
	all := []*column{id, whole, text, filled, nothing, long, nested, open, number, day, at, never, noWhole, small, middle, large, share}
	for _, c := range all {
		for len(c.in) < len(id.in) {
			c.add("null")
		}
	}
	return all
}

const pageRows = 10_000

// stage stages the table and returns the path of the file.
func stage(t *testing.T, columns []*column) string {
	t.Helper()
	in := engine.Input{
		Contract: &contract.Contract{Dataset: "things", Source: contract.Source{Kind: "socrata", ID: "abcd-1234"},
			KeyConflict: contract.QuarantineConflicts},
		Lineage: engine.Lineage{Source: "Font: exemple", SourceSystem: "portal.example", SourceURL: "https://portal.example",
			Slot: "20250803T140512", RunID: "20250803T140512"},
	}
	for _, c := range columns {
		in.Contract.Fields = append(in.Contract.Fields, c.field)
	}
	rows := len(columns[0].in)
	for from := 0; from < rows; from += pageRows {
		var b bytes.Buffer
		for row := from; row < min(rows, from+pageRows); row++ {
			for i, c := range columns {
				before := ","
				if i == 0 {
					before = ",{"
				}
				fmt.Fprintf(&b, "%s%q:%s", before, c.field.Name, c.in[row])
			}
			b.WriteByte('}')
		}
		page := append(b.Bytes(), ']')
		page[0] = '['
		in.Pages = append(in.Pages, engine.Page{
			Key: fmt.Sprintf("landing/things/page-%d", len(in.Pages)), Rows: -1, Size: int64(len(page)),
			Read: func(context.Context, []byte) ([]byte, error) { return page, nil },
		})
	}
	folder := folderSink(t.TempDir())
	r, err := engine.Stage(t.Context(), in, folder, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Staged != int64(rows) {
		t.Fatalf("staged %+v, want %d rows", r, rows)
	}
	return folder.name(engine.Output{})
}

// folderSink writes an engine's files to a folder.
type folderSink string

func (s folderSink) name(o engine.Output) string {
	if o.Quarantine {
		return filepath.Join(string(s), "quarantine.parquet")
	}
	return filepath.Join(string(s), "staged.parquet")
}

func (s folderSink) Create(_ context.Context, o engine.Output) (engine.File, error) {
	f, err := os.Create(s.name(o))
	return fileSink{f}, err
}

type fileSink struct{ *os.File }

func (f fileSink) Commit(context.Context) error { return f.Close() }
func (f fileSink) Abort()                       { _ = f.Close() }

// readOutput is the output of read.py.
type readOutput struct {
	Readers map[string]map[string]struct {
		Type   string
		Nulls  int
		SHA256 string
		Cells  []*string
	}
	Groups []struct {
		Rows    int
		Columns map[string]statistics
	}
	Probes struct {
		Asked int
		Wrong []string
	}
}

type statistics struct {
	Nulls     *int
	Min, Max  *string
	Encodings []string
}

func read(t *testing.T, path string) readOutput {
	t.Helper()
	environment, err := python.Ensure(t.Context(), "parquet-readers", requirements, os.Stderr)
	if err != nil {
		t.Skip("the Parquet readers are not available: ", err)
	}
	programs, err := duckdb.Programs(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var failure bytes.Buffer
	command := environment.Command(t.Context(), filepath.Join("testdata", "read.py"), path, programs)
	command.Stderr = &failure
	out, err := command.Output()
	if err != nil {
		t.Fatalf("read.py: %v\n%s", err, failure.String())
	}
	var s readOutput
	if err := json.Unmarshal(out, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// types returns the names that the readers use for a type.
func types(f contract.Field) map[string]string {
	names := map[contract.Type][3]string{
		contract.Text: {"string", "String", "VARCHAR"}, contract.JSON: {"string", "String", "VARCHAR"},
		contract.Integer: {"int64", "Int64", "BIGINT"}, contract.Number: {"double", "Float64", "DOUBLE"},
		contract.Boolean: {"bool", "Boolean", "BOOLEAN"},
		contract.Date:    {"date32[day]", "Date", "DATE"}, contract.Timestamp: {"timestamp[us, tz=UTC]",
			"Datetime(time_unit='us', time_zone='UTC')", "TIMESTAMP WITH TIME ZONE"},
		contract.Decimal: {fmt.Sprintf("decimal128(%d, %d)", f.Precision, f.Scale),
			fmt.Sprintf("Decimal(precision=%d, scale=%d)", f.Precision, f.Scale), fmt.Sprintf("DECIMAL(%d,%d)", f.Precision, f.Scale)},
	}[f.Type]
	return map[string]string{"pyarrow": names[0], "polars": names[1], "duckdb": names[2]}
}

func TestEveryType(t *testing.T) {
	t.Parallel()
	columns := everyType()
	got := read(t, stage(t, columns))
	checkValues(t, columns, got)
	checkStatistics(t, columns, got)
}

// checkValues checks that every reader reads the types, nulls and values that were staged.
func checkValues(t *testing.T, columns []*column, got readOutput) {
	t.Helper()
	if len(got.Readers) != 3 {
		t.Errorf("%d readers, want 3", len(got.Readers))
	}
	for reader, table := range got.Readers {
		for _, c := range columns {
			g, name := table[c.field.Name], reader+": "+c.field.Name
			if want := types(c.field)[reader]; g.Type != want {
				t.Errorf("%s: type %q, want %q", name, g.Type, want)
			}
			digest, nulls := sha256.New(), 0
			for row, want := range c.out {
				if want == nil {
					nulls++
					digest.Write([]byte{0})
				} else {
					digest.Write(append([]byte(*want), 1))
				}
				if row < len(g.Cells) && quote(g.Cells[row]) != quote(want) {
					t.Errorf("%s: row %d: got %s, want %s", name, row, quote(g.Cells[row]), quote(want))
				}
			}
			if g.Nulls != nulls {
				t.Errorf("%s: %d nulls, want %d", name, g.Nulls, nulls)
			}
			if g.SHA256 != hex.EncodeToString(digest.Sum(nil)) {
				t.Errorf("%s: different values than the staged ones", name)
			}
		}
	}
	if got.Probes.Asked < 6*len(columns) {
		t.Errorf("only %d queries were sent to the readers", got.Probes.Asked)
	}
	for _, wrong := range got.Probes.Wrong {
		t.Error(wrong)
	}
}

// quote formats a cell for a message, shortened.
func quote(cell *string) string {
	if cell == nil {
		return "null"
	}
	return strconv.Quote((*cell)[:min(100, len(*cell))])
}

// checkStatistics checks the nulls, the minimum and the maximum of each chunk in the footer. Limits are absent for a
// chunk without values, or if they are too long.
func checkStatistics(t *testing.T, columns []*column, got readOutput) {
	t.Helper()
	from := 0
	for g, group := range got.Groups {
		for _, c := range columns {
			name := fmt.Sprintf("row group %d: %s", g, c.field.Name)
			s := group.Columns[c.field.Name]
			var values []string
			for _, v := range c.out[from : from+group.Rows] {
				if v != nil {
					values = append(values, *v)
				}
			}
			if s.Nulls == nil {
				t.Errorf("%s: the footer counts no nulls", name)
			} else if *s.Nulls != group.Rows-len(values) {
				t.Errorf("%s: the footer counts %d nulls, want %d", name, *s.Nulls, group.Rows-len(values))
			}
			if len(values) == 0 {
				if s.Min != nil || s.Max != nil {
					t.Errorf("%s: limits %s and %s without a value", name, quote(s.Min), quote(s.Max))
				}
				continue
			}
			least, greatest := slices.MinFunc(values, c.compare), slices.MaxFunc(values, c.compare)
			for _, l := range []struct {
				what string
				got  *string
				want string
			}{{"minimum", s.Min, least}, {"maximum", s.Max, greatest}} {
				if l.got == nil && len(least) <= 256 && len(greatest) <= 256 || l.got != nil && c.compare(*l.got, l.want) != 0 {
					t.Errorf("%s: %s: the footer has %s, want %s", name, l.what, quote(l.got), quote(&l.want))
				}
			}
		}
		from += group.Rows
	}
	if from != len(columns[0].out) {
		t.Errorf("the row groups have %d rows, want %d", from, len(columns[0].out))
	}
}

// compare compares two formatted values of the column.
func (c *column) compare(a, b string) int {
	switch c.field.Type {
	case contract.Text, contract.JSON, contract.Boolean:
		return strings.Compare(a, b)
	case contract.Number:
		x, _ := strconv.ParseUint(a, 16, 64)
		y, _ := strconv.ParseUint(b, 16, 64)
		return big.NewFloat(math.Float64frombits(x)).Cmp(big.NewFloat(math.Float64frombits(y)))
	}
	x, _ := new(big.Rat).SetString(a)
	y, _ := new(big.Rat).SetString(b)
	return x.Cmp(y)
}
