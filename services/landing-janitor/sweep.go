package janitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
)

const (
	// orphanAge is the age after which an object that no receipt names is an orphan. Messages name only what a receipt
	// names, however late they come; younger objects may belong to a stage that is about to write its receipt.
	orphanAge = 15 * 24 * time.Hour
	// supersededAge is how long a superseded snapshot is kept where its contract does not say.
	supersededAge = 90 * 24 * time.Hour
)

// sweep keeps old dead letters and removes what nothing names any more. Invariant 5: a dataset that cannot be swept does not stop the others.
func (j janitor) sweep(ctx context.Context, now time.Time) error {
	kept := j.keepLetters(ctx, now)
	contracts, failed := j.ports.Contracts.Current(ctx)
	if errors.Is(failed, runtime.ErrNoContracts) {
		j.ports.Log.WarnContext(ctx, "nothing is in force yet, so nothing was swept", "error", failed.Error())
		return kept
	}
	for _, c := range contracts {
		failed = errors.Join(failed, j.sweepDataset(ctx, c, now))
	}
	return errors.Join(kept, failed)
}

func (j janitor) sweepDataset(ctx context.Context, c *contract.Contract, now time.Time) error {
	if j.ports.Catalogue != nil {
		// First, and nothing is swept where it fails: a table that is behind the pointer shows what is about to go.
		if err := j.ports.Catalogue.Follow(ctx, c.Dataset); err != nil {
			return err
		}
	}
	pointer, _, err := lake.ReadPointer(ctx, j.ports.Lake, c.Dataset)
	if err != nil {
		return err
	}
	history, err := j.history(ctx, c.Dataset)
	if err != nil {
		return err
	}
	keep := c.Retention.Superseded
	if keep <= 0 {
		keep = supersededAge
	}
	// What a person can still read, or roll back to, is named.
	named := map[string]bool{}
	name := func(p lake.Pointer) {
		for _, part := range p.Parts {
			named[prefix(part.Candidate.Key)] = true
		}
	}
	if pointer != nil {
		name(*pointer)
	}
	// A pointer is copied to the history before it is superseded, by a gate that may die in between: it was
	// superseded when its successor was published.
	superseded := map[string]time.Time{}
	for _, old := range history {
		superseded[old.Previous] = old.PublishedAt
	}
	if pointer != nil {
		superseded[pointer.Previous] = pointer.PublishedAt
	}
	var over []lake.Pointer
	for _, old := range history {
		since := old.SupersededAt
		if at := superseded[old.Snapshot]; at.After(since) {
			since = at
		}
		switch {
		case pointer != nil && old.Snapshot == pointer.Snapshot: // not superseded yet
		case old.SupersededAt.IsZero(), now.Before(since.Add(keep)):
			name(old)
		default:
			over = append(over, old)
		}
	}
	for _, old := range over {
		if err := j.sweepSnapshot(ctx, old, now, named); err != nil {
			return err
		}
	}
	orphans, err := j.orphans(ctx, c.Dataset, now, named)
	if err != nil {
		return err
	}
	return j.remove(ctx, c.Dataset, "orphans", now, orphans)
}

// sweepSnapshot deletes the table and the objects of one superseded snapshot, but for the parts that a kept one carries on.
func (j janitor) sweepSnapshot(ctx context.Context, old lake.Pointer, now time.Time, named map[string]bool) error {
	if j.ports.Catalogue != nil {
		// A table without its objects would answer with no rows, and without an error.
		if err := j.ports.Catalogue.Forget(ctx, old.Dataset, old.Snapshot); err != nil {
			return err
		}
	}
	var doomed []lake.EvidenceEntry
	for _, part := range old.Parts {
		if named[prefix(part.Candidate.Key)] {
			continue
		}
		for _, o := range part.Objects {
			doomed = append(doomed, lake.EvidenceEntry{Object: o.Object})
		}
		doomed = append(doomed, lake.EvidenceEntry{Object: part.Candidate})
	}
	if err := j.remove(ctx, old.Dataset, "superseded", now, doomed); err != nil {
		return err
	}
	old.SweptAt = now
	_, err := j.ports.Lake.Put(ctx, lake.HistoryKey(old.Dataset, old.Snapshot), lake.Encode(old))
	return err
}

// remove writes the evidence for a list of objects and deletes them.
func (j janitor) remove(ctx context.Context, dataset, reason string, now time.Time, entries []lake.EvidenceEntry) error {
	if len(entries) == 0 {
		return nil
	}
	evidence := lake.Evidence{Dataset: dataset, Reason: reason, Deletes: entries, DecidedAt: now, Build: j.ports.Build}
	body := lake.Encode(evidence)
	// The digest in the name makes a second, different list of the same day a second document.
	key := fmt.Sprintf("evidence/%s/sweep-%s-%s.%s.json", dataset, reason, lake.Slot(now), lake.SHA256(body)[:12])
	if _, _, err := j.ports.Lake.PutIfAbsent(ctx, key, body); err != nil {
		return err
	}
	// Invariant 4: evidence before deletion.
	return j.delete(ctx, entries)
}

