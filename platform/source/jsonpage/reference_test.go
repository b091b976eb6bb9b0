package jsonpage_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/idescat"
	"github.com/llac-project/llac/platform/source/portals"
	"github.com/llac-project/llac/platform/source/socrata"
	"github.com/llac-project/llac/platform/source/sourcetest"
)

// record is a row as text, for comparison.
type record struct {
	text   string // the row's bytes
	fields []string
	bad    bool
	open   bool // the fields are not defined
}

func describeField(name string, raw []byte) string { return fmt.Sprintf("%q: %s", name, raw) }

// reference reads a page with encoding/json; false if the page is not an array. Records with bytes that are not UTF-8 or
// with a name that occurs twice are bad records, not an error of the page.
func reference(page []byte) ([]record, bool) {
	page = bytes.TrimPrefix(page, []byte("\xef\xbb\xbf"))
	var elements []json.RawMessage
	if !json.Valid(page) || bytes.TrimLeft(page, " \t\r\n")[0] != '[' || json.Unmarshal(page, &elements) != nil {
		return nil, false
	}
	out := make([]record, len(elements))
	for i, element := range elements {
		bad := element[0] != '{' || !utf8.Valid(element)
		out[i] = record{text: string(element), bad: bad, open: bad}
		if bad {
			continue
		}
		times := map[string]int{}
		var names []string
		d := json.NewDecoder(bytes.NewReader(element))
		d.UseNumber()
		_, _ = d.Token()
		for d.More() {
			name, err := d.Token()
			var value json.RawMessage
			if err == nil {
				err = d.Decode(&value)
			}
			if err != nil {
				panic(err) // the element is valid
			}
			out[i].fields = append(out[i].fields, describeField(name.(string), value))
			names = append(names, name.(string))
			times[name.(string)]++
		}
		for at := len(names) - 1; at >= 0; at-- {
			if times[names[at]] > 1 { // which of its values counts is not defined
				out[i].fields, out[i].bad = slices.Delete(out[i].fields, at, at+1), true
			}
		}
	}
	return out, true
}

// read reads a page with the Reader and checks what must hold for every row.
func read(t testing.TB, r source.Reader, page []byte) ([]record, error) {
	t.Helper()
	var out []record
	ids := map[int]string{}
	err := r.Rows(page, func(row source.Row) error {
		if row.Index != len(out) || row.Start < 0 || row.Start > row.End || row.End > len(page) {
			t.Fatalf("row %d: index %d, bytes %d to %d of %d", len(out), row.Index, row.Start, row.End, len(page))
		}
		one := record{text: string(page[row.Start:row.End]), bad: row.Bad != nil}
		for _, v := range row.Fields {
			if name, known := ids[v.ID]; v.ID >= 0 && known && name != v.Name {
				t.Fatalf("ID %d belongs to %q and to %q", v.ID, name, v.Name)
			}
			ids[v.ID] = v.Name
			one.fields = append(one.fields, describeField(v.Name, v.Raw))
		}
		var why *source.PageError
		if one.bad && (!errors.As(row.Bad, &why) || why.Index != row.Index || why.Offset < row.Start || why.Offset >= row.End) {
			t.Fatalf("row %d is bad for %v, want a page error within it", row.Index, row.Bad)
		}
		out = append(out, one)
		return nil
	})
	var fault *source.PageError
	if err != nil && (!errors.As(err, &fault) || fault.Offset < 0 || fault.Offset > len(page)) {
		t.Fatalf("error %v, want a page error with an offset within the page", err)
	}
	return out, err
}

// agree checks that the Reader reads a page like encoding/json, whatever it read before.
func agree(t testing.TB, r source.Reader, page []byte) {
	t.Helper()
	want, ok := reference(page)
	got, err := read(t, r, page)
	if ok != (err == nil) {
		if deep(page) {
			return // deeper than the limit of the Reader, not of encoding/json
		}
		t.Fatalf("encoding/json accepts the array: %v; the reader: %v; page %q", ok, err, page)
	}
	if !ok {
		for i, row := range got { // rows before the fault are complete
			if !json.Valid([]byte(row.text)) {
				t.Fatalf("row %d before the fault is not JSON: %q", i, row.text)
			}
		}
		return
	}
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d; page %q", len(got), len(want), page)
	}
	for i := range want {
		if got[i].text != want[i].text || got[i].bad != want[i].bad || !want[i].open && !slices.Equal(got[i].fields, want[i].fields) {
			t.Fatalf("row %d is %+v\nwant %+v", i, got[i], want[i])
		}
	}
}

