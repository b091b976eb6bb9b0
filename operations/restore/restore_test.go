package restore_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/filelake"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/operations/restore"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/lake/laketest"
	"github.com/llac-project/llac/platform/local/portal"
)

// lakeOnce runs the pipeline three times, so that municipalities has two superseded snapshots, and returns the lake's objects.
var lakeOnce = sync.OnceValues(func() (map[string][]byte, error) {
	sim := portal.New(portal.Options{RegisterRows: 300})
	if err := sim.Start(context.Background()); err != nil {
		return nil, err
	}
	defer sim.Close()
	dir, clean, err := folder()
	if err != nil {
		return nil, err
	}
	defer clean()
	for range 3 {
		if _, err := pipeline.Run(context.Background(), pipeline.Options{
			Settings:  pipeline.Settings{Dir: dir, Simulator: sim, Grace: 100 * time.Millisecond},
			Contracts: "../../datasets", Datasets: []string{"municipalities", "service_types"}, Force: true, Timeout: 2 * time.Minute,
		}); err != nil {
			return nil, err
		}
	}
	out := map[string][]byte{}
	from := filelake.Open(dir, pipeline.DataBucket)
	var keys []string
	if err := from.List(context.Background(), "", func(i lake.Info) bool { keys = append(keys, i.Key); return true }); err != nil {
		return nil, err
	}
	for _, key := range keys {
		if out[key], _, err = from.Get(context.Background(), key); err != nil {
			return nil, err
		}
	}
	return out, nil
})

// replica returns a store with what S3 would have replicated of the lake.
func replica(t *testing.T) *laketest.Memory {
	t.Helper()
	objects, err := lakeOnce()
	if err != nil {
		t.Fatal(err)
	}
	m := laketest.NewMemory()
	for key, body := range objects {
		if !strings.HasPrefix(key, "landing/") && !strings.HasPrefix(key, "quarantine/") && !strings.HasPrefix(key, "dead-letters/") {
			put(t, m, key, body)
		}
	}
	return m
}

func put(t *testing.T, s lake.Store, key string, body []byte) {
	t.Helper()
	if _, err := s.Put(t.Context(), key, body); err != nil {
		t.Fatal(err)
	}
}

func all(t *testing.T, s lake.Store, prefix string) map[string]string {
	t.Helper()
	out := map[string]string{}
	var keys []string
	if err := s.List(t.Context(), prefix, func(i lake.Info) bool { keys = append(keys, i.Key); return true }); err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		b, info, err := s.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		out[key] = info.VersionID + " " + lake.SHA256(b)
	}
	return out
}

