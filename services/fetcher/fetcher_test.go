package fetcher

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
	"github.com/llac-project/llac/platform/source"
)

// personal is a personal value; it must never leave landing.
const personal = "Maria Puigdomènech 612345678"

// portal is a source with a few pages that a test can re-publish at any time.
type portal struct {
	version  string
	weak     bool // the version is not proof
	pages    []string
	system   string
	describe func() error          // called before each Describe
	page     func(index int) error // called before each Page
	verify   func() error
	atOnce   int                 // pages that may be requested at once
	answer   func(index int) int // page that is sent for the requested one; nil: the requested one

	described []events.Validators // the validators of each Describe request
	fetched   []int               // indexes of the requested pages
	target    source.Target
}

func newPortal() *portal {
	return &portal{version: "v1", system: "portal.example", pages: []string{
		`[{"codi":"1","nom":"` + personal + `"}]`, "[{\"codi\":\"2\"},\r\n {\"codi\" : \"3\"}]\n", `[{"codi":"4"}]`, `[]`,
	}}
}

func (p *portal) Describe(_ context.Context, t source.Target, since events.Validators) (source.Description, error) {
	p.described, p.target = append(p.described, since), t
	if p.describe != nil {
		if err := p.describe(); err != nil {
			return source.Description{}, err
		}
	}
	if since.ETag == p.version && !p.weak {
		return source.Description{}, source.ErrUnchanged
	}
	d := source.Description{
		Unproved:   since.ETag == p.version,
		Validators: events.Validators{ETag: p.version, Weak: p.weak}, AtOnce: p.atOnce, Rows: 4,
		SourceSystem: p.system, URL: "https://portal.example/d",
	}
	for i := range p.pages {
		d.Pages = append(d.Pages, source.PageRequest{Index: i, URL: fmt.Sprint("https://portal.example/", i)})
	}
	return d, nil
}

func (p *portal) Page(_ context.Context, _ source.Target, d source.Description, index int) (source.Page, error) {
	p.fetched = append(p.fetched, index)
	if p.page != nil {
		if err := p.page(index); err != nil {
			return source.Page{}, err
		}
	}
	if d.Validators.ETag != p.version {
		return source.Page{}, fmt.Errorf("page %d: %w", index, source.ErrChanged)
	}
	sent := index
	if p.answer != nil {
		sent = p.answer(index)
	}
	return source.Page{
		Index: index, Body: []byte(p.pages[sent]), Rows: int64(strings.Count(p.pages[sent], "codi")), URL: d.Pages[index].URL,
		Validators: events.Validators{ETag: p.version}, RequestID: "r",
	}, nil
}

func (p *portal) Verify(_ context.Context, _ source.Target, d source.Description) error {
	if p.verify != nil {
		if err := p.verify(); err != nil {
			return err
		}
	}
	if d.Validators.ETag != p.version {
		return source.ErrChanged
	}
	return nil
}

// testFetcher is a fetcher with one contract and a portal.
type testFetcher struct {
	*runtimetest.Harness
	t        *testing.T
	contract *contract.Contract
	portal   *portal
}

func newFetcher(t *testing.T) *testFetcher {
	c := runtimetest.Parse(t, "things", runtimetest.Shape{}.Text())
	return fetcherOf(t, c)
}

func fetcherOf(t *testing.T, c *contract.Contract) *testFetcher {
	b := &testFetcher{runtimetest.New(t, c), t, c, newPortal()}
	b.Ports.Portal = func(string) (source.Client, error) { return b.portal, nil }
	return b
}

const slot = "20250803T063000"

func (b *testFetcher) run() events.Run {
	return events.Run{Dataset: b.contract.Dataset, RunID: slot, Slot: slot, ContractSHA256: b.contract.SHA256, Trigger: "schedule"}
}

func (b *testFetcher) deliver(p events.Payload) ([]events.Event, error) {
	return b.Deliver(b.t.Context(), Service, runtimetest.Event("things/"+slot+"/scheduler/1", p))
}

