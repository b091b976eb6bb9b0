package portal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/platform/source/socrata"
)

func towns(p *Portal, query string) string {
	return p.URL(socrata.Name) + "/resource/" + MunicipalitiesID + ".json?" + strings.ReplaceAll(query, " ", "%20")
}

func services(p *Portal, query string) string {
	return p.URL(socrata.Name) + "/resource/" + RegisterID + ".json?" + query
}

func TestWireLayout(t *testing.T) {
	t.Parallel()
	p := small(t)
	for query, want := range map[string]string{
		"$order=:id&$limit=2": `[{"codi":"080018","nom":"Abrera","codi_comarca":"11","nom_comarca":"Baix Llobregat",` +
			`":@llac_origin":"recorded"}` + "\n" +
			`,{"codi":"080023","nom":"Aguilar de Segarra","codi_comarca":"07","nom_comarca":"Bages",":@llac_origin":"recorded"}` + "\n]\n",
		"%24order=%3Aid&%24limit=1&%24offset=1": `[{"codi":"080023","nom":"Aguilar de Segarra","codi_comarca":"07",` +
			`"nom_comarca":"Bages",":@llac_origin":"recorded"}` + "\n]\n",
		"$order=:id&$limit=1&$select=nom,codi": `[{"nom":"Abrera","codi":"080018",":@llac_origin":"recorded"}` + "\n]\n",
		"$limit=1&$select=nom as name":         `[{"name":"Abrera",":@llac_origin":"recorded"}` + "\n]\n",
		"$offset=949":                          "[]\n",
		"$limit=0":                             "[]\n",
		"$select=count(*)":                     `[{"count":"949"}` + "\n]\n",
		"$select=count(*) as total":            `[{"total":"949"}` + "\n]\n",
		"$select=count(*)&codi_comarca=39":     `[{"count":"9"}` + "\n]\n",
	} {
		r := get(t, towns(p, query))
		if string(r.body) != want {
			t.Errorf("%s\n got %s\nwant %s", query, r.body, want)
		}
	}
	r := get(t, towns(p, "$select=:*,*&$limit=1"))
	if !regexpMatch(`^\[\{":id":"row-\w{4}\.\w{4}_\w{4}",":created_at":"2026-04-30T14:30:13.000Z",`+
		`":updated_at":"2026-04-30T14:30:13.000Z","codi":"080018"`, r.body) {
		t.Errorf("system fields: %s", r.body)
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	p := small(t)
	r := get(t, towns(p, "$order=:id&$limit=1"))
	for name, want := range map[string]string{
		"Content-Type":                    "application/json;charset=utf-8",
		"Last-Modified":                   "Thu, 30 Apr 2026 14:30:13 GMT",
		"X-Soda2-Truth-Last-Modified":     "Thu, 30 Apr 2026 14:30:13 GMT",
		"X-Soda2-Fields":                  `["codi","nom","codi_comarca","nom_comarca",":@llac_origin"]`,
		"X-Soda2-Types":                   `["text","text","text","text","text"]`,
		"X-Soda2-Data-Out-Of-Date":        "false",
		"Access-Control-Allow-Origin":     "*",
		RateLimitHeader:                   "1000",
		"X-Soda2-Secondary-Last-Modified": "Thu, 30 Apr 2026 14:30:13 GMT",
	} {
		if got := r.header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	id := r.header.Get("X-Socrata-RequestId")
	if !regexpMatch(`^[0-9a-f]{32}$`, []byte(id)) {
		t.Errorf("request id %q", id)
	}
	if again := get(t, towns(p, "$order=:id&$limit=1")).header.Get("X-Socrata-RequestId"); again == id {
		t.Errorf("two requests have the id %s", id)
	}
	// The columns are too many for a header.
	wide := Dataset{ID: "wide-0001"}
	for i := range 400 {
		wide.Columns = append(wide.Columns, Column{Name: fmt.Sprintf("column_%04d", i)})
	}
	if err := p.Add(socrata.Name, wide); err != nil {
		t.Fatal(err)
	}
	r = get(t, p.URL(socrata.Name)+"/resource/wide-0001.json")
	if r.header.Get("X-SODA2-Fields") != "" || r.header.Get("X-SODA2-Warning") == "" {
		t.Errorf("a wide dataset's headers: %v", r.header)
	}
}

func TestConditionalRequestsAndGzip(t *testing.T) {
	t.Parallel()
	p := small(t)
	query := "$order=:id&$limit=50"
	plain := get(t, towns(p, query))
	packed := get(t, towns(p, query), "Accept-Encoding", "gzip")
	if packed.header.Get("Content-Encoding") != "gzip" || !bytes.Equal(unzipped(t, packed.body), plain.body) {
		t.Fatal("the gzip response differs from the plain one")
	}
	tag, gzipTag := plain.header.Get("ETag"), packed.header.Get("ETag")
	if gzipTag != strings.TrimSuffix(tag, `"`)+`--gzip"` {
		t.Errorf("ETags %s and %s", tag, gzipTag)
	}
	if other := get(t, towns(p, "$order=:id&$limit=51")).header.Get("ETag"); other == tag {
		t.Error("the ETag does not depend on the query")
	}
	modified := plain.header.Get("Last-Modified")
	earlier := time.Date(2026, 4, 30, 14, 30, 12, 0, time.UTC).Format(http.TimeFormat)
	cases := []struct {
		headers []string
		want    int
	}{
		{[]string{"If-None-Match", tag}, 304},
		{[]string{"If-None-Match", `"x", ` + tag}, 304},
		{[]string{"If-None-Match", gzipTag}, 200},
		{[]string{"If-None-Match", gzipTag, "Accept-Encoding", "gzip"}, 304},
		{[]string{"If-Modified-Since", modified}, 304},
		{[]string{"If-Modified-Since", earlier}, 200},
		{[]string{"If-Modified-Since", modified, "If-None-Match", `"other"`}, 200},
		{[]string{"If-Modified-Since", "yesterday"}, 200},
	}
	for _, c := range cases {
		r := get(t, towns(p, query), c.headers...)
		if r.status != c.want || (c.want == 304) != (len(r.body) == 0) || r.header.Get("ETag") == "" {
			t.Errorf("%v: status %d, %d bytes, ETag %s", c.headers, r.status, len(r.body), r.header.Get("ETag"))
		}
	}
	if err := p.Republish(MunicipalitiesID, nil); err != nil {
		t.Fatal(err)
	}
	for _, headers := range [][]string{{"If-None-Match", tag}, {"If-Modified-Since", modified}} {
		if r := get(t, towns(p, query), headers...); r.status != 200 || r.header.Get("Last-Modified") == modified {
			t.Errorf("after Republish, %v: %d, %s", headers, r.status, r.header.Get("Last-Modified"))
		}
	}
}

func TestNullsAreOmitted(t *testing.T) {
	t.Parallel()
	p := small(t)
	if err := p.Add(socrata.Name,
		Dataset{ID: "null-0001", Columns: []Column{{Name: "a"}, {Name: "b", Type: "number"}, {Name: "c", Type: "point"}},
			Rows: []Row{{"a": "x", "b": nil}, {"b": "2", "c": json.RawMessage(`{"type":"Point","coordinates":[2.1,41.4]}`)}}}); err != nil {
		t.Fatal(err)
	}
	r := get(t, p.URL(socrata.Name)+"/resource/null-0001.json")
	want := `[{"a":"x",":@llac_origin":"invented"}` + "\n" + `,{"b":"2","c":{"type":"Point","coordinates":[2.1,41.4]},` +
		`":@llac_origin":"invented"}` + "\n]\n"
	if string(r.body) != want {
		t.Errorf("got %s", r.body)
	}
	if got := r.header.Get("X-SODA2-Types"); got != `["text","number","point","text"]` {
		t.Errorf("types %s", got)
	}
	if got := string(get(t,
		p.URL(socrata.Name)+"/resource/null-0001.json?$where=a%20is%20null&$select=b").body); !strings.HasPrefix(got, `[{"b":"2"`) {
		t.Errorf("is null: %s", got)
	}
}

func TestWhereAndOrder(t *testing.T) {
	t.Parallel()
	p := small(t)
	if err := p.Add(socrata.Name, Dataset{ID: "nums-0001", Columns: []Column{{Name: "k"}, {Name: "n", Type: "number"}}, Rows: []Row{
		{"k": "a", "n": "10"}, {"k": "b", "n": "9"}, {"k": "c"}, {"k": "d'e", "n": "100"}, {"k": "Ç", "n": "9"},
	}}); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"$where=n > 9":                      "a d'e",
		"$where=n >= 9 and k != 'a'":        "b d'e Ç",
		"$where=`k` = 'd''e'":               "d'e",
		"$where=n is not null AND n<=9":     "b Ç",
		"$where=n is null":                  "c",
		"$where=k <> 'a' and k < 'c'":       "b",
		"k=b":                               "b",
		"n=9&$order=k desc":                 "Ç b",
		"$order=n":                          "b Ç a d'e c",
		"$order=n desc,k desc":              "c d'e a Ç b",
		"$order=:id&$where=:id is not null": "a b c d'e Ç",
		"$order=k&$limit=2&$offset=1":       "b c",
		"$where=K='a'":                      "a",
		"$where=k='A'":                      "",
	} {
		var got []string
		for _, row := range rowsOf(t, get(t, p.URL(socrata.Name)+"/resource/nums-0001.json?"+strings.ReplaceAll(query, " ", "%20"))) {
			got = append(got, row["k"].(string))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
}

// Pages without $order overlap and omit rows; with $order=:id they do not.
func TestPagesWithoutOrderRepeatAndSkip(t *testing.T) {
	t.Parallel()
	p := small(t)
	read := func(order string) (distinct, rows int) {
		seen := map[string]bool{}
		for offset := 0; ; offset += 100 {
			page := rowsOf(t, get(t, towns(p, order+"$limit=100&$offset="+strconv.Itoa(offset))))
			for _, row := range page {
				seen[row["codi"].(string)] = true
			}
			rows += len(page)
			if len(page) < 100 {
				return len(seen), rows
			}
		}
	}
	if distinct, rows := read("$order=:id&"); distinct != 949 || rows != 949 {
		t.Errorf("ordered: %d rows, %d distinct", rows, distinct)
	}
	if distinct, rows := read(""); rows != 949 || distinct != 949-9 {
		t.Errorf("not ordered: %d rows, %d distinct; want 9 repeated", rows, distinct)
	}
	if page := rowsOf(t, get(t, towns(p, ""))); len(page) != 949 {
		t.Errorf("the default page of 1,000 has %d rows of 949", len(page))
	}
}

func TestSocrataErrors(t *testing.T) {
	t.Parallel()
	p := small(t)
	core := []string{"code", "data", "error", "message"}
	coordinator := []string{"data", "errorCode", "message"}
	for _, c := range []struct {
		url    string
		status int
		keys   []string
		code   string
	}{
		{"/resource/abcd-0000.json", 404, core, "dataset.missing"},
		{"/api/views/xxxx-yyyy.json", 404, core, "not_found"},
		{"/resource/9aju-tpwc.json?$where=definitely_not_a_field='x'", 400, coordinator, "query.soql.no-such-column"},
		{"/resource/9aju-tpwc.json?definitely_not_a_field=x", 400, coordinator, "query.soql.no-such-column"},
		{"/resource/9aju-tpwc.json?$select=nope", 400, coordinator, "query.soql.no-such-column"},
		{"/resource/9aju-tpwc.json?$order=nope", 400, coordinator, "query.soql.no-such-column"},
		{"/resource/9aju-tpwc.json?$select=frobnicate(nom)", 400, coordinator, "query.soql.no-such-function"},
		{"/resource/9aju-tpwc.json?$where=nom=5", 400, coordinator, "query.soql.type-mismatch"},
		{"/resource/9aju-tpwc.json?$where=nom='5", 400, coordinator, "query.soql.unterminated-string"},
		{"/resource/9aju-tpwc.json?$select=nom,count(*)", 400, coordinator, "query.soql.column-not-in-group-bys"},
		{"/resource/9aju-tpwc.json?$where=%3F$where=nom='x'", 400, core, "query.compiler.malformed"},
		{"/resource/9aju-tpwc.json?$where=nom", 400, core, "query.compiler.malformed"},
		{"/resource/9aju-tpwc.json?$where=nom='a'%20or%20nom='b'", 400, core, "query.compiler.malformed"},
		{"/resource/9aju-tpwc.json?$where=nom%20like%20'a'", 400, core, "query.compiler.malformed"},
		{"/resource/9aju-tpwc.json?$order=nom%20sideways", 400, core, "query.compiler.malformed"},
		{"/resource/9aju-tpwc.json?$order=", 400, core, "query.compiler.malformed"},
		{"/resource/9aju-tpwc.json?$limit=many", 400, core, "query.compiler.malformed"},
		{"/resource/9aju-tpwc.json?$offset=-1", 400, core, "query.compiler.malformed"},
		{"/resource/9aju-tpwc.json?$frobnicate=1", 400, core, "query.compiler.malformed"},
	} {
		r := get(t, p.URL(socrata.Name)+c.url)
		body := decoded[map[string]any](t, r)
		code, _ := body["code"].(string)
		if code == "" {
			code, _ = body["errorCode"].(string)
		}
		if r.status != c.status || code != c.code || !slices.Equal(keysOf(body), c.keys) {
			t.Errorf("%s: %d %s", c.url, r.status, r.body)
		}
	}
	if r := get(t, p.URL(socrata.Name)+"/elsewhere"); r.status != 404 || r.header.Get("Content-Type") != "text/html" {
		t.Errorf("an unknown path: %d %v", r.status, r.header)
	}
	if r := ask(t, http.MethodPost, p.URL(socrata.Name)+"/resource/9aju-tpwc.json", "{}"); r.status != 405 {
		t.Errorf("POST: %d", r.status)
	}
}

// The error bodies have the same members as those of the live service.
func TestSocrataErrorsAsRecorded(t *testing.T) {
	t.Parallel()
	p := small(t)
	for name, path := range map[string]string{
		"error_404_unknown_view.json":   "/api/views/xxxx-yyyy.json",
		"error_400_malformed_soql.json": "/resource/9aju-tpwc.json?$where=%3F$where=nom='Girona'",
		"error_400_no_such_column.json": "/resource/9aju-tpwc.json?$where=definitely_not_a_field='x'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := readRecorded[map[string]any](t, "socrata/"+name)
			got := decoded[map[string]any](t, get(t, p.URL(socrata.Name)+path))
			if !slices.Equal(keysOf(got), keysOf(want)) {
				t.Errorf("members %v, recorded %v", keysOf(got), keysOf(want))
			}
			gotData, wantData := got["data"].(map[string]any), want["data"].(map[string]any)
			if !slices.Equal(keysOf(gotData), keysOf(wantData)) {
				t.Errorf("members of data %v, recorded %v", keysOf(gotData), keysOf(wantData))
			}
			for _, code := range []string{"code", "errorCode"} {
				if got[code] != want[code] {
					t.Errorf("%s %v, recorded %v", code, got[code], want[code])
				}
			}
		})
	}
}

func TestAppToken(t *testing.T) {
	t.Parallel()
	p := small(t)
	if r := get(t, towns(p, "$limit=1"), "X-App-Token", "s3cret"); r.status != 200 {
		t.Errorf("with a token: %d", r.status)
	}
	if r := get(t, towns(p, "$limit=1&$$app_token=s3cret")); r.status != 200 {
		t.Errorf("with a token in the query: %d", r.status)
	}
	if r := get(t, towns(p, "$limit=1"), "X-App-Token", ""); r.status != 403 ||
		decoded[map[string]any](t, r)["code"] != "permission_denied" {
		t.Errorf("with an empty token: %d %s", r.status, r.body)
	}
	for _, r := range p.Requests() {
		if strings.Contains(fmt.Sprint(r), "s3cret") {
			t.Errorf("the log contains the token: %v", r)
		}
	}
}

func TestViewMetadata(t *testing.T) {
	t.Parallel()
	p := small(t)
	type view struct {
		ID, Name, Attribution, LicenseID string
		RowsUpdatedAt, ViewLastModified  int64
		Columns                          []struct{ Name, FieldName, DataTypeName string }
	}
	for _, path := range []string{"/api/views/9aju-tpwc.json", "/api/views/9aju-tpwc"} {
		got := decoded[view](t, get(t, p.URL(socrata.Name)+path))
		if got.ID != MunicipalitiesID || got.RowsUpdatedAt != DefaultUpdatedAt.Unix() || got.LicenseID != "SEE_TERMS_OF_USE" {
			t.Errorf("%s: %+v", path, got)
		}
		if len(got.Columns) != 5 || got.Columns[2].FieldName != "codi_comarca" || got.Columns[4].FieldName != ":@llac_origin" {
			t.Errorf("%s: columns %+v", path, got.Columns)
		}
	}
}

func TestRepublish(t *testing.T) {
	t.Parallel()
	p := small(t)
	before := get(t, towns(p, "$select=:*,*&$order=:id"))
	if err := p.Republish(MunicipalitiesID, func(rows []Row) []Row {
		rows[0]["nom"] = "Abrera Nova"
		rows[1]["provincia"] = "08"
		return rows[:len(rows)/2]
	}); err != nil {
		t.Fatal(err)
	}
	after := get(t, towns(p, "$select=:*,*&$order=:id"))
	old, now := rowsOf(t, before), rowsOf(t, after)
	if len(now) != 474 || now[0]["nom"] != "Abrera Nova" || old[0]["nom"] != "Abrera" || now[1]["provincia"] != "08" {
		t.Errorf("%d rows, first %v", len(now), now[:2])
	}
	if now[5][":id"] == old[5][":id"] || now[5][":updated_at"] != "2026-04-30T15:30:13.000Z" {
		t.Errorf("a full replace keeps %v", now[5])
	}
	if before.header.Get("ETag") == after.header.Get("ETag") || after.header.Get("Last-Modified") != "Thu, 30 Apr 2026 15:30:13 GMT" {
		t.Errorf("headers %v", after.header)
	}
	if !strings.Contains(after.header.Get("X-SODA2-Fields"), `"nom_comarca","provincia"`) {
		t.Errorf("fields %s", after.header.Get("X-SODA2-Fields"))
	}
	if err := p.Republish("nope-0000", nil); err == nil {
		t.Error("an unknown dataset was republished")
	}
	if !slices.IsSortedFunc(now, func(a, b map[string]any) int { return strings.Compare(a[":id"].(string), b[":id"].(string)) }) {
		t.Error("$order=:id is not the order of :id")
	}
}

func TestAddRejects(t *testing.T) {
	t.Parallel()
	p := New(Options{RegisterRows: 1})
	for _, d := range []Dataset{{ID: "TOO-LONG-ID", Columns: []Column{{Name: "a"}}}, {ID: "abcd-0001"}} {
		if err := p.Add(socrata.Name, d); err == nil {
			t.Errorf("Add accepted %+v", d)
		}
	}
	if err := p.AddTable(Table{ID: "pmh/1/2/mun", Dimensions: []Dimension{{ID: "A", Categories: []Category{{"x", "x"}}}}}); err == nil {
		t.Error("AddTable accepted a table without cells")
	}
	if err := p.AddTable(Table{ID: "pmh"}); err == nil {
		t.Error("AddTable accepted a table without a path")
	}
}

func TestMunicipalitiesAreRecorded(t *testing.T) {
	t.Parallel()
	p := small(t)
	rows := rowsOf(t, get(t, towns(p, "$order=:id")))
	provinces := map[string]int{}
	for _, row := range rows {
		provinces[row["codi"].(string)[:2]]++
		if row[":@llac_origin"] != Recorded {
			t.Errorf("%v is not recorded", row)
		}
		if row["codi_comarca"] == "39" && row["nom_comarca"] != "Aran" {
			t.Errorf("comarca 39 is %v", row["nom_comarca"])
		}
	}
	want := map[string]int{"08": 311, "17": 221, "25": 231, "43": 184, "99": 2}
	if !reflect.DeepEqual(provinces, want) {
		t.Errorf("provinces %v, want %v", provinces, want)
	}
}

func TestRowTypesAsRecorded(t *testing.T) {
	t.Parallel()
	text := readRecorded[[]map[string]any](t, "socrata/ivft-vegh_seed_anonymised_3rows.json")
	p := small(t)
	known := map[string]bool{}
	for _, name := range decodedFields(t, get(t, services(p, "$limit=1"))) {
		known[name] = true
	}
	for _, row := range text {
		for name, value := range row {
			if _, ok := value.(string); !ok || !known[name] {
				t.Errorf("recorded field %q is not served, or is not a text: %v", name, value)
			}
		}
	}
}

func decodedFields(t *testing.T, r received) []string {
	t.Helper()
	var names []string
	if err := json.Unmarshal([]byte(r.header.Get("X-SODA2-Fields")), &names); err != nil {
		t.Fatal(err)
	}
	return names
}

func keysOf(m map[string]any) []string {
	var out []string
	for name := range m {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func regexpMatch(pattern string, text []byte) bool { return regexp.MustCompile(pattern).Match(text) }
