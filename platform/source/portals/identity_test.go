package portals_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/ckan"
	"github.com/llac-project/llac/platform/source/idescat"
	"github.com/llac-project/llac/platform/source/portals"
	"github.com/llac-project/llac/platform/source/socrata"
)

const resource = "52696168-d8bc-4707-9a09-a21c6c2669f3"

// table is a page of an Idescat table of two years and one municipality.
const table = `{"version":"2.0","class":"dataset","href":"https://api.idescat.cat/taules/v2/pibt/21132/24942/cat/data?lang=ca",
 "updated":"2025-01-01","id":["YEAR","MUN"],"size":[2,1],"dimension":{"YEAR":{"category":{"index":["2023","2024"]}},
 "MUN":{"category":{"index":["080193"]}}},"value":[1,2]}`

func parseKind(t *testing.T, name string) source.Kind {
	t.Helper()
	k, err := portals.All.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// page reads a page as a client does.
func page(t *testing.T, kind string, index int, body string) source.Page {
	t.Helper()
	k := parseKind(t, kind)
	reader, tally := k.Reader(), k.NewTally()
	if err := reader.Rows([]byte(body), tally.Add); err != nil {
		t.Fatal(err)
	}
	return tally.Page(index, []byte(body), reader.Identity())
}

// A page states what its bytes contain, and nothing else.
func TestIdentity(t *testing.T) {
	t.Parallel()
	none := source.NoIdentity()
	of := func(change func(*source.Identity)) source.Identity {
		id := none
		change(&id)
		return id
	}
	years := map[string][]string{"YEAR": {"2023", "2024"}, "MUN": {"080193"}}
	for name, c := range map[string]struct {
		kind, page string
		want       source.Identity
	}{
		"a SODA page": {socrata.Name, `[{"codi":"1",":id":"row-1"}]`, none},
		"a simulated SODA page": {socrata.Name, `[{"codi":"1",":@llac_origin":"recorded"}]`,
			of(func(id *source.Identity) { id.Simulated = true })},
		"a value that is the name": {socrata.Name, `[{"codi":"the field \":@llac_origin\" is a mark"}]`, none},
		"a datastore answer": {ckan.Name, `{"success":true,"result":{"resource_id":"` + resource + `","limit":2,"offset":4,"total":9,` +
			`"fields":[{"id":"_id"},{"id":"nom"}],"records":[{"_id":5,"nom":"a"}]}}`, of(func(id *source.Identity) {
			id.Source, id.Limit, id.Offset, id.Total, id.Fields = resource, 2, 4, 9, []string{"_id", "nom"}
		})},
		"a datastore answer that states nothing": {ckan.Name, `{"success":true,"result":{"records":[],"total":"many","fields":7}}`, none},
		"a simulated datastore answer": {ckan.Name, `{"success":true,"result":{"fields":[{"id":":@llac_origin"}],"records":[]}}`,
			of(func(id *source.Identity) { id.Simulated, id.Fields = true, []string{source.Origin} })},
		"a table": {idescat.Name, table, of(func(id *source.Identity) {
			id.Source, id.Version, id.Codes = "pibt/21132/24942/cat", "2025-01-01", years
		})},
		"a table with another address": {idescat.Name, strings.Replace(table, "/data?lang=ca", "/data/more", 1),
			of(func(id *source.Identity) {
				id.Version, id.Codes = "2025-01-01", years
			})},
		"a table at the address of its metadata": {idescat.Name, strings.Replace(table, "/data?lang=ca", "", 1),
			of(func(id *source.Identity) {
				id.Source, id.Version, id.Codes = "pibt/21132/24942/cat", "2025-01-01", years
			})},
		"a simulated table": {idescat.Name,
			strings.Replace(table, `"value"`, `"extension":{"llac_origin":["invented","invented"]},"value"`, 1),
			of(func(id *source.Identity) {
				id.Source, id.Version, id.Codes, id.Simulated = "pibt/21132/24942/cat", "2025-01-01", years, true
			})},
	} {
		if got := page(t, c.kind, 0, c.page).Identity; !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s states %+v\nwant %+v", name, got, c.want)
		}
	}
}