// history reads the superseded pointers of a dataset whose objects are still there.
func (j janitor) history(ctx context.Context, dataset string) ([]lake.Pointer, error) {
	var keys []string
	if err := j.ports.Lake.List(ctx, lake.HistoryPrefix(dataset), func(i lake.Info) bool {
		keys = append(keys, i.Key)
		return true
	}); err != nil {
		return nil, err
	}
	var out []lake.Pointer
	for _, key := range keys {
		b, _, err := j.ports.Lake.Get(ctx, key)
		if err != nil {
			return nil, err
		}
		var p lake.Pointer
		if err := json.Unmarshal(b, &p); err != nil {
			return nil, runtime.Permanent(fmt.Errorf("decode %s: %w", key, err))
		}
		if p.SweptAt.IsZero() {
			out = append(out, p)
		}
	}
	return out, nil
}

// orphans lists what abandoned attempts left in landing and staging: objects so old that no message can name them any
// more, and that no receipt names.
func (j janitor) orphans(ctx context.Context, dataset string, now time.Time, named map[string]bool) ([]lake.EvidenceEntry, error) {
	var old []lake.Info
	collect := func(i lake.Info) bool {
		if now.Sub(i.Modified) > orphanAge {
			old = append(old, i)
		}
		return true
	}
	for _, layer := range []string{"landing/", "staging/"} {
		if err := j.ports.Lake.List(ctx, layer+dataset+"/", collect); err != nil {
			return nil, err
		}
	}
	receipts := map[string]*claims{} // by run
	var out []lake.EvidenceEntry
	for _, i := range old {
		run := place(i.Key)
		if run == "" || strings.HasPrefix(i.Key, "staging/") && named[prefix(i.Key)] {
			continue
		}
		r, ok := receipts[run]
		if !ok {
			var err error
			if r, err = j.claims(ctx, dataset, run); err != nil {
				return nil, err
			}
			receipts[run] = r
		}
		if r.holds(i.Key) {
			continue
		}
		// The digest belongs into the evidence: it is all that will be left of the bytes.
		b, info, err := j.ports.Lake.Get(ctx, i.Key)
		if errors.Is(err, lake.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		info.SHA256, info.Size = lake.SHA256(b), int64(len(b))
		out = append(out, lake.EvidenceEntry{Object: info.Object()})
	}
	return out, nil
}

// claims is what the receipts of one run name.
type claims struct {
	landing map[string]bool // landing keys of the run's own manifest: a rejected landing is kept for inspection
	staging string          // prefix of the run's own candidate
}

func (c *claims) holds(key string) bool {
	if strings.HasPrefix(key, "landing/") {
		return c.landing[key]
	}
	return c.staging != "" && strings.HasPrefix(key, c.staging)
}

// claims reads the fetcher's and the stager's receipt of a run. A run without them was abandoned.
func (j janitor) claims(ctx context.Context, dataset, run string) (*claims, error) {
	c := &claims{landing: map[string]bool{}}
	var last []events.Event // of the fetcher: what it left to a continuation counts until that one has its receipt
	for part := 0; ; part++ {
		receipt, err := j.receipt(ctx, lake.ReceiptKey(dataset, run, "fetcher", part))
		if err != nil {
			return nil, err
		}
		if receipt == nil {
			break
		}
		last = receipt.Events
	}
	for _, e := range last {
		var manifest events.Object
		if p, err := events.As[events.LandingWritten](e); err == nil {
			manifest = p.Manifest
		} else if p, err := events.As[events.ExtractionContinued](e); err == nil {
			manifest = p.Partial // the message may be a dead letter that is yet to be replayed
		} else {
			continue
		}
		if err := j.claimLanding(ctx, c, manifest); err != nil {
			return nil, err
		}
	}
	receipt, err := j.receipt(ctx, lake.ReceiptKey(dataset, run, "stager", 0))
	if err != nil || receipt == nil {
		return c, err
	}
	for _, e := range receipt.Events {
		if p, err := events.As[events.StagingWritten](e); err == nil {
			c.staging = prefix(p.Candidate.Key)
		}
	}
	return c, nil
}

// claimLanding claims what a manifest lists, and the manifest.
func (j janitor) claimLanding(ctx context.Context, c *claims, manifest events.Object) error {
	c.landing[manifest.Key] = true
	m, err := lake.ReadDocument[lake.Manifest](ctx, j.ports.Lake, manifest)
	if errors.Is(err, lake.ErrNotFound) {
		return nil // deleted with evidence already
	}
	if err != nil {
		return err
	}
	for _, page := range m.Pages {
		c.landing[page.Key] = true
	}
	for _, o := range m.Parts {
		c.landing[o.Key] = true
	}
	return nil
}

func (j janitor) receipt(ctx context.Context, key string) (*lake.Receipt, error) {
	r, _, err := lake.ReadState[lake.Receipt](ctx, j.ports.Lake, key)
	return r, err
}

// prefix is the folder of a candidate, whichever of its objects is asked about:
// "staging/<dataset>/ingested_process_at=<run>-<attempt>/".
func prefix(key string) string {
	parts := strings.SplitN(key, "/", 4)
	if len(parts) < 4 {
		return key
	}
	return strings.Join(parts[:3], "/") + "/"
}

// place reads the run out of a key of landing or staging; "" where the key is of another form.
func place(key string) string {
	parts := strings.SplitN(key, "/", 4)
	if len(parts) < 4 {
		return ""
	}
	id, ok := strings.CutPrefix(parts[2], "ingested_process_at=")
	if !ok {
		return ""
	}
	if parts[0] == "landing" {
		return id
	}
	i := strings.LastIndexByte(id, '-')
	if i < 0 {
		return ""
	}
	return id[:i]
}
