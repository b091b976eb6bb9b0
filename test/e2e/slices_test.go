package e2e

import (
	"testing"

	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/platform/local/portal"
)

// TestSlices checks that the slices of one slot are separate runs and one snapshot, and that a missing slice prevents
// the snapshot.
func TestSlices(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "population", "municipalities")
	if err := w.portal.SetFaults(portal.Fault{Kind: portal.Status, Status: 503, Dataset: portal.PopulationTable,
		Path: "YEAR=2024"}); err != nil {
		t.Fatal(err)
	}
	// Population refers to the municipalities, so it waits for them.
	got := w.run()
	want(t, got["municipalities"], ledger.Published)
	want(t, got["population"], ledger.Failed, "503")
	if p := w.pointer("population"); p != nil {
		t.Fatalf("half of the slices were published as a whole: %d parts", len(p.Parts))
	}

	// Replaying the dead letter of the failed slice completes the slot.
	if err := w.portal.SetFaults(); err != nil {
		t.Fatal(err)
	}
	w.replay()
	p := w.pointer("population")
	if p == nil || len(p.Parts) != 2 || p.Rows != 5694 {
		t.Fatalf("after the replay the pointer is %+v", p)
	}
	if left := w.keys("landing/population/"); len(left) != 0 {
		t.Errorf("landing still holds %v", left)
	}

	// A new version of the table is a new snapshot.
	if err := w.portal.RepublishTable(portal.PopulationTable, func(t portal.Table) portal.Table { return t }); err != nil {
		t.Fatal(err)
	}
	want(t, w.run("population")["population"], ledger.Published)
	again := w.pointer("population")
	if again.Previous != p.Snapshot || len(again.Parts) != 2 {
		t.Errorf("the new snapshot follows %q with %d parts", again.Previous, len(again.Parts))
	}
	want(t, w.run("population")["population"], ledger.Unchanged)

	// The recorded totals are published unchanged.
	totals := map[string]string{}
	for _, part := range again.Parts {
		for _, o := range part.Objects {
			w.parquet(o.Key, func(row map[string]string) {
				if row["territory_id"] == "TOTAL" && row["sex"] == "total" {
					totals[part.Slice] = row["population"] + " " + row["data_origin"]
				}
			})
		}
	}
	if totals["2023"] != "7909125 recorded" || totals["2024"] != "8034743 recorded" {
		t.Errorf("the population of Catalonia is %v", totals)
	}
}
