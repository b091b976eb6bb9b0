package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/local/portal"
)

// daysLater is a fast clock some days ahead.
type daysLater struct {
	fastClock
	days int
}

func (c daysLater) Now() time.Time { return c.fastClock.Now().AddDate(0, 0, c.days) }

// A correction that moves neither date nor entity tag is found: by the pages at once where the validators are weak, and after
// llacRecheck days where they are strong. A source that is really unchanged publishes nothing and lands nothing.
func TestUnchangedIsProved(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		dataset, id string
		days        int // from the first run until the correction must be found
	}{
		"idescat: a correction on the day of the table's date": {"gdp_quarterly", portal.GDPTable, 0},
		"ckan: rows written without a new time":                {"facilities", portal.FacilitiesID, 0},
		"socrata: an entity tag that does not move":            {"libraries", librariesID, 7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorkspace(t, c.dataset)
			on := func(days int) pipeline.Outcome {
				t.Helper()
				return w.runWith(func(o *pipeline.Options) { o.Clock = daysLater{days: days} }, c.dataset)[c.dataset]
			}
			want(t, on(0), ledger.Published)
			want(t, on(0), ledger.Unchanged)
			if landed := w.keys("landing/" + c.dataset + "/"); len(landed) > 0 {
				t.Errorf("an unchanged source was landed: %v", landed)
			}
			first := w.pointer(c.dataset)
			if err := w.portal.RepublishAs(c.id, portal.ChangeSilent, ""); err != nil {
				t.Fatal(err)
			}
			if c.days > 0 {
				want(t, on(c.days-1), ledger.Unchanged)
			}
			got := on(c.days)
			want(t, got, ledger.Published)
			checkRowCounts(t, got)
			if second := w.pointer(c.dataset); second.Snapshot == first.Snapshot {
				t.Error("the correction was not published")
			}
			want(t, on(c.days), ledger.Unchanged)
		})
	}
}

// The timeline states on what the claim that nothing changed is based.
func TestUnchangedStatesItsProof(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "gdp_quarterly", "libraries")
	w.run()
	w.run()
	for dataset, readInFull := range map[string]bool{"gdp_quarterly": true, "libraries": false} {
		found := false
		for _, key := range w.keys("runs/" + dataset + "/") {
			if !strings.HasSuffix(key, "/fetcher.json") {
				continue
			}
			body := w.read(key)
			if strings.Contains(body, "extraction.unchanged") {
				found = true
				if strings.Contains(strings.ReplaceAll(body, " ", ""), `"read_in_full":true`) != readInFull {
					t.Errorf("%s: %s", key, body)
				}
			}
		}
		if !found {
			t.Errorf("no run of %s found its source unchanged", dataset)
		}
	}
}
