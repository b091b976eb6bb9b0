package fetcher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/telemetry"
)

// Service is the fetcher.
var Service = runtime.Service{
	Name:     "fetcher",
	Consumes: events.Consumes("fetcher"),
	Emits:    events.Emits("fetcher"),
	New:      runtime.Construct(func(p ports) runtime.Handler { return fetcher{p}.handle }),
	// At most two functions run at the same time, to stay within the portal's rate limit.
	Size:  runtime.Size{MemoryMiB: 512, Timeout: 15 * time.Minute, BatchSize: 1, MaximumConcurrency: 2},
	Stage: runtime.Stage{State: "extracting", Ends: events.TypesOf(events.LandingWritten{}, events.ExtractionUnchanged{})},
	Receipt: func(in events.Event) string {
		switch p, _ := in.Decode(); p := p.(type) {
		case events.ExtractionRequested:
			return lake.ReceiptKey(p.Dataset, p.RunID, "fetcher", 0)
		case events.ExtractionContinued:
			return lake.ReceiptKey(p.Dataset, p.RunID, "fetcher", p.Part)
		}
		return ""
	},
	GaveUp: runtime.Fails(func(run events.Run, f events.Failure) events.Payload {
		return events.ExtractionFailed{Run: run, Failure: f}
	}),
}

const (
	// maxAttempts is the maximum number of attempts of one landing. A new attempt starts when the source has changed, or when
	// its pages overlap.
	maxAttempts = 3
	// pageTries is how often one page is fetched if it repeats rows of another page.
	pageTries = 3
	// handOver is the fraction of the time limit after which the fetcher stops and emits extraction.continued.
	handOver = 0.8
)

// ports are the ports that the fetcher requests from the runtime.
type ports struct {
	Lake       lake.Store
	Contracts  runtime.Contracts
	Portal     func(kind string) (source.Client, error)
	BaseURL    func(kind, contractURL string) string
	Clock      clock.Clock
	NewAttempt func() string
	Metrics    telemetry.Metrics
	Log        *slog.Logger
}

type fetcher struct{ ports ports }

func (f fetcher) handle(ctx context.Context, in events.Event) ([]events.Event, error) {
	payload, err := in.Decode()
	if err != nil {
		return nil, runtime.Permanent(err)
	}
	x := extraction{fetcher: f, started: f.ports.Clock.Now()}
	if deadline, ok := ctx.Deadline(); ok {
		x.handOverAt = x.started.Add(time.Duration(handOver * float64(deadline.Sub(x.started))))
	}
	switch p := payload.(type) {
	case events.ExtractionRequested:
		x.run, x.force = p.Run, p.Force
		if err := x.open(ctx); err != nil {
			return nil, err
		}
		return x.start(ctx)
	case events.ExtractionContinued:
		x.run, x.force, x.part = p.Run, p.Force, p.Part
		if x.started.Before(p.NotBefore) {
			return nil, runtime.Postpone(p.NotBefore, fmt.Errorf("continue run %s of %s: the portal asked for no request yet",
				p.RunID, p.Dataset))
		}
		if err := x.open(ctx); err != nil {
			return nil, err
		}
		partial, err := lake.ReadManifest(ctx, f.ports.Lake, p.Partial, p.Run)
		if err != nil {
			return nil, err
		}
		partial.Parts = append(partial.Parts, p.Partial)
		x.target.PageSize = partial.Source.PageSize // it may be smaller than the contract's
		if partial.Comparing != nil {
			return x.continueComparison(ctx, partial)
		}
		return x.extractStable(ctx, partial)
	}
	return nil, runtime.Permanent(fmt.Errorf("the fetcher does not consume %s", in.Type))
}

// extraction is one delivery's work on a run.
type extraction struct {
	fetcher
	run        events.Run
	force      bool
	part       int // number of hand-overs before this delivery
	started    time.Time
	handOverAt time.Time // zero if there is no deadline

	contract *contract.Contract
	client   source.Client
	target   source.Target
}

