package stager

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/lake/laketest"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/socrata"
	"github.com/llac-project/llac/platform/telemetry"
	"github.com/llac-project/llac/services/stager/engine"
)

// world is what a handler sees: a lake with one landing, its contract, and ports that record.
type world struct {
	lake     *laketest.Memory
	contract *contract.Contract
	manifest lake.Manifest
	event    events.LandingValidated
	metrics  *recorder
	logs     *bytes.Buffer
	puts     []string // keys in the order of their creation
	stage    stageFunc

	mu       sync.Mutex
	attempts int
}

const (
	dataset = "social_services"
	run     = "20250803T140512"
	digest  = "5ca1ab1e"
)

func newWorld(t *testing.T, pages ...string) *world {
	t.Helper()
	w := &world{lake: laketest.NewMemory(), metrics: &recorder{}, logs: &bytes.Buffer{}, stage: engine.Stage}
	w.contract = &contract.Contract{
		Dataset: dataset, SHA256: digest, Licence: "Llicència oberta", LicenceURL: "https://licence.example", Attribution: "Font: Generalitat",
		Source: contract.Source{Kind: socrata.Name, BaseURL: "https://portal.example", ID: "ivft-vegh"},
		Key:    []string{"service_id"}, Partition: []string{"district_id"}, KeyConflict: contract.QuarantineConflicts,
		Fields: []contract.Field{
			{Name: "service_id", Source: "registre", Type: contract.Text, Required: true, Pattern: `S\d{5}`, Staged: true},
			{Name: "capacity", Source: "capacitat", Type: contract.Integer, Staged: true},
			{Name: "name", Source: "nom", Type: contract.Text, Classification: "personal"},
			{Name: "phone", Source: "telefon", Type: contract.Text, Classification: "personal", Pattern: `\d{9}`},
			{Name: "district_id", Source: "districte", Type: contract.Text, PadLeft: 2, Default: pointer("00"), Staged: true},
		},
	}
	w.manifest = lake.Manifest{
		Run:     events.Run{Dataset: dataset, RunID: run, Slot: run, ContractSHA256: digest, Trigger: "schedule"},
		Attempt: "fetch1",
		Description: source.Description{
			Validators: events.Validators{ETag: `"e"`, UpdatedAt: "2025-08-02T00:00:00Z"}, SourceText: "Generalitat de Catalunya",
			URL: "https://portal.example/d/ivft-vegh", SourceSystem: "portal.example",
		},
	}
	for i, body := range pages {
		rows := int64(strings.Count(body, `"registre"`))
		sha := lake.SHA256([]byte(body))
		o := w.put(t, lake.LandingPageKey(dataset, run, i, sha), []byte(body))
		w.manifest.Pages = append(w.manifest.Pages, lake.ManifestPage{Object: o, Index: i, Rows: rows, URL: fmt.Sprintf("https://portal.example/resource/ivft-vegh.json?page=%d", i)})
		w.manifest.Rows += rows
		w.manifest.Bytes += o.Size
	}
	w.land(t, "fetch1")
	w.lake.Before = func(op, key string) error {
		if op == "put" {
			w.mu.Lock()
			w.puts = append(w.puts, key)
			w.mu.Unlock()
		}
		return nil
	}
	return w
}

func pointer[T any](v T) *T { return &v }

func (w *world) put(t *testing.T, key string, body []byte) events.Object {
	t.Helper()
	info, err := w.lake.Put(t.Context(), key, body)
	if err != nil {
		t.Fatal(err)
	}
	return info.Object()
}

// land writes the manifest and makes the event that speaks of it.
func (w *world) land(t *testing.T, attempt string) {
	t.Helper()
	m := w.put(t, lake.ManifestKey(dataset, run, attempt, 0), lake.Encode(w.manifest))
	w.event = events.LandingValidated{
		Run: events.Run{Dataset: dataset, RunID: run, Slot: run, ContractSHA256: digest, Trigger: "schedule"}, Attempt: attempt,
		Manifest: m, Pages: len(w.manifest.Pages), Rows: w.manifest.Rows, Bytes: w.manifest.Bytes,
	}
}

