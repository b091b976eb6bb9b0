package gate

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
)

func TestAPassingCandidateMovesThePointer(t *testing.T) {
	t.Parallel()
	b := newTestGate(t, things(t))
	w := b.stage(candidate{slot: slot1, files: map[string]string{"": rows(3)}})
	out, err := b.deliver(w)
	p := runtimetest.Only[events.StagingPublished](t, out, err)
	pointer := b.pointer()
	if pointer.Snapshot != slot1 || pointer.RunID != slot1 || pointer.Rows != 3 || len(pointer.Parts) != 1 ||
		pointer.Parts[0].Candidate != w.Candidate ||
		pointer.ContractSHA256 != b.c.SHA256 || pointer.SourceSystem != "portal.example" ||
		!pointer.PublishedAt.Equal(runtimetest.Start) {
		t.Errorf("pointer %+v", pointer)
	}
	if pointer.Attribution["licence"] != "Free" || pointer.Attribution["attribution"] != "Font de prova" ||
		pointer.Attribution["updated"] != "2025-08-01" {
		t.Errorf("attribution %v", pointer.Attribution)
	}
	if p.Snapshot != slot1 || p.Rows != 3 || p.Previous != "" || p.Pointer.SHA256 != lake.SHA256(b.pointerBytes()) ||
		p.Parts[0] != pointer.Parts[0].PublishedPart {
		t.Errorf("event %+v", p)
	}
	if v := b.verdict(p.Parts[0].Verdict); !v.Passed || v.Candidate != w.Candidate || v.ContractSHA256 != b.c.SHA256 ||
		v.References["comarques"] == "" {
		t.Errorf("verdict %+v", v)
	}
}

func TestTheSupersededPointerIsKept(t *testing.T) {
	t.Parallel()
	b := newTestGate(t, things(t))
	b.publish(candidate{slot: slot1, files: map[string]string{"": rows(3)}})
	first := *b.pointer()
	later := runtimetest.Start.Add(time.Hour)
	b.Clock.Set(later)
	p := b.publish(candidate{slot: slot2, files: map[string]string{"": rows(4)}})
	if p.Previous != slot1 {
		t.Errorf("previous %q", p.Previous)
	}
	kept, err := lake.ReadDocument[lake.Pointer](t.Context(), b.Lake, *b.pointer().PreviousObject)
	if err != nil || !kept.SupersededAt.Equal(later) {
		t.Fatalf("kept %+v, error %v", kept, err)
	}
	kept.SupersededAt = time.Time{}
	if !bytes.Equal(lake.Encode(kept), lake.Encode(first)) {
		t.Errorf("kept %s\nwas %s", lake.Encode(kept), lake.Encode(first))
	}
}

// Invariant 10: the pointer only moves forward.
func TestALateRunIsSuperseded(t *testing.T) {
	t.Parallel()
	b := newTestGate(t, things(t))
	late := b.stage(candidate{slot: slot1, files: map[string]string{"": rows(9)}})
	b.publish(candidate{slot: slot2, files: map[string]string{"": rows(3)}})
	before := b.pointerBytes()
	out, err := b.deliver(late)
	p := runtimetest.Only[events.RunSuperseded](t, out, err)
	if p.Published != slot2 || p.RunID != slot1 || p.Candidate != late.Candidate || !bytes.Equal(before, b.pointerBytes()) {
		t.Errorf("%+v", p)
	}
}

// TestOvertakenDuringTheAudit publishes a later slot between the audit and the swap of the pointer.
func TestOvertakenDuringTheAudit(t *testing.T) {
	t.Parallel()
	b := newTestGate(t, things(t))
	late := b.stage(candidate{slot: slot1, files: map[string]string{"": rows(9)}})
	b.Ports.Failpoint = func(name string) {
		if name == "before-pointer" {
			b.Ports.Failpoint = func(string) {}
			b.publish(candidate{slot: slot2, files: map[string]string{"": rows(3)}})
		}
	}
	out, err := b.deliver(late)
	if p := runtimetest.Only[events.RunSuperseded](t, out, err); p.Published != slot2 || b.pointer().Snapshot != slot2 {
		t.Errorf("%+v, pointer at %s", p, b.pointer().Snapshot)
	}
}

