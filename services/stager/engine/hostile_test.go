package engine

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/contract"
)

// plainRun returns a run of the given pages under a contract in JSON.
func plainRun(t *testing.T, contract string, pages ...string) Input {
	t.Helper()
	return plainRunOf(parseContract(t, contract), pages...)
}

func plainRunOf(c *contract.Contract, pages ...string) Input {
	in := testCase{contract: c}.inputOf()
	for i, body := range pages {
		in.Pages = append(in.Pages, newPage(fmt.Sprintf("landing/things/page-%d", i), body))
	}
	return in
}

// TestCasesAgreeWithTheReference checks the expected sections of testdata/cases, which -update writes from the engine's
// output.
func TestCasesAgreeWithTheReference(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/cases/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		c := parseCase(t, string(raw))
		if strings.HasPrefix(c.expected, "error: prepare staging") || len(c.contract.RowRules) > 0 {
			continue // the contract is invalid, or has row rules, which the reference does not know
		}
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) { agree(t, c.inputOf()) })
	}
}

// smallPage contains every construct at which a page can break.
const smallPage = "\ufeff[ {\"id\":\"a\",\"zone\":\"1\",\"text\":\"x\\u00e0 " +
	"\\ud83d\\ude00\\n\",\"whole\":-1.5e3,\"open\":true,\"point\":{\"x\":[1,{}]},\"phone\":null} ,\n" +
	`{"id":"à","text":"😀","whole":"no","zone":false},{},{"id":"c"}]` + "\n"

func TestAPageCutAtEveryByte(t *testing.T) {
	t.Parallel()
	for n := range len(smallPage) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			agree(t, plainRun(t, everyType, `[{"id":"a"},{"id":"z"}]`, smallPage[:n]))
		})
	}
}

func TestAPageWithEveryByteReplaced(t *testing.T) {
	t.Parallel()
	for n := range len(smallPage) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			b := []byte(smallPage)
			b[n] = "\x00\xff\"\\{}[]:,0 "[n%12]
			agree(t, plainRun(t, everyType, string(b), `[{"id":"a"}]`))
		})
	}
}

func TestInvalidPages(t *testing.T) {
	t.Parallel()
	good := `{"id":"a"}`
	for name, c := range map[string]struct {
		page                string
		staged, quarantined int64
	}{
		"empty":                     {"", 0, 1},
		"white space":               {" \r\n\t", 0, 1},
		"byte order mark":           {"\ufeff", 0, 1},
		"byte order mark, array":    {"\ufeff[" + good + "]", 1, 0},
		"half a byte order mark":    {"\xef\xbb[" + good + "]", 0, 1},
		"two byte order marks":      {"\ufeff\ufeff[" + good + "]", 0, 1},
		"object":                    {good, 0, 1},
		"text":                      {`"[{}]"`, 0, 1},
		"null":                      {"null", 0, 1},
		"HTML":                      {"<html><body>502 Bad Gateway</body></html>", 0, 1},
		"empty array":               {"[]", 0, 0},
		"empty array, spaced":       {" [ \n] ", 0, 0},
		"empty array, then more":    {"[][" + good + "]", 0, 1},
		"array, then an object":     {"[" + good + "]" + good, 1, 1},
		"open array":                {"[", 0, 1},
		"open array after a row":    {"[" + good, 1, 1},
		"comma at the end":          {"[" + good + ",]", 1, 1},
		"comma, then nothing":       {"[" + good + ", ", 1, 1},
		"comma at the beginning":    {"[," + good + "]", 0, 1},
		"two commas":                {"[" + good + ",," + good + "]", 1, 1},
		"no comma":                  {"[" + good + good + "]", 1, 1},
		"single quotes":             {"[{'id':'a'}]", 0, 1},
		"unknown escape":            {"[" + good + `,{"id":"\x41"},` + good + `]`, 1, 1},
		"short escape":              {`[{"id":"\u12"}]`, 0, 1},
		"raw line break":            {"[{\"id\":\"a\nb\"}]", 0, 1},
		"leading zero":              {`[{"id":"a","whole":01}]`, 0, 1},
		"plus":                      {`[{"id":"a","whole":+1}]`, 0, 1},
		"NaN":                       {`[{"id":"a","number":NaN}]`, 0, 1},
		"comment":                   {"[" + good + "/* */]", 1, 1},
		"NUL at the end":            {"[" + good + "]\x00", 1, 1},
		"name without quotes":       {"[{id:1}]", 0, 1},
		"name that is a number":     {"[{1:1}]", 0, 1},
		"no colon":                  {`[{"id" "a"}]`, 0, 1},
		"comma in an object":        {`[{"id":"a",}]`, 0, 1},
		"rows that are not objects": {`[5,"x",null,true,[` + good + `],` + good + `]`, 1, 5},
		"rows that are not UTF-8": {"[{\"id\":\"\xff\"},{\"\xff\":1,\"id\":\"b\"},{\"id\":\"c\",\"x\":[\"\xed\xa0\x80\"]}," +
			good + "]", 1, 3},
		"not UTF-8 in a bad page": {"[" + good + ",{\"id\":\"\xff\"", 1, 1},
		"not UTF-8 outside texts": {"[" + good + "\xff]", 1, 1},
		"nested 400 deep":         {`[{"id":"a","point":` + strings.Repeat("[", 400) + strings.Repeat("]", 400) + `}]`, 1, 0},
		"nested 5000 deep": {"[" + good + `,{"id":"b","point":` + strings.Repeat("[", 5000) +
			strings.Repeat("]", 5000) + `}]`, 1, 1},
		"open 100000 deep":    {strings.Repeat("[", 100_000), 0, 1},
		"objects 100000 deep": {"[" + strings.Repeat(`{"a":`, 100_000), 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := agree(t, plainRun(t, everyType, c.page))
			if r.Staged != c.staged || r.Quarantined != c.quarantined {
				t.Errorf("got %+v, want %d staged and %d quarantined", r, c.staged, c.quarantined)
			}
		})
	}
}

