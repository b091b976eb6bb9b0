package idescat_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/idescat"
	"github.com/llac-project/llac/platform/source/portals"
	"github.com/llac-project/llac/platform/source/sourcetest"
)

func tableTarget(url string, size int, params map[string]string) source.Target {
	return source.Target{Kind: idescat.Name, BaseURL: url, ID: "pmh/446/477/mun", PageSize: size, Params: params}
}

// A large table is split into pages below the cell limit, by time first and by geography last. Every cell is received once.
// Long filters are sent by POST.
func TestIdescatSplitting(t *testing.T) {
	t.Parallel()
	f := newFakeIdescat()
	f.dims = []fakeDimension{
		{"YEAR", "time", []string{"2023", "2024"}},
		{"MUN", "geo", append(codes("08", 947), "TOTAL")},
		{"AGE", "", codes("Y", 22)},
		{"CONCEPT", "metric", []string{"POP"}},
	}
	server := sourcetest.NewServer(t, f, false)
	c, _ := sourcetest.NewClient(t, idescat.Name)
	target := tableTarget(server.URL, 99999, nil)
	d := sourcetest.Describe(t, c, target)
	const cells = 2 * 948 * 22
	if d.Rows != cells || len(d.Pages) != 4 { // a year is 20,856 cells: two parts by age
		t.Fatalf("%d cells in %d pages", d.Rows, len(d.Pages))
	}
	seen := map[string]bool{}
	for k, p := range d.Pages {
		q := parseQuery(t, p)
		if p.Rows >= 20000 || q.Has("MUN") || strings.Count(q.Get("YEAR"), ",") != 0 || q.Has("_LAST_") {
			t.Errorf("page %d: %d cells, %v", k, p.Rows, q)
		}
		page, err := c.Page(t.Context(), target, d, k)
		if err != nil {
			t.Fatal(err)
		}
		_ = portals.All.Rows(idescat.Name, page.Body, func(r source.Row) error { seen[cellKey(r)] = true; return nil })
	}
	if len(seen) != cells {
		t.Errorf("received %d different cells, want %d", len(seen), cells)
	}

	target = tableTarget(server.URL, 500, map[string]string{"YEAR": "2024", "AGE": "Y001"})
	d = sourcetest.Describe(t, c, target)
	if len(d.Pages) != 2 || d.Rows != 948 {
		t.Fatalf("%d pages of %d cells, want 2 of 948", len(d.Pages), d.Rows)
	}
	if p := d.Pages[0]; p.Method != http.MethodPost || strings.Contains(p.URL, "YEAR") || !strings.Contains(p.URL, "lang=ca") ||
		!strings.Contains(p.Body, "MUN=08") {
		t.Errorf("a request of %d characters: %s %s", len(p.URL)+len(p.Body), p.Method, p.URL)
	}
	for k := range d.Pages {
		if _, err := c.Page(t.Context(), target, d, k); err != nil {
			t.Errorf("posted page %d: %v", k, err)
		}
	}
}

// One cell above the limit makes a second page. A table within the limit is requested without a filter.
func TestIdescatSplitsOnlyWhereNeeded(t *testing.T) {
	t.Parallel()
	server := sourcetest.NewServer(t, newFakeIdescat(), false)
	c, _ := sourcetest.NewClient(t, idescat.Name)
	for size, want := range map[int]int{0: 1, 108: 1, 107: 2, 36: 3, 35: 6, 24: 6, 12: 9, 11: 18, 1: 108} {
		d := sourcetest.Describe(t, c, tableTarget(server.URL, size, nil))
		if len(d.Pages) != want {
			t.Errorf("at most %d cells: %d pages, want %d", size, len(d.Pages), want)
		}
		var total int64
		for _, p := range d.Pages {
			if total += p.Rows; size > 0 && p.Rows > int64(size) {
				t.Errorf("at most %d cells: a page has %d", size, p.Rows)
			}
		}
		if total != 108 {
			t.Errorf("at most %d cells: %d in all pages, want 108", size, total)
		}
		if want == 1 && !strings.HasSuffix(d.Pages[0].URL, "/taules/v2/pmh/446/477/mun/data?lang=ca") {
			t.Errorf("the whole table is requested by %s", d.Pages[0].URL)
		}
	}
}

func TestIdescatFilters(t *testing.T) {
	t.Parallel()
	server := sourcetest.NewServer(t, newFakeIdescat(), false)
	c, _ := sourcetest.NewClient(t, idescat.Name)
	for _, good := range []struct {
		params map[string]string
		cells  int64
		query  string
	}{
		{map[string]string{"YEAR": "2024", "SEX": "M, F", "CONCEPT": "POP"}, 24, "lang=ca&YEAR=2024&SEX=F,M&CONCEPT=POP"},
		{map[string]string{"_LAST_": "2"}, 72, "lang=ca&YEAR=2023,2024"},
		{map[string]string{"_LAST_": "9", "lang": "en"}, 108, "lang=en&YEAR=2022,2023,2024"},
	} {
		target := tableTarget(server.URL, 0, good.params)
		d := sourcetest.Describe(t, c, target)
		if d.Rows != good.cells || !strings.HasSuffix(d.Pages[0].URL, "?"+good.query) {
			t.Errorf("%v: %d cells by %s", good.params, d.Rows, d.Pages[0].URL)
		}
		if p, err := c.Page(t.Context(), target, d, 0); err != nil || p.Rows != good.cells {
			t.Errorf("%v: received %d cells, error %v", good.params, p.Rows, err)
		}
	}
	server.Requests()
	for _, bad := range []struct {
		params map[string]string
		says   string
	}{
		{map[string]string{"FOO": "BAR"}, `no dimension "FOO"`},
		{map[string]string{"YEAR": "2031"}, "it has 2022, 2023, 2024"},
		{map[string]string{"SEX": ""}, "dimension SEX has no category"},
		{map[string]string{"_LAST_": "2", "YEAR": "2024"}, "both choose periods"},
		{map[string]string{"_LAST_": "all"}, "want a number of periods"},
	} {
		_, err := c.Describe(t.Context(), tableTarget(server.URL, 0, bad.params), events.Validators{})
		sourcetest.WantPermanent(t, err, bad.says, "datasets/")
	}
	for _, id := range []string{"", "pmh/446", "pmh/446/477/mun/data", "pmh/../477/mun"} {
		target := tableTarget(server.URL, 0, nil)
		target.ID = id
		_, err := c.Describe(t.Context(), target, events.Validators{})
		sourcetest.WantPermanent(t, err, "statistics/node/table/geo")
	}
	for _, r := range server.Requests() {
		if strings.HasSuffix(r.Path, "/data") {
			t.Errorf("data were requested with a wrong filter: %s", r.Query)
		}
	}
}

