package portal

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/source/idescat"
)

// cube is the part of a JSON-stat dataset that the tests read. Numbers keep their text.
type cube struct {
	Version, Class, Href, Label, Source, Updated string
	Status                                       map[string]string
	ID                                           []string
	Size                                         []int
	Role                                         map[string][]string
	Dimension                                    map[string]struct {
		Label    string
		Category struct {
			Index json.RawMessage
			Label map[string]string
			Unit  map[string]struct{ Decimals int }
		}
		Extension map[string]json.RawMessage
	}
	Value     []*json.Number
	Extension struct {
		Status struct{ Label map[string]string }
		Origin []string `json:"llac_origin"`
	}
	Link map[string][]struct{ Class, Href, Label string }
}

func (c cube) codes(t *testing.T, dimension string) []string {
	t.Helper()
	var out []string
	if err := json.Unmarshal(c.Dimension[dimension].Category.Index, &out); err != nil {
		t.Fatalf("index of %s: %v", dimension, err)
	}
	return out
}

func table(p *Portal, path string) string { return p.URL(idescat.Name) + "/taules/v2" + path }

func TestTableCollections(t *testing.T) {
	t.Parallel()
	p := small(t)
	type collection struct {
		Version, Class, Href, Label string
		Link                        struct {
			Item []struct{ Class, Href, Label string }
		}
	}
	for path, want := range map[string][]string{
		"": {"collection", "pmh|Padró municipal d'habitants", "censph|Cens de població i habitatges",
			"pibt|Comptabilitat trimestral", "llac|Estadístiques inventades pel simulador de Llac"},
		"/": {"collection", "pmh|Padró municipal d'habitants", "censph|Cens de població i habitatges",
			"pibt|Comptabilitat trimestral", "llac|Estadístiques inventades pel simulador de Llac"},
		"/pmh":         {"collection", "pmh/446|Població a 1 de gener. Per sexe"},
		"/llac/1":      {"collection", "llac/1/1|Xifres inventades. Per sexe", "llac/1/2|Índex inventat"},
		"/pmh/446/477": {"dataset", "pmh/446/477/mun|Per municipis"},
	} {
		got := decoded[collection](t, get(t, table(p, path)))
		if got.Class != "collection" || got.Version != "2.0" {
			t.Errorf("%s: %+v", path, got)
		}
		var items []string
		for _, i := range got.Link.Item {
			if i.Class != want[0] {
				t.Errorf("%s: item of class %s", path, i.Class)
			}
			items = append(items, strings.TrimPrefix(i.Href, "http://simulator.invalid/taules/v2/")+"|"+i.Label)
		}
		if !slices.Equal(items, want[1:]) {
			t.Errorf("%s: %q", path, items)
		}
	}
}

func TestPopulationTable(t *testing.T) {
	t.Parallel()
	p := small(t)
	r := get(t, table(p, "/"+PopulationTable+"/data"))
	got := decoded[cube](t, r)
	if want := []string{"YEAR", "MUN", "SEX", "CONCEPT"}; !slices.Equal(got.ID, want) {
		t.Errorf("dimensions %v, want %v", got.ID, want)
	}
	if want := []int{2, 949, 3, 1}; !slices.Equal(got.Size, want) {
		t.Fatalf("sizes %v, want %v", got.Size, want)
	}
	if want := []string{"M", "F", "TOTAL"}; !slices.Equal(got.codes(t, "SEX"), want) {
		t.Errorf("SEX has %v, want %v", got.codes(t, "SEX"), want)
	}
	places := got.codes(t, "MUN")
	if places[0] != "250019" || places[947] != "430521" || places[948] != "TOTAL" {
		t.Errorf("MUN begins with %s and ends with %v", places[0], places[947:])
	}
	cell := func(year, place, sex int) (float64, string, string, bool) {
		at := (year*949+place)*3 + sex
		status := got.Status[fmt.Sprint(at)]
		if got.Value[at] == nil {
			return 0, got.Extension.Origin[at], status, false
		}
		x, err := got.Value[at].Float64()
		if err != nil {
			t.Fatal(err)
		}
		return x, got.Extension.Origin[at], status, true
	}
	for year, want := range map[int]float64{0: 7909125, 1: 8034743} {
		var sum float64
		for place := range 949 {
			men, menOrigin, _, ok := cell(year, place, 0)
			women, womenOrigin, _, _ := cell(year, place, 1)
			all, origin, status, _ := cell(year, place, 2)
			if places[place] == medinya.Code {
				if ok || status != ".." || origin != Recorded {
					t.Errorf("Medinyà has a value, or the status %q", status)
				}
				continue
			}
			if men+women != all || menOrigin != Invented || womenOrigin != Invented || origin != Recorded || status != "" {
				t.Errorf("%s: %v men (%s), %v women (%s), %v in all (%s)", places[place], men, menOrigin, women, womenOrigin, all, origin)
			}
			if places[place] == "TOTAL" {
				if all != want || sum != want {
					t.Errorf("year %d: Catalonia %v, its municipalities %v, want %v", year, all, sum, want)
				}
				continue
			}
			sum += all
		}
	}
	if len(got.Status) != 6 || got.Extension.Status.Label[".."] == "" {
		t.Errorf("statuses %v", got.Status)
	}
	// The first value is a float, all others are whole.
	if first, second := got.Value[0].String(), got.Value[1].String(); !strings.HasSuffix(first, ".0") || strings.Contains(second, ".") {
		t.Errorf("the first values are written %s and %s", first, second)
	}
	if got.Updated != "2026-04-30" || got.Class != "dataset" || got.Role["time"][0] != "YEAR" || got.Role["geo"][0] != "MUN" ||
		got.Role["metric"][0] != "CONCEPT" {
		t.Errorf("head %s %s %v", got.Updated, got.Class, got.Role)
	}
}

