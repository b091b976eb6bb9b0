package gate

import (
	"slices"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
)

// Invariant 11: real data never refer to simulated data.
func TestReferencesAreReal(t *testing.T) {
	t.Parallel()
	b := newTestGate(t, things(t))
	invented, _, err := lake.ReadPointer(t.Context(), b.Lake, "comarques")
	if err != nil || invented == nil {
		t.Fatal(invented, err)
	}
	invented.SourceSystem = "simulator"
	if _, err := b.Lake.Put(t.Context(), lake.PointerKey("comarques"), lake.Encode(invented)); err != nil {
		t.Fatal(err)
	}
	p := b.reject(candidate{slot: slot1, files: map[string]string{"": rows(2)}})
	if !slices.Equal(codes(p.Problems), []string{"references_are_real"}) {
		t.Errorf("problems %v", codes(p.Problems))
	}
}

// TestMatchedWithAnotherSnapshot: values are looked up in the snapshot that is published now, and the verdict notes that the
// stager matched them with another one.
func TestMatchedWithAnotherSnapshot(t *testing.T) {
	t.Parallel()
	text := runtimetest.Shape{
		Properties: strings.Replace(properties,
			"value: comarca}]", "value: comarca}, {property: llacMatch, value: {name: name}}]", 1),
		Quality: "      - " + custom("exist", "metric: reference_orphans, column: comarca_id, mustBe: 0") + "\n",
	}.Text()
	for matched, note := range map[string]string{
		"20250101T000000": "",
		"20241201T000000": "matched with snapshot 20241201T000000 of comarques, looked up in snapshot 20250101T000000",
	} {
		b := newTestGate(t, runtimetest.Parse(t, "things", text))
		with := func(c *lake.Candidate) { c.References = map[string]string{"comarques": matched} }
		v := b.verdict(b.publish(candidate{slot: slot1, files: map[string]string{"": rows(2)}, change: with}).Parts[0].Verdict)
		if r := v.rule(t, "exist"); r.Note != note || !r.Passed || v.MatchedWith["comarques"] != matched ||
			v.References["comarques"] != "20250101T000000" {
			t.Errorf("matched with %s: %+v, %v, %v", matched, r, v.MatchedWith, v.References)
		}
		gone := `[{"thing_id":"1","comarca_id":"99"}]`
		p := b.reject(candidate{slot: slot2, files: map[string]string{"": gone}, change: with})
		if !slices.Equal(codes(p.Problems), []string{"exist"}) || !strings.HasSuffix(p.Problems[0].Message, note) {
			t.Errorf("an id that was removed: %+v", p.Problems)
		}
	}
}