// The portal ignores unknown filters, so a cube of another shape than the requested one is rejected.
func TestIdescatIgnoredFilter(t *testing.T) {
	t.Parallel()
	f := newFakeIdescat()
	server := sourcetest.NewServer(t, f, false)
	c, _ := sourcetest.NewClient(t, idescat.Name)
	target := tableTarget(server.URL, 0, map[string]string{"SEX": "F"})
	d := sourcetest.Describe(t, c, target)
	f.deaf = true
	_, err := c.Page(t.Context(), target, d, 0)
	sourcetest.WantPermanent(t, err, "dimension SEX has 3 categories, 1 were requested", "ignores unknown filters")
	f.deaf = false
	unknown := d
	unknown.Pages = []source.PageRequest{{URL: d.Pages[0].URL + "&FOO=BAR", Rows: 36}}
	_, err = c.Page(t.Context(), target, unknown, 0)
	sourcetest.WantPermanent(t, err, `no dimension "FOO"`)
	fewer := d
	fewer.Pages = []source.PageRequest{{URL: d.Pages[0].URL, Rows: 35}}
	_, err = c.Page(t.Context(), target, fewer, 0)
	sourcetest.WantPermanent(t, err, "36 cells were received, 35 were requested")
}

// A table with the same date but another shape, or without a date, is not unchanged.
func TestIdescatUnchangedNeedsEvidence(t *testing.T) {
	t.Parallel()
	f := newFakeIdescat()
	server := sourcetest.NewServer(t, f, false)
	c, _ := sourcetest.NewClient(t, idescat.Name)
	target := tableTarget(server.URL, 0, map[string]string{"YEAR": "2024"})
	d := sourcetest.Describe(t, c, target)
	if d.Validators.UpdatedAt != "2025-01-01" || !d.Validators.Weak || d.Validators.Rows != 36 ||
		d.SourceText != "Idescat" || d.Title == "" || len(d.Fields) != 18 {
		t.Errorf("described %+v", d)
	}
	other := tableTarget(server.URL, 0, map[string]string{"YEAR": "2023"})
	if now, err := c.Describe(t.Context(), other, d.Validators); err != nil || now.Unproved {
		t.Errorf("another year of as many cells: %v, unproved %v", err, now.Unproved)
	}
	f.mu.Lock()
	f.dims[1].codes = append(codes("081", 11), "TOTAL")
	f.mu.Unlock()
	if now, err := c.Describe(t.Context(), target, d.Validators); err != nil || now.Unproved {
		t.Errorf("other municipalities of the same date: %v, unproved %v", err, now.Unproved)
	}
	if err := c.Verify(t.Context(), target, d); !errors.Is(err, source.ErrChanged) {
		t.Errorf("verify: %v, want changed", err)
	}
	server.Inject(sourcetest.Fault{Serve: sourcetest.Rewrite(func(b []byte) []byte {
		return []byte(strings.Replace(string(b), `"updated"`, `"updatd"`, 1))
	})})
	d = sourcetest.Describe(t, c, target)
	if now, err := c.Describe(t.Context(), target, d.Validators); err != nil || now.Unproved {
		t.Errorf("a table without a date: %v, unproved %v", err, now.Unproved)
	}
}

// Errors of Idescat may have HTTP status 200; the status in the body decides.
func TestIdescatErrorWith200(t *testing.T) {
	t.Parallel()
	server := sourcetest.NewServer(t, newFakeIdescat(), false)
	c, _ := sourcetest.NewClient(t, idescat.Name)
	target := tableTarget(server.URL, 0, nil)
	server.Inject(sourcetest.Fault{Times: 1,
		Serve: sourcetest.Answer(200, `{"version":"2.0","class":"error","status":"500","id":"00","label":"Error intern."}`)})
	d := sourcetest.Describe(t, c, target) // retried
	server.Inject(sourcetest.Fault{Serve: sourcetest.Answer(200,
		`{"version":"2.0","class":"error","status":"416","id":"05","label":"Nombre màxim de dades superat."}`)})
	_, err := c.Page(t.Context(), target, d, 0)
	if p := sourcetest.WantPermanent(t, err, "Nombre màxim", "set a smaller page size"); p.Status != 416 {
		t.Errorf("status %d, want 416", p.Status)
	}
}