func (w *world) handle(t *testing.T) ([]events.Event, error) {
	t.Helper()
	return w.handler(w.ports())(t.Context(), events.New(w.event))
}

// handler constructs the stager as the service does, with another function that stages.
func (w *world) handler(p runtime.Ports) runtime.Handler {
	return runtime.Construct(func(p ports) runtime.Handler { return newStager(p, w.stage).handle }).Handler(p)
}

func (w *world) ports() runtime.Ports {
	return runtime.Ports{
		Lake: w.lake, Contracts: w, Clock: &ticking{}, Metrics: w.metrics, Build: "test",
		Log: slog.New(slog.NewJSONHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		NewAttempt: func() string {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.attempts++
			return fmt.Sprintf("try%d", w.attempts)
		},
		Failpoint: func(string) {},
	}
}

// Load implements runtime.Contracts.
func (w *world) Load(_ context.Context, sha string) (*contract.Contract, error) {
	if sha != w.contract.SHA256 {
		return nil, fmt.Errorf("contract %s: %w", sha, lake.ErrNotFound)
	}
	return w.contract, nil
}

// Current implements runtime.Contracts.
func (w *world) Current(context.Context) ([]*contract.Contract, error) {
	return []*contract.Contract{w.contract}, nil
}

// ticking is a clock that goes on by a second a look.
type ticking struct{ looks int }

func (c *ticking) Now() time.Time {
	c.looks++
	return time.Date(2025, 8, 3, 14, 5, 12+c.looks, 0, time.UTC)
}
func (c *ticking) Sleep(context.Context, time.Duration) error { return nil }

// recorder keeps the last value of each metric.
type recorder struct{ values map[string]float64 }

func (r *recorder) Record(_ context.Context, name string, v float64, _ telemetry.Unit, _ ...any) {
	if r.values == nil {
		r.values = map[string]float64{}
	}
	r.values[name] = v
}

const (
	pageOne = `[{"registre":"S00001","capacitat":"35","districte":"1","nom":"Casa"}
,{"registre":"S00002","capacitat":"many","districte":"10"}
,{"registre":"S00003","capacitat":"7"}
]`
	pageTwo = `[{"registre":"S00001","capacitat":"35","districte":"01"}
,{"registre":"S00004","districte":"1"}
]`
)

func TestStages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pageOne, pageTwo)
	out, err := w.handle(t)
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != 1 {
		t.Fatalf("%d events, want 1", len(out))
	}
	said, err := events.As[events.StagingWritten](out[0])
	if err != nil {
		t.Fatal(err)
	}
	if said.RowsIn != 5 || said.Staged != 3 || said.Duplicates != 1 || said.Quarantined != 1 || said.ByReason["bad_integer"] != 1 || said.Attempt != "try1" {
		t.Errorf("event: %+v", said)
	}
	want := []string{
		"staging/social_services/ingested_process_at=20250803T140512-try1/district_id=00/social_services.parquet",
		"staging/social_services/ingested_process_at=20250803T140512-try1/district_id=01/social_services.parquet",
		"quarantine/social_services/ingested_process_at=20250803T140512-try1/rows.parquet",
		"staging/social_services/ingested_process_at=20250803T140512-try1/_candidate.json",
	}
	// The files come in any order, the candidate last: only then is it whole.
	slices.Sort(want[:3])
	slices.Sort(w.puts[:min(3, len(w.puts))])
	if !slices.Equal(w.puts, want) {
		t.Errorf("wrote %q, want %q", w.puts, want)
	}

	c, err := lake.ReadDocument[lake.Candidate](t.Context(), w.lake, said.Candidate)
	if err != nil {
		t.Fatal(err)
	}
	if c.Manifest != w.event.Manifest || c.SourceSystem != "portal.example" || c.Validators.UpdatedAt != "2025-08-02T00:00:00Z" || c.Run.RunID != run || c.Attempt != "try1" {
		t.Errorf("candidate: %+v", c)
	}
	if c.RowsIn != 5 || c.Staged != 3 || c.Duplicates != 1 || c.Quarantined != 1 || c.Bytes != said.Bytes {
		t.Errorf("candidate's counts: %+v", c)
	}
	var bytes int64
	for i, rows := range []int64{1, 2} {
		o := c.Objects[i]
		bytes += o.Size
		if o.Rows != rows || o.VersionID == "" || o.Partition[0] != (lake.PartitionValue{Column: "district_id", Value: fmt.Sprintf("%02d", i)}) {
			t.Errorf("object %d: %+v", i, o)
		}
		if _, err := lake.Read(t.Context(), w.lake, o.Object); err != nil { // key, size and sha256 are what is there
			t.Error(err)
		}
	}
	if bytes != c.Bytes || len(c.Objects) != 2 {
		t.Errorf("%d objects of %d bytes, the candidate says %d bytes", len(c.Objects), bytes, c.Bytes)
	}
	if _, err := lake.Read(t.Context(), w.lake, *c.Quarantine); err != nil {
		t.Error(err)
	}
	for name, v := range map[string]float64{"rows_staged": 3, "rows_duplicate": 1, "rows_quarantined": 1, "bytes_staged": float64(c.Bytes), "staging_time": 1000} {
		if w.metrics.values[name] != v {
			t.Errorf("metric %s: got %v, want %v", name, w.metrics.values[name], v)
		}
	}
}

