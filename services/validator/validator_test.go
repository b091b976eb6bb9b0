package validator

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/portals"
)

const slot = "20250803T063000"

// properties are a required text, an optional integer and an optional date; unstaged is a personal field.
const properties = `
      - {name: thing_id, logicalType: string, required: true, primaryKey: true, primaryKeyPosition: 1,
         description: Code., customProperties: [{property: llacSource, value: codi}]}
      - {name: places, logicalType: integer, description: Places.}
      - {name: opened_date, logicalType: date, description: Day.,
         customProperties: [{property: llacSource, value: obert}, {property: llacFormat, value: yyyy-MM-dd}]}
`

const unstaged = `
      - property: llacUnstaged
        value: [{name: owner_name, source: titular, type: string, classification: personal, description: Owner.}]
`

// published is the schema that the source publishes of itself.
var published = []source.SourceField{{Name: "codi", Type: "text"}, {Name: "places", Type: "number"},
	{Name: "obert", Type: "calendar_date"}, {Name: "titular", Type: "text"}}

func things(t *testing.T, custom string) *contract.Contract {
	return runtimetest.Parse(t, "things", runtimetest.Shape{Properties: properties, Custom: unstaged + custom}.Text())
}

// landing is a manifest and its pages, as a fetcher writes them.
type landing struct {
	contract *contract.Contract
	pages    []string
	fields   []source.SourceField
	rows     int64                                        // the source's own count; 0: the number of rows in the pages
	spoil    func(b *runtimetest.Harness, pages []string) // runs after the manifest is written; pages are keys
	manifest func(m *lake.Manifest)                       // runs before the manifest is written
}

// validate writes the landing and delivers its event to the validator.
func (l landing) validate(t *testing.T) ([]events.Event, *runtimetest.Harness, error) {
	t.Helper()
	b := runtimetest.New(t, l.contract)
	run := events.Run{Dataset: l.contract.Dataset, RunID: slot, Slot: slot, ContractSHA256: l.contract.SHA256}
	m := lake.Manifest{Run: run, Attempt: "a1", Description: source.Description{Rows: l.rows, Fields: l.fields}}
	var keys []string
	for i, body := range l.pages {
		var rows int64
		// A malformed page counts the rows before the fault.
		_ = portals.All.Rows(l.contract.Source.Kind, []byte(body), func(source.Row) error { rows++; return nil })
		o := b.Put(t, lake.LandingPageKey(run.Dataset, slot, i, lake.SHA256([]byte(body))), []byte(body))
		m.Pages = append(m.Pages, lake.ManifestPage{Object: o, Index: i, Rows: rows})
		m.Description.Pages = append(m.Description.Pages, source.PageRequest{Index: i, Rows: rows})
		m.Rows, m.Bytes, keys = m.Rows+rows, m.Bytes+o.Size, append(keys, o.Key)
	}
	if l.rows == 0 {
		m.Description.Rows = m.Rows
	}
	if l.manifest != nil {
		l.manifest(&m)
	}
	o := b.Put(t, lake.ManifestKey(run.Dataset, slot, "a1", 0), m)
	if l.spoil != nil {
		l.spoil(b, keys)
	}
	written := events.LandingWritten{Run: run, Attempt: "a1", Manifest: o}
	out, err := b.Deliver(t.Context(), Service, runtimetest.Event("things/"+slot+"/fetcher/1", written))
	return out, b, err
}

// problems returns the problems of a rejected landing, as "code field page".
func (l landing) problems(t *testing.T) []string {
	t.Helper()
	out, _, err := l.validate(t)
	p := runtimetest.Only[events.LandingRejected](t, out, err)
	if p.Attempt != "a1" || p.RunID != slot || p.Manifest.Key == "" {
		t.Errorf("%+v", p)
	}
	return short(p.Problems)
}

func short(problems []events.Problem) []string {
	out := []string{}
	for _, p := range problems {
		page := p.Page
		if page != "" {
			page = page[strings.LastIndexByte(page, '/')+1:][:5]
		}
		out = append(out, strings.Join(strings.Fields(p.Code+" "+p.Field+" "+page), " "))
	}
	return out
}

const good = `[{"codi":"1","places":"12","obert":"2020-01-31","titular":"x"},{"codi":"2","places":3}]`

// next is a page of as many bytes as good, with other rows.
var next = strings.NewReplacer(`"1"`, `"3"`, `"2"`, `"4"`).Replace(good)

