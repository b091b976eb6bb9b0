package stager

import (
	"bytes"
	"io"
	"maps"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
)

// matchedWorld stages a page of names, matched with a list of towns that is published.
func matchedWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, `[{"registre":"S00001","municipi":"L’Hospitalet","comarca":"Barcelonès"},{"registre":"S00002","municipi":"Nova"},{"registre":"S00003"}]`)
	w.contract.Fields = append(w.contract.Fields,
		contract.Field{Name: "town_id", Source: "municipi", Type: contract.Text, Staged: true, Reference: &contract.Reference{Dataset: "towns", Column: "id"},
			Match: &contract.Match{Name: "name", Within: "comarca", Group: "county"}},
		contract.Field{Name: "town_method", Type: contract.Text, Staged: true, MethodOf: "town_id"},
		contract.Field{Name: "comarca", Source: "comarca", Type: contract.Text, Staged: true})
	w.publishTowns(t, "20250801T000000", "portal.example", `[{"id":"081017","name":"Hospitalet, l'","county":"Barcelonès"},{"id":"1","name":"Altra","county":"x"}]`)
	return w
}

// publishTowns moves the pointer of the towns to a snapshot of these rows.
func (w *world) publishTowns(t *testing.T, snapshot, system, rows string) {
	t.Helper()
	text := arrow.BinaryTypes.String
	schema := arrow.NewSchema([]arrow.Field{{Name: "id", Type: text}, {Name: "name", Type: text}, {Name: "county", Type: text, Nullable: true}}, nil)
	record, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	defer record.Release()
	var file bytes.Buffer
	out, err := pqarrow.NewFileWriter(schema, &file, nil, pqarrow.DefaultWriterProps())
	if err == nil {
		err = out.Write(record)
	}
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	o := w.put(t, "staging/towns/ingested_process_at="+snapshot+"/towns.parquet", file.Bytes())
	w.put(t, lake.PointerKey("towns"), lake.Encode(lake.Pointer{
		Dataset: "towns", Snapshot: snapshot, SourceSystem: system, Parts: []lake.PointerPart{{Objects: []lake.CandidateObject{{Object: o}}}},
	}))
}

// values are all cells of what the last attempt has staged.
func (w *world) values(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	for key, body := range w.lake.Snapshot() {
		if strings.HasPrefix(key, "staging/social_services/") && strings.HasSuffix(key, ".parquet") {
			out.Write(everyValue(t, body))
		}
	}
	return out.String()
}

func TestMatchesWithThePublishedSnapshot(t *testing.T) {
	t.Parallel()
	w := matchedWorld(t)
	out, err := w.handle(t)
	if err != nil {
		t.Fatal(err)
	}
	said, err := events.As[events.StagingWritten](out[0])
	if err != nil {
		t.Fatal(err)
	}
	c, err := lake.ReadDocument[lake.Candidate](t.Context(), w.lake, said.Candidate)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"towns": "20250801T000000"}
	if !maps.Equal(said.References, want) || !maps.Equal(c.References, want) {
		t.Errorf("the event says %v, the candidate %v, want %v", said.References, c.References, want)
	}
	for _, value := range []string{"081017", "exact_in_group", "unmatched", "no_name"} {
		if got := w.values(t); !strings.Contains(got, value+"\n") {
			t.Errorf("staged\n%swithout %s", got, value)
		}
	}
}

// TestAReferenceIsReadOnceASnapshot: a second run reads the pointer alone, and after a publication the new snapshot.
func TestAReferenceIsReadOnceASnapshot(t *testing.T) {
	t.Parallel()
	w := matchedWorld(t)
	reads := map[string]int{}
	w.lake.Before = func(op, key string) error {
		if op == "get" && strings.Contains(key, "towns") {
			w.mu.Lock()
			reads[key[:strings.Index(key, "/towns")]]++
			w.mu.Unlock()
		}
		return nil
	}
	handle := w.handler(w.ports())
	for i, want := range []string{"20250801T000000", "20250801T000000", "20250808T000000"} {
		if i == 2 {
			w.publishTowns(t, want, "portal.example", `[{"id":"new","name":"Nova","county":null}]`)
		}
		out, err := handle(t.Context(), events.New(w.event))
		if err != nil {
			t.Fatal(err)
		}
		if said, err := events.As[events.StagingWritten](out[0]); err != nil || said.References["towns"] != want {
			t.Errorf("run %d: %+v, %v", i, said.References, err)
		}
	}
	if reads["staging"] != 2 || reads["state"] != 3 {
		t.Errorf("read %v, want the pointer three times and the file of each snapshot once", reads)
	}
	if got := w.values(t); !strings.Contains(got, "new\n") {
		t.Errorf("the new snapshot's ids are not staged:\n%s", got)
	}
}

// TestReferencesThatCannotBeUsed: no id is staged that nothing vouches for, and no candidate is there.
func TestReferencesThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change    func(t *testing.T, w *world)
		says      string
		permanent bool
	}{
		"never published": {func(t *testing.T, w *world) {
			if err := w.lake.Delete(t.Context(), lake.PointerKey("towns"), ""); err != nil {
				t.Fatal(err)
			}
		}, "matched with towns, which was never published; run towns", true},
		// Invariant 11.
		"simulated": {func(t *testing.T, w *world) {
			w.publishTowns(t, "20250802T000000", "simulator", `[]`)
		}, "come from portal.example and would be matched with towns, which comes from simulator", true},
		"changed by hand": {func(_ *testing.T, w *world) {
			w.lake.Corrupt("staging/towns/ingested_process_at=20250801T000000/towns.parquet", []byte("x"))
		}, "integrity", true},
		"no such column": {func(_ *testing.T, w *world) { w.contract.Field("town_id").Match.Name = "nom" }, "column nom is missing; look at the contract of towns", true},
		"out of reach": {func(_ *testing.T, w *world) {
			w.lake.Before = func(_, key string) error {
				if strings.HasPrefix(key, "staging/towns") {
					return io.ErrUnexpectedEOF
				}
				return nil
			}
		}, "read towns, which column town_id is matched with", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := matchedWorld(t)
			c.change(t, w)
			out, err := w.handle(t)
			if len(out) != 0 || err == nil || !strings.Contains(err.Error(), c.says) || runtime.IsPermanent(err) != c.permanent {
				t.Errorf("got %d events and %v, want an error saying %q, permanent: %v", len(out), err, c.says, c.permanent)
			}
			for _, key := range w.lake.Keys() {
				if strings.HasSuffix(key, "_candidate.json") {
					t.Errorf("%s exists", key)
				}
			}
		})
	}
}

// TestSimulatedRowsMayBeMatchedWithReal: what is simulated says so, whatever it is matched with.
func TestSimulatedRowsMayBeMatchedWithReal(t *testing.T) {
	t.Parallel()
	w := matchedWorld(t)
	w.manifest.Description.SourceSystem = "simulator"
	w.land(t, "fetch2")
	if _, err := w.handle(t); err != nil {
		t.Error(err)
	}
}