// wantMismatch checks that an error is a *source.MismatchError with the text; "" means no error.
func wantMismatch(t *testing.T, name string, err error, text string) {
	t.Helper()
	var m *source.MismatchError
	switch {
	case text == "" && err != nil:
		t.Errorf("%s: %v", name, err)
	case text != "" && (!errors.As(err, &m) || !strings.Contains(err.Error(), text)):
		t.Errorf("%s: error %v, want a mismatch that contains %q", name, err, text)
	}
}

// Invariant 11: a page that a simulator made is never a portal's. A page of another table is never the table that was named.
func TestCheckSource(t *testing.T) {
	t.Parallel()
	adjusted := source.Target{Kind: idescat.Name, ID: "pibt/21129/24938/cat"}
	raw := source.Target{Kind: idescat.Name, ID: "pibt/21132/24942/cat"}
	simulated := page(t, socrata.Name, 0, `[{":@llac_origin":"invented"}]`).Identity
	k := parseKind(t, idescat.Name)
	wantMismatch(t, "its own table", k.CheckSource(raw, source.Description{}, page(t, idescat.Name, 0, table).Identity), "")
	wantMismatch(t, "another table", k.CheckSource(adjusted, source.Description{}, page(t, idescat.Name, 0, table).Identity),
		`belongs to "pibt/21132/24942/cat", but "pibt/21129/24938/cat" was requested`)
	for system, text := range map[string]string{
		"": "", source.Simulator: "", source.Unofficial("127.0.0.1:9"): "",
		"analisi.transparenciacatalunya.cat": "mark of the portal simulator",
	} {
		err := k.CheckSource(raw, source.Description{SourceSystem: system}, simulated)
		wantMismatch(t, "a simulated page from "+system, err, text)
	}
}

// Pages that a person collected must be the whole, without a gap or a repetition, as far as they state it.
func TestCheckCollected(t *testing.T) {
	t.Parallel()
	answer := func(offset, total int, ids ...int) string {
		var records []string
		for _, id := range ids {
			records = append(records, fmt.Sprintf(`{"_id":%d}`, id))
		}
		return fmt.Sprintf(`{"success":true,"result":{"offset":%d,"total":%d,"records":[%s]}}`, offset, total, strings.Join(records, ","))
	}
	year := func(code string) string {
		return strings.NewReplacer(`["2023","2024"]`, `["`+code+`"]`, "[2,1]", "[1,1]", "[1,2]", "[1]").Replace(table)
	}
	both := map[string]string{"YEAR": "2023, 2024", "lang": "ca"}
	for name, c := range map[string]struct {
		kind   string
		params map[string]string
		pages  []string
		want   string
	}{
		"all rows": {ckan.Name, nil, []string{answer(0, 3, 1, 2), answer(2, 3, 3)}, ""},
		"a page is missing": {ckan.Name, nil, []string{answer(0, 3, 1, 2)},
			"the pages have 2 rows, and they state that the source has 3"},
		"a page in the middle":  {ckan.Name, nil, []string{answer(0, 3, 1), answer(2, 3, 3)}, "page 2 states that it starts at row 2"},
		"pages in wrong order":  {ckan.Name, nil, []string{answer(2, 3, 3), answer(0, 3, 1, 2)}, "page 1 states that it starts at row 2"},
		"rows without a number": {socrata.Name, nil, []string{`[{"a":1}]`, `[{"a":2}]`}, ""},
		"a whole table":         {idescat.Name, nil, []string{table}, ""},
		"both years":            {idescat.Name, both, []string{year("2023"), year("2024")}, ""},
		"one of two years": {idescat.Name, both, []string{year("2023")},
			"other categories of dimension YEAR than the contract selects"},
		"another year": {idescat.Name, map[string]string{"YEAR": "2024"}, []string{year("2023")},
			"other categories of dimension YEAR"},
		"a year too many": {idescat.Name, map[string]string{"YEAR": "2024"}, []string{table},
			"other categories of dimension YEAR"},
		"an unknown dimension": {idescat.Name, map[string]string{"SEX": "F"}, []string{table},
			"other categories of dimension SEX"},
		"a year twice": {idescat.Name, nil, []string{table, year("2024")}, "pages 1 and 2 contain the same cells"},
	} {
		var pages []source.Page
		for i, body := range c.pages {
			pages = append(pages, page(t, c.kind, i, body))
		}
		wantMismatch(t, name, parseKind(t, c.kind).CheckCollected(source.Target{Params: c.params}, pages), c.want)
	}
}