// published writes a pointer to a snapshot of the portal's version v1.
func (b *testFetcher) published(change func(*lake.Pointer)) {
	p := lake.Pointer{
		Dataset: "things", Snapshot: "20250802T063000", RunID: "20250802T063000",
		ContractSHA256: b.contract.SHA256, SourceSystem: "portal.example",
		PublishedAt: runtimetest.Start.AddDate(0, 0, -1),
		Parts: []lake.PointerPart{{
			PublishedPart: events.PublishedPart{RunID: "20250802T063000"}, Validators: events.Validators{ETag: "v1"},
		}},
	}
	if change != nil {
		change(&p)
	}
	b.Put(b.t, lake.PointerKey("things"), p)
}

func (b *testFetcher) manifest(o events.Object) lake.Manifest {
	b.t.Helper()
	m, err := lake.ReadDocument[lake.Manifest](b.t.Context(), b.Lake, o)
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

// landed checks that a manifest lists exactly the portal's pages, each stored byte for byte under its digest.
func (b *testFetcher) landed(m lake.Manifest) {
	b.t.Helper()
	if len(m.Pages) != len(b.portal.pages) {
		b.t.Fatalf("the manifest lists %d pages, want %d", len(m.Pages), len(b.portal.pages))
	}
	for i, page := range m.Pages {
		body, err := lake.Read(b.t.Context(), b.Lake, page.Object)
		if err != nil || string(body) != b.portal.pages[i] || page.Index != i {
			b.t.Errorf("page %d (index %d): %q (%v)", i, page.Index, body, err)
		}
		if want := lake.LandingPageKey(m.Run.Dataset, m.Run.RunID, i, lake.SHA256(body)); page.Key != want {
			b.t.Errorf("page %d has the key %s, want %s", i, page.Key, want)
		}
	}
}

func TestPagesAreLandedByteForByte(t *testing.T) {
	t.Parallel()
	b := newFetcher(t)
	out, err := b.deliver(events.ExtractionRequested{Run: b.run()})
	p := runtimetest.Only[events.LandingWritten](t, out, err)
	m := b.manifest(p.Manifest)
	b.landed(m)
	if p.Pages != 4 || p.Rows != 4 || p.SourceRows != 4 || p.SourceSystem != "portal.example" ||
		p.Bytes != m.Bytes || m.Rows != 4 || p.Attempt != m.Attempt {
		t.Errorf("%+v", p)
	}
	if m.Pages[1].ETag != "v1" || m.Pages[1].RequestID != "r" || m.Pages[1].URL != "https://portal.example/1" ||
		m.Run.RunID != slot || m.Source.ID != "abcd-1234" {
		t.Errorf("manifest: %+v", m)
	}
	if want := []events.Validators{{}}; !slices.Equal(b.portal.described, want) {
		t.Errorf("described with %v, want an unconditional request: nothing was published", b.portal.described)
	}
}

func TestAnUnchangedSourceEndsTheRun(t *testing.T) {
	t.Parallel()
	b := newFetcher(t)
	b.published(nil)
	out, err := b.deliver(events.ExtractionRequested{Run: b.run()})
	p := runtimetest.Only[events.ExtractionUnchanged](t, out, err)
	if p.Snapshot != "20250802T063000" || !p.CheckedAt.Equal(runtimetest.Start) || len(b.portal.fetched) != 0 {
		t.Errorf("%+v, fetched %v", p, b.portal.fetched)
	}
	cursor, err := lake.ReadCursor(t.Context(), b.Lake, "things")
	if err != nil || cursor == nil || !cursor.LastSuccess.Equal(runtimetest.Start) {
		t.Errorf("cursor %+v, error %v", cursor, err)
	}
}

// Everything is fetched if the validators of the published snapshot prove nothing about the source of this run.
func TestEverythingIsFetchedIfTheValidatorsDoNotApply(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(b *testFetcher) events.ExtractionRequested{
		"a person forces the run": func(b *testFetcher) events.ExtractionRequested {
			b.published(nil)
			return events.ExtractionRequested{Run: b.run(), Force: true}
		},
		"the contract has changed": func(b *testFetcher) events.ExtractionRequested {
			b.published(func(p *lake.Pointer) { p.ContractSHA256 = strings.Repeat("0", 64) })
			return events.ExtractionRequested{Run: b.run()}
		},
		"the snapshot is simulated, the portal is not": func(b *testFetcher) events.ExtractionRequested {
			b.published(func(p *lake.Pointer) { p.SourceSystem = "simulator" })
			return events.ExtractionRequested{Run: b.run()}
		},
		"the snapshot is real, the portal is simulated": func(b *testFetcher) events.ExtractionRequested {
			b.published(nil)
			b.Ports.BaseURL = func(string, string) string { return "http://127.0.0.1:9" }
			return events.ExtractionRequested{Run: b.run()}
		},
		"the source has changed": func(b *testFetcher) events.ExtractionRequested {
			b.published(nil)
			b.portal.version = "v2"
			return events.ExtractionRequested{Run: b.run()}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newFetcher(t)
			out, err := b.deliver(set(b))
			b.landed(b.manifest(runtimetest.Only[events.LandingWritten](t, out, err).Manifest))
		})
	}
}