func TestNothingToStage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `[]`)
	out, err := w.handle(t)
	if err != nil {
		t.Fatal(err)
	}
	said, err := events.As[events.StagingWritten](out[0])
	if err != nil {
		t.Fatal(err)
	}
	c, err := lake.ReadDocument[lake.Candidate](t.Context(), w.lake, said.Candidate)
	if err != nil || len(c.Objects) != 0 || c.Quarantine != nil || c.RowsIn != 0 {
		t.Errorf("candidate of an empty landing: %+v, %v", c, err)
	}
}

// TestSameLandingSameBytes: invariant 6, for two attempts at one landing.
func TestSameLandingSameBytes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pageOne, pageTwo)
	for range 2 {
		if _, err := w.handle(t); err != nil {
			t.Fatal(err)
		}
	}
	digests := map[string]int{}
	for key, body := range w.lake.Snapshot() {
		if strings.HasSuffix(key, ".parquet") {
			digests[lake.SHA256(body)]++
		}
	}
	if len(digests) != 3 || slices.ContainsFunc(slices.Collect(maps.Values(digests)), func(n int) bool { return n != 2 }) {
		t.Errorf("two attempts at three files gave the digests %v", digests)
	}
}

// TestPersonalValuesStayInLanding: invariant 8. Values planted in personal fields and in fields the contract does not
// know are found nowhere but in landing: not in files (decompressed), documents, events, metrics, logs or errors.
func TestPersonalValuesStayInLanding(t *testing.T) {
	t.Parallel()
	plant := func(i int) string {
		return fmt.Sprintf(`"nom":"PLANTED-%d","telefon":"PLANTED %d","dni":"PLANTED","nested":{"a":["PLANTED"]}`, i, i)
	}
	w := newWorld(t,
		`[{"registre":"S00001",`+plant(1)+`},{"registre":"bad",`+plant(2)+`},{"registre":"S00002","capacitat":"x",`+plant(3)+`}]`,
		`[{"registre":"S00001","capacitat":"1",`+plant(4)+`},{`+plant(5)+`,"registre":null},{"registre":"S00003","capacitat":"2",`+plant(6)+`},{"registre":"S00003","capacitat":"2",`+plant(7)+`}]`)
	out, err := w.handle(t)
	if err != nil {
		t.Fatal(err)
	}
	said, err := events.As[events.StagingWritten](out[0])
	if err != nil || said.Quarantined != 5 || said.Staged != 1 || said.Duplicates != 1 {
		t.Fatalf("the plant did not grow as meant: %+v, %v", said, err)
	}
	files := 0
	for key, body := range w.lake.Snapshot() {
		if strings.HasPrefix(key, "landing/") {
			continue
		}
		if strings.HasSuffix(key, ".parquet") {
			files++
			body = append(body, everyValue(t, body)...)
			if !bytes.Contains(body, []byte("S0000")) {
				t.Errorf("%s: the scan does not see what is there", key)
			}
		}
		if bytes.Contains(body, []byte("PLANTED")) {
			t.Errorf("%s holds a planted value", key)
		}
	}
	if files != 2 {
		t.Errorf("scanned %d Parquet files, want 2", files)
	}
	told, err := out[0].Marshal()
	if err != nil || bytes.Contains(told, []byte("PLANTED")) || bytes.Contains(w.logs.Bytes(), []byte("PLANTED")) {
		t.Errorf("an event or a log holds a planted value (%v)", err)
	}

	w = newWorld(t, `[{"registre":"S00001",`+plant(1)+`},{"registre":"S00002","nom":"PLANTED`)
	if _, err := w.handle(t); err == nil || strings.Contains(err.Error(), "PLANTED") {
		t.Errorf("a page cut short: got %v, want an error without its values", err)
	}
}

