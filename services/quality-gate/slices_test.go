package gate

import (
	"fmt"
	"slices"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
)

var both = []string{"2023", "2024"}

// sliced returns a contract with a slice per year, for two years.
func sliced(t *testing.T) *contract.Contract {
	return runtimetest.Parse(t, "things", runtimetest.Shape{
		Properties: `
      - {name: year, logicalType: string, required: true, partitioned: true,
         primaryKey: true, primaryKeyPosition: 1, description: Year., customProperties: [{property: llacSource, value: any}]}
      - {name: thing_id, logicalType: string, required: true,
         primaryKey: true, primaryKeyPosition: 2, description: Code., customProperties: [{property: llacSource, value: codi}]}
`,
		Custom:  `      - {property: llacSlicing, value: {column: year, parameter: YEAR, values: ["2023", "2024"], prefix: "y"}}` + "\n",
		Quality: "      - " + custom("does_not_shrink", "metric: row_count_change_percent, mustBeGreaterOrEqualTo: -20") + "\n",
	}.Text())
}

// year returns a candidate of one year with n rows.
func year(slot, slice string, n int) candidate {
	var rows string
	for i := range n {
		rows += fmt.Sprintf(`,{"thing_id":"%d"}`, i)
	}
	return candidate{slot: slot, slice: slice, all: both, files: map[string]string{slice: "[" + rows[1:] + "]"}}
}

func (b *testGate) accept(c candidate, missing ...string) events.StagingAccepted {
	b.t.Helper()
	out, err := b.deliver(b.stage(c))
	p := runtimetest.Only[events.StagingAccepted](b.t, out, err)
	if !slices.Equal(p.Missing, missing) {
		b.t.Errorf("missing %v, want %v", p.Missing, missing)
	}
	return p
}

// unchanged delivers the event that a slice's source did not change.
func (b *testGate) unchanged(slot, slice string, all ...string) []events.Event {
	b.t.Helper()
	if all == nil {
		all = both
	}
	run := events.Run{
		Dataset:        "things",
		RunID:          lake.NewRunID(slot, "y", slice).String(),
		Slot:           slot,
		Slice:          slice,
		Slices:         all,
		ContractSHA256: b.c.SHA256,
	}
	out, err := b.deliver(events.ExtractionUnchanged{Run: run})
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func TestTheLastSlicePublishes(t *testing.T) {
	t.Parallel()
	for _, order := range [][]string{{"2023", "2024"}, {"2024", "2023"}} {
		b := newTestGate(t, sliced(t))
		b.accept(year(slot1, order[0], 3), order[1])
		if b.pointerBytes() != nil {
			t.Fatal("an incomplete snapshot was published")
		}
		p := b.publish(year(slot1, order[1], 4))
		if p.Rows != 7 || len(p.Parts) != 2 || p.Parts[0].Slice != "2023" || p.Parts[1].Slice != "2024" || p.Parts[0].CarriedOn ||
			p.Parts[1].CarriedOn {
			t.Errorf("%+v", p)
		}
	}
}

func TestConcurrentSlices(t *testing.T) {
	t.Parallel()
	for range 20 {
		b := newTestGate(t, sliced(t))
		outs := b.together(b.stage(year(slot1, "2023", 3)), b.stage(year(slot1, "2024", 4)))
		p := b.pointer()
		if p == nil || len(p.Parts) != 2 || p.Rows != 7 {
			t.Fatalf("%v, pointer %+v", runtimetest.Names(slices.Concat(outs...)), p)
		}
		if names := runtimetest.Names(slices.Concat(outs...)); !slices.Contains(names, "staging.published") {
			t.Errorf("emitted %v", names)
		}
	}
}

func TestAnUnchangedSliceIsCarriedOver(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"changed", "unchanged"} {
		b := newTestGate(t, sliced(t))
		b.accept(year(slot1, "2023", 3), "2024")
		b.publish(year(slot1, "2024", 4))
		var p events.StagingPublished
		if first == "unchanged" {
			if out := b.unchanged(slot2, "2023"); len(out) != 0 {
				t.Errorf("emitted %v", runtimetest.Names(out))
			}
			p = b.publish(year(slot2, "2024", 5))
		} else {
			b.accept(year(slot2, "2024", 5), "2023")
			p = runtimetest.Only[events.StagingPublished](t, b.unchanged(slot2, "2023"), nil)
		}
		if p.Snapshot != slot2 || p.Rows != 8 || !p.Parts[0].CarriedOn || p.Parts[0].RunID != slot1+"-y2023" || p.Parts[1].CarriedOn ||
			p.Parts[1].RunID != slot2+"-y2024" {
			t.Errorf("%s first: %+v", first, p)
		}
		if part := b.pointer().Part("2023"); !part.CarriedOn ||
			part.Objects[0].Key != lake.StagingKey("things", slot1+"-y2023", "s1", []lake.PartitionValue{{Column: "year", Value: "2023"}}) {
			t.Errorf("the pointer's part: %+v", part)
		}
	}
}