func pointer(t *testing.T, s lake.Store, dataset string) *lake.Pointer {
	t.Helper()
	p, _, err := lake.ReadPointer(t.Context(), s, dataset)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func run(t *testing.T, from, to lake.Store) restore.Report {
	t.Helper()
	r, err := restore.Restore(t.Context(), from, to, restore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func states(r restore.Report) string {
	var out []string
	for _, d := range r.Datasets {
		out = append(out, d.Name+" "+string(d.State))
	}
	return strings.Join(out, ", ")
}

func TestRestoreIsCompleteAndIdempotent(t *testing.T) {
	t.Parallel()
	from, to := replica(t), laketest.NewMemory()
	put(t, to, "quarantine/other", nil) // so that version ids differ from the replica's
	dry, err := restore.Restore(t.Context(), from, to, restore.Options{DryRun: true})
	if err != nil || !dry.Good() || len(all(t, to, "")) != 1 || states(dry) != "municipalities restored, service_types restored" {
		t.Fatalf("dry run: %+v, %v", dry, err)
	}
	var last restore.Step
	r, err := restore.Restore(t.Context(), from, to, restore.Options{Progress: func(s restore.Step) { last = s }})
	if err != nil || !r.Good() || states(r) != states(dry) || r.Copied != dry.Copied || r.Bytes != dry.Bytes || r.Copied < 20 ||
		r.Archived == 0 || r.Missing != 0 || last.Done == 0 {
		t.Fatalf("%+v, %v; the dry run reported %+v; last step %+v", r, err, dry, last)
	}
	p := pointer(t, to, "municipalities")
	original := pointer(t, from, "municipalities")
	if p.Snapshot != original.Snapshot || p.Previous == "" {
		t.Errorf("the pointer is %+v", p)
	}
	// Every object that the pointer and its history name exists in exactly the named version, by which the janitor deletes.
	for i := 0; p != nil; i++ {
		if i > 2 {
			t.Fatal("more snapshots than were made")
		}
		for _, o := range append([]events.Object{p.Parts[0].Candidate}, p.Parts[0].Objects[0].Object) {
			_, info, err := to.Get(t.Context(), o.Key)
			if err != nil || info.VersionID != o.VersionID || info.SHA256 != o.SHA256 {
				t.Errorf("%s: found %+v, named %+v (%v)", o.Key, info, o, err)
			}
		}
		if p.PreviousObject == nil {
			if i != 2 {
				t.Errorf("the history ends after %d", i)
			}
			break
		}
		old, err := lake.ReadDocument[lake.Pointer](t.Context(), to, *p.PreviousObject)
		if err != nil {
			t.Fatal(err)
		}
		p = &old
	}
	before := all(t, to, "")
	again := run(t, from, to)
	if !again.Good() || again.Copied != 0 || again.There != r.Copied || states(again) != "municipalities kept, service_types kept" {
		t.Errorf("again: %+v", again)
	}
	for key, v := range all(t, to, "") {
		if before[key] != v {
			t.Errorf("the second restore changed %s", key)
		}
	}
}

func TestRestoreNeverOverwrites(t *testing.T) {
	t.Parallel()
	from, to := replica(t), laketest.NewMemory()
	if r := run(t, from, to); !r.Good() {
		t.Fatalf("%+v", r)
	}
	p := pointer(t, to, "municipalities")
	later := *p
	later.Snapshot = "29990101T000000"
	put(t, to, lake.PointerKey("municipalities"), lake.Encode(later))
	put(t, to, lake.CursorKey("municipalities"), []byte("{}"))
	run(t, from, to)
	if got := pointer(t, to, "municipalities").Snapshot; got != later.Snapshot {
		t.Errorf("the pointer moved back to %s", got)
	}
	if b, _, _ := to.Get(t.Context(), lake.CursorKey("municipalities")); string(b) != "{}" {
		t.Errorf("the cursor was overwritten")
	}
	// A lake that is behind is moved forward, unless a person holds the dataset.
	behind := *p
	behind.Snapshot, behind.Held = "20000101T000000", &lake.Hold{By: "anna", Reason: "wrong figures"}
	put(t, to, lake.PointerKey("municipalities"), lake.Encode(behind))
	if r := run(t, from, to); r.Datasets[0].State != restore.Kept || !strings.Contains(r.Datasets[0].Reason, "anna") {
		t.Errorf("held: %+v", r.Datasets[0])
	}
	behind.Held = nil
	put(t, to, lake.PointerKey("municipalities"), lake.Encode(behind))
	if r := run(t, from, to); r.Datasets[0].State != restore.Restored || pointer(t, to, "municipalities").Snapshot != p.Snapshot {
		t.Errorf("behind: %+v", r.Datasets[0])
	}
}

func TestRestoreRefusesIncompleteSnapshots(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		breaks func(p *lake.Pointer, s *laketest.Memory)
	}{
		{"a changed file", func(p *lake.Pointer, s *laketest.Memory) {
			o := p.Parts[0].Objects[0]
			b, _, _ := s.Get(t.Context(), o.Key)
			b[len(b)/2] ^= 1
			put(t, s, o.Key, b)
		}},
		{"a missing file", func(p *lake.Pointer, s *laketest.Memory) {
			_ = s.Delete(t.Context(), p.Parts[0].Objects[0].Key, p.Parts[0].Objects[0].VersionID)
			deleteAll(t, s, p.Parts[0].Objects[0].Key)
		}},
		{"a missing verdict", func(p *lake.Pointer, s *laketest.Memory) { deleteAll(t, s, p.Parts[0].Verdict.Key) }},
		{"a pointer that cannot be read", func(p *lake.Pointer, s *laketest.Memory) {
			put(t, s, lake.PointerKey("municipalities"), []byte("{"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			from, to := replica(t), laketest.NewMemory()
			c.breaks(pointer(t, from, "municipalities"), from)
			r := run(t, from, to)
			if r.Good() || states(r) != "municipalities refused, service_types restored" {
				t.Errorf("%s: %+v", states(r), r.Problems)
			}
			if p := pointer(t, to, "municipalities"); p != nil {
				t.Errorf("readers see %s", p.Snapshot)
			}
		})
	}
}

// deleteAll deletes all versions of an object.
func deleteAll(t *testing.T, s *laketest.Memory, key string) {
	t.Helper()
	for {
		_, info, err := s.Get(t.Context(), key)
		if errors.Is(err, lake.ErrNotFound) {
			return
		}
		if err == nil {
			err = s.Delete(t.Context(), key, info.VersionID)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestRestoreReportsWhatIsMissing(t *testing.T) {
	t.Parallel()
	from, to := replica(t), laketest.NewMemory()
	archive := all(t, from, "archive/municipalities/")
	for key := range archive {
		deleteAll(t, from, key)
	}
	r := run(t, from, to)
	if !r.Good() || r.Missing == 0 {
		t.Errorf("archives that were not replicated: %+v", r)
	}
	// A changed archived page is reported. The dataset is restored: its numbers were not made from that page.
	from, to = replica(t), laketest.NewMemory()
	for key := range archive {
		if strings.HasSuffix(key, ".zst") {
			put(t, from, key, []byte("else"))
		}
	}
	r = run(t, from, to)
	isIntegrity := func(p string) bool { return strings.Contains(p, "integrity") }
	if r.Good() || states(r) != "municipalities restored, service_types restored" || !slices.ContainsFunc(r.Problems, isIntegrity) {
		t.Errorf("a changed page: %+v", r)
	}
	// An object that differs from the lake's is reported.
	from, to = replica(t), laketest.NewMemory()
	put(t, to, "quality/municipalities/ingested_process_at=x.json", []byte("mine"))
	put(t, from, "quality/municipalities/ingested_process_at=x.json", []byte("another's"))
	if r = run(t, from, to); r.Good() || !strings.Contains(strings.Join(r.Problems, "\n"), "neither was changed") {
		t.Errorf("a conflict: %+v", r)
	}
}

func TestRestoreContinuesAfterAnError(t *testing.T) {
	t.Parallel()
	from, to := replica(t), laketest.NewMemory()
	broken := errors.New("no route")
	var mu sync.Mutex
	puts := 0
	to.Before = func(op, key string) error {
		mu.Lock()
		defer mu.Unlock()
		if op == "put" {
			if puts++; puts == 15 {
				return broken
			}
		}
		return nil
	}
	r, err := restore.Restore(t.Context(), from, to, restore.Options{})
	if !errors.Is(err, broken) || r.Copied == 0 || pointer(t, to, "municipalities") != nil {
		t.Fatalf("%+v, %v", r, err)
	}
	if r := run(t, from, to); !r.Good() || states(r) != "municipalities restored, service_types restored" || r.There == 0 {
		t.Errorf("%+v", r)
	}
}

// putMarts puts a build with one mart, of these bytes, into a store.
func putMarts(t *testing.T, s lake.Store, file []byte) {
	t.Helper()
	put(t, s, "marts/dimensions/dim_a/build=1/dim_a.parquet", file)
	put(t, s, "runs/marts/1.json", []byte("{}"))
	object := func(key string, b []byte) events.Object {
		return events.Object{Key: key, VersionID: "x", Size: int64(len(b)), SHA256: lake.SHA256(b)}
	}
	put(t, s, lake.MartsPointerKey, lake.Encode(lake.MartsPointer{Build: "1", Record: object("runs/marts/1.json", []byte("{}")),
		Models: []lake.Mart{
			{Name: "dim_a", Objects: []events.Object{object("marts/dimensions/dim_a/build=1/dim_a.parquet", file)}},
		}}))
}

// TestInterruptedRestoreOfMarts checks that the report does not claim marts restored whose pointer was not written.
func TestInterruptedRestoreOfMarts(t *testing.T) {
	t.Parallel()
	broken := errors.New("no route")
	for _, c := range []struct {
		name string
		at   func(op, key string) bool
	}{
		{"before the pointer of the lake is read", func(op, key string) bool { return op == "get" && key == lake.MartsPointerKey }},
		{"while an object is checked", func(op, key string) bool { return op == "get" && strings.HasPrefix(key, "marts/") }},
		{"while the pointer is written", func(op, key string) bool { return op == "put" && key == lake.MartsPointerKey }},
	} {
		for _, interrupted := range []bool{false, true} {
			from, to := laketest.NewMemory(), laketest.NewMemory()
			putMarts(t, from, []byte("PAR1"))
			ctx, stop := context.WithCancelCause(t.Context())
			to.Before = func(op, key string) error {
				if !c.at(op, key) {
					return nil
				}
				if interrupted {
					stop(broken)
				}
				return broken
			}
			r, err := restore.Restore(ctx, from, to, restore.Options{})
			stop(nil)
			to.Before = nil
			p, _, readErr := lake.ReadMartsPointer(t.Context(), to)
			if p != nil || readErr != nil {
				t.Fatalf("%s: readers see %+v, %v", c.name, p, readErr)
			}
			if r.Marts != nil && r.Marts.State == restore.Restored || !errors.Is(err, broken) && r.Good() {
				t.Errorf("%s, interrupted %v: the marts are reported as %+v, %v", c.name, interrupted, r.Marts, err)
			}
		}
	}
}

func TestRestoreOfMarts(t *testing.T) {
	t.Parallel()
	from, to := replica(t), laketest.NewMemory()
	file := []byte("PAR1")
	putMarts(t, from, file)
	r := run(t, from, to)
	if !r.Good() || r.Marts == nil || r.Marts.State != restore.Restored {
		t.Fatalf("%+v", r)
	}
	p, _, err := lake.ReadMartsPointer(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	_, info, err := to.Get(t.Context(), p.Models[0].Objects[0].Key)
	if err != nil || info.VersionID != p.Models[0].Objects[0].VersionID {
		t.Errorf("version %s, named %s (%v)", info.VersionID, p.Models[0].Objects[0].VersionID, err)
	}
	to = laketest.NewMemory()
	put(t, from, "marts/dimensions/dim_a/build=1/dim_a.parquet", bytes.ToLower(file))
	if r = run(t, from, to); r.Good() || r.Marts.State != restore.Refused {
		t.Errorf("%+v", r.Marts)
	}
	if b, err := json.Marshal(r); err != nil || !strings.Contains(string(b), `"state":"refused"`) {
		t.Errorf("%s, %v", b, err)
	}
}

func folder() (string, func(), error) {
	dir, err := os.MkdirTemp("", "llac-restore-")
	return dir, func() { _ = os.RemoveAll(dir) }, err
}

// A kept pointer whose files were lost or changed: lost files are restored, and the pointer names their new versions. Changed
// files are reported.
func TestRestoreRepairsKeptPointers(t *testing.T) {
	t.Parallel()
	from, to := replica(t), laketest.NewMemory()
	put(t, to, "quarantine/other", nil)
	if r := run(t, from, to); !r.Good() {
		t.Fatalf("%+v", r)
	}
	p := pointer(t, to, "municipalities")
	old, err := lake.ReadDocument[lake.Pointer](t.Context(), to, *p.PreviousObject)
	if err != nil {
		t.Fatal(err)
	}
	lost := []events.Object{p.Parts[0].Objects[0].Object, p.Parts[0].Candidate, old.Parts[0].Objects[0].Object}
	for _, o := range lost {
		deleteAll(t, to, o.Key)
	}
	if dry, err := restore.Restore(t.Context(), from, to, restore.Options{DryRun: true}); err != nil || !dry.Good() ||
		dry.Copied != len(lost) {
		t.Errorf("dry run: %+v, %v", dry, err)
	}
	r := run(t, from, to)
	if !r.Good() || r.Copied != len(lost) || states(r) != "municipalities kept, service_types kept" {
		t.Errorf("%s: %+v", states(r), r)
	}
	p = pointer(t, to, "municipalities")
	if old, err = lake.ReadDocument[lake.Pointer](t.Context(), to, *p.PreviousObject); err != nil {
		t.Fatal(err)
	}
	for _, o := range []events.Object{p.Parts[0].Objects[0].Object, p.Parts[0].Candidate, old.Parts[0].Objects[0].Object} {
		if _, info, err := to.Get(t.Context(), o.Key); err != nil || info.VersionID != o.VersionID || info.SHA256 != o.SHA256 {
			t.Errorf("%s has version %s and is named as %s (%v)", o.Key, info.VersionID, o.VersionID, err)
		}
	}
	key := p.Parts[0].Objects[0].Key
	body, _, err := to.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	body[len(body)/2] ^= 1
	put(t, to, key, body)
	if r = run(t, from, to); r.Good() || !strings.Contains(strings.Join(r.Problems, "\n"), "municipalities is kept and incomplete") {
		t.Errorf("a changed file of a kept pointer: %+v", r)
	}
	if b, _, _ := to.Get(t.Context(), key); !bytes.Equal(b, body) {
		t.Error("the changed file was overwritten")
	}
}