// everyValue writes out every cell of a Parquet file.
func everyValue(t *testing.T, body []byte) []byte {
	t.Helper()
	r, err := file.NewParquetReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	ar, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := ar.ReadTable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for i := range int(table.NumCols()) {
		for _, chunk := range table.Column(i).Data().Chunks() {
			for row := range chunk.Len() {
				fmt.Fprintln(&out, chunk.ValueStr(row))
			}
		}
	}
	return out.Bytes()
}

// TestPermanentFailures: what no retry mends goes to the dead-letter queue at once, and no candidate exists.
func TestPermanentFailures(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(t *testing.T, w *world)
		says   string
	}{
		"malformed page": {func(t *testing.T, w *world) { *w = *newWorld(t, pageOne, `[{"registre":"S00009"},{`) }, "byte 24"},
		"page changed by hand": {func(_ *testing.T, w *world) {
			w.lake.Corrupt(w.manifest.Pages[1].Key, []byte(strings.Replace(pageTwo, "35", "36", 1)))
		}, "integrity"},
		"manifest changed by hand": {func(_ *testing.T, w *world) { w.lake.Corrupt(w.event.Manifest.Key, []byte(`{}`)) }, "integrity"},
		"manifest is no document": {func(t *testing.T, w *world) {
			w.event.Manifest = w.put(t, "landing/x", []byte(`{"rows":"many"}`))
		}, "read manifest landing/x"},
		"manifest of another run": {func(t *testing.T, w *world) {
			w.manifest.Run.RunID = "20250804T140512"
			w.land(t, "fetch2")
		}, "belongs to run 20250804T140512"},
		"manifest counts another page": {func(t *testing.T, w *world) {
			w.manifest.Pages[0].Rows++
			w.land(t, "fetch2")
		}, "the manifest counts 4"},
		"manifest counts another landing": {func(t *testing.T, w *world) {
			w.manifest.Rows++
			w.land(t, "fetch2")
		}, "the manifest counts 6 rows"},
		"impossible contract": {func(_ *testing.T, w *world) { w.contract.Fields[0].Pattern = "(" }, "correct the contract"},
		"engine that loses a row": {func(_ *testing.T, w *world) {
			w.stage = lying(func(r *engine.Result) { r.Staged-- })
		}, "2 staged + 1 duplicates + 1 quarantined"},
		"engine that forgets a file": {func(_ *testing.T, w *world) {
			w.stage = lying(func(r *engine.Result) {
				r.Files = append(r.Files, engine.FileResult{Output: engine.Output{Partition: []lake.PartitionValue{{Column: "district_id", Value: "99"}}}})
			})
		}, "has not committed it"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, pageOne, pageTwo)
			c.change(t, w)
			out, err := w.handle(t)
			if len(out) != 0 || !runtime.IsPermanent(err) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %d events and %v, want a permanent error saying %q", len(out), err, c.says)
			}
			for _, key := range w.lake.Keys() {
				if strings.HasSuffix(key, "_candidate.json") {
					t.Errorf("%s exists", key)
				}
			}
		})
	}
}