func TestAllSlicesUnchanged(t *testing.T) {
	t.Parallel()
	b := newTestGate(t, sliced(t))
	b.accept(year(slot1, "2023", 3), "2024")
	b.publish(year(slot1, "2024", 4))
	before := string(b.pointerBytes())
	if out := slices.Concat(b.unchanged(slot2, "2023"), b.unchanged(slot2, "2024")); len(out) != 0 || string(b.pointerBytes()) != before {
		t.Errorf("emitted %v", runtimetest.Names(out))
	}
}

// TestARunOfOneSlice: slices that were not requested are carried over, if they were published before.
func TestARunOfOneSlice(t *testing.T) {
	t.Parallel()
	one := func(slot string, n int) candidate {
		c := year(slot, "2024", n)
		c.all = []string{"2024"}
		return c
	}
	b := newTestGate(t, sliced(t))
	if p := b.reject(one(slot1, 4)); !slices.Equal(codes(p.Problems), []string{"slices_missing"}) {
		t.Errorf("problems %+v", p.Problems)
	}
	b.accept(year(slot2, "2023", 3), "2024")
	b.publish(year(slot2, "2024", 4))
	if p := b.publish(one(slot3, 5)); p.Rows != 8 || !p.Parts[0].CarriedOn {
		t.Errorf("%+v", p)
	}
}

// TestPartsThatCannotBeCarriedOver: a part from another contract or another source does not belong in the snapshot.
func TestPartsThatCannotBeCarriedOver(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(p *lake.Pointer){
		"contract": func(p *lake.Pointer) { p.ContractSHA256 = "another" },
		"source":   func(p *lake.Pointer) { p.SourceSystem = "simulator" },
	} {
		b := newTestGate(t, sliced(t))
		b.accept(year(slot1, "2023", 3), "2024")
		b.publish(year(slot1, "2024", 4))
		p := b.pointer()
		change(p)
		b.Put(t, lake.PointerKey("things"), p)
		b.unchanged(slot2, "2023")
		if r := b.reject(year(slot2, "2024", 5)); !slices.Equal(codes(r.Problems), []string{"slices_missing"}) {
			t.Errorf("%s: problems %+v", name, r.Problems)
		}
	}
}

// Invariant 11: all parts of a snapshot come from one source.
func TestSlicesFromTwoSources(t *testing.T) {
	t.Parallel()
	b := newTestGate(t, sliced(t))
	b.Ports.AllowSimulated = true
	simulated := year(slot1, "2023", 3)
	simulated.system = "simulator"
	b.accept(simulated, "2024")
	if p := b.reject(year(slot1, "2024", 4)); !slices.Equal(codes(p.Problems), []string{"sources_mixed"}) {
		t.Errorf("problems %+v", p.Problems)
	}
}

// TestARejectedSlice: a slice is compared with its own published part. If it is rejected, the slot is not published.
func TestARejectedSlice(t *testing.T) {
	t.Parallel()
	b := newTestGate(t, sliced(t))
	b.accept(year(slot1, "2023", 10), "2024")
	b.publish(year(slot1, "2024", 2))
	b.accept(year(slot2, "2024", 2), "2023")
	if p := b.reject(year(slot2, "2023", 5)); !slices.Equal(codes(p.Problems), []string{"does_not_shrink"}) {
		t.Errorf("problems %+v", p.Problems)
	}
	if b.pointer().Snapshot != slot1 {
		t.Errorf("the pointer is at %s", b.pointer().Snapshot)
	}
	// The next slot is complete.
	b.accept(year(slot3, "2024", 2), "2023")
	b.publish(year(slot3, "2023", 9))
}

// TestCarryingOverWhileThePointerMoves: parts are carried over from exactly the pointer that is swapped. Another slot may
// publish a newer part after the pointer was read.
func TestCarryingOverWhileThePointerMoves(t *testing.T) {
	t.Parallel()
	b := newTestGate(t, sliced(t))
	b.accept(year(slot1, "2023", 3), "2024")
	b.publish(year(slot1, "2024", 4))
	b.unchanged(slot3, "2023")
	w := b.stage(year(slot3, "2024", 5))
	b.accept(year(slot2, "2024", 4), "2023")
	b.Ports.Failpoint = func(name string) {
		if name == "before-pointer" {
			b.Ports.Failpoint = func(string) {}
			b.publish(year(slot2, "2023", 4))
		}
	}
	out, err := b.deliver(w)
	p := runtimetest.Only[events.StagingPublished](t, out, err)
	if p.Previous != slot2 || p.Parts[0].RunID != slot2+"-y2023" || p.Rows != 9 {
		t.Errorf("%+v: the part of %s is lost", p, slot2)
	}
}