func TestASimulatorsValidatorsApplyToTheSimulator(t *testing.T) {
	t.Parallel()
	b := newFetcher(t)
	b.published(func(p *lake.Pointer) { p.SourceSystem = "simulator" })
	b.Ports.BaseURL = func(string, string) string { return "http://127.0.0.1:9" }
	out, err := b.deliver(events.ExtractionRequested{Run: b.run()})
	runtimetest.Only[events.ExtractionUnchanged](t, out, err)
}

// The service may crash at any step. The next delivery writes no page again, and completes the run.
func TestACrashAtEachStep(t *testing.T) {
	t.Parallel()
	died := errors.New("killed")
	for step := 1; ; step++ {
		b := newFetcher(t)
		done := 0
		b.Lake.Before = func(op, _ string) error {
			if done++; done == step {
				return died
			}
			return nil
		}
		_, err := b.deliver(events.ExtractionRequested{Run: b.run()})
		b.Lake.Before = nil
		if err == nil {
			if step < 7 {
				t.Errorf("the run has %d steps, want 7 or more", step)
			}
			return
		}
		if !errors.Is(err, died) {
			t.Fatalf("step %d: %v", step, err)
		}
		before := versions(b)
		out, err := b.deliver(events.ExtractionRequested{Run: b.run()})
		m := b.manifest(runtimetest.Only[events.LandingWritten](t, out, err).Manifest)
		b.landed(m)
		for key, version := range before {
			_, info, err := b.Lake.Get(t.Context(), key)
			if err != nil || info.VersionID != version {
				t.Errorf("step %d: %s was written again (%v)", step, key, err)
			}
		}
		if pages := len(b.pages()); pages != 4 {
			t.Errorf("step %d: %d pages in landing", step, pages)
		}
	}
}

// pages returns the keys of the landing pages.
func (b *testFetcher) pages() []string {
	return slices.DeleteFunc(b.Lake.Keys(), func(k string) bool {
		return !strings.HasPrefix(k, "landing/") || strings.Contains(k, "_manifest")
	})
}

func versions(b *testFetcher) map[string]string {
	out := map[string]string{}
	for _, k := range b.pages() {
		_, info, err := b.Lake.Get(b.t.Context(), k)
		if err != nil {
			b.t.Fatal(err)
		}
		out[k] = info.VersionID
	}
	return out
}

func TestASourceRepublishedMidRun(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(p *portal, republish func()){
		"between pages": func(p *portal, republish func()) {
			p.page = func(index int) error {
				if index == 2 && p.version == "v1" {
					republish()
				}
				return nil
			}
		},
		"after the last page": func(p *portal, republish func()) {
			p.verify = func() error {
				if p.version == "v1" {
					republish()
				}
				return nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newFetcher(t)
			set(b.portal, func() {
				b.portal.version = "v2"
				b.portal.pages = []string{`[{"codi":"9"}]`, b.portal.pages[1], `[{"codi":"4"}]`, `[]`}
			})
			out, err := b.deliver(events.ExtractionRequested{Run: b.run()})
			p := runtimetest.Only[events.LandingWritten](t, out, err)
			m := b.manifest(p.Manifest)
			b.landed(m)
			if m.Attempt != "a2" || m.Restarts != 1 || m.Description.Validators.ETag != "v2" {
				t.Errorf("attempt %s after %d restarts, version %s", m.Attempt, m.Restarts, m.Description.Validators.ETag)
			}
			if last := b.portal.described[len(b.portal.described)-1]; last != (events.Validators{}) {
				t.Errorf("the new attempt was described with %v, want an unconditional request", last)
			}
		})
	}
}

