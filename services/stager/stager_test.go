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

// landing is a lake with one landing, its contract and its event, and ports that record what the handler does.
type landing struct {
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

func newLanding(t *testing.T, pages ...string) *landing {
	t.Helper()
	l := &landing{lake: laketest.NewMemory(), metrics: &recorder{}, logs: &bytes.Buffer{}, stage: engine.Stage}
	l.contract = &contract.Contract{
		Dataset: dataset, SHA256: digest, Licence: "Llicència oberta", LicenceURL: "https://licence.example",
		Attribution: "Font: Generalitat",
		Source:      contract.Source{Kind: socrata.Name, BaseURL: "https://portal.example", ID: "ivft-vegh"},
		Key:         []string{"service_id"}, Partition: []string{"district_id"}, KeyConflict: contract.QuarantineConflicts,
		Fields: []contract.Field{
			{Name: "service_id", Source: "registre", Type: contract.Text, Required: true, Pattern: `S\d{5}`, Staged: true},
			{Name: "capacity", Source: "capacitat", Type: contract.Integer, Staged: true},
			{Name: "name", Source: "nom", Type: contract.Text, Classification: "personal"},
			{Name: "phone", Source: "telefon", Type: contract.Text, Classification: "personal", Pattern: `\d{9}`},
			{Name: "district_id", Source: "districte", Type: contract.Text, PadLeft: 2, Default: pointer("00"), Staged: true},
		},
	}
	l.manifest = lake.Manifest{
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
		o := l.put(t, lake.LandingPageKey(dataset, run, i, sha), []byte(body))
		l.manifest.Pages = append(l.manifest.Pages, lake.ManifestPage{
			Object: o, Index: i, Rows: rows, URL: fmt.Sprintf("https://portal.example/resource/ivft-vegh.json?page=%d", i),
		})
		l.manifest.Rows += rows
		l.manifest.Bytes += o.Size
	}
	l.land(t, "fetch1")
	l.lake.Before = func(op, key string) error {
		if op == "put" {
			l.mu.Lock()
			l.puts = append(l.puts, key)
			l.mu.Unlock()
		}
		return nil
	}
	return l
}

func pointer[T any](v T) *T { return &v }

func (l *landing) put(t *testing.T, key string, body []byte) events.Object {
	t.Helper()
	info, err := l.lake.Put(t.Context(), key, body)
	if err != nil {
		t.Fatal(err)
	}
	return info.Object()
}

// land writes the manifest and sets the event that names it.
func (l *landing) land(t *testing.T, attempt string) {
	t.Helper()
	m := l.put(t, lake.ManifestKey(dataset, run, attempt, 0), lake.Encode(l.manifest))
	l.event = events.LandingValidated{
		Run: events.Run{Dataset: dataset, RunID: run, Slot: run, ContractSHA256: digest, Trigger: "schedule"}, Attempt: attempt,
		Manifest: m, Pages: len(l.manifest.Pages), Rows: l.manifest.Rows, Bytes: l.manifest.Bytes,
	}
}

func (l *landing) handle(t *testing.T) ([]events.Event, error) {
	t.Helper()
	return l.handler(l.ports())(t.Context(), events.New(l.event))
}

// handler constructs the stager as the service does, with the landing's stage function.
func (l *landing) handler(p runtime.Ports) runtime.Handler {
	return runtime.Construct(func(p ports) runtime.Handler { return newStager(p, l.stage).handle }).Handler(p)
}

func (l *landing) ports() runtime.Ports {
	return runtime.Ports{
		Lake: l.lake, Contracts: l, Clock: &ticking{}, Metrics: l.metrics, Build: "test",
		Log: slog.New(slog.NewJSONHandler(l.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		NewAttempt: func() string {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.attempts++
			return fmt.Sprintf("try%d", l.attempts)
		},
		Failpoint: func(string) {},
	}
}

// Load implements runtime.Contracts.
func (l *landing) Load(_ context.Context, sha string) (*contract.Contract, error) {
	if sha != l.contract.SHA256 {
		return nil, fmt.Errorf("contract %s: %w", sha, lake.ErrNotFound)
	}
	return l.contract, nil
}

// Current implements runtime.Contracts.
func (l *landing) Current(context.Context) ([]*contract.Contract, error) {
	return []*contract.Contract{l.contract}, nil
}

// ticking is a clock that advances by one second per call of Now.
type ticking struct{ calls int }

func (c *ticking) Now() time.Time {
	c.calls++
	return time.Date(2025, 8, 3, 14, 5, 12+c.calls, 0, time.UTC)
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
	l := newLanding(t, pageOne, pageTwo)
	out, err := l.handle(t)
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != 1 {
		t.Fatalf("%d events, want 1", len(out))
	}
	event, err := events.As[events.StagingWritten](out[0])
	if err != nil {
		t.Fatal(err)
	}
	if event.RowsIn != 5 || event.Staged != 3 || event.Duplicates != 1 || event.Quarantined != 1 ||
		event.ByReason["bad_integer"] != 1 || event.Attempt != "try1" {
		t.Errorf("event: %+v", event)
	}
	want := []string{
		"staging/social_services/ingested_process_at=20250803T140512-try1/district_id=00/social_services.parquet",
		"staging/social_services/ingested_process_at=20250803T140512-try1/district_id=01/social_services.parquet",
		"quarantine/social_services/ingested_process_at=20250803T140512-try1/rows.parquet",
		"staging/social_services/ingested_process_at=20250803T140512-try1/_candidate.json",
	}
	// The files are written in any order. The candidate is written last.
	slices.Sort(want[:3])
	slices.Sort(l.puts[:min(3, len(l.puts))])
	if !slices.Equal(l.puts, want) {
		t.Errorf("wrote %q, want %q", l.puts, want)
	}

	c, err := lake.ReadDocument[lake.Candidate](t.Context(), l.lake, event.Candidate)
	if err != nil {
		t.Fatal(err)
	}
	if c.Manifest != l.event.Manifest || c.SourceSystem != "portal.example" ||
		c.Validators.UpdatedAt != "2025-08-02T00:00:00Z" || c.Run.RunID != run || c.Attempt != "try1" {
		t.Errorf("candidate: %+v", c)
	}
	if c.RowsIn != 5 || c.Staged != 3 || c.Duplicates != 1 || c.Quarantined != 1 || c.Bytes != event.Bytes {
		t.Errorf("candidate's counts: %+v", c)
	}
	var bytes int64
	for i, rows := range []int64{1, 2} {
		o := c.Objects[i]
		bytes += o.Size
		if o.Rows != rows || o.VersionID == "" || o.Partition[0] != (lake.PartitionValue{Column: "district_id",
			Value: fmt.Sprintf("%02d", i)}) {
			t.Errorf("object %d: %+v", i, o)
		}
		if _, err := lake.Read(t.Context(), l.lake, o.Object); err != nil { // it checks the size and sha256
			t.Error(err)
		}
	}
	if bytes != c.Bytes || len(c.Objects) != 2 {
		t.Errorf("%d objects of %d bytes, want 2 objects and the candidate's %d bytes", len(c.Objects), bytes, c.Bytes)
	}
	if _, err := lake.Read(t.Context(), l.lake, *c.Quarantine); err != nil {
		t.Error(err)
	}
	for name, v := range map[string]float64{"rows_staged": 3, "rows_duplicate": 1, "rows_quarantined": 1,
		"bytes_staged": float64(c.Bytes), "staging_time": 1000} {
		if l.metrics.values[name] != v {
			t.Errorf("metric %s: got %v, want %v", name, l.metrics.values[name], v)
		}
	}
}

func TestNothingToStage(t *testing.T) {
	t.Parallel()
	l := newLanding(t, `[]`)
	out, err := l.handle(t)
	if err != nil {
		t.Fatal(err)
	}
	event, err := events.As[events.StagingWritten](out[0])
	if err != nil {
		t.Fatal(err)
	}
	c, err := lake.ReadDocument[lake.Candidate](t.Context(), l.lake, event.Candidate)
	if err != nil || len(c.Objects) != 0 || c.Quarantine != nil || c.RowsIn != 0 {
		t.Errorf("candidate of an empty landing: %+v, %v", c, err)
	}
}

// Invariant 6: two attempts at one landing stage the same bytes.
func TestSameLandingSameBytes(t *testing.T) {
	t.Parallel()
	l := newLanding(t, pageOne, pageTwo)
	for range 2 {
		if _, err := l.handle(t); err != nil {
			t.Fatal(err)
		}
	}
	digests := map[string]int{}
	for key, body := range l.lake.Snapshot() {
		if strings.HasSuffix(key, ".parquet") {
			digests[lake.SHA256(body)]++
		}
	}
	if len(digests) != 3 || slices.ContainsFunc(slices.Collect(maps.Values(digests)), func(n int) bool { return n != 2 }) {
		t.Errorf("two attempts at three files have the digests %v", digests)
	}
}

// Invariant 8: values of personal fields, and of fields that the contract does not name, stay in landing. They are not in
// files (decompressed), documents, events, logs or errors.
func TestPersonalValuesStayInLanding(t *testing.T) {
	t.Parallel()
	plant := func(i int) string {
		return fmt.Sprintf(`"nom":"PLANTED-%d","telefon":"PLANTED %d","dni":"PLANTED","nested":{"a":["PLANTED"]}`, i, i)
	}
	l := newLanding(t,
		`[{"registre":"S00001",`+plant(1)+`},{"registre":"bad",`+plant(2)+`},{"registre":"S00002","capacitat":"x",`+plant(3)+`}]`,
		`[{"registre":"S00001","capacitat":"1",`+plant(4)+`},{`+plant(5)+`,"registre":null},{"registre":"S00003",`+
			`"capacitat":"2",`+plant(6)+`},{"registre":"S00003","capacitat":"2",`+plant(7)+`}]`)
	out, err := l.handle(t)
	if err != nil {
		t.Fatal(err)
	}
	event, err := events.As[events.StagingWritten](out[0])
	if err != nil || event.Quarantined != 5 || event.Staged != 1 || event.Duplicates != 1 {
		t.Fatalf("the planted rows were not staged as expected: %+v, %v", event, err)
	}
	files := 0
	for key, body := range l.lake.Snapshot() {
		if strings.HasPrefix(key, "landing/") {
			continue
		}
		if strings.HasSuffix(key, ".parquet") {
			files++
			body = append(body, everyValue(t, body)...)
			if !bytes.Contains(body, []byte("S0000")) {
				t.Errorf("%s: the scan does not find the values that are staged", key)
			}
		}
		if bytes.Contains(body, []byte("PLANTED")) {
			t.Errorf("%s contains a planted value", key)
		}
	}
	if files != 2 {
		t.Errorf("scanned %d Parquet files, want 2", files)
	}
	body, err := out[0].Marshal()
	if err != nil || bytes.Contains(body, []byte("PLANTED")) || bytes.Contains(l.logs.Bytes(), []byte("PLANTED")) {
		t.Errorf("an event or a log contains a planted value (%v)", err)
	}

	l = newLanding(t, `[{"registre":"S00001",`+plant(1)+`},{"registre":"S00002","nom":"PLANTED`)
	if _, err := l.handle(t); err == nil || strings.Contains(err.Error(), "PLANTED") {
		t.Errorf("a truncated page: got %v, want an error without its values", err)
	}
}

// everyValue returns every cell of a Parquet file, one per line.
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

// TestPermanentFailures checks that a failure that retrying cannot repair is permanent, and that no candidate is written.
func TestPermanentFailures(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change  func(t *testing.T, l *landing)
		message string
	}{
		"malformed page": {func(t *testing.T, l *landing) { *l = *newLanding(t, pageOne, `[{"registre":"S00009"},{`) }, "byte 24"},
		"page changed by hand": {func(_ *testing.T, l *landing) {
			l.lake.Corrupt(l.manifest.Pages[1].Key, []byte(strings.Replace(pageTwo, "35", "36", 1)))
		}, "integrity"},
		"manifest changed by hand": {func(_ *testing.T, l *landing) { l.lake.Corrupt(l.event.Manifest.Key, []byte(`{}`)) }, "integrity"},
		"manifest is not a document": {func(t *testing.T, l *landing) {
			l.event.Manifest = l.put(t, "landing/x", []byte(`{"rows":"many"}`))
		}, "read manifest landing/x"},
		"manifest of another run": {func(t *testing.T, l *landing) {
			l.manifest.Run.RunID = "20250804T140512"
			l.land(t, "fetch2")
		}, "belongs to run 20250804T140512"},
		"manifest counts another page": {func(t *testing.T, l *landing) {
			l.manifest.Pages[0].Rows++
			l.land(t, "fetch2")
		}, "the manifest counts 4"},
		"manifest counts another landing": {func(t *testing.T, l *landing) {
			l.manifest.Rows++
			l.land(t, "fetch2")
		}, "the manifest counts 6 rows"},
		"impossible contract": {func(_ *testing.T, l *landing) { l.contract.Fields[0].Pattern = "(" }, "correct the contract"},
		"engine that loses a row": {func(_ *testing.T, l *landing) {
			l.stage = altered(func(r *engine.Result) { r.Staged-- })
		}, "2 staged + 1 duplicates + 1 quarantined"},
		"engine that forgets a file": {func(_ *testing.T, l *landing) {
			l.stage = altered(func(r *engine.Result) {
				forgotten := engine.Output{Partition: []lake.PartitionValue{{Column: "district_id", Value: "99"}}}
				r.Files = append(r.Files, engine.FileResult{Output: forgotten})
			})
		}, "without committing it"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLanding(t, pageOne, pageTwo)
			c.change(t, l)
			out, err := l.handle(t)
			if len(out) != 0 || !runtime.IsPermanent(err) || !strings.Contains(err.Error(), c.message) {
				t.Errorf("got %d events and %v, want a permanent error with %q", len(out), err, c.message)
			}
			for _, key := range l.lake.Keys() {
				if strings.HasSuffix(key, "_candidate.json") {
					t.Errorf("%s exists", key)
				}
			}
		})
	}
}

// altered returns a stage function that changes the result of the engine.
func altered(change func(*engine.Result)) stageFunc {
	return func(ctx context.Context, in engine.Input, out engine.Sink, o engine.Options) (engine.Result, error) {
		r, err := engine.Stage(ctx, in, out, o)
		change(&r)
		return r, err
	}
}

func TestWrongEventIsPermanent(t *testing.T) {
	t.Parallel()
	l := newLanding(t)
	_, err := l.handler(l.ports())(t.Context(), events.New(events.LandingWritten{}))
	if !runtime.IsPermanent(err) || !errors.Is(err, events.ErrUnknownType) {
		t.Errorf("got %v, want a permanent ErrUnknownType", err)
	}
}

// TestTransientFailures checks that a run succeeds in a new attempt after the lake refused one operation.
func TestTransientFailures(t *testing.T) {
	t.Parallel()
	for _, refused := range []string{"get landing", "put staging", "put quarantine", "_candidate.json"} {
		t.Run(refused, func(t *testing.T) {
			t.Parallel()
			l := newLanding(t, pageOne, pageTwo)
			once := true
			l.lake.Before = func(op, key string) error {
				if once && strings.Contains(op+" "+key, refused) {
					once = false
					return io.ErrUnexpectedEOF
				}
				return nil
			}
			out, err := l.handle(t)
			if len(out) != 0 || !errors.Is(err, io.ErrUnexpectedEOF) || runtime.IsPermanent(err) {
				t.Fatalf("got %d events and %v, want a transient error", len(out), err)
			}
			out, err = l.handle(t)
			if err != nil {
				t.Fatal(err)
			}
			if event, err := events.As[events.StagingWritten](out[0]); err != nil || event.Staged != 3 {
				t.Errorf("second try: %+v, %v", event, err)
			}
		})
	}
}

// TestAttemptIsTaken checks that an existing object is never overwritten.
func TestAttemptIsTaken(t *testing.T) {
	t.Parallel()
	l := newLanding(t, pageOne, pageTwo)
	key := lake.StagingKey(dataset, run, "try1", []lake.PartitionValue{{Column: "district_id", Value: "01"}})
	l.put(t, key, []byte("of another process"))
	if _, err := l.handle(t); !errors.Is(err, lake.ErrExists) || runtime.IsPermanent(err) {
		t.Errorf("got %v, want a transient ErrExists", err)
	}
	if got := l.lake.Snapshot()[key]; string(got) != "of another process" {
		t.Errorf("%s was overwritten", key)
	}
	if _, err := l.handle(t); err != nil {
		t.Errorf("the next attempt: %v", err)
	}
}

func TestService(t *testing.T) {
	t.Parallel()
	l := newLanding(t, pageOne)
	out, err := Service.New.Handler(l.ports())(t.Context(), events.New(l.event))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(Service.Consumes, events.New(l.event).Type) || !slices.Contains(Service.Emits, out[0].Type) {
		t.Errorf("the service consumes %v and emits %v", Service.Consumes, Service.Emits)
	}
	if got, want := Service.Receipt(events.New(l.event)), "runs/social_services/20250803T140512/stager.json"; got != want {
		t.Errorf("receipt: got %q, want %q", got, want)
	}
	if got := Service.Receipt(events.New(events.LandingWritten{})); got != "" {
		t.Errorf("receipt of another service's event: got %q, want none", got)
	}
}
