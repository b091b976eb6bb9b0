package e2e

import (
	"strings"
	"testing"

	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/local/portal"
)

// A portal, or a cache before it, may answer one page's request with other rows. The number of rows is then right, and most of
// them are. Such a page is fetched again; a portal that keeps sending it publishes nothing.
func TestAnotherPage(t *testing.T) {
	t.Parallel()
	forty, fifty := 40, 50
	register := "social_services"
	for name, c := range map[string]struct {
		dataset string
		fault   portal.Fault
		rows    int64
		reason  string // if the fault lasts
	}{
		"socrata, the first page again": {"libraries", portal.Fault{Kind: portal.Misplaced, Dataset: librariesID, Offset: &fifty}, 100,
			"page 2 has the same bytes as page 0"},
		"socrata, a page ten rows too early": {"libraries",
			portal.Fault{Kind: portal.Misplaced, Dataset: librariesID, Offset: &fifty, Rows: 10}, 100, "page 2 repeats rows of page 1"},
		"socrata, fewer rows than requested": {"libraries",
			portal.Fault{Kind: portal.Capped, Dataset: librariesID, Offset: &fifty, Rows: 20}, 100, "set llacPageSize to 20"},
		"socrata, another dataset": {"libraries",
			portal.Fault{Kind: portal.Swapped, Dataset: librariesID, Offset: &fifty, Other: portal.RegisterID}, 100,
			"the page states 16 fields, which are not the 7 fields"},
		"ckan, the first page again": {"facilities",
			portal.Fault{Kind: portal.Misplaced, Dataset: portal.FacilitiesID, Offset: &forty}, 54,
			"starts at row 0, but row 40 was requested"},
		"idescat, the table before adjustment": {"gdp_quarterly",
			portal.Fault{Kind: portal.Swapped, Dataset: portal.GDPTable, Other: portal.GDPRawTable}, 104 * 10 * 2,
			`belongs to "pibt/21132/24942/cat", but "pibt/21129/24938/cat" was requested`},
		"the register": {register,
			portal.Fault{Kind: portal.Misplaced, Dataset: portal.RegisterID, Rows: 1000, Nth: 3}, 12_400, "page"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			names := []string{c.dataset}
			if c.dataset == register {
				names = append(names, "municipalities", "service_types", "service_qualifications")
			}
			w := newWorkspace(t, names...)
			c.fault.Pages, c.fault.Count = true, 1
			if err := w.portal.SetFaults(c.fault); err != nil {
				t.Fatal(err)
			}
			got := w.run(c.dataset)[c.dataset]
			want(t, got, ledger.Published)
			checkRowCounts(t, got)
			if got.RowsFetched != c.rows {
				t.Errorf("fetched %d rows, want %d", got.RowsFetched, c.rows)
			}
			w.checkDeadLetters(0, "", "")
			before := w.pointer(c.dataset)

			c.fault.Count = 0
			if err := w.portal.SetFaults(c.fault); err != nil {
				t.Fatal(err)
			}
			got = w.runWith(func(o *pipeline.Options) { o.Force = true }, c.dataset)[c.dataset]
			want(t, got, ledger.Failed, c.reason)
			if after := w.pointer(c.dataset); after.Snapshot != before.Snapshot {
				t.Error("a snapshot was published from the pages of another request")
			}
			if strings.Contains(got.Reason, librarian) {
				t.Errorf("the reason contains a personal value: %s", got.Reason)
			}
		})
	}
}

// A portal that refuses the size of a page is asked for smaller ones, and the next run finds the source unchanged.
func TestAPageThatIsTooLarge(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "gdp_quarterly")
	refusal := portal.Fault{Kind: portal.Status, Status: 416, Dataset: portal.GDPTable, Pages: true, Count: 3}
	if err := w.portal.SetFaults(refusal); err != nil {
		t.Fatal(err)
	}
	got := w.run()["gdp_quarterly"]
	want(t, got, ledger.Published)
	checkRowCounts(t, got)
	if got.RowsFetched != 104*10*2 || got.Pages != 2 { // 10,000 cells, halved three times
		t.Errorf("fetched %d rows in %d pages", got.RowsFetched, got.Pages)
	}
	want(t, w.run()["gdp_quarterly"], ledger.Unchanged)
	w.checkDeadLetters(0, "", "")
}
