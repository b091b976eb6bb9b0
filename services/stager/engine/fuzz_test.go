package engine

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/llac-project/llac/platform/contract"
)

// FuzzPage feeds any bytes as a page to a contract with a column of each type: never a panic, and either an error with
// nothing committed or every row accounted for in files that can be read.
func FuzzPage(f *testing.F) {
	files, err := filepath.Glob("testdata/cases/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, page := range parseCase(&testing.T{}, string(raw)).pages {
			f.Add([]byte(page))
		}
	}
	f.Add([]byte(`[{"id":"a","text":" x  y ","whole":"7","number":"1.5","price":"-12.3","open":true,"day":"2024-02-29","at":"2024-02-29T01:02:03.000004Z","point":{"x":1},"phone":"972"}]`))
	f.Fuzz(func(t *testing.T, page []byte) {
		in := testCase{contract: parseContract(t, everyType), pages: []string{string(page), `[{"id":"a"},{"id":"b","zone":"1"}]`}}.inputOf()
		out := newMemorySink()
		r, err := Stage(t.Context(), in, out, Options{})
		if err != nil {
			if len(out.files) > 0 {
				t.Fatalf("failed with %v after committing %v", err, out.names())
			}
			return
		}
		var staged, quarantined int64
		for name, body := range out.files {
			if n := readParquet(t, body).NumRows(); name == "quarantine" {
				quarantined = n
			} else {
				staged += n
			}
		}
		if staged != r.Staged || quarantined != r.Quarantined || r.RowsIn != staged+quarantined+r.Duplicates {
			t.Fatalf("the files hold %d staged and %d quarantined rows, the result says %+v", staged, quarantined, r)
		}
	})
}

// FuzzValue feeds any raw value to a column of each type with every limit set.
func FuzzValue(f *testing.F) {
	for _, s := range []string{`"1"`, `890.0`, `"-12.30"`, `"2024-02-29"`, `"\ud800"`, `"`, `{}`, `null`, ` "a" `, "\"\xff\"", `"9e999"`, `1e-400`, `"-"`, `"+."`} {
		f.Add([]byte(s))
	}
	low, high := -10.0, 10.0
	minimum, maximum := 1, 20
	var columns []*column
	for _, t := range []contract.Type{contract.Text, contract.Integer, contract.Number, contract.Decimal, contract.Boolean, contract.Date, contract.Timestamp, contract.JSON} {
		c, err := newColumn(contract.Field{
			Name: "v", Type: t, Staged: true, NullLiterals: []string{"null"}, Squeeze: true, PadLeft: 3, Pattern: ".*",
			MinLength: &minimum, MaxLength: &maximum, Minimum: &low, Maximum: &high, Precision: 5, Scale: 2,
		}, false)
		if err != nil {
			f.Fatal(err)
		}
		columns = append(columns, c)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, c := range columns {
			v, bad := c.read(raw)
			if bad == nil && !v.null && c.field.Type == contract.Decimal && len(v.text) != c.width {
				t.Errorf("a decimal of %d bytes, want %d", len(v.text), c.width)
			}
			if bad != nil && (bad.code == "" || bad.field != "v" || bad.message == "") {
				t.Errorf("rejected without a reason: %+v", bad)
			}
			if bad == nil && !v.null {
				c.partitionText(v)
			}
		}
	})
}
