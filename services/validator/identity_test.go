package validator

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
)

const resource = "01234567-89ab-cdef-0123-456789abcdef"

// datastore returns a CKAN page with one row for each id.
func datastore(id string, offset, total int, ids ...int) string {
	var records []string
	for _, n := range ids {
		records = append(records, fmt.Sprintf(`{"_id":%d,"codi":"c%d"}`, n, n))
	}
	return fmt.Sprintf(`{"success":true,"result":{"resource_id":%q,"offset":%d,"total":%d,`+
		`"fields":[{"id":"_id"},{"id":"codi"}],"records":[%s]}}`,
		id, offset, total, strings.Join(records, ","))
}

// requests plans pages of two rows.
func requests(address string) func(*lake.Manifest) {
	return func(m *lake.Manifest) {
		for i := range m.Description.Pages {
			m.Description.Pages[i].URL = fmt.Sprintf(address, 2*i)
			m.Description.Pages[i].Rows = 2
		}
	}
}

// A landing is refused if one of its pages is not the page that was requested, although the number of rows is right.
func TestPagesThatWereNotRequested(t *testing.T) {
	t.Parallel()
	ckan := runtimetest.Parse(t, "things", runtimetest.Shape{Portal: "ckan", SourceID: resource}.Text())
	socrata := things(t, "")
	population := runtimetest.Contract(t, "population")
	asked := requests("https://portal/api/3/action/datastore_search?limit=2&offset=%d")
	rows := func(ids ...string) string {
		var out []string
		for _, id := range ids {
			out = append(out, fmt.Sprintf(`{":id":%q,"codi":%q}`, id, id))
		}
		return "[" + strings.Join(out, ",") + "]"
	}
	year := func(m *lake.Manifest) { m.Run.Slice = "2024" }
	for name, c := range map[string]struct {
		landing
		want, message string
	}{
		"another resource": {landing{contract: ckan, pages: []string{datastore(resource, 0, 4, 1, 2),
			datastore(strings.Replace(resource, "0", "9", 1), 2, 4, 3, 4)}, manifest: asked}, "page_mismatch 00001", "belongs to"},
		"another offset": {landing{contract: ckan, pages: []string{datastore(resource, 0, 4, 1, 2), datastore(resource, 1, 4, 2, 3)},
			manifest: asked}, "page_mismatch 00001", "starts at row 1, but row 2 was requested"},
		"another total": {landing{contract: ckan, pages: []string{datastore(resource, 0, 5, 1, 2), datastore(resource, 2, 4, 3, 4)},
			manifest: asked}, "page_mismatch 00000", "states that the source has 5 rows, but 4 were described"},
		"a row twice": {landing{contract: ckan, pages: []string{datastore(resource, 0, 4, 1, 2), datastore(resource, 2, 4, 2, 3)},
			manifest: asked}, "page_repeated 00001", "page 1 repeats rows of page 0"},
		"a page cap": {landing{contract: socrata, rows: 6, pages: []string{rows("a", "b"), rows("c"), rows("d", "e", "f")},
			manifest: requests("https://portal/resource/x.json?$limit=3&$offset=%d")}, "page_mismatch 00001", "set llacPageSize to 1"},
		"the same page twice": {landing{contract: socrata, pages: []string{good, good}}, "page_repeated 00001",
			"page 1 has the same bytes as page 0"},
		"overlapping pages": {landing{contract: socrata, pages: []string{rows("a", "b"), rows("b", "c")}}, "page_repeated 00001",
			"page 1 repeats rows of page 0"},
		"another table": {landing{contract: population, pages: []string{strings.Replace(cube, `"label"`,
			`"href":"https://api.idescat.cat/taules/v2/pmh/1180/8078/mun/data","label"`, 1)}, manifest: year}, "page_mismatch 00000",
			`belongs to "pmh/1180/8078/mun", but "pmh/446/477/mun" was requested`},
		"another municipality": {landing{contract: population, pages: []string{cube}, manifest: func(m *lake.Manifest) {
			year(m)
			m.Description.Pages[0].URL = "https://api.idescat.cat/taules/v2/pmh/446/477/mun/data?MUN=080193,081878"
		}}, "page_mismatch 00000", "dimension MUN has other categories than the 2 that were requested"},
		"another day": {landing{contract: population, pages: []string{cube}, manifest: func(m *lake.Manifest) {
			year(m)
			m.Description.Validators.UpdatedAt = "2025-01-02"
		}}, "page_mismatch 00000", `is of version "2025-01-01", but version "2025-01-02" was described`},
		// Invariant 11: the bytes decide, whatever the manifest states.
		"the simulator's mark": {landing{contract: socrata, pages: []string{`[{"codi":"1",":@llac_origin":"recorded"}]`},
			manifest: func(m *lake.Manifest) { m.Description.SourceSystem = "analisi.transparenciacatalunya.cat" }},
			"page_mismatch 00000", "mark of the portal simulator"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, _, err := c.validate(t)
			p := runtimetest.Only[events.LandingRejected](t, out, err)
			if got := short(p.Problems); !slices.Equal(got, []string{c.want}) || !strings.Contains(p.Problems[0].Message, c.message) {
				t.Errorf("problems %+v, want %q with %q", p.Problems, c.want, c.message)
			}
		})
	}
}

// Pages that a person collected have no requests. They are checked against the contract and against each other.
func TestCollectedPages(t *testing.T) {
	t.Parallel()
	ckan := runtimetest.Parse(t, "things", runtimetest.Shape{Portal: "ckan", SourceID: resource}.Text())
	population := runtimetest.Contract(t, "population")
	collected := func(slice string) func(m *lake.Manifest) {
		return func(m *lake.Manifest) {
			m.Run.Slice, m.Manual, m.Description.Rows = slice, &lake.Manual{By: "a person", Reason: "a test"}, -1
		}
	}
	for name, c := range map[string]struct {
		contract *contract.Contract
		slice    string
		pages    []string
		want     []string
	}{
		"all pages":         {ckan, "", []string{datastore(resource, 0, 3, 1, 2), datastore(resource, 2, 3, 3)}, nil},
		"a page is missing": {ckan, "", []string{datastore(resource, 0, 3, 1, 2)}, []string{"pages_missing"}},
		"another resource": {ckan, "", []string{datastore(strings.Replace(resource, "0", "9", 1), 0, 1, 1)},
			[]string{"page_mismatch 00000"}},
		"the slice":     {population, "2024", []string{cube}, nil},
		"another slice": {population, "2023", []string{cube}, []string{"pages_missing"}},
	} {
		out, _, err := landing{contract: c.contract, pages: c.pages, manifest: collected(c.slice)}.validate(t)
		if c.want == nil {
			runtimetest.Only[events.LandingValidated](t, out, err)
			continue
		}
		if p := runtimetest.Only[events.LandingRejected](t, out, err); !slices.Equal(short(p.Problems), c.want) {
			t.Errorf("%s: problems %+v, want %q", name, p.Problems, c.want)
		}
	}
}