// lying is an engine that says something else than it did.
func lying(lie func(*engine.Result)) stageFunc {
	return func(ctx context.Context, in engine.Input, out engine.Sink, o engine.Options) (engine.Result, error) {
		r, err := engine.Stage(ctx, in, out, o)
		lie(&r)
		return r, err
	}
}

func TestWrongEventIsPermanent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.handler(w.ports())(t.Context(), events.New(events.LandingWritten{}))
	if !runtime.IsPermanent(err) || !errors.Is(err, events.ErrUnknownType) {
		t.Errorf("got %v, want a permanent ErrUnknownType", err)
	}
}

// TestTransientFailures: whatever the lake refuses once, the next try does, as an attempt of its own.
func TestTransientFailures(t *testing.T) {
	t.Parallel()
	for _, refused := range []string{"get landing", "put staging", "put quarantine", "_candidate.json"} {
		t.Run(refused, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, pageOne, pageTwo)
			once := true
			w.lake.Before = func(op, key string) error {
				if once && strings.Contains(op+" "+key, refused) {
					once = false
					return io.ErrUnexpectedEOF
				}
				return nil
			}
			out, err := w.handle(t)
			if len(out) != 0 || !errors.Is(err, io.ErrUnexpectedEOF) || runtime.IsPermanent(err) {
				t.Fatalf("got %d events and %v, want a transient error", len(out), err)
			}
			out, err = w.handle(t)
			if err != nil {
				t.Fatal(err)
			}
			if said, err := events.As[events.StagingWritten](out[0]); err != nil || said.Staged != 3 {
				t.Errorf("second try: %+v, %v", said, err)
			}
		})
	}
}

// TestAttemptIsTaken: a key that holds something else is never overwritten.
func TestAttemptIsTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pageOne, pageTwo)
	key := lake.StagingKey(dataset, run, "try1", []lake.PartitionValue{{Column: "district_id", Value: "01"}})
	w.put(t, key, []byte("somebody else's"))
	if _, err := w.handle(t); !errors.Is(err, lake.ErrExists) || runtime.IsPermanent(err) {
		t.Errorf("got %v, want ErrExists, to be tried again", err)
	}
	if got := w.lake.Snapshot()[key]; string(got) != "somebody else's" {
		t.Errorf("%s was overwritten", key)
	}
	if _, err := w.handle(t); err != nil {
		t.Errorf("the next attempt: %v", err)
	}
}

func TestService(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pageOne)
	out, err := Service.New.Handler(w.ports())(t.Context(), events.New(w.event))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(Service.Consumes, events.New(w.event).Type) || !slices.Contains(Service.Emits, out[0].Type) {
		t.Errorf("the service consumes %v and emits %v", Service.Consumes, Service.Emits)
	}
	if got, want := Service.Receipt(events.New(w.event)), "runs/social_services/20250803T140512/stager.json"; got != want {
		t.Errorf("receipt: got %q, want %q", got, want)
	}
	if got := Service.Receipt(events.New(events.LandingWritten{})); got != "" {
		t.Errorf("receipt of another's event: got %q, want none", got)
	}
}
