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
	b := newFixture(t, "")
	part := b.land(slot1, "")
	neighbour := b.Put(t, "landing/things/ingested_process_at="+slot1+"/00009.abandoned.json", []byte("[]"))
	p := b.clear(b.publish(slot1, part))
	if p.Snapshot != slot1 || p.Objects != 5 || !p.Archived || len(p.Evidence) != 1 || p.Bytes == 0 {
		t.Errorf("%+v", p)
	}
	if left := b.under("landing/"); !slices.Equal(left, []string{neighbour.Key}) {
		t.Errorf("landing holds %v: want exactly the objects of the manifest deleted", left)
	}
	e := b.evidence(p.Evidence[0])
	if e.RunID != slot1 || *e.Manifest != part.Manifest || *e.Candidate != part.Candidate || *e.Verdict != part.Verdict ||
		e.RawPolicy != "archive" || e.Build != "test" {
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
			t.Errorf("page %d: the archive has other bytes (%v)", i, err)
		}
	}
	if last := e.Deletes[4]; last.Key != part.Manifest.Key {
		t.Errorf("the last deleted object is %s, want the manifest", last.Key)
	}
	if _, err := lake.ReadDocument[lake.Manifest](t.Context(), b.Lake, *e.Deletes[4].Archive); err != nil {
		t.Errorf("the archived manifest: %v", err)
	}
}