func TestASourceThatKeepsChangingIsATransientError(t *testing.T) {
	t.Parallel()
	b := newFetcher(t)
	n := 0
	b.portal.verify = func() error {
		n++
		b.portal.version = fmt.Sprint("v", n+1)
		return nil
	}
	_, err := b.deliver(events.ExtractionRequested{Run: b.run()})
	var transient *source.TransientError
	if !errors.As(err, &transient) || runtime.IsPermanent(err) || n != 3 {
		t.Errorf("error %v after %d attempts, want a transient error after 3", err, n)
	}
	if slices.ContainsFunc(b.Lake.Keys(), func(k string) bool { return strings.Contains(k, "_manifest") }) {
		t.Errorf("a mixed landing has a manifest: %v", b.Lake.Keys())
	}
}

// deadline is a context with a deadline by the test's clock; it starts no timer.
type deadline struct {
	context.Context
	at time.Time
}

func (d deadline) Deadline() (time.Time, bool) { return d.at, true }

// Each delivery has 100 seconds and each page takes 30, so a delivery lands three pages in 80 % of its time.
func TestTheFetcherHandsOverBeforeTheDeadline(t *testing.T) {
	t.Parallel()
	b := newFetcher(t)
	b.portal.pages = nil
	for i := range 10 {
		b.portal.pages = append(b.portal.pages, fmt.Sprintf(`[{"codi":"%d"}]`, i))
	}
	b.portal.page = func(int) error { return b.Clock.Sleep(t.Context(), 30*time.Second) }
	in := runtimetest.Event("things/"+slot+"/scheduler/1", events.ExtractionRequested{Run: b.run(), Force: true})
	next := 0
	for part := 1; ; part++ {
		ctx := deadline{t.Context(), b.Clock.Now().Add(100 * time.Second)}
		out, err := b.Deliver(ctx, Service, in)
		if err != nil {
			t.Fatal(err)
		}
		again, err := b.Deliver(ctx, Service, in)
		if err != nil || runtimetest.Bytes(t, again) != runtimetest.Bytes(t, out) {
			t.Fatalf("part %d: the redelivery emits different events (%v)", part, err)
		}
		if out[0].Type == (events.LandingWritten{}).EventType() {
			p := runtimetest.Only[events.LandingWritten](t, out, err)
			m := b.manifest(p.Manifest)
			b.landed(m)
			if part != 4 || len(m.Parts) != 3 || m.Rows != 10 || m.Attempt != "a1" {
				t.Errorf("ended with part %d, %d parts listed, %d rows, attempt %s", part, len(m.Parts), m.Rows, m.Attempt)
			}
			for _, o := range m.Parts {
				if _, err := lake.Read(t.Context(), b.Lake, o); err != nil {
					t.Error(err)
				}
			}
			break
		}
		p := runtimetest.Only[events.ExtractionContinued](t, out, err)
		if p.Part != part || p.NextPage <= next || !p.Force || p.RunID != slot {
			t.Fatalf("part %d: %+v", part, p)
		}
		next, in = p.NextPage, out[0]
	}
	if len(b.portal.described) != 1 || len(b.portal.fetched) != 10 {
		t.Errorf("described %d times, fetched pages %v", len(b.portal.described), b.portal.fetched)
	}
}

// A deadline that has passed before the delivery starts must not cause an endless chain.
func TestTheChainEndsEvenWithoutTime(t *testing.T) {
	t.Parallel()
	b := newFetcher(t)
	in := runtimetest.Event("things/"+slot+"/scheduler/1", events.ExtractionRequested{Run: b.run()})
	for part := 1; part <= 4; part++ {
		out, err := b.Deliver(deadline{t.Context(), b.Clock.Now()}, Service, in)
		if err != nil || len(out) != 1 {
			t.Fatal(err, out)
		}
		in = out[0]
	}
	if in.Type != (events.LandingWritten{}).EventType() {
		t.Errorf("as many deliveries as pages ended with %s, want landing.written", in.Type)
	}
}