func TestAHeldPointerDoesNotMove(t *testing.T) {
	t.Parallel()
	b := newTestGate(t, things(t))
	b.publish(candidate{slot: slot1, files: map[string]string{"": rows(3)}})
	p := b.pointer()
	p.Held = &lake.Hold{By: "an operator", Reason: "wrong totals", At: runtimetest.Start}
	b.Put(t, lake.PointerKey("things"), p)
	r := b.reject(candidate{slot: slot2, files: map[string]string{"": rows(3)}})
	if !slices.Equal(codes(r.Problems), []string{"held"}) || !strings.Contains(r.Problems[0].Message, "wrong totals") {
		t.Errorf("problems %+v", r.Problems)
	}
}

// TestACrashAtEachStep: after a crash at any step, the redelivery publishes once and emits the same event.
func TestACrashAtEachStep(t *testing.T) {
	t.Parallel()
	died := errors.New("killed")
	quiet := newTestGate(t, things(t))
	quiet.publish(candidate{slot: slot1, files: map[string]string{"": rows(3)}})
	want := quiet.publish(candidate{slot: slot2, files: map[string]string{"": rows(4)}})
	for step := 1; ; step++ {
		b := newTestGate(t, things(t))
		b.publish(candidate{slot: slot1, files: map[string]string{"": rows(3)}})
		w := b.stage(candidate{slot: slot2, files: map[string]string{"": rows(4)}})
		n := 0
		b.Lake.Before = func(string, string) error {
			if n++; n == step {
				return died
			}
			return nil
		}
		_, err := b.deliver(w)
		b.Lake.Before = nil
		if err == nil {
			if step < 10 {
				t.Errorf("only %d steps", step)
			}
			return
		}
		if !errors.Is(err, died) {
			t.Fatalf("step %d: %v", step, err)
		}
		out, err := b.deliver(w)
		got := runtimetest.Only[events.StagingPublished](t, out, err)
		if got.Pointer.SHA256 != lake.SHA256(b.pointerBytes()) {
			t.Errorf("step %d: the event names another pointer", step)
		}
		got.Pointer = want.Pointer // the pointer names the version of the history document, which may be written twice
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("step %d:\n%+v\nwant\n%+v", step, got, want)
		}
		again, err := b.deliver(w)
		if err != nil || runtimetest.Bytes(t, again) != runtimetest.Bytes(t, out) {
			t.Errorf("step %d: the redelivery emits other events (%v)", step, err)
		}
	}
}

// TestAnOvertakenPublicationIsEmittedAgain: the pointer moved, the receipt was not written, and a later snapshot was published
// since. The publication must be emitted, or the landing is never deleted.
func TestAnOvertakenPublicationIsEmittedAgain(t *testing.T) {
	t.Parallel()
	b := newTestGate(t, things(t))
	w := b.stage(candidate{slot: slot1, files: map[string]string{"": rows(3)}})
	b.Ports.Failpoint = func(name string) {
		if name == "after-pointer" {
			panic(runtimetest.Crash{})
		}
	}
	if _, err := b.deliver(w); !errors.Is(err, runtimetest.ErrCrashed) {
		t.Fatalf("error %v", err)
	}
	b.Ports.Failpoint = func(string) {}
	first := b.pointerBytes()
	b.Clock.Set(runtimetest.Start.Add(time.Hour))
	b.publish(candidate{slot: slot2, files: map[string]string{"": rows(3)}})
	out, err := b.deliver(w)
	p := runtimetest.Only[events.StagingPublished](t, out, err)
	if p.Snapshot != slot1 || p.Pointer.SHA256 != lake.SHA256(first) || p.Parts[0].Candidate != w.Candidate {
		t.Errorf("%+v", p)
	}
	if b.pointer().Snapshot != slot2 {
		t.Errorf("the pointer is at %s", b.pointer().Snapshot)
	}
}