// Invariant 4: every archived page is read back and the evidence is written before the first delete.
func TestEvidenceComesFirst(t *testing.T) {
	t.Parallel()
	b := newFixture(t, "")
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
	quiet := newFixture(t, "")
	quiet.clear(quiet.publish(slot1, quiet.land(slot1, "")))
	for step := 1; ; step++ {
		b := newFixture(t, "")
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
		b := newFixture(t, "")
		e := b.publish(slot1, b.land(slot1, ""))
		var both sync.WaitGroup
		outs := make([][]events.Event, 2)
		for i := range outs {
			both.Go(func() {
				out, err := b.deliver(e)
				for range 3 { // retry: the other delivery may have deleted pages that this one reads
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
			t.Errorf("one delivery emits\n%sthe other\n%s", runtimetest.Bytes(t, outs[0]), runtimetest.Bytes(t, outs[1]))
		}
		if left := b.under("landing/"); len(left) != 0 {
			t.Errorf("landing holds %v", left)
		}
	}
}

// Invariant 3: no landing object is deleted without a passing verdict on the published candidate that was made from it.
func TestLandingsThatAreKept(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(b *fixture, e *events.StagingPublished, part lake.PointerPart){
		"the verdict does not pass": func(b *fixture, e *events.StagingPublished, part lake.PointerPart) {
			part.Verdict = b.Put(t, "quality/things/failed.json", lake.Verdict{Candidate: part.Candidate})
			*e = b.publish(slot1, part)
		},
		"the verdict passes another candidate": func(b *fixture, e *events.StagingPublished, part lake.PointerPart) {
			part.Verdict = b.land(slot2, "").Verdict
			*e = b.publish(slot1, part)
		},
		"the event names another verdict than the pointer": func(b *fixture, e *events.StagingPublished, part lake.PointerPart) {
			e.Parts[0].Verdict = b.Put(t, "quality/things/forged.json", lake.Verdict{Candidate: part.Candidate, Passed: true})
		},
		"the verdict was changed": func(b *fixture, _ *events.StagingPublished, part lake.PointerPart) {
			b.Lake.Corrupt(part.Verdict.Key, []byte(`{"passed":true}`))
		},
		"the snapshot is not published": func(b *fixture, e *events.StagingPublished, _ lake.PointerPart) { e.Snapshot = slot2 },
		"nothing is published": func(b *fixture, _ *events.StagingPublished, _ lake.PointerPart) {
			_ = b.Lake.Delete(t.Context(), lake.PointerKey("things"), "")
		},
		"another run is published": func(b *fixture, _ *events.StagingPublished, _ lake.PointerPart) {
			b.publish(slot1, b.land(slot2, ""))
		},
		"the candidate was made from another landing": func(b *fixture, e *events.StagingPublished, part lake.PointerPart) {
			part.Manifest = b.land(slot2, "").Manifest
			*e = b.publish(slot1, part)
		},
		"a page was changed": func(b *fixture, _ *events.StagingPublished, _ lake.PointerPart) {
			b.Lake.Corrupt(lake.LandingPageKey("things", slot1, 2, lake.SHA256([]byte(pages[2]))), []byte("[1]"))
		},
		"the manifest was changed": func(b *fixture, _ *events.StagingPublished, part lake.PointerPart) {
			b.Lake.Corrupt(part.Manifest.Key, []byte("{}"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newFixture(t, "")
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

// TestASupersededSnapshotsLandingIsDeleted checks that the landing of a publication is deleted although a later publication
// superseded it: its pointer is in the history.
func TestASupersededSnapshotsLandingIsDeleted(t *testing.T) {
	t.Parallel()
	b := newFixture(t, "")
	e := b.publish(slot1, b.land(slot1, ""))
	b.supersede()
	b.publish(slot2, b.land(slot2, ""))
	b.clear(e)
	if left := b.under("landing/"); len(left) != 5 || !strings.Contains(left[0], slot2) {
		t.Errorf("landing holds %v", left)
	}
}

// TestACorruptArchiveKeepsTheLanding checks that the stored archive is read back, not only written.
func TestACorruptArchiveKeepsTheLanding(t *testing.T) {
	t.Parallel()
	page := lake.ArchiveKey(lake.LandingPageKey("things", slot1, 0, lake.SHA256([]byte(pages[0]))))
	other, err := compress([]byte("[]"))
	if err != nil {
		t.Fatal(err)
	}
	for name, stored := range map[string][]byte{"not zstd": []byte("garbage"), "another page": other, "nothing": nil} {
		b := newFixture(t, "")
		e := b.publish(slot1, b.land(slot1, ""))
		b.Put(t, page, stored)
		if _, err := b.deliver(e); err == nil || !strings.Contains(err.Error(), "landing is kept") || !strings.Contains(err.Error(), page) {
			t.Errorf("%s: error %v", name, err)
		}
		if len(b.under("landing/")) != 5 || len(b.under("evidence/")) != 0 {
			t.Errorf("%s: landing holds %v, evidence %v", name, b.under("landing/"), b.under("evidence/"))
		}
	}
	// Other bytes that decompress to the same page are accepted: another build may compress differently.
	b := newFixture(t, "")
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
	b := newFixture(t, "      - {property: llacRawPages, value: delete}\n")
	p := b.clear(b.publish(slot1, b.land(slot1, "")))
	e := b.evidence(p.Evidence[0])
	if p.Archived || e.RawPolicy != "delete" || len(b.under("archive/")) != 0 || len(b.under("landing/")) != 0 {
		t.Errorf("archived %v, policy %s, archive %v, landing %v", p.Archived, e.RawPolicy, b.under("archive/"), b.under("landing/"))
	}
	for i, d := range e.Deletes[:3] {
		if d.Archive != nil || d.SHA256 != lake.SHA256([]byte(pages[i])) {
			t.Errorf("entry %+v, want the digest and no archive", d)
		}
	}
}

func TestSlicesAndCarriedParts(t *testing.T) {
	t.Parallel()
	b := newFixture(t, "")
	carried := b.land(slot1, "2023")
	carried.CarriedOn = true
	p := b.clear(b.publish(slot2, carried, b.land(slot2, "2024"), b.land(slot2, "2025")))
	if p.Objects != 10 || len(p.Evidence) != 2 {
		t.Errorf("%+v", p)
	}
	if left := b.under("landing/"); len(left) != 5 || !strings.Contains(left[0], slot1+"-y2023") {
		t.Errorf("landing holds %v: want the objects of the carried part kept", left)
	}
}

// TestDeletesNameVersions checks that only the version named by the manifest is deleted.
func TestDeletesNameVersions(t *testing.T) {
	t.Parallel()
	b := newFixture(t, "")
	part := b.land(slot1, "")
	e := b.publish(slot1, part)
	page := lake.LandingPageKey("things", slot1, 0, lake.SHA256([]byte(pages[0])))
	b.Ports.Failpoint = func(name string) {
		if name == "before-delete" {
			b.Put(t, page, []byte("written by another process"))
		}
	}
	b.clear(e)
	if left := b.under("landing/"); !slices.Equal(left, []string{page}) {
		t.Errorf("landing holds %v: want the other version kept", left)
	}
}

func TestUnreadableEvidenceStopsDeletion(t *testing.T) {
	t.Parallel()
	b := newFixture(t, "")
	e := b.publish(slot1, b.land(slot1, ""))
	b.Put(t, lake.EvidenceKey("things", slot1), []byte("{"))
	if _, err := b.deliver(e); !runtime.IsPermanent(err) || len(b.under("landing/")) != 5 {
		t.Errorf("error %v, landing %v", err, b.under("landing/"))
	}
}
