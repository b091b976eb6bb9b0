package gate

import (
	"slices"
	"testing"

	"github.com/llac-project/llac/platform/lake"
)

// TestReferencesAreReal: real data are not held against simulated ones (invariant 11).
func TestReferencesAreReal(t *testing.T) {
	t.Parallel()
	b := newBench(t, things(t))
	invented, _, err := lake.ReadPointer(t.Context(), b.Lake, "comarques")
	if err != nil || invented == nil {
		t.Fatal(invented, err)
	}
	invented.SourceSystem = "simulator"
	if _, err := b.Lake.Put(t.Context(), lake.PointerKey("comarques"), lake.Encode(invented)); err != nil {
		t.Fatal(err)
	}
	if p := b.reject(candidate{slot: slot1, files: map[string]string{"": rows(2)}}); !slices.Equal(codes(p.Problems), []string{"references_are_real"}) {
		t.Errorf("problems %v", codes(p.Problems))
	}
}
