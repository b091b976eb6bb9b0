package portals_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/ckan"
	"github.com/llac-project/llac/platform/source/idescat"
	"github.com/llac-project/llac/platform/source/portals"
	"github.com/llac-project/llac/platform/source/socrata"
	"github.com/llac-project/llac/platform/source/sourcetest"
)

func TestRows(t *testing.T) {
	t.Parallel()
	const cube = `{"class":"dataset","id":["YEAR","MUN"],"size":[2,2],"dimension":{` +
		`"YEAR":{"category":{"index":["2023","2024"],"label":{"2023":"any 2023"}}%s},` +
		`"MUN":{"category":{"index":{"TOTAL":1,"080018":0},"label":{"080018":"Abrera","TOTAL":"Catalunya"}}%s}}%s}`
	for name, c := range map[string]struct{ kind, page, want string }{
		"empty":          {socrata.Name, "[]\n", ""},
		"socrata layout": {socrata.Name, "[{\"a\":\"1\",\"b\":true}\n,{\"b\":null}]\n", "0 a=\"1\" b=true\n1 b=null\n"},
		"nothing dropped": {socrata.Name, `[{":@computed_region_x":"815",":id":"row-1",":@llac_origin":"invented"}]`,
			"0 :@computed_region_x=\"815\" :id=\"row-1\" :@llac_origin=\"invented\"\n"},
		"escaped names": {socrata.Name, `[{"\u0061\"":1}]`, "0 a\"=1\n"},
		"nested values": {socrata.Name, `[ { "p" : {"type":"Point","coordinates":[0.9, 41.7]} , "n":-1.5e+3 } ]`,
			"0 p={\"type\":\"Point\",\"coordinates\":[0.9, 41.7]} n=-1.5e+3\n"},
		"byte order mark": {socrata.Name, "\xef\xbb\xbf[{\"a\":\"à\"}]", "0 a=\"à\"\n"},
		"ckan": {ckan.Name,
			`{"help":"h","success":true,"result":{"fields":[{"id":"_id"}],"records":[{"_id":1,"B":"x"},{"_id":2}],"total":2}}`,
			"0 _id=1 B=\"x\"\n1 _id=2\n"},
		"ckan, success last": {ckan.Name, `{"result":{"records":[]},"success":true}`, ""},
		"cube, arrays": {idescat.Name, fmt.Sprintf(cube, "", "", `,"value":[890.0,12821,null,7],"status":["","p",null,".."]`),
			`0 YEAR="2023" YEAR.label="any 2023" MUN="080018" MUN.label="Abrera" value=890.0 status=null
1 YEAR="2023" YEAR.label="any 2023" MUN="TOTAL" MUN.label="Catalunya" value=12821 status="p"
2 YEAR="2024" YEAR.label=null MUN="080018" MUN.label="Abrera" value=null status=null
3 YEAR="2024" YEAR.label=null MUN="TOTAL" MUN.label="Catalunya" value=null status=".."
`},
		"cube, sparse, statuses by category in id order": {idescat.Name, fmt.Sprintf(cube,
			`,"extension":{"status":{"2024":"p"}}`, `,"extension":{"status":{"TOTAL":"a"}}`,
			`,"value":{"3":4,"0":1.0},"status":{"0":".."},"extension":{"llac_origin":{"0":"recorded","3":"invented"}}`),
			`0 YEAR="2023" YEAR.label="any 2023" MUN="080018" MUN.label="Abrera" value=null status=".." :@llac_origin="recorded"
1 YEAR="2023" YEAR.label="any 2023" MUN="TOTAL" MUN.label="Catalunya" value=null status="a" :@llac_origin=null
2 YEAR="2024" YEAR.label=null MUN="080018" MUN.label="Abrera" value=null status="p" :@llac_origin=null
3 YEAR="2024" YEAR.label=null MUN="TOTAL" MUN.label="Catalunya" value=4 status="p" :@llac_origin="invented"
`},
		"cube, parts in another order, one status and origin for all": {idescat.Name,
			`{"value":[5],"status":"p","extension":{"llac_origin":"invented"},` +
				`"dimension":{"X":{"category":{"label":{"a":"A"}}}},"size":[1],"id":["X"],"class":"dataset"}`,
			"0 X=\"a\" X.label=\"A\" value=5 status=\"p\" :@llac_origin=\"invented\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := sourcetest.Render(c.kind, []byte(c.page))
			if err != nil || got != c.want {
				t.Errorf("error %v, rows\n%swant\n%s", err, got, c.want)
			}
		})
	}
}

