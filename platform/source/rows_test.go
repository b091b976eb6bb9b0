package source_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/source"
)

// render writes a page's rows as text: index, byte range's content, fields.
func render(kind string, page []byte) (string, error) {
	var b strings.Builder
	err := source.Rows(kind, page, func(r source.Row) error {
		fmt.Fprintf(&b, "%d", r.Index)
		for _, f := range r.Fields {
			fmt.Fprintf(&b, " %s=%s", f.Name, f.Raw)
		}
		if r.Bad != nil {
			fmt.Fprintf(&b, " bad: %v", r.Bad)
		}
		b.WriteByte('\n')
		return nil
	})
	return b.String(), err
}

func TestRows(t *testing.T) {
	t.Parallel()
	const cube = `{"class":"dataset","id":["YEAR","MUN"],"size":[2,2],"dimension":{` +
		`"YEAR":{"category":{"index":["2023","2024"],"label":{"2023":"any 2023"}}%s},` +
		`"MUN":{"category":{"index":{"TOTAL":1,"080018":0},"label":{"080018":"Abrera","TOTAL":"Catalunya"}}%s}}%s}`
	for name, c := range map[string]struct{ kind, page, want string }{
		"empty":          {source.Socrata, "[]\n", ""},
		"socrata layout": {source.Socrata, "[{\"a\":\"1\",\"b\":true}\n,{\"b\":null}]\n", "0 a=\"1\" b=true\n1 b=null\n"},
		"nothing dropped": {source.Socrata, `[{":@computed_region_x":"815",":id":"row-1",":@llac_origin":"invented"}]`,
			"0 :@computed_region_x=\"815\" :id=\"row-1\" :@llac_origin=\"invented\"\n"},
		"repeated names": {source.Socrata, `[{"a":1,"a":2}]`, "0 a=1 a=2\n"},
		"escaped names":  {source.Socrata, `[{"\u0061\"":1}]`, "0 a\"=1\n"},
		"nested values": {source.Socrata, `[ { "p" : {"type":"Point","coordinates":[0.9, 41.7]} , "n":-1.5e+3 } ]`,
			"0 p={\"type\":\"Point\",\"coordinates\":[0.9, 41.7]} n=-1.5e+3\n"},
		"byte order mark": {source.Socrata, "\xef\xbb\xbf[{\"a\":\"à\"}]", "0 a=\"à\"\n"},
		"ckan": {source.CKAN, `{"help":"h","success":true,"result":{"fields":[{"id":"_id"}],"records":[{"_id":1,"B":"x"},{"_id":2}],"total":2}}`,
			"0 _id=1 B=\"x\"\n1 _id=2\n"},
		"ckan, success last": {source.CKAN, `{"result":{"records":[]},"success":true}`, ""},
		"cube, arrays": {source.Idescat, fmt.Sprintf(cube, "", "", `,"value":[890.0,12821,null,7],"status":["","p",null,".."]`),
			`0 YEAR="2023" YEAR.label="any 2023" MUN="080018" MUN.label="Abrera" value=890.0 status=null
1 YEAR="2023" YEAR.label="any 2023" MUN="TOTAL" MUN.label="Catalunya" value=12821 status="p"
2 YEAR="2024" YEAR.label=null MUN="080018" MUN.label="Abrera" value=null status=null
3 YEAR="2024" YEAR.label=null MUN="TOTAL" MUN.label="Catalunya" value=null status=".."
`},
		"cube, sparse, statuses by category in id order": {source.Idescat, fmt.Sprintf(cube,
			`,"extension":{"status":{"2024":"p"}}`, `,"extension":{"status":{"TOTAL":"a"}}`,
			`,"value":{"3":4,"0":1.0},"status":{"0":".."},"extension":{"llac_origin":{"0":"recorded","3":"invented"}}`),
			`0 YEAR="2023" YEAR.label="any 2023" MUN="080018" MUN.label="Abrera" value=null status=".." :@llac_origin="recorded"
1 YEAR="2023" YEAR.label="any 2023" MUN="TOTAL" MUN.label="Catalunya" value=null status="a" :@llac_origin=null
2 YEAR="2024" YEAR.label=null MUN="080018" MUN.label="Abrera" value=null status="p" :@llac_origin=null
3 YEAR="2024" YEAR.label=null MUN="TOTAL" MUN.label="Catalunya" value=4 status="p" :@llac_origin="invented"
`},
		"cube, parts in another order, one status and origin for all": {source.Idescat,
			`{"value":[5],"status":"p","extension":{"llac_origin":"invented"},"dimension":{"X":{"category":{"label":{"a":"A"}}}},"size":[1],"id":["X"],"class":"dataset"}`,
			"0 X=\"a\" X.label=\"A\" value=5 status=\"p\" :@llac_origin=\"invented\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := render(c.kind, []byte(c.page))
			if err != nil || got != c.want {
				t.Errorf("error %v, rows\n%swant\n%s", err, got, c.want)
			}
		})
	}
}