// TestABadRowIsNeverDropped checks that every invalid row is in the quarantine at its position, whatever is wrong with
// it, its page or its key.
func TestABadRowIsNeverDropped(t *testing.T) {
	t.Parallel()
	page := `[{"id":"a","whole":"no"},{"id":"b"},{"zone":"2"},{"id":"c","zone":"../x"},{"id":"d","text":"1"},{"id":"d",` +
		`"text":"2"},{"id":"e","text":["x"]},{"id":"\ud800"},5,` +
		"{\"id\":\"f\xff\"},{\"id\":\"g\"},{\"id\":"
	want := []string{"0 whole bad_integer", "2 id missing_required", "3 zone bad_partition", "4 id key_conflict",
		"5 id key_conflict", "6 text bad_type", "7 id bad_text",
		"8 null bad_row", "9 null bad_text", "11 null bad_page"}
	_, out := mustStage(t, plainRun(t, everyType, page), Options{})
	table := readParquet(t, out.files["quarantine"])
	column := func(name string) []string { return refCells(table.Column(table.Schema().FieldIndices(name)[0])) }
	var got []string
	for i, index := range column("source_row") {
		got = append(got, index+" "+strings.ReplaceAll(column("field")[i], refNull, "null")+" "+column("code")[i])
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestRowsAddUp checks rows in = staged + duplicates + quarantined (invariant 5), in the result and in the files, under
// either policy. It counts independently of the reference.
func TestRowsAddUp(t *testing.T) {
	t.Parallel()
	for _, policy := range []contract.KeyConflict{contract.QuarantineConflicts, contract.LatestWins} {
		for seed := range uint64(10) {
			in := plainRun(t, everyType, registerPages(seed, 6, 100, 200)...)
			in.Contract.KeyConflict = policy
			r, out := mustStage(t, in, Options{})
			held := map[bool]int64{}
			for name, body := range out.files {
				held[name == "quarantine"] += readParquet(t, body).NumRows()
			}
			if r.RowsIn != 600 || r.RowsIn != r.Staged+r.Duplicates+r.Quarantined || held[false] != r.Staged ||
				held[true] != r.Quarantined || r.Duplicates == 0 || r.Quarantined == 0 {
				t.Errorf("%s, seed %d: 600 rows sent, the result is %+v, the files contain %d staged and %d quarantined",
					policy, seed, r, held[false], held[true])
			}
		}
	}
}

// TestPersonalValuesNeverLeaveThePage checks that no value of a personal or unknown field is in a staged file, in the
// quarantine or in an error (invariant 8), however the page is broken.
func TestPersonalValuesNeverLeaveThePage(t *testing.T) {
	t.Parallel()
	secret := []byte("PERSONAL")
	look := func(seed any, in Input) {
		t.Helper()
		out := newMemorySink()
		if _, err := Stage(t.Context(), in, out, Options{}); err != nil && strings.Contains(err.Error(), string(secret)) {
			t.Errorf("%v: the error contains it: %v", seed, err)
		}
		for name, body := range out.files {
			if bytes.Contains(body, secret) {
				t.Errorf("%v: the bytes of %s contain it", seed, name)
			}
			for _, column := range tableColumns(readParquet(t, body)) {
				if slices.ContainsFunc(column, func(cell string) bool {
					return strings.Contains(cell, string(secret)) || strings.Contains(cell, "STRANGER")
				}) {
					t.Errorf("%v: the cells of %s contain it", seed, name)
				}
			}
		}
	}
	row := `{"id":"a","whole":"no","phone":"PERSONAL","nested":{"x":["PERSONAL"]},"PERSONAL":"STRANGER"}`
	for cut := range len(row) + 2 {
		look(cut, plainRun(t, everyType, "["+row+","+("[" + row + "]")[:cut]))
		look(cut, plainRun(t, everyType, "["+row+",\""+("[" + row + "]")[:cut]))
	}
	for seed := range uint64(60) {
		g := newGenerator(1000 + seed)
		in := g.input()
		// PERSONAL-0 may be in any field; skip pages with such values.
		if !slices.ContainsFunc(in.Pages, func(p Page) bool {
			body, err := p.Read(t.Context(), nil)
			return err != nil || bytes.Contains(body, []byte("PERSONAL-0"))
		}) {
			look(seed, in)
		}
	}
	broken := plainRun(t, everyType, `[{"id":"a","phone":"PERSONAL"}]`)
	broken.Pages[0].Rows = 7
	look("count", broken)
}

// TestMessagesNameNoValue checks that a message states what is expected and never the value: a value in the wrong field
// may be personal (invariant 8).
func TestMessagesNameNoValue(t *testing.T) {
	t.Parallel()
	limits := `{"Key":["k"],"Partition":["zone"],"Slicing":{"Column":"slice","Param":"S"},"Fields":[{"Name":"k"},` +
		`{"Name":"whole","Type":"integer"},{"Name":"number","Type":"number"},
		{"Name":"price","Type":"decimal","Precision":9,"Scale":2},{"Name":"open","Type":"boolean"},{"Name":"day","Type":"date"},` +
		`{"Name":"at","Type":"timestamp"},{"Name":"short","MaxLength":3},
		{"Name":"wide","MinLength":30},{"Name":"digits","Pattern":"\\d*"},{"Name":"code","Mapping":{"a":"b"}},{"Name":"range",` +
		`"Maximum":5},{"Name":"check","CheckDigit":"idescat_municipality"},
		{"Name":"zone","Default":"0"},{"Name":"slice","Default":"s"}]}`
	const misplaced = "MISPLACED/612345678"
	fields := []string{"whole", "number", "price", "open", "day", "at", "short", "wide", "digits", "code", "range", "check",
		"zone", "slice"}
	var records []string
	for i, field := range fields {
		records = append(records, fmt.Sprintf(`{"k":"%d",%q:%q}`, i, field, misplaced),
			fmt.Sprintf(`{"k":"%d",%q:[%q]}`, i, field, misplaced), fmt.Sprintf(`{"k":"%d",%q:"%s\u0000"}`, i, field, misplaced))
	}
	records = append(records, `{"k":"`+misplaced+`"}`, `{"k":"`+misplaced+`","short":"x"}`, `"`+misplaced+`"`,
		`{"k":"`+misplaced+"\xff\"}", `{"k":"`+misplaced)
	in := plainRun(t, limits, "["+strings.Join(records, ",")+"]")
	in.Slice = "s"
	r, out := mustStage(t, in, Options{})
	if r.Quarantined != int64(len(records)) {
		t.Errorf("%d rows quarantined, want all %d: %+v", r.Quarantined, len(records), r)
	}
	table := readParquet(t, out.files["quarantine"])
	for row, message := range refCells(table.Column(table.Schema().FieldIndices("message")[0])) {
		if strings.Contains(message, "MISPLACED") || strings.Contains(message, "612345678") {
			t.Errorf("row %d: %s", row, message)
		}
	}
}

// TestOtherKinds stages CKAN responses and JSON-stat cubes.
func TestOtherKinds(t *testing.T) {
	t.Parallel()
	cube := func(year string, value, status string) string {
		return fmt.Sprintf(`{"version":"2.0","class":"dataset","label":"Població","source":"Idescat","updated":"2025-01-01",`+
			`"id":["YEAR","MUN","SEX"],"size":[1,3,2],
 "dimension":{"YEAR":{"category":{"index":["%s"],"label":{"%[1]s":"any"}}},"MUN":{"category":{"index":["080193","171220",`+
			`"TOTAL"],"label":{"080193":"Barcelona","171220":"Palmerola","TOTAL":"Catalunya"}}},
 "SEX":{"category":{"index":["M","F"],"label":{"M":"Homes","F":"Dones"}}}},"value": [%s],"status":{%s}}`, year, value, status)
	}
	agree(t, plainRun(t, `{"Source":{"Kind":"idescat"},"Key":["m","s","y"],"Partition":["y"],"Fields":[{"Name":"m",`+
		`"Source":"MUN"},{"Name":"name","Source":"MUN.label"},{"Name":"s","Source":"SEX"},
		{"Name":"y","Source":"YEAR","Type":"integer"},{"Name":"v","Source":"value","Type":"integer"},{"Name":"status"}]}`,
		cube("2023", `1,2.0,null ,"x", 5, 1.5`, ``), cube("2024", `1,2,3,4,5,6`, `"2":"..","3":"p"`),
		cube("2024", `1,2,3,4,5,7`, `"2":"..","3":"p"`)))
	agree(t, plainRun(t, `{"Source":{"Kind":"ckan"},"Key":["_id"],"KeyConflict":"latest","Fields":[{"Name":"_id",`+
		`"Type":"integer"},{"Name":"v","Type":"number"}]}`,
		`{"help":"x","success":true,"result":{"records":[{"_id":1,"v":"1.5"},{"_id":2,"v":null}],"total":3}}`,
		`{"success":true,"result":{"total":3,"records": [ {"_id":1,"v":2}]}}`))
}

// TestOtherKindsCutAtEveryByte checks that the rows of a CKAN response before the cut are staged, that a cube is read
// whole or not at all, and that the rest is one row of the quarantine.
func TestOtherKindsCutAtEveryByte(t *testing.T) {
	t.Parallel()
	ckan := `{"success":true,"result":{"fields":[{"id":"v"}],"records":[{"v":"a"} , {"v":"b","x":[{}]},{"v":"c"}],"total":3}} `
	cube := `{"version":"2.0","class":"dataset","label":"x","updated":"2025-01-01","id":["v"],"size":[2],` +
		`"dimension":{"v":{"category":{"index":["a","b"]}}},"value":[1,2],"status":{"1":"p"}}`
	for kind, page := range map[string]string{"ckan": ckan, "idescat": cube} {
		for n := range strings.TrimSpace(page) {
			out := page[:n]
			in := plainRun(t, `{"Source":{"Kind":"`+kind+`"},"Fields":[{"Name":"v"}]}`, out)
			r, files := mustStage(t, in, Options{})
			var staged int64
			for _, record := range []string{`{"v":"a"}`, `"x":[{}]}`, `{"v":"c"}`} {
				if kind == "ckan" && strings.Contains(out, record) {
					staged++
				}
			}
			if r.Staged != staged || r.Quarantined != 1 || r.ByReason["bad_page"] != 1 || r.RowsIn != staged+1 {
				t.Errorf("%s cut after %d bytes: %+v, want %d rows staged and the rest as one bad page", kind, n, r, staged)
				continue
			}
			table := readParquet(t, files.files["quarantine"])
			cell := func(column string) string { return refCells(table.Column(table.Schema().FieldIndices(column)[0]))[0] }
			start, err := strconv.Atoi(cell("byte_start"))
			if err != nil || start > n || cell("byte_end") != strconv.Itoa(n) ||
				cell("source_row") != strconv.FormatInt(staged, 10) || cell("row_json") != "{}" {
				t.Errorf("%s cut after %d bytes: the quarantine has row %s at %s to %s", kind, n, cell("source_row"),
					cell("byte_start"), cell("byte_end"))
			}
		}
	}
}

// TestPagesAreReadAsOftenAsNeeded checks that several workers may read pages more than once and into reused buffers,
// and that the engine keeps no reference to a buffer.
func TestPagesAreReadAsOftenAsNeeded(t *testing.T) {
	t.Parallel()
	in := plainRun(t, everyType, registerPages(5, 12, 50, 40)...)
	for i := range in.Pages {
		read := in.Pages[i].Read
		in.Pages[i].Read = func(ctx context.Context, into []byte) ([]byte, error) {
			if into != nil {
				for i := range into[:cap(into)] {
					into[:cap(into)][i] = '!' // a reference to the old content now reads wrong bytes
				}
			}
			return read(ctx, into)
		}
	}
	agree(t, in)
}