// open reads the run's contract, creates the client of its portal and sets the target.
func (x *extraction) open(ctx context.Context) error {
	var err error
	if x.contract, err = x.ports.Contracts.Load(ctx, x.run.ContractSHA256); err != nil {
		return err
	}
	if x.contract.Dataset != x.run.Dataset {
		// Invariant 8: a field that is personal in one dataset may be public in the contract of another.
		return runtime.Permanent(fmt.Errorf("fetch run %s of %s: its contract is of dataset %s",
			x.run.RunID, x.run.Dataset, x.contract.Dataset))
	}
	from := x.contract.Source
	if x.client, err = x.ports.Portal(from.Kind); err != nil {
		return runtime.Permanent(err)
	}
	if slicing := x.contract.Slicing; slicing != nil && !slices.Contains(slicing.Values, x.run.Slice) {
		return runtime.Permanent(fmt.Errorf("fetch run %s of %s: slice %q is not in its contract, which has the slices %v",
			x.run.RunID, x.run.Dataset, x.run.Slice, slicing.Values))
	}
	if x.run.Slice != "" && x.contract.Slicing == nil {
		return runtime.Permanent(fmt.Errorf("fetch run %s of %s: the run is for slice %q, but its contract has no slices",
			x.run.RunID, x.run.Dataset, x.run.Slice))
	}
	x.target = x.contract.Target(x.run.Slice)
	x.target.BaseURL = x.ports.BaseURL(from.Kind, from.BaseURL)
	return nil
}

// start asks the portal whether the source has changed, and extracts it if so. "Unchanged" must be proved: by strong validators,
// or by the pages. Pages are also compared when the contract's llacRecheck days have passed since they were last read.
func (x *extraction) start(ctx context.Context) ([]events.Event, error) {
	known, err := x.published(ctx)
	if err != nil {
		return nil, err
	}
	since := known.validators()
	due, err := x.recheckIsDue(ctx, known)
	if err != nil {
		return nil, err
	}
	if due {
		since = events.Validators{}
	}
	description, err := x.client.Describe(ctx, x.target, since)
	if errors.Is(err, source.ErrUnchanged) {
		return x.unchanged(ctx, known, since, false)
	}
	if err != nil {
		return nil, err
	}
	m := x.manifest(description, 0)
	if description.Unproved || due && description.Validators.Same(known.validators()) {
		return x.compare(ctx, m, known)
	}
	return x.extractStable(ctx, m)
}

// published is the published snapshot with which the source is compared; the zero value if there is none.
type published struct {
	pointer *lake.Pointer
	part    *lake.PointerPart // of the run's slice
}

func (p published) validators() events.Validators {
	if p.part == nil {
		return events.Validators{}
	}
	return p.part.Validators
}

// published returns the published snapshot. It returns the zero value, so that everything is fetched, if a person forces the
// run, if the contract has changed since, or if the snapshot came from another origin: a simulator's validators prove nothing
// about the real portal (invariant 11).
func (x *extraction) published(ctx context.Context) (published, error) {
	if x.force {
		return published{}, nil
	}
	pointer, _, err := lake.ReadPointer(ctx, x.ports.Lake, x.run.Dataset)
	if err != nil || pointer == nil || pointer.ContractSHA256 != x.run.ContractSHA256 {
		return published{}, err
	}
	part := pointer.Part(x.run.Slice)
	if part == nil || !pointer.Origin().MayComeFrom(x.target.BaseURL, x.contract.Source.BaseURL) {
		return published{}, nil
	}
	return published{pointer, part}, nil
}

// manifest returns the manifest of a new attempt, without pages.
func (x *extraction) manifest(d source.Description, restarts int) lake.Manifest {
	return lake.Manifest{
		Run: x.run, Attempt: x.ports.NewAttempt(), Source: x.target, Description: d,
		StartedAt: x.ports.Clock.Now(), Restarts: restarts,
	}
}