// deep reports whether a page may have more than 500 brackets open at once.
func deep(page []byte) bool {
	open, most := 0, 0
	for _, c := range page {
		switch c {
		case '[', '{':
			open++
		case ']', '}':
			open--
		}
		most = max(most, open)
	}
	return most > 500
}

func newReader(t testing.TB) source.Reader {
	r, err := portals.All.NewReader(socrata.Name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// shapes are pages that a reader of predicted names could misread.
var shapes = []string{
	`[]`, ` [ ] `, `[{}]`, `[{},{}]`, `[{"a":1}]`, "\xef\xbb\xbf[{\"a\":1}]", "\xef\xbb\xbf\xef\xbb\xbf[]",
	`[{"a":1,"b":2},{"b":1,"a":2},{"a":1},{"b":1},{"c":1,"a":1,"b":1}]`,
	`[{"name":1,"b":2},{"nam":1,"b":2},{"names":1,"b":2},{"name ":1,"":2},{"":1}]`,
	`[{"a":1,"a":2,"a":3},{"a":1},{"a":1,"b":1,"a":2}]`,
	`[{"a":"x","\u0062":"y"},{"\u0061":"x","b":"y"},{"a":"x","\u0062":"y"},{"\\u0061":1},{"\"":1,"\/":2,"/":3}]`,
	"[\n  {\n    \"a\": 1,\n    \"b\" : [ 1 , 2 ]\n  } ,\n\t{ \"a\": {} , \"b\":\r\n\"x\" }\n]\n",
	`[{"a":{"a":{"a":[{"a":1}]}},"b":[[],{},"x",null]},{"a":true,"b":false},{"a":null}]`,
	`[{"n":0,"m":-0,"o":1.5e+10,"p":-1E-7,"q":123456789012345678901234567890,"r":0.10}]`,
	`[{"n":01}]`, `[{"n":1.}]`, `[{"n":.5}]`, `[{"n":+1}]`, `[{"n":1e}]`, `[{"n":-}]`, `[{"n":0x1}]`, `[{"n":NaN}]`, `[{"n":1 2}]`,
	`[{"s":"\ud83d\ude00 \ud800 \udc00\u0000 \b\f\n\r\t\/\\\""}]`, `[{"s":"\x"}]`, `[{"s":"\u12g4"}]`, `[{"s":"\u12`, `[{"s":"\`,
	"[{\"s\":\"12345\t\"}]", "[{\"s\":\"1234567\x1f\"}]", "[{\"s\":\"\x7f\x20\x21\x23\x5b\x5d\"}]", "[{\"s\":\"a\x00\"}]",
	"[{\"s\":\"à·ç€😀\"},{\"s\":\"\xc3\"},{\"s\":\"\xc3\xc3\xa0\"},{\"s\":\"\xa0\"},{\"s\":\"\xe2\x82\"}," +
		"{\"s\":\"\xf0\x9f\x98\"},{\"s\":\"\xc0\x80\"},{\"s\":\"\xf5\x80\x80\x80\"},{\"s\":\"\xed\xa0\x80\"},{\"s\":\"ok\"}]",
	"[{\"\xff\":1,\"b\":\"x\"},{\"a\":[{\"\xff\":1}]},{\"a\":[\"\xff\"]},[\"\xff\"],\"\xff\",{\"b\":\"x\"}]",
	"[{\"a\":1}\xff]", "\xff", "[\xff]",
	`[1,"x",null,true,[{"a":1}],{"a":1}]`, `[[[]]]`, `{}`, `{"a":[]}`, `null`, `7`, ``, ` `, `[`, `]`, `[,]`, `[{"a":1},]`,
	`[{"a":1,}]`, `[{,}]`, `[{"a"}]`, `[{"a":}]`, `[{a:1}]`, `[{1:1}]`, `[{"a":1]`, `[{"a":1}}`, `[}`,
	`[{"a":1} {"a":1}]`, `[{"a":1 "b":1}]`, `[{"a" 1}]`, `[{"a"::1}]`, `[{"a":1,,"b":1}]`, `[{"a":1}],`, `[{"a":1}]x`,
	`[{"a":tru}]`, `[{"a":truex}]`, `[{"a":nullnull}]`,
	`[{"aaaaaaaa":"bbbbbbbb","cccccccccccccccc":"dddddddddddddddd"},{"aaaaaaaa":"bbbbbbb","cccccccccccccccc":"ddddddddddddddddd"}]`,
	`[{"a":` + strings.Repeat("[", 513) + strings.Repeat("]", 513) + `}]`,
	`[{"a":` + strings.Repeat("[", 514) + strings.Repeat("]", 514) + `}]`,
}

func TestReaderMatchesEncodingJSON(t *testing.T) {
	t.Parallel()
	one := newReader(t)
	for range 2 { // the second time with all names known
		for _, page := range shapes {
			agree(t, newReader(t), []byte(page))
			agree(t, one, []byte(page))
		}
	}
	for seed := range uint64(3) {
		page := sourcetest.RegisterPage(200, seed)
		agree(t, one, page)
		var plain any
		if err := json.Unmarshal(page, &plain); err != nil {
			t.Fatal(err)
		}
		indented, err := json.MarshalIndent(plain, "", "\t") // in another order too
		if err != nil {
			t.Fatal(err)
		}
		agree(t, one, indented)
	}
	agree(t, one, sourcetest.WidePage(20, 200))
}

// A page truncated at any byte, and a page with any byte changed, is read like encoding/json.
func TestDamagedPages(t *testing.T) {
	t.Parallel()
	pages := [][]byte{sourcetest.RegisterPage(2, 3)}
	for _, page := range shapes {
		if len(page) < 400 {
			pages = append(pages, []byte(page))
		}
	}
	r := newReader(t)
	random := rand.New(rand.NewPCG(1, 1))
	for _, page := range pages {
		for cut := range page {
			agree(t, r, page[:cut:cut])
		}
		for at := range page {
			for _, c := range []byte{'"', '\\', ',', ':', '{', '}', '[', ']', ' ', '0', 0, 0x1f, 0x80, 0xc3, 0xff, byte(random.IntN(256))} {
				changed := bytes.Clone(page)
				changed[at] = c
				agree(t, r, changed)
			}
		}
	}
}

// Records whose names are shuffled, left out, repeated and spelt in other ways. Two of the names are one.
func TestShuffledRecords(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 5))
	names := []string{"nom", "nom_", "no", "cp", `c\u0070`, "adreça", "", "a", "aa", "aaa", "municipi", `"`, `tel·lèfon`}
	values := []string{`"x"`, `""`, `"L'Hospitalet de Llobregat"`, "1", "-2.5e3", "null", "true", `{"cp":"x","nom":[1]}`, "[]",
		`"à"`, `"\u00e0\n"`, `"12345678"`}
	spaces := []string{"", "", "", "", " ", "\n  ", "\t"}
	pick := func(from []string) string { return from[random.IntN(len(from))] }
	r := newReader(t)
	for range 300 {
		var page strings.Builder
		page.WriteString(pick(spaces) + "[")
		for i := range random.IntN(20) {
			if i > 0 {
				page.WriteString(pick(spaces) + ",")
			}
			page.WriteString(pick(spaces) + "{")
			order, n := random.Perm(len(names)), random.IntN(len(names)+1)
			if random.IntN(2) == 0 {
				slices.Sort(order)
			}
			for k := range n {
				if k > 0 {
					page.WriteString(pick(spaces) + ",")
				}
				name := strings.ReplaceAll(names[order[k]], `"`, `\"`)
				page.WriteString(pick(spaces) + `"` + name + `"` + pick(spaces) + ":" + pick(spaces) + pick(values))
			}
			page.WriteString(pick(spaces) + "}")
		}
		page.WriteString(pick(spaces) + "]")
		agree(t, r, []byte(page.String()))
	}
}

// Every pair of bytes, and every beginning of a longer character, at every position in a word of eight bytes.
func TestEveryCharacter(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	try := func(text ...byte) {
		for _, before := range []string{"", "12345", "1234567"} {
			agree(t, r, []byte(`[{"s":"`+before+string(text)+`"},{"s":"`+before+string(text)+`12345678"}]`))
		}
	}
	edges := []byte{0x00, 0x22, 0x5c, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xff}
	for first := range 256 {
		for second := range 256 {
			try(byte(first), byte(second))
		}
		if first < 0xe0 {
			continue
		}
		for _, second := range edges {
			for _, third := range edges {
				try(byte(first), second, third)
				try(byte(first), second, third, 0x80)
			}
		}
	}
}

// FuzzReader checks that one reader reads any two pages in turn like encoding/json.
func FuzzReader(f *testing.F) {
	for i, page := range shapes {
		f.Add([]byte(page), []byte(shapes[(i+7)%len(shapes)]))
	}
	f.Add(sourcetest.RegisterPage(3, 1), sourcetest.RegisterPage(2, 2))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		r := newReader(t)
		for _, page := range [][]byte{first, second, first} {
			agree(t, r, page)
		}
	})
}

// IDs count distinct names from 0, whatever their spelling, and are the same in all pages of a reader.
func TestFieldIDs(t *testing.T) {
	t.Parallel()
	ids := func(r source.Reader, page string) string {
		var b strings.Builder
		err := r.Rows([]byte(page), func(row source.Row) error {
			for _, v := range row.Fields {
				fmt.Fprintf(&b, "%s=%d ", v.Name, v.ID)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(b.String())
	}
	r := newReader(t)
	for _, c := range [][2]string{
		{`[{"a":1,"b":1},{"b":1,"c":1,"a":1}]`, "a=0 b=1 b=1 c=2 a=0"},
		{`[{"c":1,"\u0061":1,"\u0062":1},{"c":1,"a":1,"\u0062":1,"d":1}]`, "c=2 a=0 b=1 c=2 a=0 b=1 d=3"},
		{`[{"\\u0061":1,"a" : 1}]`, `\u0061=4 a=0`},
	} {
		if got := ids(r, c[0]); got != c[1] {
			t.Errorf("%s: IDs %s, want %s", c[0], got, c[1])
		}
	}
	var many strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&many, `,"n%d":1`, i)
	}
	got := strings.Fields(ids(r, `[{"e":1`+many.String()+`}]`))
	if got[0] != "e=5" || got[1] != "n0=6" || got[4090] != "n4089=4095" || got[4091] != "n4090=-1" || got[5000] != "n4999=-1" {
		t.Errorf("IDs %s, %s, %s, %s, %s", got[0], got[1], got[4090], got[4091], got[5000])
	}
	if got := ids(r, `[{"n4999":1,"d":1,"x":1,"n0":1}]`); got != "n4999=-1 d=3 x=-1 n0=6" {
		t.Errorf("after too many names: IDs %s", got)
	}

	cells, err := portals.All.NewReader(idescat.Name)
	if err != nil {
		t.Fatal(err)
	}
	const cube = `{"class":"dataset","id":["%s","Y"],"size":[1,1],"dimension":{"%[1]s":{"category":{"index":["a"]}},` +
		`"Y":{"category":{"index":["b"]}}},"value":[1]}`
	for _, c := range [][2]string{{"X", "X=0 X.label=1 Y=2 Y.label=3 value=4 status=5"},
		{"Z", "Z=6 Z.label=7 Y=2 Y.label=3 value=4 status=5"}} {
		if got := ids(cells, fmt.Sprintf(cube, c[0])); got != c[1] {
			t.Errorf("cells: IDs %s, want %s", got, c[1])
		}
	}
}

// A reader that knows the names allocates nothing, whatever the number of rows.
func TestNothingIsAllocated(t *testing.T) {
	r := newReader(t)
	for name, page := range map[string][]byte{"register": sourcetest.RegisterPage(500, 1), "wide": sourcetest.WidePage(50, 200)} {
		if n := testing.AllocsPerRun(20, func() {
			if err := r.Rows(page, func(source.Row) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations per page, want 0", name, n)
		}
	}
}
