package duckdb

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// awkward selects values that are hard to write in one format or another.
const awkward = `select '080193' as code, 'Hospitalet de Llobregat, l''' as name, '=1+1' as formula, '#1' as mark, chr(9) || ` +
	`'a"b' || chr(10) as control, 12.50::decimal(9,2) as price,
9007199254740993 as large, date '2023-01-31' as day, date '1850-01-01' as long_ago, true as yes, null as nothing, '' as empty, ` +
	`timestamp '2023-01-31 10:20:30' as at, 1e300 as big,
'nan'::double as none, chr(0) as nul`

func TestExport(t *testing.T) {
	t.Parallel()
	e, dir := engine(t), filepath.Join(t.TempDir(), "it's")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	about := [][2]string{{"dataset", "odd"}, {"attribution", "Font: l'Idescat,\n\"padró\""}, {"simulated", "true"}}
	export := func(name string, change ...func(*Export)) []byte {
		t.Helper()
		x := Export{Query: awkward, Rows: 1, Format: strings.TrimPrefix(filepath.Ext(name), "."), Out: filepath.Join(dir, name),
			About: about, Warning: "SIMULATED DATA.", Inside: true}
		for _, c := range change {
			c(&x)
		}
		rows, err := e.Export(t.Context(), x)
		if err != nil || rows != 1 {
			t.Fatalf("%s: %d rows, %v", name, rows, err)
		}
		b, err := os.ReadFile(x.Out)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, name := range []string{"a.csv", "a.xlsx", "a.parquet"} {
		if first, again := export(name), export("b"+name); !bytes.Equal(first, again) {
			t.Errorf("%s: the same rows gave different bytes", name)
		}
	}

	const header = "code,name,formula,mark,control,price,large,day,long_ago,yes,nothing,empty,at,big,none,nul\r\n"
	const row = `080193,"Hospitalet de Llobregat, l'",=1+1,"#1","` + "\ta\"\"b\n" +
		`",12.50,9007199254740993,2023-01-31,1850-01-01,true,,"",2023-01-31 10:20:30,1e+300,nan,` + "\x00\r\n"
	if got, want := string(export("c.csv")), "# SIMULATED DATA.\r\n# dataset: odd\r\n# attribution: Font: l'Idescat, "+
		"\"padró\"\r\n# simulated: true\r\n"+header+row; got != want {
		t.Errorf("csv: %q, want %q", got, want)
	}
	excel := strings.Replace(strings.Replace(row, "=1+1", "'=1+1", 1), "\"\ta", "\"'\ta", 1)
	if got, want := string(export("d.csv", func(x *Export) { x.Inside, x.Excel = false, true })), "\ufeff"+header+excel; got != want {
		t.Errorf("csv for Excel: %q, want %q", got, want)
	}

	book := unzip(t, export("e.xlsx"))
	for _, c := range []struct{ file, has string }{
		{"xl/workbook.xml", `<sheet name="data (simulated)"`}, {"xl/workbook.xml", `<sheet name="about"`},
		{"xl/worksheets/sheet1.xml", `<is><t>080193</t></is>`}, {"xl/worksheets/sheet1.xml", `<is><t>=1+1</t></is>`},
		{"xl/worksheets/sheet1.xml", `<v>12.5</v>`},
		{"xl/worksheets/sheet1.xml", `<is><t>9007199254740993</t></is>`}, {"xl/worksheets/sheet1.xml", `<v>44957</v>`},
		{"xl/worksheets/sheet1.xml", `<is><t>1850-01-01</t></is>`},
		{"xl/worksheets/sheet1.xml", `t="b"><v>1</v>`}, {"xl/worksheets/sheet1.xml", `state="frozen"`},
		{"xl/worksheets/sheet1.xml", `<is><t>nan</t></is>`},
		{"xl/worksheets/sheet2.xml", "SIMULATED DATA."}, {"xl/worksheets/sheet2.xml", "padró"},
	} {
		if !strings.Contains(book[c.file], c.has) {
			t.Errorf("%s lacks %s:\n%s", c.file, c.has, book[c.file])
		}
	}
	if strings.Contains(book["xl/worksheets/sheet1.xml"], "<f>") {
		t.Error("a text was written as a formula")
	}

	export("f.parquet")
	file := Text(filepath.Join(strings.ReplaceAll(dir, "[", "[[]"), "f.parquet"))
	pairs, err := e.Run(t.Context(), Job{Query: "select decode(key), decode(value) from parquet_kv_metadata(" + file + ") order by 1"})
	if want := [][]any{{"attribution", about[1][1]}, {"dataset", "odd"}, {"simulated", "true"}}; err != nil ||
		!reflect.DeepEqual(pairs.Values, want) {
		t.Errorf("the Parquet metadata is %v, %v", pairs.Values, err)
	}
	same, err := e.Run(t.Context(), Job{Query: "select count(*) from (from " + file + " except all (" + awkward + "))"})
	if err != nil || same.Values[0][0] != json.Number("0") {
		t.Errorf("parquet has other rows: %v, %v", same.Values, err)
	}
}

// unzip reads the files of a workbook.
func unzip(t *testing.T, b []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name] = string(body)
	}
	return out
}

// Data that exceed Excel's limits are an error; csv and Parquet have no such limits.
func TestExportBeyondExcel(t *testing.T) {
	t.Parallel()
	e, out := engine(t), filepath.Join(t.TempDir(), "x")
	for _, c := range []struct {
		query   string
		rows    int64
		message string
	}{
		{"select 1 as a", 1_048_576, "1,048,576 rows do not fit into an Excel sheet"},
		{"select repeat('x', 32768) as long", 1, "row 1, long: 32,768 characters do not fit into an Excel cell"},
		{"select nope", 1, `Referenced column "nope"`},
	} {
		_, err := e.Export(t.Context(), Export{Query: c.query, Rows: c.rows, Format: "xlsx", Out: out})
		var refused *Error
		if !errors.As(err, &refused) || !strings.Contains(refused.Message, c.message) {
			t.Errorf("%s: got %v", c.query, err)
		}
	}
	rows, err := e.Export(t.Context(), Export{Query: "select range, repeat('x', 40000) as long from range(3)", Format: "csv", Out: out})
	if err != nil || rows != 3 {
		t.Errorf("got %d, %v", rows, err)
	}
}
