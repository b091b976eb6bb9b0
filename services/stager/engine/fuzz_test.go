package engine

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/source/socrata"
)

// fuzzContracts are the contracts that FuzzStage selects by numbers below 128; larger numbers select generated
// contracts.
var fuzzContracts = []string{
	everyType,
	`{"KeyConflict":"latest",` + everyType[1:],
	`{"Fields":[{"Name":"v","Type":"json","NullLiterals":["","x"]},{"Name":"w","Source":"v"},{"Name":"phone",` +
		`"Classification":"personal"}]}`,
	`{"Key":["n","d","b"],"KeyConflict":"latest","Fields":[{"Name":"n","Source":"v","Type":"number"},{"Name":"d","Type":"date",` +
		`"Format":"2/1/2006"},{"Name":"b","Type":"boolean"},{"Name":"v","Type":"decimal","Precision":38,"Scale":19}]}`,
	`{"Key":["v"],"Partition":["p","q"],"Fields":[{"Name":"v","MinLength":1,"MaxLength":3,"Pattern":"[^x]*"},{"Name":"p"},` +
		`{"Name":"q","Type":"timestamp","Default":"2024-02-29"}]}`,
	`{"Partition":["v"],"Fields":[{"Name":"v","Type":"number","Minimum":-1e300},{"Name":"text","Mapping":{"a":"b","x":"",` +
		`"b":"1"},"Default":"x","PadLeft":2}]}`,
	`{"Key":["v"],"Fields":[{"Name":"v","Type":"integer","NullLiterals":["-"],"Default":"-1"},{"Name":"text","Squeeze":true},` +
		`{"Name":"code","Source":"id","CheckDigit":"idescat_municipality","CheckDigitExempt":["a"]}]}`,
}

// FuzzStage stages any two pages under a contract chosen by number and compares the result with the reference: no
// panic, no error, every row counted, and the same bytes from several workers.
func FuzzStage(f *testing.F) {
	files, err := filepath.Glob("testdata/cases/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for i, page := range parseCase(&testing.T{}, string(raw)).pages {
			f.Add([]byte(page), []byte(`[{"v":1,"id":"a"},{"v":"1","id":"b","zone":"1"}]`), byte(i+len(page)))
		}
	}
	for n := 128; n < 256; n += 4 {
		bodies, _ := fuzzGenerator(byte(n)).pages()
		f.Add([]byte(bodies[0]), []byte(bodies[len(bodies)-1]), byte(n))
	}
	for n := 0; n <= len(smallPage); n += 9 {
		f.Add([]byte(smallPage[:n]), []byte(smallPage[3:]), byte(n%2))
	}
	f.Fuzz(func(t *testing.T, first, second []byte, number byte) {
		c := testCase{contract: parseContract(t, fuzzContracts[int(number)%len(fuzzContracts)])}
		if number >= 128 {
			g := fuzzGenerator(number)
			c.contract, c.finders = g.contract, g.finders
		}
		in := c.inputOf()
		in.Pages = []Page{newPage("landing/things/page-0", string(first)), newPage("landing/things/page-1", string(second))}
		agreeOnce(t, in)
	})
}

func fuzzGenerator(number byte) *generator {
	g := newGenerator(uint64(number))
	g.makeContract()
	g.contract.Source.Kind = socrata.Name // the reference supports broken pages of this kind only
	return g
}

// agreeOnce compares a run with several workers with a run with one and with the reference.
func agreeOnce(t *testing.T, in Input) {
	t.Helper()
	r, out := mustStage(t, in, Options{Workers: 3})
	if _, one := mustStage(t, in, Options{Workers: 1}); !maps.EqualFunc(one.files, out.files, bytes.Equal) {
		t.Errorf("three workers and one worker give different files: %v, want %v", out.names(), one.names())
	}
	compare(t, in, refStage(t, in), r, out)
}

// FuzzValue passes any bytes as a value to a column of each type, without and with every limit set.
func FuzzValue(f *testing.F) {
	for _, s := range []string{`"1"`, `890.0`, `"-12.30"`, `"2024-02-29"`, `"\ud800"`, `"`, `{}`, `null`, ` "a" `, "\"\xff\"",
		`"9e999"`, `1e-400`, `"-"`, `"+."`,
		`"1.151"`, `-0`, `"1969-12-31T23:59:59.9999995-12:00"`, `"0001-01-01T00:30:00+01:00"`, `"9999-12-31T00:00:00.000"`,
		`"TRUE"`, `"\u00a0\u2003x"`, `"0e99999"`,
		`"170141183460469231731687303715884105728"`, `1E+2`, `"\\u0000"`, `[{"a":[]}]`, `"29/2/2024"`, `"080193"`,
		`0e99999999999999999999`, `"-0.0E-99999999999999999999"`, `"falſe"`, `"9999-12-31T23:59:59-01:00"`,
		`"9999-12-31T23:59:59.9999999Z"`} {
		f.Add([]byte(s))
	}
	low, high := -10.0, 10.0
	minimum, maximum := 1, 20
	var contracts []*contract.Contract
	for _, kind := range []contract.Type{contract.Text, contract.Integer, contract.Number, contract.Decimal, contract.Boolean,
		contract.Date, contract.Timestamp, contract.JSON} {
		free := contract.Field{Name: "v", Source: "v", Type: kind, Staged: true, Precision: 5, Scale: 2}
		bound := free
		bound.NullLiterals, bound.Squeeze, bound.PadLeft, bound.Pattern = []string{"null"}, true, 3, "[^x]*"
		bound.MinLength, bound.MaxLength, bound.Minimum, bound.Maximum = &minimum, &maximum, &low, &high
		for _, field := range []contract.Field{free, bound} {
			contracts = append(contracts, &contract.Contract{Dataset: "things", Source: contract.Source{Kind: socrata.Name},
				Fields: []contract.Field{field}})
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, c := range contracts {
			in := testCase{contract: c}.inputOf()
			in.Pages = []Page{newPage("landing/things/page-0", fmt.Sprintf(`[{"v":%s}]`, raw))}
			agreeOnce(t, in)
			if t.Failed() {
				t.Fatalf("%s", c.Fields[0].Type)
			}
		}
	})
}