// extractStable extracts the source. It restarts with a new attempt when the source is re-published meanwhile, or when a page
// keeps repeating rows of another page: either page may be the wrong one.
func (x *extraction) extractStable(ctx context.Context, m lake.Manifest) ([]events.Event, error) {
	for {
		out, err := x.extract(ctx, &m)
		if isTooLarge(err) {
			if m, err = x.smaller(ctx, m, err); err != nil {
				return nil, err
			}
			continue
		}
		changed := errors.Is(err, source.ErrChanged)
		if !changed && !isRepeated(err) {
			return out, err
		}
		if m.Restarts+1 >= maxAttempts {
			reason := "the portal is probably still publishing it"
			if !changed {
				reason = "the portal, or a cache before it, sends the same rows for different pages"
			}
			return nil, &source.TransientError{
				Op:  "extract " + x.run.Dataset,
				Err: fmt.Errorf("%w in each of %d attempts; %s; a later retry can succeed", err, maxAttempts, reason),
			}
		}
		x.ports.Log.InfoContext(ctx, "the attempt is abandoned; restarting with a new attempt",
			"attempt", m.Attempt, "pages", len(m.Pages), "reason", err.Error())
		description, err := x.client.Describe(ctx, x.target, events.Validators{})
		if err != nil {
			return nil, err
		}
		m = x.manifest(description, m.Restarts+1)
	}
}

// extract lands the pages that m does not list yet, verifies that the source has not changed, and writes the manifest.
func (x *extraction) extract(ctx context.Context, m *lake.Manifest) ([]events.Event, error) {
	pages := source.NewPageSet()
	for _, p := range m.Pages { // of earlier deliveries
		pages.Known(p.Index, p.Rows, p.SHA256)
	}
	incoming := x.fetchAhead(ctx, m.Description, len(m.Pages))
	defer incoming.stop()
	landed := 0
	for index := len(m.Pages); index < len(m.Description.Pages); index++ {
		// Each delivery lands at least one page, so a chain of continuations always ends.
		if landed > 0 && x.mustHandOver() {
			return x.handOver(ctx, *m, time.Time{})
		}
		page, sha, err := x.page(ctx, m.Description, index, incoming, pages)
		if until, waits := runtime.NotBefore(err); waits && landed > 0 {
			return x.handOver(ctx, *m, until) // what is landed is not fetched again
		}
		if err != nil {
			return nil, err
		}
		if err := x.land(ctx, m, page, sha); err != nil {
			return nil, err
		}
		landed++
	}
	err := x.client.Verify(ctx, x.target, m.Description)
	if until, waits := runtime.NotBefore(err); waits && landed > 0 {
		return x.handOver(ctx, *m, until)
	}
	if err != nil {
		return nil, err
	}
	m.FinishedAt = x.ports.Clock.Now()
	written, err := x.write(ctx, m, 0)
	if err != nil {
		return nil, err
	}
	return []events.Event{events.New(events.LandingWritten{
		Run: x.run, Attempt: m.Attempt, Manifest: written, Pages: len(m.Pages), Rows: m.Rows, Bytes: m.Bytes,
		SourceRows: m.Description.Rows, SourceSystem: m.Description.SourceSystem,
	})}, nil
}

// page fetches one page and compares it with the other pages of the attempt. A page that repeats rows of another page is
// fetched again. It returns the page and the digest of its body.
func (x *extraction) page(
	ctx context.Context, d source.Description, index int, incoming *ahead, pages *source.PageSet,
) (page source.Page, sha string, err error) {
	for try := 1; ; try++ {
		page, err = incoming.page(index)
		if err == nil {
			sha = lake.SHA256(page.Body)
			if err = pages.Add(page, sha); err == nil {
				return page, sha, nil
			}
		}
		if !isMismatch(err) {
			return page, "", err
		}
		if isRepeated(err) && try < pageTries {
			x.ports.Log.WarnContext(ctx, "a page is not the one that was requested; fetching it again", "page", index, "error", err.Error())
			if err := x.ports.Clock.Sleep(ctx, time.Duration(try)*500*time.Millisecond); err != nil {
				return page, "", err
			}
			continue
		}
		// A source that was re-published has other pages than the planned ones.
		if changed := x.client.Verify(ctx, x.target, d); errors.Is(changed, source.ErrChanged) {
			err = changed
		}
		return page, "", err
	}
}

// isMismatch reports whether the portal sent another page than the requested one.
func isMismatch(err error) bool {
	var m *source.MismatchError
	return errors.As(err, &m)
}

// isRepeated reports whether a page has rows of another page of the attempt.
func isRepeated(err error) bool {
	var m *source.MismatchError
	return errors.As(err, &m) && m.Repeated
}

