package janitor

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
)

func TestALandingIsArchivedAndDeleted(t *testing.T) {
	t.Parallel()
	b := newBench(t, "")
	part := b.land(slot1, "")
	neighbour := b.Put(t, "landing/things/ingested_process_at="+slot1+"/00009.abandoned.json", []byte("[]"))
	p := b.clear(b.publish(slot1, part))
	if p.Snapshot != slot1 || p.Objects != 5 || !p.Archived || len(p.Evidence) != 1 || p.Bytes == 0 {
		t.Errorf("%+v", p)
	}
	if left := b.under("landing/"); !slices.Equal(left, []string{neighbour.Key}) {
		t.Errorf("landing holds %v: exactly what the manifest names is deleted", left)
	}
	e := b.evidence(p.Evidence[0])
	if e.RunID != slot1 || *e.Manifest != part.Manifest || *e.Candidate != part.Candidate || *e.Verdict != part.Verdict || e.RawPolicy != "archive" || e.Build != "test" {
		t.Errorf("evidence %+v", e)
	}
	for i, d := range e.Deletes[:3] {
		if d.VersionID == "" || d.SHA256 != lake.SHA256([]byte(pages[i])) || d.Archive.Key != lake.ArchiveKey(d.Key) {
			t.Errorf("entry %+v", d)
		}
		packed, err := lake.Read(t.Context(), b.Lake, *d.Archive)
		if err != nil {
			t.Fatal(err)
		}
		if raw, err := decompress(packed); err != nil || string(raw) != pages[i] {
			t.Errorf("page %d does not come back byte for byte (%v)", i, err)
		}
	}
	if last := e.Deletes[4]; last.Key != part.Manifest.Key {
		t.Errorf("the manifest goes last, not %s", last.Key)
	}
	if _, err := lake.ReadDocument[lake.Manifest](t.Context(), b.Lake, *e.Deletes[4].Archive); err != nil {
		t.Errorf("the archived manifest: %v", err)
	}
}

// Invariant 4: every archived page is read back and the evidence is written before the first delete.
func TestEvidenceComesFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t, "")
	e := b.publish(slot1, b.land(slot1, ""))
	all := b.operations()
	b.clear(e)
	first := slices.IndexFunc(*all, func(s string) bool { return strings.HasPrefix(s, "delete ") })
	evidence := slices.Index(*all, "put "+lake.EvidenceKey("things", slot1))
	if first < 0 || evidence < 0 || evidence > first {
		t.Fatalf("evidence at %d, first delete at %d of %q", evidence, first, *all)
	}
	for _, s := range *all {
		if key, ok := strings.CutPrefix(s, "put archive/"); ok {
			wrote, read := slices.Index(*all, s), slices.Index(*all, "get archive/"+key)
			if read < wrote || read > evidence {
				t.Errorf("%s: written at %d, read back at %d, evidence at %d", key, wrote, read, evidence)
			}
		}
	}
	if n := len(b.under("archive/")); n != 5 {
		t.Errorf("%d objects archived", n)
	}
}

func TestACrashAtEachStep(t *testing.T) {
	t.Parallel()
	died := errors.New("killed")
	quiet := newBench(t, "")
	quiet.clear(quiet.publish(slot1, quiet.land(slot1, "")))
	for step := 1; ; step++ {
		b := newBench(t, "")
		e := b.publish(slot1, b.land(slot1, ""))
		n, deleted := 0, false
		b.Lake.Before = func(op, _ string) error {
			if n++; n == step {
				return died
			}
			deleted = deleted || op == "delete"
			return nil
		}
		_, err := b.deliver(e)
		b.Lake.Before = nil
		if err == nil {
			if step < 20 {
				t.Errorf("only %d steps", step)
			}
			return
		}
		if !errors.Is(err, died) {
			t.Fatalf("step %d: %v", step, err)
		}
		if deleted && len(b.under(lake.EvidenceKey("things", slot1))) == 0 {
			t.Fatalf("step %d: something was deleted without evidence", step)
		}
		p := b.clear(e)
		if p.Objects != 5 || !slices.Equal(b.Lake.Keys(), quiet.Lake.Keys()) {
			t.Errorf("step %d: %d objects; the lake holds\n%v\nwant\n%v", step, p.Objects, b.Lake.Keys(), quiet.Lake.Keys())
		}
		b.evidence(p.Evidence[0])
	}
}