// The source may change between two deliveries of a chain. The new attempt lists nothing of the old one.
func TestRepublishedBetweenParts(t *testing.T) {
	t.Parallel()
	b := newFetcher(t)
	b.portal.page = func(int) error { return b.Clock.Sleep(t.Context(), time.Minute) }
	in := runtimetest.Event("1", events.ExtractionRequested{Run: b.run()})
	out, err := b.Deliver(deadline{t.Context(), b.Clock.Now().Add(time.Minute)}, Service, in)
	handed := runtimetest.Only[events.ExtractionContinued](t, out, err)
	b.portal.version, b.portal.pages = "v2", []string{`[{"codi":"9"}]`}
	out, err = b.deliver(handed)
	m := b.manifest(runtimetest.Only[events.LandingWritten](t, out, err).Manifest)
	b.landed(m)
	if m.Attempt == handed.Attempt || len(m.Parts) != 0 || m.Restarts != 1 {
		t.Errorf("%+v", m)
	}
}

func TestATamperedPartStopsTheChain(t *testing.T) {
	t.Parallel()
	b := newFetcher(t)
	out, err := b.Deliver(deadline{t.Context(), b.Clock.Now()}, Service, runtimetest.Event("1", events.ExtractionRequested{Run: b.run()}))
	handed := runtimetest.Only[events.ExtractionContinued](t, out, err)
	b.Lake.Corrupt(handed.Partial.Key, []byte("{}"))
	if _, err := b.deliver(handed); !runtime.IsPermanent(err) {
		t.Errorf("error %v, want a permanent one", err)
	}
}

// A part manifest of another run must not be continued, even if its digest is right: its pages are not this run's.
func TestAPartOfAnotherRunStopsTheChain(t *testing.T) {
	t.Parallel()
	b := newFetcher(t)
	out, err := b.Deliver(deadline{t.Context(), b.Clock.Now()}, Service, runtimetest.Event("1", events.ExtractionRequested{Run: b.run()}))
	handed := runtimetest.Only[events.ExtractionContinued](t, out, err)
	handed.RunID = "20250804T051500"
	var wrong *lake.WrongRunError
	if _, err := b.deliver(handed); !errors.As(err, &wrong) || !runtime.IsPermanent(err) {
		t.Errorf("error %v, want a permanent one that names both runs", err)
	}
}

func TestErrorsOfThePortal(t *testing.T) {
	t.Parallel()
	permanent := &source.PermanentError{Op: "describe", Err: errors.New("404"), Body: personal}
	transient := &source.TransientError{Op: "page 1", Err: errors.New("503")}
	b := newFetcher(t)
	b.portal.describe = func() error { return permanent }
	_, err := b.deliver(events.ExtractionRequested{Run: b.run()})
	if !runtime.IsPermanent(err) || strings.Contains(err.Error(), personal) {
		t.Errorf("error %v", err)
	}
	b.portal.describe, b.portal.page = nil, func(i int) error { return map[int]error{1: transient}[i] }
	if _, err := b.deliver(events.ExtractionRequested{Run: b.run()}); !errors.Is(err, transient.Err) || runtime.IsPermanent(err) {
		t.Errorf("error %v", err)
	}
	b.Ports.Portal = func(kind string) (source.Client, error) { return nil, fmt.Errorf("no client for %q", kind) }
	if _, err := b.deliver(events.ExtractionRequested{Run: b.run()}); !runtime.IsPermanent(err) {
		t.Errorf("error %v", err)
	}
}

// A request that names one dataset and the contract of another would land, and classify, the wrong data under its name.
func TestAContractOfAnotherDatasetFailsPermanently(t *testing.T) {
	t.Parallel()
	b := newFetcher(t)
	run := b.run()
	run.Dataset = "others"
	_, err := b.deliver(events.ExtractionRequested{Run: run})
	if !runtime.IsPermanent(err) || len(b.portal.described)+len(b.portal.fetched) > 0 {
		t.Errorf("error %v, want a permanent one; the portal got %d requests, want 0", err, len(b.portal.described)+len(b.portal.fetched))
	}
}

func TestAPermanentFailureFailsTheRun(t *testing.T) {
	t.Parallel()
	b := newFetcher(t)
	why := events.Failure{Service: "fetcher", Class: "permanent", Reason: "the portal returned 404"}
	for _, p := range []events.Payload{events.ExtractionRequested{Run: b.run()}, events.ExtractionContinued{Run: b.run(), Part: 2}} {
		f := runtimetest.Only[events.ExtractionFailed](t, Service.GaveUp(runtimetest.Event("1", p), why), nil)
		if f.RunID != slot || f.Failure != why {
			t.Errorf("%+v", f)
		}
	}
	if out := Service.GaveUp(runtimetest.Event("1", events.DatasetStale{}), why); len(out) != 0 {
		t.Errorf("emitted %v for an event that belongs to no run", runtimetest.Names(out))
	}
}