func TestAGoodLandingIsValidated(t *testing.T) {
	t.Parallel()
	out, _, err := landing{contract: things(t, ""), pages: []string{good, "[]\n", next}, fields: published}.validate(t)
	p := runtimetest.Only[events.LandingValidated](t, out, err)
	if p.Rows != 4 || p.Pages != 3 || p.Bytes != int64(2*len(good)+3) || len(p.Drift) != 0 || p.Attempt != "a1" {
		t.Errorf("%+v", p)
	}
}

func TestLandingsThatCannotBeTrusted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		landing
		want []string
	}{
		"a malformed page": {landing{pages: []string{good, `[{"codi":"3",}]`}},
			[]string{"page_malformed 00001"}},
		"a truncated page": {landing{pages: []string{good, good[:len(good)-9]}},
			[]string{"page_malformed 00001"}},
		"an empty body":       {landing{pages: []string{good, ""}}, []string{"page_malformed 00001"}},
		"text after the page": {landing{pages: []string{good + "]"}}, []string{"page_malformed 00000"}},
		"a page that is an object": {landing{pages: []string{good, `{"codi":"3"}`}},
			[]string{"page_malformed 00001"}},
		"an error page": {landing{pages: []string{good, `<html>502</html>`}},
			[]string{"page_malformed 00001"}},
		"two bad pages": {landing{pages: []string{"[", good, "{"}},
			[]string{"page_malformed 00000", "page_malformed 00002"}},
		"fewer rows than the source counts": {landing{pages: []string{good}, rows: 3}, []string{"row_count"}},
		"more rows than the source counts":  {landing{pages: []string{good}, rows: 1}, []string{"row_count"}},
		"fewer pages than planned": {landing{pages: []string{good, good},
			manifest: func(m *lake.Manifest) { m.Pages = m.Pages[:1] }}, []string{"pages_missing"}},
		"one page twice": {landing{pages: []string{good, good},
			manifest: func(m *lake.Manifest) { m.Pages[1] = m.Pages[0] }}, []string{"pages_missing 00000"}},
		"pages in another order": {landing{pages: []string{good, "[]"},
			manifest: func(m *lake.Manifest) { slices.Reverse(m.Pages) }}, []string{"pages_missing 00001"}},
		"a page with another number of rows": {landing{pages: []string{good},
			manifest: func(m *lake.Manifest) { m.Pages[0].Rows = 1 }}, []string{"page_row_count 00000"}},
		"a page changed in the lake": {landing{pages: []string{good, good},
			spoil: func(b *runtimetest.Harness, keys []string) { b.Lake.Corrupt(keys[1], []byte(strings.ToUpper(good))) }},
			[]string{"page_changed 00001"}},
		"a page truncated in the lake": {landing{pages: []string{good},
			spoil: func(b *runtimetest.Harness, keys []string) { b.Lake.Corrupt(keys[0], []byte("[]")) }}, []string{"page_changed 00000"}},
		"a page deleted from the lake": {landing{pages: []string{good, good},
			spoil: func(b *runtimetest.Harness, keys []string) { _ = b.Lake.Delete(t.Context(), keys[0], "") }},
			[]string{"page_missing 00000"}},
		"a required field that is missing": {landing{pages: []string{`[{"places":1},{"places":2}]`}},
			[]string{"field_missing codi"}},
		"a required field all null": {landing{pages: []string{`[{"codi":null,"places":1}]`}},
			[]string{"field_missing codi"}},
		"an optional field removed from the source's schema": {landing{pages: []string{`[{"codi":"1"}]`},
			fields: published[:3]}, []string{"field_missing titular"}},
		"a field of another type": {landing{pages: []string{`[{"codi":"1","places":{"n":1}},{"codi":"2",` +
			`"places":{"n":2}},{"codi":"3","places":3}]`}}, []string{"field_retyped places"}},
		"a date that became a number": {landing{pages: []string{`[{"codi":"1","obert":1580428800}]`}},
			[]string{"field_retyped obert"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.contract = things(t, "")
			if got := c.problems(t); !slices.Equal(got, c.want) {
				t.Errorf("problems %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestLandingsThatAreValid(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]landing{
		"an empty dataset":                                {pages: []string{"[]"}},
		"an empty dataset whose fields are known":         {pages: []string{"[]"}, fields: published},
		"a source that does not count":                    {pages: []string{good}, rows: -1},
		"a null-only column that the source lists":        {pages: []string{`[{"codi":"1"}]`}, fields: published},
		"a null-only column of a source without a schema": {pages: []string{`[{"codi":"1"}]`}},
		"a column of nulls": {pages: []string{`[{"codi":"1",` +
			`"places":null,"obert":null,"titular":null}]`}, fields: published[:1]},
		"one value of another type": {pages: []string{`[{"codi":"1","places":[]},{"codi":"2","places":2},` +
			`{"codi":"3","places":3}]`}},
		"text that is not a number": {pages: []string{`[{"codi":"1","places":"many"}]`}},
		"the portal's own columns": {pages: []string{`[{":id":"row-1",":@computed_region_x":"3",` +
			`"codi":"1"}]`}, fields: append([]source.SourceField{{Name: ":id"}}, published...)},
		"one row without the required field": {pages: []string{`[{"places":1},{"codi":"2"}]`}},
		"a value of five megabytes":          {pages: []string{`[{"codi":"` + strings.Repeat("a", 5<<20) + `"}]`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l.contract = things(t, "")
			out, _, err := l.validate(t)
			if p := runtimetest.Only[events.LandingValidated](t, out, err); len(p.Drift) != 0 {
				t.Errorf("drift %q", short(p.Drift))
			}
		})
	}
}

// TestDriftPolicies checks that the contract's policy decides whether drift rejects a landing, and that a missing required
// field always rejects it.
func TestDriftPolicies(t *testing.T) {
	t.Parallel()
	kinds := map[string]landing{
		"field_added nou":       {pages: []string{`[{"codi":"1","nou":1}]`}},
		"field_added buit":      {pages: []string{`[{"codi":"1"}]`}, fields: append([]source.SourceField{{Name: "buit"}}, published...)},
		"field_missing titular": {pages: []string{`[{"codi":"1"}]`}, fields: published[:3]},
		"field_retyped places":  {pages: []string{`[{"codi":"1","places":[1]}]`}},
	}
	for _, policy := range []string{"report", "reject"} {
		c := things(t, fmt.Sprintf("      - {property: llacDrift, value: {added: %[1]s, missing: %[1]s, retyped: %[1]s}}\n", policy))
		for want, l := range kinds {
			l.contract = c
			out, _, err := l.validate(t)
			if policy == "report" {
				if p := runtimetest.Only[events.LandingValidated](t, out, err); !slices.Equal(short(p.Drift), []string{want}) {
					t.Errorf("%s: drift %q, want %q", policy, short(p.Drift), want)
				}
				continue
			}
			if p := runtimetest.Only[events.LandingRejected](t, out, err); !slices.Equal(short(p.Problems), []string{want}) {
				t.Errorf("%s: problems %q, want %q", policy, short(p.Problems), want)
			}
		}
		l := landing{contract: c, pages: []string{`[{"places":1}]`}}
		if got := l.problems(t); !slices.Equal(got, []string{"field_missing codi"}) {
			t.Errorf("%s: a missing required field: %q", policy, got)
		}
	}
}

// Invariant 5: unreadable rows are counted and reported; they do not reject the landing.
func TestUnreadableRows(t *testing.T) {
	t.Parallel()
	ckan := runtimetest.Parse(t, "things", runtimetest.Shape{Portal: "ckan", SourceID: "01234567-89ab-cdef-0123-456789abcdef"}.Text())
	two := strings.Replace(answer, `"total":1`, `"total":2`, 1)
	const latin1 = "[{\"codi\":\"1\"},{\"codi\":\"2\",\"titular\":\"Secreta Cam\xed\",\"nou\":1}]"
	for name, c := range map[string]struct {
		landing
		rows          int64
		page, message string // of the first unreadable row
	}{
		"bytes that are not UTF-8": {landing{pages: []string{good, latin1, next}}, 6, "00001",
			": 1; the first is row 1 of this page: byte 48: the text is not UTF-8"},
		"rows that are not objects": {landing{pages: []string{good, latin1, `["Secreta",{"codi":"4"},null]`}}, 7, "00001",
			": 3; the first is row 1"},
		"a name twice": {landing{pages: []string{good, `[{"codi":"7"},{"codi":"8","codi":"Secreta"}]`}}, 4, "00001",
			": 1; the first is row 1 of this page: byte 14: a name occurs twice in one object"},
		"only unreadable rows": {landing{pages: []string{`["Secreta"]`}}, 1, "00000",
			": 1; the first is row 0 of this page: byte 1: a row must be an object"},
		"ckan": {landing{contract: ckan, pages: []string{two, strings.Replace(two, `{"_id":1,"codi":"a"}`,
			"{\"_id\":2,\"codi\":\"Secreta \xff\"}", 1)}},
			2, "00001", ": 1; the first is row 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.contract == nil {
				c.contract = things(t, "      - {property: llacDrift, value: {added: reject, missing: reject, retyped: reject}}\n")
			}
			out, b, err := c.validate(t)
			p := runtimetest.Only[events.LandingValidated](t, out, err)
			if got := short(p.Drift); p.Rows != c.rows || !slices.Equal(got, []string{"rows_unreadable " + c.page}) {
				t.Fatalf("%d rows, drift %q; want %d rows", p.Rows, got, c.rows)
			}
			if !strings.Contains(p.Drift[0].Message, c.message) {
				t.Errorf("message %q, want one that contains %q", p.Drift[0].Message, c.message)
			}
			if output := runtimetest.Bytes(t, out) + b.Log.String(); strings.Contains(output, "Secreta") {
				t.Errorf("the events or logs contain a value: %s", output)
			}
		})
	}
}

// TestFieldsAreKnownByName checks that a field is counted under one name, whatever its position in a row and whatever the
// number of fields. One reader reads all pages.
func TestFieldsAreKnownByName(t *testing.T) {
	t.Parallel()
	var wide strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&wide, `"f%d":1,`, i)
	}
	policy := "      - {property: llacDrift, value: {added: report, missing: reject, retyped: report}}\n"
	l := landing{contract: things(t, policy), pages: []string{
		`[` + `{` + wide.String() + `"x":1}]`, `[{"codi":"1","places":[1]}]`,
		`[{"places":{},"codi":"2"},{"\u0063odi":"3","pl\u0061ces":4}]`,
	}}
	out, _, err := l.validate(t)
	p := runtimetest.Only[events.LandingValidated](t, out, err)
	if last := p.Drift[len(p.Drift)-1]; p.Rows != 4 || last.Message != "and 4982 more problems" {
		t.Errorf("%d rows, %+v", p.Rows, last)
	}
	l.pages = l.pages[1:]
	out, _, err = l.validate(t)
	p = runtimetest.Only[events.LandingValidated](t, out, err)
	if got := short(p.Drift); !slices.Equal(got, []string{"field_retyped places"}) ||
		!strings.HasPrefix(p.Drift[0].Message, "2 of 3 values have the JSON type object") &&
			!strings.HasPrefix(p.Drift[0].Message, "2 of 3 values have the JSON type array") {
		t.Errorf("drift %+v", p.Drift)
	}
}

