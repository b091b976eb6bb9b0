package e2e

import (
	"testing"

	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/lake"
)

// TestMunicipalitiesAreMatchedByName checks that each row of the register has the code of its municipality, except rows
// whose municipality is unknown or missing, and that the candidate names the reference snapshot.
func TestMunicipalitiesAreMatchedByName(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "social_services", "municipalities")
	got := w.run()["social_services"]
	want(t, got, ledger.Published)
	checkRowCounts(t, got)

	methods := map[string]int{}
	rows := 0
	pointer, reference := w.pointer("social_services"), w.pointer("municipalities")
	for _, o := range pointer.Parts[0].Objects {
		w.parquet(o.Key, func(column map[string]string) {
			rows++
			methods[column["municipality_match_method"]]++
			id, confident := column["municipality_id"], column["municipality_match_confidence"]
			switch column["municipality_match_method"] {
			case "exact_in_group", "exact", "tokens_in_group":
				if len(id) != 6 || confident == "" || confident == "0" {
					t.Errorf("a match without its id or confidence: %v", column)
				}
			default:
				if id != "" {
					t.Errorf("an id without a match: %v", column)
				}
			}
		})
	}
	counts := w.portal.Register()
	if methods["unmatched"] != counts.Unknown || methods["no_name"] != counts.Nameless || methods["ambiguous"] != 0 ||
		int64(rows) != got.Staged {
		t.Errorf("%d rows matched as %v; the register has %d with an unknown place and %d without one", rows, methods,
			counts.Unknown, counts.Nameless)
	}
	if methods["tokens_in_group"] == 0 || methods["exact"] == 0 || methods["exact_in_group"] < rows*9/10 {
		t.Errorf("matched by %v", methods)
	}
	w.withCloud(func(c *pipeline.Cloud) {
		candidate, err := lake.ReadDocument[lake.Candidate](t.Context(), c.Lake(), pointer.Parts[0].Candidate)
		if err != nil || candidate.References["municipalities"] != reference.Snapshot {
			t.Errorf("matched with %v (%v), want %s", candidate.References, err, reference.Snapshot)
		}
	})
}