func TestTwoDeliveriesAtOnce(t *testing.T) {
	t.Parallel()
	for range 10 {
		b := newBench(t, "")
		e := b.publish(slot1, b.land(slot1, ""))
		var both sync.WaitGroup
		outs := make([][]events.Event, 2)
		for i := range outs {
			both.Go(func() {
				out, err := b.deliver(e)
				for range 3 { // one may find pages gone that the other has deleted: it comes again
					if err == nil || runtime.IsPermanent(err) {
						break
					}
					out, err = b.deliver(e)
				}
				if err != nil {
					t.Error(err)
				}
				outs[i] = out
			})
		}
		both.Wait()
		if runtimetest.Bytes(t, outs[0]) != runtimetest.Bytes(t, outs[1]) {
			t.Errorf("one says\n%sthe other\n%s", runtimetest.Bytes(t, outs[0]), runtimetest.Bytes(t, outs[1]))
		}
		if left := b.under("landing/"); len(left) != 0 {
			t.Errorf("landing holds %v", left)
		}
	}
}

// Invariant 3: no landing object is deleted without a passing verdict on what is published of it.
func TestWhatIsNotDeleted(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(b *bench, e *events.StagingPublished, part lake.PointerPart){
		"the verdict does not pass": func(b *bench, e *events.StagingPublished, part lake.PointerPart) {
			part.Verdict = b.Put(t, "quality/things/failed.json", lake.Verdict{Candidate: part.Candidate})
			*e = b.publish(slot1, part)
		},
		"the verdict passes another candidate": func(b *bench, e *events.StagingPublished, part lake.PointerPart) {
			part.Verdict = b.land(slot2, "").Verdict
			*e = b.publish(slot1, part)
		},
		"the event names another verdict than the pointer": func(b *bench, e *events.StagingPublished, part lake.PointerPart) {
			e.Parts[0].Verdict = b.Put(t, "quality/things/forged.json", lake.Verdict{Candidate: part.Candidate, Passed: true})
		},
		"the verdict was changed": func(b *bench, _ *events.StagingPublished, part lake.PointerPart) {
			b.Lake.Corrupt(part.Verdict.Key, []byte(`{"passed":true}`))
		},
		"the snapshot is not published": func(b *bench, e *events.StagingPublished, _ lake.PointerPart) { e.Snapshot = slot2 },
		"nothing is published": func(b *bench, _ *events.StagingPublished, _ lake.PointerPart) {
			_ = b.Lake.Delete(t.Context(), lake.PointerKey("things"), "")
		},
		"another run is published": func(b *bench, _ *events.StagingPublished, _ lake.PointerPart) { b.publish(slot1, b.land(slot2, "")) },
		"the candidate was made from another landing": func(b *bench, e *events.StagingPublished, part lake.PointerPart) {
			part.Manifest = b.land(slot2, "").Manifest
			*e = b.publish(slot1, part)
		},
		"a page was changed": func(b *bench, _ *events.StagingPublished, _ lake.PointerPart) {
			b.Lake.Corrupt(lake.LandingPageKey("things", slot1, 2, lake.SHA256([]byte(pages[2]))), []byte("[1]"))
		},
		"the manifest was changed": func(b *bench, _ *events.StagingPublished, part lake.PointerPart) {
			b.Lake.Corrupt(part.Manifest.Key, []byte("{}"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "")
			part := b.land(slot1, "")
			e := b.publish(slot1, part)
			spoil(b, &e, part)
			before := len(b.under("landing/"))
			if _, err := b.deliver(e); !runtime.IsPermanent(err) {
				t.Errorf("error %v, want a permanent one", err)
			}
			if after := len(b.under("landing/")); after != before || len(b.under("evidence/")) != 0 {
				t.Errorf("landing holds %d of %d objects, evidence %v", after, before, b.under("evidence/"))
			}
		})
	}
}

// A publication that was overtaken before its landing was cleared is found in the history.
func TestASupersededSnapshotsLandingIsCleared(t *testing.T) {
	t.Parallel()
	b := newBench(t, "")
	e := b.publish(slot1, b.land(slot1, ""))
	b.supersede()
	b.publish(slot2, b.land(slot2, ""))
	b.clear(e)
	if left := b.under("landing/"); len(left) != 5 || !strings.Contains(left[0], slot2) {
		t.Errorf("landing holds %v", left)
	}
}