// Invariant 8: values of rows are stored in landing pages and nowhere else.
func TestNoValueOfARowLeavesLanding(t *testing.T) {
	t.Parallel()
	b := newFetcher(t)
	changed := false
	b.portal.verify = func() error {
		if !changed {
			changed = true
			return fmt.Errorf("verify: %w", source.ErrChanged)
		}
		return nil
	}
	out, err := b.deliver(events.ExtractionRequested{Run: b.run()})
	runtimetest.Only[events.LandingWritten](t, out, err)
	found := false
	for key, body := range b.Lake.Snapshot() {
		page := slices.Contains(b.pages(), key)
		if has := strings.Contains(string(body), personal); has && !page {
			t.Errorf("%s contains a value of a row", key)
		} else if has {
			found = true
		}
	}
	if !found {
		t.Error("the planted value is not in landing, so the test proves nothing")
	}
	if texts := runtimetest.Bytes(t, out) + b.Log.String(); strings.Contains(texts, personal) || b.Log.String() == "" {
		t.Errorf("events and logs contain a value of a row, or nothing is logged:\n%s", texts)
	}
}

func TestASliceIsAParameterOfTheRequest(t *testing.T) {
	t.Parallel()
	c := runtimetest.Contract(t, "population")
	b := fetcherOf(t, c)
	run := b.run()
	run.RunID, run.Slice, run.Slices = slot+"-y2024", "2024", c.Slicing.Values
	out, err := b.deliver(events.ExtractionRequested{Run: run})
	runtimetest.Only[events.LandingWritten](t, out, err)
	if got := b.portal.target.Params; got["YEAR"] != "2024" || c.Source.Params["YEAR"] != "" {
		t.Errorf("requested with %v; the contract now has %v", got, c.Source.Params)
	}
	for _, slice := range []string{"", "1066"} {
		run.RunID, run.Slice = slot+"-y"+slice, slice
		if _, err := b.deliver(events.ExtractionRequested{Run: run}); !runtime.IsPermanent(err) {
			t.Errorf("slice %q: %v, want a permanent error", slice, err)
		}
	}
	plain := newFetcher(t)
	run = plain.run()
	run.Slice = "2024"
	if _, err := plain.deliver(events.ExtractionRequested{Run: run}); !runtime.IsPermanent(err) {
		t.Errorf("a slice of a dataset without slices: error %v, want a permanent one", err)
	}
}

// A slice that can be read must not hide one that cannot.
func TestADatasetIsAsFreshAsItsOldestSlice(t *testing.T) {
	t.Parallel()
	c := runtimetest.Contract(t, "population")
	b := fetcherOf(t, c)
	b.portal.system = "api.idescat.cat"
	published := runtimetest.Start.AddDate(0, 0, -6)
	b.Put(t, lake.PointerKey("population"), lake.Pointer{
		Dataset: "population", Snapshot: "20250728T000000", ContractSHA256: c.SHA256,
		SourceSystem: "api.idescat.cat", PublishedAt: published,
		Parts: []lake.PointerPart{
			{PublishedPart: events.PublishedPart{RunID: "20250728T000000-y2023", Slice: "2023"}, Validators: events.Validators{ETag: "v1"}},
			{PublishedPart: events.PublishedPart{RunID: "20250728T000000-y2024", Slice: "2024"}, Validators: events.Validators{ETag: "v1"}},
		},
	})
	want := map[string]time.Time{"2023": published, "2024": runtimetest.Start}
	for _, slice := range slices.Sorted(maps.Keys(want)) {
		run := b.run()
		run.RunID, run.Slice, run.Slices = slot+"-y"+slice, slice, c.Slicing.Values
		out, err := b.deliver(events.ExtractionRequested{Run: run})
		runtimetest.Only[events.ExtractionUnchanged](t, out, err)
		cursor, err := lake.ReadCursor(t.Context(), b.Lake, "population")
		if err != nil || !cursor.LastSuccess.Equal(want[slice]) {
			t.Errorf("after %s the last success is %v (%v), want %v", slice, cursor.LastSuccess, err, want[slice])
		}
	}
}