// Members have the order in which Idescat sends them.
func TestTableKeyOrder(t *testing.T) {
	t.Parallel()
	p := small(t)
	body := string(get(t, table(p, "/"+PopulationTable+"/data?MUN=080193&YEAR=2024")).body)
	at := 0
	for _, key := range []string{"version", "class", "href", "link", "label", "source", "updated", "id", "size", "role",
		"dimension", "value", "extension"} {
		next := strings.Index(body[at:], `"`+key+`":`)
		if next < 0 {
			t.Fatalf("%q does not come after byte %d of %s", key, at, body)
		}
		at += next
	}
	if !strings.Contains(body, `1702547],"extension":`) {
		t.Errorf("values: %s", body)
	}
}

// Filters select categories, unknown filters and codes are ignored, and GET and POST are equivalent.
func TestTableFilters(t *testing.T) {
	t.Parallel()
	p := small(t)
	url := table(p, "/"+PopulationTable+"/data")
	for query, want := range map[string][]int{
		"":                               {2, 949, 3, 1},
		"FOO=BAR":                        {2, 949, 3, 1},
		"YEAR=2024":                      {1, 949, 3, 1},
		"YEAR=2024&SEX=TOTAL&MUN=080193": {1, 1, 1, 1},
		"SEX=F,M&MUN=TOTAL":              {2, 1, 2, 1},
		"SEX=F&SEX=M&MUN=TOTAL":          {2, 1, 2, 1},
		"MUN=080193,000000":              {2, 1, 3, 1},
		"MUN=000000":                     {2, 949, 3, 1},
		"_LAST_=1&MUN=TOTAL":             {1, 1, 3, 1},
		"_LAST_=9&MUN=TOTAL":             {2, 1, 3, 1},
		"lang=en&MUN=TOTAL":              {2, 1, 3, 1},
	} {
		if got := decoded[cube](t, get(t, url+"?"+query)); !slices.Equal(got.Size, want) {
			t.Errorf("GET %s: sizes %v, want %v", query, got.Size, want)
		}
		posted := ask(t, http.MethodPost, url+"?lang=ca", query, "Content-Type", "application/x-www-form-urlencoded")
		if got := decoded[cube](t, posted); !slices.Equal(got.Size, want) {
			t.Errorf("POST %s: sizes %v, want %v", query, got.Size, want)
		}
	}
	got := decoded[cube](t, get(t, url+"?SEX=TOTAL,M&YEAR=2024&MUN=TOTAL"))
	if sexes := got.codes(t, "SEX"); !slices.Equal(sexes, []string{"M", "TOTAL"}) {
		t.Errorf("the codes come in the request's order: %v", sexes)
	}
	if n := got.Value[1].String(); n != "8034743" {
		t.Errorf("the total is %s", n)
	}
}