func TestConcurrentDeliveries(t *testing.T) {
	t.Parallel()
	for range 10 {
		b := newTestGate(t, things(t))
		w := b.stage(candidate{slot: slot1, files: map[string]string{"": rows(3)}})
		outs := b.together(w, w, w, w)
		for _, out := range outs[1:] {
			if runtimetest.Bytes(t, out) != runtimetest.Bytes(t, outs[0]) {
				t.Errorf("one delivery emits\n%sanother\n%s", runtimetest.Bytes(t, outs[0]), runtimetest.Bytes(t, out))
			}
		}
		runtimetest.Only[events.StagingPublished](t, outs[0], nil)
	}
}

// together delivers all payloads concurrently.
func (b *testGate) together(all ...events.Payload) [][]events.Event {
	b.t.Helper()
	var wg sync.WaitGroup
	outs := make([][]events.Event, len(all))
	for i, p := range all {
		wg.Go(func() {
			out, err := b.deliver(p)
			if err != nil {
				b.t.Error(err)
			}
			outs[i] = out
		})
	}
	wg.Wait()
	return outs
}

// Invariant 10: of two concurrent slots, the pointer ends at the later one, whichever moves it first.
func TestTwoConcurrentSlots(t *testing.T) {
	t.Parallel()
	for range 20 {
		b := newTestGate(t, things(t))
		early := b.stage(candidate{slot: slot1, files: map[string]string{"": rows(3)}})
		later := b.stage(candidate{slot: slot2, files: map[string]string{"": rows(4)}})
		outs := b.together(early, later)
		runtimetest.Only[events.StagingPublished](t, outs[1], nil)
		p := b.pointer()
		if p.Snapshot != slot2 || p.Rows != 4 {
			t.Fatalf("the pointer is at %s with %d rows", p.Snapshot, p.Rows)
		}
		// The early run either was published first and is in the history, or it was superseded.
		if name := runtimetest.Names(outs[0])[0]; (name == "staging.published") != (p.Previous == slot1) {
			t.Errorf("the early run emitted %s, the previous snapshot is %q", name, p.Previous)
		}
	}
}

// Invariant 3: a verdict counts only for the bytes that it names.
func TestAVerdictForOtherBytes(t *testing.T) {
	t.Parallel()
	for _, passed := range []bool{true, false} {
		b := newTestGate(t, things(t))
		w := b.stage(candidate{slot: slot1, files: map[string]string{"": rows(3)}})
		b.Put(
			t,
			lake.VerdictKey("things", slot1, "s1"),
			lake.Verdict{Passed: passed, Candidate: events.Object{Key: w.Candidate.Key, SHA256: strings.Repeat("0", 64)}},
		)
		if _, err := b.deliver(w); !runtime.IsPermanent(err) || b.pointerBytes() != nil {
			t.Errorf("passed %v: error %v, pointer %s", passed, err, b.pointerBytes())
		}
	}
}

func TestAnExistingVerdictIsUsed(t *testing.T) {
	t.Parallel()
	b := newTestGate(t, things(t))
	w := b.stage(candidate{slot: slot1, files: map[string]string{"": rows(3)}})
	b.Put(
		t,
		lake.VerdictKey("things", slot1, "s1"),
		lake.Verdict{Passed: false, Candidate: w.Candidate, Rules: []lake.RuleResult{{Name: "by_hand", Severity: "error"}}},
	)
	out, err := b.deliver(w)
	if p := runtimetest.Only[events.StagingRejected](t, out, err); !slices.Equal(codes(p.Problems), []string{"by_hand"}) {
		t.Errorf("problems %v", codes(p.Problems))
	}
}