// TestSlicesRedelivered delivers slices again whose receipts were not written.
func TestSlicesRedelivered(t *testing.T) {
	t.Parallel()
	b := newTestGate(t, sliced(t))
	forget := func(slot, slice string) {
		key := lake.ReceiptKey("things", lake.NewRunID(slot, "y", slice).String(), "quality-gate", 0)
		if err := b.Lake.Delete(t.Context(), key, ""); err != nil {
			t.Fatal(err)
		}
	}
	first := b.stage(year(slot1, "2023", 3))
	out, err := b.deliver(first)
	runtimetest.Only[events.StagingAccepted](t, out, err)
	forget(slot1, "2023")
	out, err = b.deliver(first)
	if p := runtimetest.Only[events.StagingAccepted](t, out, err); !slices.Equal(p.Missing, []string{"2024"}) {
		t.Errorf("missing %v", p.Missing)
	}
	b.publish(year(slot1, "2024", 4))
	forget(slot1, "2023")
	out, err = b.deliver(first)
	if err != nil || !slices.Equal(runtimetest.Names(out), []string{"staging.accepted", "staging.published"}) {
		t.Fatalf("a slice of a published slot emitted %v (%v)", runtimetest.Names(out), err)
	}
	if p := runtimetest.Only[events.StagingAccepted](t, out[:1], err); len(p.Missing) != 0 {
		t.Errorf("missing %v although the slot is published", p.Missing)
	}
	b.unchanged(slot2, "2023")
	b.publish(year(slot2, "2024", 4))
	forget(slot2, "2023")
	out = b.unchanged(slot2, "2023")
	if p := runtimetest.Only[events.StagingPublished](t, out, nil); p.RunID != slot2+"-y2024" ||
		out[0].ID != "things/"+p.RunID+"/quality-gate/1" {
		t.Errorf("an unchanged slice of a published slot emitted %+v as %s, want the event of the run that published it", p, out[0].ID)
	}
}

// Invariant 3: immediately before the swap, the gate checks that the verdict of each part passes exactly its candidate.
func TestPartsWithoutAPassingVerdict(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(b *testGate, part *lake.PointerPart){
		"a failed verdict": func(b *testGate, part *lake.PointerPart) {
			v := b.verdict(part.Verdict)
			v.Passed = false
			part.Verdict = b.Put(t, "quality/things/failed.json", v)
		},
		"a verdict on other bytes": func(b *testGate, part *lake.PointerPart) { part.Candidate.SHA256 = b.c.SHA256 },
		"a changed verdict": func(b *testGate, part *lake.PointerPart) {
			b.Lake.Corrupt(part.Verdict.Key, []byte(`{"passed": true}`))
		},
	} {
		b := newTestGate(t, sliced(t))
		b.accept(year(slot1, "2023", 3), "2024")
		key := lake.StateKey("things", "joining/"+slot1)
		var j joining
		decode(t, b, key, &j)
		part := j.Accepted["2023"]
		spoil(b, &part)
		j.Accepted["2023"] = part
		b.Put(t, key, j)
		if out, err := b.deliver(b.stage(year(slot1, "2024", 4))); !runtime.IsPermanent(err) || b.pointerBytes() != nil {
			t.Errorf("%s: %v, error %v, pointer %s", name, runtimetest.Names(out), err, b.pointerBytes())
		}
	}
}

func TestASliceOutsideItsSlot(t *testing.T) {
	t.Parallel()
	b := newTestGate(t, sliced(t))
	c := year(slot1, "2023", 3)
	c.all = []string{"2024"}
	if _, err := b.deliver(b.stage(c)); !runtime.IsPermanent(err) {
		t.Errorf("error %v, want a permanent one", err)
	}
}

func TestAnUnchangedDatasetEmitsNothing(t *testing.T) {
	t.Parallel()
	b := newTestGate(t, things(t))
	out, err := b.deliver(
		events.ExtractionUnchanged{Run: events.Run{Dataset: "things", RunID: slot1, Slot: slot1, ContractSHA256: b.c.SHA256}},
	)
	if err != nil || len(out) != 0 {
		t.Errorf("emitted %v, error %v", runtimetest.Names(out), err)
	}
}
