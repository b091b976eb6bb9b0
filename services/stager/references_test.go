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

// newMatchedLanding returns a landing with a page of names, to be matched with a published list of towns.
func newMatchedLanding(t *testing.T) *landing {
	t.Helper()
	l := newLanding(t, `[{"registre":"S00001","municipi":"L’Hospitalet","comarca":"Barcelonès"},{"registre":"S00002",`+
		`"municipi":"Nova"},{"registre":"S00003"}]`)
	l.contract.Fields = append(l.contract.Fields,
		contract.Field{Name: "town_id", Source: "municipi", Type: contract.Text, Staged: true,
			Reference: &contract.Reference{Dataset: "towns", Column: "id"},
			Match:     &contract.Match{Name: "name", Within: "comarca", Group: "county"}},
		contract.Field{Name: "town_method", Type: contract.Text, Staged: true, MethodOf: "town_id"},
		contract.Field{Name: "comarca", Source: "comarca", Type: contract.Text, Staged: true})
	l.publishTowns(t, "20250801T000000", "portal.example", `[{"id":"081017","name":"Hospitalet, l'","county":"Barcelonès"},`+
		`{"id":"1","name":"Altra","county":"x"}]`)
	return l
}

// publishTowns moves the pointer of the towns to a snapshot with these rows.
func (l *landing) publishTowns(t *testing.T, snapshot, system, rows string) {
	t.Helper()
	text := arrow.BinaryTypes.String
	schema := arrow.NewSchema([]arrow.Field{{Name: "id", Type: text}, {Name: "name", Type: text},
		{Name: "county", Type: text, Nullable: true}}, nil)
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
	o := l.put(t, "staging/towns/ingested_process_at="+snapshot+"/towns.parquet", file.Bytes())
	l.put(t, lake.PointerKey("towns"), lake.Encode(lake.Pointer{
		Dataset: "towns", Snapshot: snapshot, SourceSystem: system,
		Parts: []lake.PointerPart{{Objects: []lake.CandidateObject{{Object: o}}}},
	}))
}

// values returns all cells of the staged files.
func (l *landing) values(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	for key, body := range l.lake.Snapshot() {
		if strings.HasPrefix(key, "staging/social_services/") && strings.HasSuffix(key, ".parquet") {
			out.Write(everyValue(t, body))
		}
	}
	return out.String()
}

func TestMatchesWithThePublishedSnapshot(t *testing.T) {
	t.Parallel()
	l := newMatchedLanding(t)
	out, err := l.handle(t)
	if err != nil {
		t.Fatal(err)
	}
	event, err := events.As[events.StagingWritten](out[0])
	if err != nil {
		t.Fatal(err)
	}
	c, err := lake.ReadDocument[lake.Candidate](t.Context(), l.lake, event.Candidate)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"towns": "20250801T000000"}
	if !maps.Equal(event.References, want) || !maps.Equal(c.References, want) {
		t.Errorf("the event has %v, the candidate %v, want %v", event.References, c.References, want)
	}
	for _, value := range []string{"081017", "exact_in_group", "unmatched", "no_name"} {
		if got := l.values(t); !strings.Contains(got, value+"\n") {
			t.Errorf("staged\n%swithout %s", got, value)
		}
	}
}

// TestAReferenceIsReadOncePerSnapshot checks that a second run reads only the pointer, and that a run after a publication
// reads the new snapshot.
func TestAReferenceIsReadOncePerSnapshot(t *testing.T) {
	t.Parallel()
	l := newMatchedLanding(t)
	reads := map[string]int{}
	l.lake.Before = func(op, key string) error {
		if op == "get" && strings.Contains(key, "towns") {
			l.mu.Lock()
			reads[key[:strings.Index(key, "/towns")]]++
			l.mu.Unlock()
		}
		return nil
	}
	handle := l.handler(l.ports())
	for i, want := range []string{"20250801T000000", "20250801T000000", "20250808T000000"} {
		if i == 2 {
			l.publishTowns(t, want, "portal.example", `[{"id":"new","name":"Nova","county":null}]`)
		}
		out, err := handle(t.Context(), events.New(l.event))
		if err != nil {
			t.Fatal(err)
		}
		if event, err := events.As[events.StagingWritten](out[0]); err != nil || event.References["towns"] != want {
			t.Errorf("run %d: %+v, %v", i, event.References, err)
		}
	}
	if reads["staging"] != 2 || reads["state"] != 3 {
		t.Errorf("read %v, want the pointer three times and the file of each snapshot once", reads)
	}
	if got := l.values(t); !strings.Contains(got, "new\n") {
		t.Errorf("the new snapshot's IDs are not staged:\n%s", got)
	}
}

// TestReferencesThatCannotBeUsed checks that no candidate is written if a reference cannot be used.
func TestReferencesThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change    func(t *testing.T, l *landing)
		message   string
		permanent bool
	}{
		"never published": {func(t *testing.T, l *landing) {
			if err := l.lake.Delete(t.Context(), lake.PointerKey("towns"), ""); err != nil {
				t.Fatal(err)
			}
		}, "matched with towns, which was never published; run towns", true},
		// Invariant 11.
		"simulated": {func(t *testing.T, l *landing) {
			l.publishTowns(t, "20250802T000000", "simulator", `[]`)
		}, "come from portal.example and would be matched with towns, which comes from simulator", true},
		"changed by hand": {func(_ *testing.T, l *landing) {
			l.lake.Corrupt("staging/towns/ingested_process_at=20250801T000000/towns.parquet", []byte("x"))
		}, "integrity", true},
		"no such column": {func(_ *testing.T, l *landing) { l.contract.Field("town_id").Match.Name = "nom" },
			"column nom is missing; check the contract of towns", true},
		"unavailable": {func(_ *testing.T, l *landing) {
			l.lake.Before = func(_, key string) error {
				if strings.HasPrefix(key, "staging/towns") {
					return io.ErrUnexpectedEOF
				}
				return nil
			}
		}, "read towns to match column town_id", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newMatchedLanding(t)
			c.change(t, l)
			out, err := l.handle(t)
			if len(out) != 0 || err == nil || !strings.Contains(err.Error(), c.message) || runtime.IsPermanent(err) != c.permanent {
				t.Errorf("got %d events and %v, want an error with %q, permanent: %v", len(out), err, c.message, c.permanent)
			}
			for _, key := range l.lake.Keys() {
				if strings.HasSuffix(key, "_candidate.json") {
					t.Errorf("%s exists", key)
				}
			}
		})
	}
}

// TestSimulatedRowsMayBeMatchedWithReal checks that simulated rows may be matched with real data: their origin stays
// simulated.
func TestSimulatedRowsMayBeMatchedWithReal(t *testing.T) {
	t.Parallel()
	l := newMatchedLanding(t)
	l.manifest.Description.SourceSystem = "simulator"
	l.land(t, "fetch2")
	if _, err := l.handle(t); err != nil {
		t.Error(err)
	}
}
