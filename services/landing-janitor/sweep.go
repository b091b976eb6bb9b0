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
	// orphanAge is the age after which an object that no receipt names is an orphan. Messages name only objects that a receipt
	// names, however late they arrive. Younger objects may belong to a stage that has yet to write its receipt.
	orphanAge = 15 * 24 * time.Hour
	// supersededAge is how long a superseded snapshot is kept if its contract does not set it.
	supersededAge = 90 * 24 * time.Hour
)

// sweep copies old dead letters to the lake and deletes objects that nothing names any more. Invariant 5: a dataset that
// cannot be swept does not stop the others.
func (j janitor) sweep(ctx context.Context, now time.Time) error {
	kept := j.keepLetters(ctx, now)
	contracts, failed := j.ports.Contracts.Current(ctx)
	if errors.Is(failed, runtime.ErrNoContracts) {
		j.ports.Log.WarnContext(ctx, "no contract is in force yet; nothing was swept", "error", failed.Error())
		return kept
	}
	for _, c := range contracts {
		failed = errors.Join(failed, j.sweepDataset(ctx, c, now))
	}
	return errors.Join(kept, failed)
}

func (j janitor) sweepDataset(ctx context.Context, c *contract.Contract, now time.Time) error {
	if j.ports.Catalogue != nil {
		// Update the tables first. If that fails nothing is swept: a table behind the pointer may read objects that are
		// about to be deleted.
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
	// named contains the candidates that can still be read or rolled back to.
	named := map[string]bool{}
	name := func(p lake.Pointer) {
		for _, part := range p.Parts {
			named[prefix(part.Candidate.Key)] = true
		}
	}
	if pointer != nil {
		name(*pointer)
	}
	// The gate copies a pointer to the history before it moves the pointer, and may die in between. So a snapshot counts as
	// superseded from the time at which its successor was published.
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

// sweepSnapshot deletes the table and the objects of one superseded snapshot, except the parts that a kept snapshot reuses.
func (j janitor) sweepSnapshot(ctx context.Context, old lake.Pointer, now time.Time, named map[string]bool) error {
	if j.ports.Catalogue != nil {
		// A table without its objects would return no rows and no error.
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
	// The digest in the key gives a different list of the same day its own document.
	key := fmt.Sprintf("evidence/%s/sweep-%s-%s.%s.json", dataset, reason, lake.Slot(now), lake.SHA256(body)[:12])
	if _, _, err := j.ports.Lake.PutIfAbsent(ctx, key, body); err != nil {
		return err
	}
	// Invariant 4: the evidence is written before the deletion.
	return j.delete(ctx, entries)
}

// history returns the superseded pointers of a dataset whose objects were not swept yet.
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

// orphans returns the objects of abandoned attempts in landing and staging. No receipt names them, and they are so old that
// no message can name them any more.
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
		run := runOf(i.Key)
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
		// The evidence needs the digest: nothing else will remain of the bytes.
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

// claims are the objects that the receipts of one run name.
type claims struct {
	landing map[string]bool // keys in the run's manifest; a rejected landing is kept for inspection
	staging string          // prefix of the run's candidate; empty if the run has none
}

func (c *claims) holds(key string) bool {
	if strings.HasPrefix(key, "landing/") {
		return c.landing[key]
	}
	return c.staging != "" && strings.HasPrefix(key, c.staging)
}

// claims reads the fetcher's and the stager's receipts of a run. A run without them was abandoned.
func (j janitor) claims(ctx context.Context, dataset, run string) (*claims, error) {
	c := &claims{landing: map[string]bool{}}
	var last []events.Event // of the fetcher's last part; the objects of a continuation count until its own receipt exists
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
			manifest = p.Partial // the message may be a dead letter that will be replayed
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

// claimLanding adds a manifest and the objects that it lists to the claims.
func (j janitor) claimLanding(ctx context.Context, c *claims, manifest events.Object) error {
	c.landing[manifest.Key] = true
	m, err := lake.ReadDocument[lake.Manifest](ctx, j.ports.Lake, manifest)
	if errors.Is(err, lake.ErrNotFound) {
		return nil // it was already deleted, with evidence
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

// prefix returns the folder of a candidate, given the key of any of its objects:
// "staging/<dataset>/ingested_process_at=<run>-<attempt>/".
func prefix(key string) string {
	parts := strings.SplitN(key, "/", 4)
	if len(parts) < 4 {
		return key
	}
	return strings.Join(parts[:3], "/") + "/"
}

// runOf returns the run in a key of landing or staging; "" if the key has another form.
func runOf(key string) string {
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