func TestTableErrors(t *testing.T) {
	t.Parallel()
	p := small(t)
	for path, want := range map[string]struct {
		status int
		id     string
	}{
		"/nope":                                            {400, "01"},
		"/pmh/1":                                           {400, "02"},
		"/pmh/446/1":                                       {400, "03"},
		"/pmh/446/477/com":                                 {400, "04"},
		"/pmh/446/477/com/data":                            {400, "04"},
		"/pmh/446/477/mun/other":                           {400, "04"},
		"/" + LargeTable + "/data":                         {416, "05"},
		"/" + PopulationTable + "/data?_LAST_=x":           {400, "06"},
		"/" + PopulationTable + "/data?_LAST_=0":           {400, "06"},
		"/" + PopulationTable + "/data?_LAST_=":            {400, "06"},
		"/" + PopulationTable + "/data?_LAST_=1&YEAR=2024": {400, "06"},
	} {
		r := get(t, table(p, path))
		got := decoded[map[string]string](t, r)
		if r.status != want.status || got["id"] != want.id || got["class"] != "error" || got["status"] != fmt.Sprint(want.status) {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	if r := get(t, p.URL(idescat.Name)+"/elsewhere"); r.status != 404 {
		t.Errorf("another path: %d", r.status)
	}
	// A table that is rejected as a whole is served in parts.
	if got := decoded[cube](t, get(t, table(p, "/"+LargeTable+"/data?YEAR=2014,2015,2016"))); got.Size[0] != 3 {
		t.Errorf("three years: %v", got.Size)
	}
}

func TestTooManyCellsAsRecorded(t *testing.T) {
	t.Parallel()
	want := readRecorded[map[string]string](t, "idescat/error_416_too_many_cells.json")
	p := small(t)
	if got := decoded[map[string]string](t, get(t, table(p, "/"+LargeTable+"/data"))); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, recorded %v", got, want)
	}
}

func TestTableMetadata(t *testing.T) {
	t.Parallel()
	p := small(t)
	r := get(t, table(p, "/"+PopulationTable))
	got := decoded[cube](t, r)
	if got.Value != nil || strings.Contains(string(r.body), `"value":`) {
		t.Error("the metadata contain values")
	}
	if !slices.Equal(got.Size, []int{2, 949, 3, 1}) || !strings.HasSuffix(got.Link["describes"][0].Href, PopulationTable+"/data") {
		t.Errorf("sizes %v, links %v", got.Size, got.Link)
	}
	data := decoded[cube](t, get(t, table(p, "/"+PopulationTable+"/data")))
	if !strings.HasSuffix(data.Link["describedby"][0].Href, PopulationTable) {
		t.Errorf("links %v", data.Link)
	}
	if data.Dimension["CONCEPT"].Category.Unit["POP"].Decimals != 0 || string(data.Dimension["CONCEPT"].Extension["%"]) != `["POP"]` {
		t.Errorf("CONCEPT: %+v", data.Dimension["CONCEPT"])
	}
}

// One table uses JSON-stat's other form: objects keyed by position, index as {code: position}, origin likewise.
func TestSparseTable(t *testing.T) {
	t.Parallel()
	p := small(t)
	got := decoded[struct {
		Size      []int
		Value     map[string]json.Number
		Status    map[string]string
		Dimension map[string]struct {
			Category  struct{ Index map[string]int }
			Extension struct{ Status map[string]string }
		}
		Extension struct {
			Origin map[string]string `json:"llac_origin"`
		}
	}](t, get(t, table(p, "/"+SparseTable+"/data")))
	if !slices.Equal(got.Size, []int{3, 44, 1}) || len(got.Extension.Origin) != 132 {
		t.Fatalf("sizes %v, %d origins", got.Size, len(got.Extension.Origin))
	}
	if len(got.Status) == 0 || len(got.Value)+len(got.Status) != 132 {
		t.Errorf("%d values and %d holes", len(got.Value), len(got.Status))
	}
	if got.Dimension["YEAR"].Category.Index["2024"] != 2 || got.Dimension["YEAR"].Extension.Status["2024"] != "p" {
		t.Errorf("YEAR: %+v", got.Dimension["YEAR"])
	}
	// 39 is Aran, which by name comes before Bages, 07.
	if index := got.Dimension["COM"].Category.Index; index["39"] != index["07"]-1 || index["TOTAL"] != 43 {
		t.Errorf("COM: %v", index)
	}
}

func TestRepublishTable(t *testing.T) {
	t.Parallel()
	p := small(t)
	url := table(p, "/"+PopulationTable+"/data?YEAR=2024&MUN=080193&SEX=TOTAL")
	if err := p.RepublishTable(PopulationTable, func(t Table) Table {
		for i := range t.Cells {
			t.Cells[i].Value++
		}
		return t
	}); err != nil {
		t.Fatal(err)
	}
	got := decoded[cube](t, get(t, url))
	if got.Updated != "2026-05-01" || got.Value[0].String() != "1702548.0" {
		t.Errorf("updated %s, value %s", got.Updated, got.Value[0])
	}
	if err := p.RepublishTable(PopulationTable, func(t Table) Table { t.Cells = t.Cells[1:]; return t }); err == nil {
		t.Error("a table with a cell too few was published")
	}
	if err := p.RepublishTable("pmh/1/1/mun", nil); err == nil {
		t.Error("an unknown table was republished")
	}
	if err := p.RepublishAs(PopulationTable, ChangeShrink, ""); err != nil {
		t.Fatal(err)
	}
	if got := decoded[cube](t, get(t, table(p, "/"+PopulationTable))); got.Size[1] != 475 || got.Updated != "2026-05-02" {
		t.Errorf("shrunk: sizes %v, updated %s", got.Size, got.Updated)
	}
}

// The places, their order and the totals are those of the recorded files.
func TestPopulationAsRecorded(t *testing.T) {
	t.Parallel()
	file, err := os.Open(recorded(t, "population/pmh446mun_2023_24.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	reader := csv.NewReader(file)
	rows, err := reader.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	p := small(t)
	got := decoded[cube](t, get(t, table(p, "/"+PopulationTable+"/data")))
	if len(rows)-1 != len(got.Value) {
		t.Fatalf("%d cells, recorded %d", len(got.Value), len(rows)-1)
	}
	sexOf := map[string]int{"homes": 0, "dones": 1, "total": 2}
	places := got.codes(t, "MUN")
	position := map[string]int{}
	for i, code := range places {
		position[got.Dimension["MUN"].Category.Label[code]] = i
	}
	for i, r := range rows[1:] {
		place, known := position[r[1]]
		if !known || r[1] != "Medinyà" && place != i/3%949 {
			t.Fatalf("recorded row %d, %s: position %d, %v", i, r[1], place, known)
		}
		at := sexOf[r[2]] + 3*place
		if r[0] == "2024" {
			at += 3 * 949
		}
		switch {
		case r[4] != got.Status[fmt.Sprint(at)]:
			t.Errorf("%v: status %q", r, got.Status[fmt.Sprint(at)])
		case r[2] == "total" && r[4] == "" && strings.TrimSuffix(got.Value[at].String(), ".0") != r[5]:
			t.Errorf("%v: value %s", r, got.Value[at])
		}
	}
}

// A dataset's members are those of a recorded one of another table.
func TestDatasetMembersAsRecorded(t *testing.T) {
	t.Parallel()
	want := readRecorded[map[string]any](t, "idescat/raw_censph_5992_5987_mun_data_trimmed.json")
	p := small(t)
	got := decoded[map[string]any](t, get(t, table(p, "/"+PopulationTable+"/data")))
	if !slices.Equal(keysOf(got), keysOf(want)) {
		t.Errorf("members %v, recorded %v", keysOf(got), keysOf(want))
	}
	for _, dimension := range []string{"YEAR", "MUN", "SEX", "CONCEPT"} {
		a := got["dimension"].(map[string]any)[dimension].(map[string]any)
		b := want["dimension"].(map[string]any)[dimension].(map[string]any)
		if !slices.Equal(keysOf(a), keysOf(b)) || a["label"] != b["label"] {
			t.Errorf("%s: members %v %v, recorded %v %v", dimension, keysOf(a), a["label"], keysOf(b), b["label"])
		}
		ca, cb := a["category"].(map[string]any), b["category"].(map[string]any)
		if !slices.Equal(keysOf(ca), keysOf(cb)) {
			t.Errorf("%s: category has %v, recorded %v", dimension, keysOf(ca), keysOf(cb))
		}
	}
}