// TestBadRows: a record that cannot be read is a row with the reason, and the page goes on after it (invariant 5).
func TestBadRows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ kind, page, want string }{
		"no objects": {source.Socrata, `[null,{"a":1}, [{"b":2}] ,"x",7,true,{}]`,
			"0 bad: byte 1: a row must be an object\n1 a=1\n2 bad: byte 15: a row must be an object\n3 bad: byte 26: a row must be an object\n" +
				"4 bad: byte 30: a row must be an object\n5 bad: byte 32: a row must be an object\n6\n"},
		"not UTF-8, a value": {source.Socrata, "[{\"a\":\"x\"},{\"a\":\"caf\xe9\",\"b\":\"è\"},{\"a\":3}]",
			"0 a=\"x\"\n1 b=\"è\" bad: byte 20: the text is not UTF-8\n2 a=3\n"},
		"not UTF-8, a name":       {source.Socrata, "[{\"\xff\":1,\"b\":2}]", "0 b=2 bad: byte 3: the text is not UTF-8\n"},
		"not UTF-8, nested":       {source.Socrata, "[{\"a\":[{\"\xff\":1}],\"b\":2}]", "0 b=2 bad: byte 9: the text is not UTF-8\n"},
		"not UTF-8, no object":    {source.Socrata, "[\"\xff\",{\"a\":1}]", "0 bad: byte 1: a row must be an object\n1 a=1\n"},
		"not UTF-8, twice":        {source.Socrata, "[{\"a\":\"\xff\",\"b\":\"\xff\"}]", "0 bad: byte 7: the text is not UTF-8\n"},
		"half a character":        {source.Socrata, "[{\"a\":\"\xc3\"}]", "0 bad: byte 7: the text is not UTF-8\n"},
		"an overlong one":         {source.Socrata, "[{\"a\":\"\xc0\x80\"}]", "0 bad: byte 7: the text is not UTF-8\n"},
		"a surrogate":             {source.Socrata, "[{\"a\":\"\xed\xa0\x80\"}]", "0 bad: byte 7: the text is not UTF-8\n"},
		"characters of all sizes": {source.Socrata, `[{"a":"aàα・😀","l·l":"…"}]`, "0 a=\"aàα・😀\" l·l=\"…\"\n"},
		"ckan": {source.CKAN, "{\"success\":true,\"result\":{\"records\":[{\"a\":\"\xff\"},1,{\"a\":2}],\"total\":3}}",
			"0 bad: byte 43: the text is not UTF-8\n1 bad: byte 47: a row must be an object\n2 a=2\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := render(c.kind, []byte(c.page))
			if err != nil || got != c.want {
				t.Errorf("error %v, rows\n%swant\n%s", err, got, c.want)
			}
		})
	}
	const secret = "Persona"
	err := source.Rows(source.Socrata, []byte(`["`+secret+`",{"`+secret+"\xff\":\""+secret+"\xff\"}]"), func(r source.Row) error {
		var page *source.PageError
		if !errors.As(r.Bad, &page) || page.Index != r.Index || strings.Contains(r.Bad.Error(), secret) || len(r.Fields) != 0 {
			t.Errorf("row %d: %v with %d fields, want a page error of this row that does not quote it", r.Index, r.Bad, len(r.Fields))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestRowsRefuse(t *testing.T) {
	t.Parallel()
	const cube = `{"class":"dataset","id":["X"],"size":[%s],"dimension":{"X":{"category":{"index":%s}}},"value":%s}`
	for name, c := range map[string]struct {
		kind, page    string
		offset, index int
		cut           bool // the page ends too early
	}{
		"nothing":              {source.Socrata, "", 0, -1, true},
		"cut in a row":         {source.Socrata, `[{"a":1},{"a":`, 14, 1, true},
		"cut after a row":      {source.Socrata, `[{"a":1}`, 8, 0, true},
		"cut in a string":      {source.Socrata, `[{"a":"abc`, 10, 0, true},
		"cut in an escape":     {source.Socrata, `[{"a":"\u00`, 11, 0, true},
		"an object":            {source.Socrata, `{"a":1}`, 0, -1, false},
		"something after":      {source.Socrata, `[] []`, 3, -1, false},
		"a bad row, then cut":  {source.Socrata, "[{\"a\":\"caf\xe9\"},", 14, 1, true},
		"cut in a bad row":     {source.Socrata, "[{\"a\":\"caf\xe9\",", 13, 0, true},
		"a bad row after":      {source.Socrata, `[{"a":1}] null`, 10, -1, false},
		"ckan, not UTF-8":      {source.CKAN, "{\"help\":\"\xff\",\"success\":true,\"result\":{\"records\":[]}}", 9, -1, false},
		"cube, not UTF-8":      {source.Idescat, fmt.Sprintf(cube, "1", "[\"\xff\"]", "[1]"), 81, -1, false},
		"UTF-16":               {source.Socrata, "\xff\xfe[\x00", 0, -1, false},
		"leading zero":         {source.Socrata, `[{"a":01}]`, 7, 0, false},
		"bare control":         {source.Socrata, "[{\"a\":\"\n\"}]", 7, 0, false},
		"unknown escape":       {source.Socrata, `[{"a":"\x"}]`, 8, 0, false},
		"trailing comma":       {source.Socrata, `[{"a":1,}]`, 8, 0, false},
		"invalid geometry":     {source.Socrata, `[{"g":{"type":"MultiPolygon",}}]`, 29, 0, false},
		"no quotes":            {source.Socrata, `[{a:1}]`, 2, 0, false},
		"NaN":                  {source.Socrata, `[{"a":NaN}]`, 6, 0, false},
		"too deep":             {source.Socrata, `[{"a":` + strings.Repeat("[", 600), 519, 0, false},
		"ckan failure":         {source.CKAN, `{"success":false,"error":{}}`, 0, -1, false},
		"ckan without records": {source.CKAN, `{"success":true,"result":{}}`, 0, -1, false},
		"ckan records twice":   {source.CKAN, `{"success":true,"result":{"records":[],"records":[]}}`, 49, -1, false},
		"cube without value":   {source.Idescat, `{"class":"dataset","id":["X"],"size":[1],"dimension":{"X":{"category":{"index":["a"]}}}}`, 0, -1, false},
		"cube, class error":    {source.Idescat, `{"class":"error","id":"05"}`, 9, -1, false},
		"cube, too few values": {source.Idescat, fmt.Sprintf(cube, "2", `["a","b"]`, "[1]"), 100, -1, false},
		"cube, wrong size":     {source.Idescat, fmt.Sprintf(cube, "3", `["a","b"]`, "[1,2,3]"), 38, -1, false},
		"cube, code twice":     {source.Idescat, fmt.Sprintf(cube, "2", `["a","a"]`, "[1,2]"), 79, -1, false},
		"cube, bad position":   {source.Idescat, fmt.Sprintf(cube, "2", `{"a":0,"b":7}`, "[1,2]"), 79, -1, false},
		"cube, sparse outside": {source.Idescat, fmt.Sprintf(cube, "1", `["a"]`, `{"1":5}`), 97, -1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := render(c.kind, []byte(c.page))
			var page *source.PageError
			if !errors.As(err, &page) {
				t.Fatalf("error %v, want a page error", err)
			}
			if page.Offset != c.offset || page.Index != c.index || errors.Is(err, io.ErrUnexpectedEOF) != c.cut {
				t.Errorf("error at byte %d of row %d: %v; want byte %d of row %d, cut short %v", page.Offset, page.Index, err, c.offset, c.index, c.cut)
			}
		})
	}
	if err := source.Rows("ftp", nil, nil); err == nil || !strings.Contains(err.Error(), "socrata") {
		t.Errorf("unknown kind: %v", err)
	}
}

// TestRowsStream: the good rows before a fault are yielded, a large string is no trouble, yield can stop.
func TestRowsStream(t *testing.T) {
	t.Parallel()
	got, err := render(source.Socrata, []byte(`[{"a":1},{"a":2},{"a":`))
	if err == nil || got != "0 a=1\n1 a=2\n" {
		t.Errorf("rows before the fault: %q, error %v", got, err)
	}
	large := `[{"a":"` + strings.Repeat("à", 5<<19) + `"}]`
	if got, err := render(source.Socrata, []byte(large)); err != nil || len(got) < 5<<20 {
		t.Errorf("5 MB string: %d bytes, error %v", len(got), err)
	}
	enough := errors.New("enough")
	for kind, page := range map[string]string{
		source.Socrata: `[{"a":1},{"a":2}]`,
		source.CKAN:    `{"success":true,"result":{"records":[{"a":1},{"a":2}]}}`,
		source.Idescat: `{"class":"dataset","id":["X"],"size":[2],"dimension":{"X":{"category":{"index":["a","b"]}}},"value":[1,2]}`,
	} {
		n := 0
		err := source.Rows(kind, []byte(page), func(source.Row) error { n++; return enough })
		if err != enough || n != 1 {
			t.Errorf("%s: %d rows before yield stopped it, error %v", kind, n, err)
		}
	}
}

// TestRowsHugeCube: a few bytes cannot claim any number of cells.
func TestRowsHugeCube(t *testing.T) {
	t.Parallel()
	var index []string
	for k := range 200 {
		index = append(index, fmt.Sprintf(`"%d"`, k))
	}
	one := `{"category":{"index":[` + strings.Join(index, ",") + `]}}`
	page := `{"class":"dataset","id":["A","B","C"],"size":[200,200,200],"dimension":{"A":` + one + `,"B":` + one + `,"C":` + one + `},"value":{}}`
	rows := 0
	err := source.Rows(source.Idescat, []byte(page), func(source.Row) error { rows++; return nil })
	var bad *source.PageError
	if !errors.As(err, &bad) || rows != 0 {
		t.Errorf("8 million cells in %d bytes: %d rows, error %v", len(page), rows, err)
	}
}

// TestRowsRange: the byte range of a row is the row, and of a cell its value.
func TestRowsRange(t *testing.T) {
	t.Parallel()
	page := []byte("\xef\xbb\xbf[ {\"a\":1}\n,{\"b\":[2]} ]")
	var ranges []string
	collect := func(r source.Row) error {
		ranges = append(ranges, string(page[r.Start:r.End]))
		return nil
	}
	if err := source.Rows(source.Socrata, page, collect); err != nil {
		t.Fatal(err)
	}
	page = []byte(`{"class":"dataset","id":["X"],"size":[3],"dimension":{"X":{"category":{"index":["a","b","c"]}}},"value":{"2":7.50,"0":"t"}}`)
	if err := source.Rows(source.Idescat, page, collect); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(ranges, "|"), `{"a":1}|{"b":[2]}|"t"||7.50`; got != want {
		t.Errorf("ranges %s, want %s", got, want)
	}
}

// recorded reads an answer that a live service sent, where the recordings are present: in a folder "shared" next
// to the checkout.
func recorded(t *testing.T, name string) []byte {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "data", "recorded", filepath.FromSlash(name))
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("recorded answers not present: " + path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRecordedSocrataPage(t *testing.T) {
	t.Parallel()
	page := recorded(t, "socrata/j8h8-vxug_40rows_soda_layout.json")
	rows, without := 0, 0
	var again bytes.Buffer
	err := source.Rows(source.Socrata, page, func(r source.Row) error {
		if rows++; field(r, "longitud_municipi") == "absent" {
			without++
		}
		if !strings.HasPrefix(field(r, "georefer_ncia_municipi"), `{"type":"Point"`) {
			t.Errorf("row %d: point is %s", r.Index, field(r, "georefer_ncia_municipi"))
		}
		again.Write(page[r.Start:r.End])
		return nil
	})
	if err != nil || rows != 40 || without != 1 {
		t.Errorf("%d rows, %d without longitude, error %v; want 40, 1, none", rows, without, err)
	}
	var plain []json.RawMessage
	if err := json.Unmarshal(page, &plain); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Bytes(), bytes.Join(asBytes(plain), nil)) {
		t.Error("the rows' byte ranges are not the rows that encoding/json sees")
	}
}

func asBytes(raw []json.RawMessage) [][]byte {
	out := make([][]byte, len(raw))
	for k := range raw {
		out[k] = raw[k]
	}
	return out
}

func TestRecordedIdescatPage(t *testing.T) {
	t.Parallel()
	page := recorded(t, "idescat/raw_censph_5992_5987_mun_data_trimmed.json")
	got, err := render(source.Idescat, page)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(got), "\n")
	if len(lines) != 30 {
		t.Fatalf("%d cells, want 30", len(lines))
	}
	for n, want := range map[int]string{
		0: `0 YEAR="2023" YEAR.label="2023" MUN="080018" MUN.label="Abrera" NATION="ESTR" NATION.label="estrangera" ` +
			`SEX="TOTAL" SEX.label="total" CONCEPT="POP" CONCEPT.label="població" value=890.0 status=null`,
		4: `4 YEAR="2023" YEAR.label="2023" MUN="171220" MUN.label="Palmerola" NATION="ESTR" NATION.label="estrangera" ` +
			`SEX="TOTAL" SEX.label="total" CONCEPT="POP" CONCEPT.label="població" value=null status=".."`,
		29: `29 YEAR="2025" YEAR.label="2025" MUN="TOTAL" MUN.label="Catalunya" NATION="TOTAL" NATION.label="total" ` +
			`SEX="TOTAL" SEX.label="total" CONCEPT="POP" CONCEPT.label="població" value=8124126 status=null`,
	} {
		if lines[n] != want {
			t.Errorf("cell\n%s\nwant\n%s", lines[n], want)
		}
	}
}