const cube = `{"class":"dataset","label":"Població","source":"Idescat","updated":"2025-01-01",
 "id":["YEAR","MUN","CONCEPT","SEX"],"size":[1,2,1,1],"dimension":{
  "YEAR":{"category":{"index":["2024"],"label":{"2024":"2024"}}},
  "MUN":{"category":{"index":["080193","TOTAL"],"label":{"080193":"Barcelona","TOTAL":"Catalunya"}}},
  "CONCEPT":{"category":{"index":["POP"],"label":{"POP":"població"}}},
  "SEX":{"category":{"index":["TOTAL"],"label":{"TOTAL":"total"}}}},
 "value":[1702547,null],"status":{"1":".."}}`

const answer = `{"success":true,"result":{"fields":[{"id":"_id","type":"int"},{"id":"codi","type":"text"}],` +
	`"records":[{"_id":1,"codi":"a"}],"total":1}}`

// TestDerivedFieldsAreNotDrift checks that the fields that a reader of a portal kind adds are not drift.
func TestDerivedFieldsAreNotDrift(t *testing.T) {
	t.Parallel()
	dimensions := []source.SourceField{{Name: "YEAR"}, {Name: "MUN"}, {Name: "CONCEPT"}, {Name: "SEX"}}
	ckan := runtimetest.Parse(t, "things", runtimetest.Shape{Portal: "ckan", SourceID: "01234567-89ab-cdef-0123-456789abcdef"}.Text())
	for name, l := range map[string]landing{
		"idescat":                    {contract: runtimetest.Contract(t, "population"), pages: []string{cube}},
		"idescat, dimensions listed": {contract: runtimetest.Contract(t, "population"), pages: []string{cube}, fields: dimensions},
		"ckan": {contract: ckan, pages: []string{answer},
			fields: []source.SourceField{{Name: "_id"}, {Name: "codi"}}},
	} {
		out, _, err := l.validate(t)
		if p := runtimetest.Only[events.LandingValidated](t, out, err); len(p.Drift) != 0 || p.Rows == 0 {
			t.Errorf("%s: drift %q, %d rows", name, short(p.Drift), p.Rows)
		}
	}
	wider := strings.Replace(answer, `"type":"text"}]`, `"type":"text"},{"id":"nou","type":"text"}]`, 1)
	out, _, err := landing{contract: ckan, pages: []string{wider}, fields: []source.SourceField{{Name: "_id"}, {Name: "codi"},
		{Name: "nou"}}}.validate(t)
	if p := runtimetest.Only[events.LandingValidated](t, out, err); !slices.Equal(short(p.Drift), []string{"field_added nou"}) {
		t.Errorf("drift %q: want the source's new field", short(p.Drift))
	}
}