// land stores one page byte for byte and adds it to the manifest.
func (x *extraction) land(ctx context.Context, m *lake.Manifest, page source.Page, sha string) error {
	key := lake.LandingPageKey(x.run.Dataset, x.run.RunID, page.Index, sha)
	info, _, err := x.ports.Lake.PutIfAbsent(ctx, key, page.Body)
	if err != nil {
		return err
	}
	info.SHA256 = sha
	m.Pages = append(m.Pages, lake.ManifestPage{
		Object: info.Object(), Index: page.Index, Rows: page.Rows, URL: page.URL, ETag: page.Validators.ETag,
		RequestID: page.RequestID, FetchedAt: x.ports.Clock.Now(),
	})
	m.Rows += page.Rows
	m.Bytes += int64(len(page.Body))
	x.measure(ctx, m.Description, page)
	return nil
}

// measure records a fetched page.
func (x *extraction) measure(ctx context.Context, d source.Description, page source.Page) {
	properties := []any{"dataset", x.run.Dataset, "run", x.run.RunID, "page", page.Index + 1, "pages", len(d.Pages)}
	x.ports.Metrics.Record(ctx, "rows_fetched", float64(page.Rows), telemetry.Count, properties...)
	x.ports.Metrics.Record(ctx, "bytes_fetched", float64(len(page.Body)), telemetry.Bytes, properties...)
}

// mustHandOver reports whether the deadline is so near that another delivery must continue.
func (x *extraction) mustHandOver() bool {
	return !x.handOverAt.IsZero() && !x.ports.Clock.Now().Before(x.handOverAt)
}

// handOver writes a part manifest and emits extraction.continued. The fetcher lands the remaining pages when it handles that
// event, and not before the time that the portal asked for; zero if it did not.
func (x *extraction) handOver(ctx context.Context, m lake.Manifest, until time.Time) ([]events.Event, error) {
	next := x.part + 1
	written, err := x.write(ctx, &m, next)
	if err != nil {
		return nil, err
	}
	why := "the deadline is near"
	if !until.IsZero() {
		why = "the portal asked to wait until " + until.UTC().Format(time.RFC3339)
	}
	x.ports.Log.InfoContext(ctx, why+"; emitting extraction.continued",
		"part", next, "pages", len(m.Pages), "of", len(m.Description.Pages))
	at := len(m.Pages)
	if m.Comparing != nil {
		at = m.Comparing.Pages
	}
	return []events.Event{events.New(events.ExtractionContinued{
		Run: x.run, Attempt: m.Attempt, Part: next, Partial: written, NextPage: at, Force: x.force, NotBefore: until.UTC(),
	})}, nil
}

// write stores the complete manifest (if part is 0) or a part manifest, create-only. All events of a continued extraction
// share one attempt id, so an earlier delivery that crashed before its receipt may have written this key. write
// then loads the existing manifest into m. It is valid, because it lists only landed pages.
func (x *extraction) write(ctx context.Context, m *lake.Manifest, part int) (events.Object, error) {
	key := lake.ManifestKey(x.run.Dataset, x.run.RunID, m.Attempt, part)
	body := lake.Encode(m)
	info, _, err := x.ports.Lake.PutIfAbsent(ctx, key, body)
	if err == nil {
		info.SHA256 = lake.SHA256(body)
		return info.Object(), nil
	}
	if !errors.Is(err, lake.ErrExists) {
		return events.Object{}, err
	}
	body, info, err = x.ports.Lake.Get(ctx, key)
	if err != nil {
		return events.Object{}, err
	}
	var existing lake.Manifest
	if err := json.Unmarshal(body, &existing); err != nil {
		return events.Object{}, &lake.DecodeError{Key: key, Err: err}
	}
	if err := existing.BelongsTo(x.run, key); err != nil {
		return events.Object{}, err
	}
	if existing.Attempt != m.Attempt {
		return events.Object{}, runtime.Permanent(fmt.Errorf(
			"write manifest %s: it belongs to attempt %s, not to %s; run the dataset again", key, existing.Attempt, m.Attempt))
	}
	*m = existing
	info.SHA256, info.Size = lake.SHA256(body), int64(len(body))
	return info.Object(), nil
}