// TestBadRows checks that an unreadable record becomes a row with the reason, and that reading continues (invariant 5).
func TestBadRows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ kind, page, want string }{
		"no objects": {socrata.Name, `[null,{"a":1}, [{"b":2}] ,"x",7,true,{}]`,
			"0 bad: byte 1: a row must be an object\n1 a=1\n2 bad: byte 15: a row must be an object\n3 bad: byte 26: a row must " +
				"be an object\n" +
				"4 bad: byte 30: a row must be an object\n5 bad: byte 32: a row must be an object\n6\n"},
		"not UTF-8, a value": {socrata.Name, "[{\"a\":\"x\"},{\"a\":\"caf\xe9\",\"b\":\"è\"},{\"a\":3}]",
			"0 a=\"x\"\n1 b=\"è\" bad: byte 20: the text is not UTF-8\n2 a=3\n"},
		"not UTF-8, a name":       {socrata.Name, "[{\"\xff\":1,\"b\":2}]", "0 b=2 bad: byte 3: the text is not UTF-8\n"},
		"not UTF-8, nested":       {socrata.Name, "[{\"a\":[{\"\xff\":1}],\"b\":2}]", "0 b=2 bad: byte 9: the text is not UTF-8\n"},
		"not UTF-8, no object":    {socrata.Name, "[\"\xff\",{\"a\":1}]", "0 bad: byte 1: a row must be an object\n1 a=1\n"},
		"not UTF-8, twice":        {socrata.Name, "[{\"a\":\"\xff\",\"b\":\"\xff\"}]", "0 bad: byte 7: the text is not UTF-8\n"},
		"half a character":        {socrata.Name, "[{\"a\":\"\xc3\"}]", "0 bad: byte 7: the text is not UTF-8\n"},
		"an overlong one":         {socrata.Name, "[{\"a\":\"\xc0\x80\"}]", "0 bad: byte 7: the text is not UTF-8\n"},
		"a surrogate":             {socrata.Name, "[{\"a\":\"\xed\xa0\x80\"}]", "0 bad: byte 7: the text is not UTF-8\n"},
		"characters of all sizes": {socrata.Name, `[{"a":"aàα・😀","l·l":"…"}]`, "0 a=\"aàα・😀\" l·l=\"…\"\n"},
		"a name twice": {socrata.Name, `[{"a":1},{"a":1,"b":2,"a":1},{"b":3,"c":4,"c":5,"c":6},{"\u0061":1,"a":2},{"a":2,"b":1}]`,
			"0 a=1\n1 b=2 bad: byte 9: a name occurs twice in one object\n2 b=3 bad: byte 29: a name occurs twice in one object\n" +
				"3 bad: byte 55: a name occurs twice in one object\n4 a=2 b=1\n"},
		"a name twice, nested": {socrata.Name, `[{"p":{"a":1,"a":2},"b":3}]`, "0 p={\"a\":1,\"a\":2} b=3\n"}, // the stager's concern
		"a name twice, not UTF-8": {socrata.Name, "[{\"a\":1,\"b\":\"\xff\",\"a\":2,\"c\":3}]",
			"0 c=3 bad: byte 13: the text is not UTF-8\n"},
		"a name twice, ckan": {ckan.Name, `{"success":true,"result":{"records":[{"_id":1,"B":1},{"_id":2,"B":2,"B":2}],"total":2}}`,
			"0 _id=1 B=1\n1 _id=2 bad: byte 53: a name occurs twice in one object\n"},
		"ckan": {ckan.Name, "{\"success\":true,\"result\":{\"records\":[{\"a\":\"\xff\"},1,{\"a\":2}],\"total\":3}}",
			"0 bad: byte 43: the text is not UTF-8\n1 bad: byte 47: a row must be an object\n2 a=2\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := sourcetest.Render(c.kind, []byte(c.page))
			if err != nil || got != c.want {
				t.Errorf("error %v, rows\n%swant\n%s", err, got, c.want)
			}
		})
	}
	const secret = "Persona"
	err := portals.All.Rows(socrata.Name, []byte(`["`+secret+`",{"`+secret+"\xff\":\""+secret+"\xff\"}]"), func(r source.Row) error {
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

func TestRowsReject(t *testing.T) {
	t.Parallel()
	const cube = `{"class":"dataset","id":["X"],"size":[%s],"dimension":{"X":{"category":{"index":%s}}},"value":%s}`
	for name, c := range map[string]struct {
		kind, page    string
		offset, index int
		cut           bool // the page ends too early
	}{
		"nothing":              {socrata.Name, "", 0, -1, true},
		"cut in a row":         {socrata.Name, `[{"a":1},{"a":`, 14, 1, true},
		"cut after a row":      {socrata.Name, `[{"a":1}`, 8, 0, true},
		"cut in a string":      {socrata.Name, `[{"a":"abc`, 10, 0, true},
		"cut in an escape":     {socrata.Name, `[{"a":"\u00`, 11, 0, true},
		"an object":            {socrata.Name, `{"a":1}`, 0, -1, false},
		"something after":      {socrata.Name, `[] []`, 3, -1, false},
		"a bad row, then cut":  {socrata.Name, "[{\"a\":\"caf\xe9\"},", 14, 1, true},
		"cut in a bad row":     {socrata.Name, "[{\"a\":\"caf\xe9\",", 13, 0, true},
		"a bad row after":      {socrata.Name, `[{"a":1}] null`, 10, -1, false},
		"ckan, not UTF-8":      {ckan.Name, "{\"help\":\"\xff\",\"success\":true,\"result\":{\"records\":[]}}", 9, -1, false},
		"cube, not UTF-8":      {idescat.Name, fmt.Sprintf(cube, "1", "[\"\xff\"]", "[1]"), 81, -1, false},
		"UTF-16":               {socrata.Name, "\xff\xfe[\x00", 0, -1, false},
		"leading zero":         {socrata.Name, `[{"a":01}]`, 7, 0, false},
		"bare control":         {socrata.Name, "[{\"a\":\"\n\"}]", 7, 0, false},
		"unknown escape":       {socrata.Name, `[{"a":"\x"}]`, 8, 0, false},
		"trailing comma":       {socrata.Name, `[{"a":1,}]`, 8, 0, false},
		"invalid geometry":     {socrata.Name, `[{"g":{"type":"MultiPolygon",}}]`, 29, 0, false},
		"no quotes":            {socrata.Name, `[{a:1}]`, 2, 0, false},
		"NaN":                  {socrata.Name, `[{"a":NaN}]`, 6, 0, false},
		"too deep":             {socrata.Name, `[{"a":` + strings.Repeat("[", 600), 519, 0, false},
		"ckan failure":         {ckan.Name, `{"success":false,"error":{}}`, 0, -1, false},
		"ckan without records": {ckan.Name, `{"success":true,"result":{}}`, 0, -1, false},
		"ckan records twice":   {ckan.Name, `{"success":true,"result":{"records":[],"records":[]}}`, 39, -1, false},
		"ckan success twice":   {ckan.Name, `{"success":true,"success":true,"result":{"records":[]}}`, 16, -1, false},
		"ckan result twice":    {ckan.Name, `{"success":true,"result":{"records":[]},"result":{}}`, 40, -1, false},
		"cube, a part twice":   {idescat.Name, `{"class":"dataset","value":[1],"value":[2]}`, 31, -1, false},
		"cube, a field's name": {idescat.Name, `{"class":"dataset","id":["A","A.label"],"size":[1,1],"dimension":{` +
			`"A":{"category":{"index":["a"]}},"A.label":{"category":{"index":["b"]}}},"value":[1]}`, 0, -1, false},
		"cube without value": {idescat.Name,
			`{"class":"dataset","id":["X"],"size":[1],"dimension":{"X":{"category":{"index":["a"]}}}}`, 0, -1, false},
		"cube, class error":    {idescat.Name, `{"class":"error","id":"05"}`, 9, -1, false},
		"cube, too few values": {idescat.Name, fmt.Sprintf(cube, "2", `["a","b"]`, "[1]"), 100, -1, false},
		"cube, wrong size":     {idescat.Name, fmt.Sprintf(cube, "3", `["a","b"]`, "[1,2,3]"), 38, -1, false},
		"cube, code twice":     {idescat.Name, fmt.Sprintf(cube, "2", `["a","a"]`, "[1,2]"), 79, -1, false},
		"cube, bad position":   {idescat.Name, fmt.Sprintf(cube, "2", `{"a":0,"b":7}`, "[1,2]"), 79, -1, false},
		"cube, sparse outside": {idescat.Name, fmt.Sprintf(cube, "1", `["a"]`, `{"1":5}`), 97, -1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := sourcetest.Render(c.kind, []byte(c.page))
			var page *source.PageError
			if !errors.As(err, &page) {
				t.Fatalf("error %v, want a page error", err)
			}
			if page.Offset != c.offset || page.Index != c.index || errors.Is(err, io.ErrUnexpectedEOF) != c.cut {
				t.Errorf("error at byte %d of row %d: %v; want byte %d of row %d, cut short %v", page.Offset, page.Index, err,
					c.offset, c.index, c.cut)
			}
		})
	}
	if err := portals.All.Rows("ftp", nil, nil); err == nil || !strings.Contains(err.Error(), "socrata") {
		t.Errorf("unknown kind: %v", err)
	}
}

// TestRowsStream checks that rows before a fault are yielded, that a large string is read, and that yield can stop.
func TestRowsStream(t *testing.T) {
	t.Parallel()
	got, err := sourcetest.Render(socrata.Name, []byte(`[{"a":1},{"a":2},{"a":`))
	if err == nil || got != "0 a=1\n1 a=2\n" {
		t.Errorf("rows before the fault: %q, error %v", got, err)
	}
	large := `[{"a":"` + strings.Repeat("à", 5<<19) + `"}]`
	if got, err := sourcetest.Render(socrata.Name, []byte(large)); err != nil || len(got) < 5<<20 {
		t.Errorf("5 MB string: %d bytes, error %v", len(got), err)
	}
	enough := errors.New("enough")
	for kind, page := range map[string]string{
		socrata.Name: `[{"a":1},{"a":2}]`,
		ckan.Name:    `{"success":true,"result":{"records":[{"a":1},{"a":2}]}}`,
		idescat.Name: `{"class":"dataset","id":["X"],"size":[2],"dimension":{"X":{"category":{"index":["a","b"]}}},"value":[1,2]}`,
	} {
		n := 0
		err := portals.All.Rows(kind, []byte(page), func(source.Row) error { n++; return enough })
		if err != enough || n != 1 {
			t.Errorf("%s: %d rows before yield stopped it, error %v", kind, n, err)
		}
	}
}

// TestRowsHugeCube checks that a short page cannot claim any number of cells.
func TestRowsHugeCube(t *testing.T) {
	t.Parallel()
	var index []string
	for k := range 200 {
		index = append(index, fmt.Sprintf(`"%d"`, k))
	}
	one := `{"category":{"index":[` + strings.Join(index, ",") + `]}}`
	page := `{"class":"dataset","id":["A","B","C"],"size":[200,200,200],"dimension":{"A":` + one + `,"B":` + one + `,"C":` +
		one + `},"value":{}}`
	rows := 0
	err := portals.All.Rows(idescat.Name, []byte(page), func(source.Row) error { rows++; return nil })
	var bad *source.PageError
	if !errors.As(err, &bad) || rows != 0 {
		t.Errorf("8 million cells in %d bytes: %d rows, error %v", len(page), rows, err)
	}
}

// TestRowsRange checks the byte ranges: of a row the row itself, of a cell its value.
func TestRowsRange(t *testing.T) {
	t.Parallel()
	page := []byte("\xef\xbb\xbf[ {\"a\":1}\n,{\"b\":[2]} ]")
	var ranges []string
	collect := func(r source.Row) error {
		ranges = append(ranges, string(page[r.Start:r.End]))
		return nil
	}
	if err := portals.All.Rows(socrata.Name, page, collect); err != nil {
		t.Fatal(err)
	}
	page = []byte(`{"class":"dataset","id":["X"],"size":[3],"dimension":{"X":{"category":{"index":["a","b","c"]}}},` +
		`"value":{"2":7.50,"0":"t"}}`)
	if err := portals.All.Rows(idescat.Name, page, collect); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(ranges, "|"), `{"a":1}|{"b":[2]}|"t"||7.50`; got != want {
		t.Errorf("ranges %s, want %s", got, want)
	}
}

func TestRecordedSocrataPage(t *testing.T) {
	t.Parallel()
	page := sourcetest.Recorded(t, "socrata/j8h8-vxug_40rows_soda_layout.json")
	rows, without := 0, 0
	var again bytes.Buffer
	err := portals.All.Rows(socrata.Name, page, func(r source.Row) error {
		if rows++; sourcetest.Field(r, "longitud_municipi") == "absent" {
			without++
		}
		if !strings.HasPrefix(sourcetest.Field(r, "georefer_ncia_municipi"), `{"type":"Point"`) {
			t.Errorf("row %d: point is %s", r.Index, sourcetest.Field(r, "georefer_ncia_municipi"))
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
		t.Error("the rows' byte ranges differ from the rows that encoding/json reads")
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
	page := sourcetest.Recorded(t, "idescat/raw_censph_5992_5987_mun_data_trimmed.json")
	got, err := sourcetest.Render(idescat.Name, page)
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