// TestDimensionsByRole checks that dimensions which a contract reads by their role are not drift, whatever their names.
// Roles are not reported for a contract that does not use them.
func TestDimensionsByRole(t *testing.T) {
	t.Parallel()
	gdp := runtimetest.Contract(t, "gdp_quarterly")
	page := func(role string) []string {
		return []string{`{"class":"dataset","updated":"2025-01-01","id":["T","C","S","M"],"size":[1,1,1,1],"role":` + role + `,"dimension":{
  "T":{"category":{"index":["2023T4"]}},"C":{"category":{"index":["TOTAL"]}},
  "S":{"category":{"index":["PIB"],"label":{"PIB":"PIB"}}},"M":{"category":{"index":["VALUE"]}}},"value":[74582.0]}`}
	}
	of := func(pairs ...string) []source.SourceField {
		fields := []source.SourceField{{Name: "T"}, {Name: "C"}, {Name: "S"}, {Name: "M"}, {Name: "value"}, {Name: "status"}}
		for _, pair := range pairs {
			role, id, _ := strings.Cut(pair, "=")
			fields = append(fields, source.SourceField{Name: "role:" + role, Of: []string{id}},
				source.SourceField{Name: "role:" + role + ".label", Of: []string{id}})
		}
		return fields
	}
	for name, c := range map[string]struct {
		landing
		drift, fatal []string
		message      string
	}{
		"every dimension has its role": {landing: landing{contract: gdp, pages: page(`{"time":["T"],"geo":["C"],` +
			`"metric":["M"]}`), fields: of("time=T", "geo=C", "metric=M", "none=S")}},
		"no territory": {landing: landing{contract: gdp, pages: page(`{"time":["T"],"metric":["M","C"]}`),
			fields: of("time=T", "metric=M", "none=S")},
			drift: []string{"field_added C", "field_missing role:geo"}},
		"no time": {landing: landing{contract: gdp, pages: page(`{"geo":["C"],"metric":["M"]}`), fields: of("geo=C", "metric=M")},
			fatal:   []string{"field_missing role:none", "field_missing role:none.label", "field_missing role:time"},
			message: "no dimension of the table has that role"},
		"roles that the pages do not give": {landing: landing{contract: gdp, pages: page(`null`),
			fields: of("time=T", "geo=C", "metric=M", "none=S")},
			fatal: []string{"field_missing role:metric", "field_missing role:none", "field_missing role:none.label",
				"field_missing role:time"}, message: "name the dimension in the contract"},
		"a contract without roles": {landing: landing{contract: runtimetest.Contract(t, "population"), pages: []string{cube},
			fields: []source.SourceField{{Name: "YEAR"}, {Name: "MUN"}, {Name: "CONCEPT"}, {Name: "SEX"}, {Name: "value"},
				{Name: "role:time", Of: []string{"YEAR"}}, {Name: "role:time.label", Of: []string{"YEAR"}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, _, err := c.validate(t)
			if c.fatal != nil {
				p := runtimetest.Only[events.LandingRejected](t, out, err)
				first, last := p.Problems[0].Message, p.Problems[len(p.Problems)-1].Message
				if !slices.Equal(short(p.Problems), c.fatal) || !strings.Contains(first, c.message) && !strings.Contains(last, c.message) {
					t.Errorf("rejected for %+v", p.Problems)
				}
				return
			}
			if p := runtimetest.Only[events.LandingValidated](t, out, err); !slices.Equal(short(p.Drift), append([]string{}, c.drift...)) {
				t.Errorf("drift %q, want %q", short(p.Drift), c.drift)
			}
		})
	}
}

func TestProblemsAreBounded(t *testing.T) {
	t.Parallel()
	l := landing{contract: things(t, "")}
	for range 50 {
		l.pages = append(l.pages, "[")
	}
	out, _, err := l.validate(t)
	p := runtimetest.Only[events.LandingRejected](t, out, err)
	if len(p.Problems) != maxProblems+1 || p.Problems[maxProblems].Message != "and 30 more problems" {
		t.Errorf("%d problems, the last: %+v", len(p.Problems), p.Problems[len(p.Problems)-1])
	}
}

// TestNewFieldsAreBounded checks that a portal that adds fields, whatever their number and names, cannot make an event that
// is too large for a queue.
func TestNewFieldsAreBounded(t *testing.T) {
	t.Parallel()
	for policy, custom := range map[string]string{"report": "", "reject": "      - {property: llacDrift, value: {added: reject}}\n"} {
		var page strings.Builder
		page.WriteString(`[{"codi":"1"`)
		for i := range 5000 {
			fmt.Fprintf(&page, `,"%05d\u001b[31m%s":"x"`, i, strings.Repeat("à", 100))
		}
		page.WriteString("}]")
		out, _, err := landing{contract: things(t, custom), pages: []string{page.String()}}.validate(t)
		if err != nil || len(out) != 1 {
			t.Fatalf("%s: %d events, error %v", policy, len(out), err)
		}
		body, err := json.Marshal(out[0])
		if err != nil || len(body) > 32<<10 || strings.Contains(string(body), `\u001b`) ||
			!strings.Contains(string(body), "and 4980 more problems") {
			t.Errorf("%s: an event of %d bytes, error %v: %.300s", policy, len(body), err, body)
		}
	}
}

func TestManifestsAndPagesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	key := lake.ManifestKey("things", slot, "a1", 0)
	corrupt := func(b *runtimetest.Harness, _ []string) { b.Lake.Corrupt(key, []byte("{}")) }
	_, _, err := landing{contract: things(t, ""), pages: []string{good}, spoil: corrupt}.validate(t)
	if !runtime.IsPermanent(err) {
		t.Errorf("changed: %v, want a permanent error", err)
	}
	away := errors.New("the lake is unavailable")
	_, _, err = landing{contract: things(t, ""), pages: []string{good}, spoil: func(b *runtimetest.Harness, pages []string) {
		b.Lake.Before = func(_, key string) error {
			if key == pages[0] {
				return away
			}
			return nil
		}
	}}.validate(t)
	if !errors.Is(err, away) || runtime.IsPermanent(err) {
		t.Errorf("a page that cannot be read now: %v, want the transient error of the lake", err)
	}
	_, _, err = landing{contract: things(t, ""), pages: []string{good},
		manifest: func(m *lake.Manifest) { m.Run.RunID = "20250101T000000" }}.validate(t)
	if !runtime.IsPermanent(err) || !strings.Contains(err.Error(), "20250101T000000") {
		t.Errorf("another run's manifest: %v, want a permanent error that names the run", err)
	}
}

// Invariant 8: problems name fields, positions and counts, never values.
func TestProblemsContainNoValue(t *testing.T) {
	t.Parallel()
	const personal = "Maria Puigdomènech 612345678"
	for _, page := range []string{
		`[{"codi":"1","titular":"` + personal + `","places":"` + personal + `","obert":{"x":"` + personal + `"},"nou":"` + personal + `"}]`,
		`[{"codi":"1","titular":"` + personal + `" "x"}]`,
		`[{"codi":"1","titular":"` + personal,
		`{"titular":"` + personal + `"}`,
	} {
		out, b, err := landing{contract: things(t, ""), pages: []string{page}, rows: 7}.validate(t)
		if err != nil || len(out) != 1 {
			t.Fatal(err, out)
		}
		output := runtimetest.Bytes(t, out) + b.Log.String()
		if strings.Contains(output, "Puigdom") || strings.Contains(output, "6123") {
			t.Errorf("the events or logs contain a value: %s", output)
		}
	}
}