// The archive is what counts, not what was meant to be written there.
func TestACorruptArchiveKeepsTheLanding(t *testing.T) {
	t.Parallel()
	page := lake.ArchiveKey(lake.LandingPageKey("things", slot1, 0, lake.SHA256([]byte(pages[0]))))
	other, err := compress([]byte("[]"))
	if err != nil {
		t.Fatal(err)
	}
	for name, stored := range map[string][]byte{"no zstd": []byte("garbage"), "another page": other, "nothing": nil} {
		b := newBench(t, "")
		e := b.publish(slot1, b.land(slot1, ""))
		b.Put(t, page, stored)
		if _, err := b.deliver(e); err == nil || !strings.Contains(err.Error(), "landing is kept") || !strings.Contains(err.Error(), page) {
			t.Errorf("%s: error %v", name, err)
		}
		if len(b.under("landing/")) != 5 || len(b.under("evidence/")) != 0 {
			t.Errorf("%s: landing holds %v, evidence %v", name, b.under("landing/"), b.under("evidence/"))
		}
	}
	// Other bytes that unpack to the same page are as good: another build may compress otherwise.
	b := newBench(t, "")
	e := b.publish(slot1, b.land(slot1, ""))
	packed, err := compress([]byte(pages[0]))
	if err != nil {
		t.Fatal(err)
	}
	twoFrames, err := compress(nil)
	if err != nil {
		t.Fatal(err)
	}
	b.Put(t, page, append(packed, twoFrames...))
	b.clear(e)
}

func TestRawDelete(t *testing.T) {
	t.Parallel()
	b := newBench(t, "      - {property: llacRawPages, value: delete}\n")
	p := b.clear(b.publish(slot1, b.land(slot1, "")))
	e := b.evidence(p.Evidence[0])
	if p.Archived || e.RawPolicy != "delete" || len(b.under("archive/")) != 0 || len(b.under("landing/")) != 0 {
		t.Errorf("archived %v, policy %s, archive %v, landing %v", p.Archived, e.RawPolicy, b.under("archive/"), b.under("landing/"))
	}
	for i, d := range e.Deletes[:3] {
		if d.Archive != nil || d.SHA256 != lake.SHA256([]byte(pages[i])) {
			t.Errorf("entry %+v: the digest is all that is left", d)
		}
	}
}

func TestSlicesAndCarriedParts(t *testing.T) {
	t.Parallel()
	b := newBench(t, "")
	carried := b.land(slot1, "2023")
	carried.CarriedOn = true
	p := b.clear(b.publish(slot2, carried, b.land(slot2, "2024"), b.land(slot2, "2025")))
	if p.Objects != 10 || len(p.Evidence) != 2 {
		t.Errorf("%+v", p)
	}
	if left := b.under("landing/"); len(left) != 5 || !strings.Contains(left[0], slot1+"-y2023") {
		t.Errorf("landing holds %v: what is carried on is not this event's", left)
	}
}

// Exactly the version that was landed is deleted.
func TestDeletesNameVersions(t *testing.T) {
	t.Parallel()
	b := newBench(t, "")
	part := b.land(slot1, "")
	e := b.publish(slot1, part)
	page := lake.LandingPageKey("things", slot1, 0, lake.SHA256([]byte(pages[0])))
	b.Ports.Failpoint = func(name string) {
		if name == "before-delete" {
			b.Put(t, page, []byte("written by somebody else"))
		}
	}
	b.clear(e)
	if left := b.under("landing/"); !slices.Equal(left, []string{page}) {
		t.Errorf("landing holds %v: another version is not this event's to delete", left)
	}
}

func TestUnreadableEvidenceStopsDeletion(t *testing.T) {
	t.Parallel()
	b := newBench(t, "")
	e := b.publish(slot1, b.land(slot1, ""))
	b.Put(t, lake.EvidenceKey("things", slot1), []byte("{"))
	if _, err := b.deliver(e); !runtime.IsPermanent(err) || len(b.under("landing/")) != 5 {
		t.Errorf("error %v, landing %v", err, b.under("landing/"))
	}
}
