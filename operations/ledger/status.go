package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
)

// Freshness compares the age of a dataset with its contract.
type Freshness string

// The values of Freshness.
const (
	Fresh          Freshness = "fresh"
	Stale          Freshness = "stale"
	NeverPublished Freshness = "never published"
)

// Status is the state of one dataset.
type Status struct {
	Dataset          string     `json:"dataset"`
	Title            string     `json:"title"`
	Freshness        Freshness  `json:"freshness"`
	Snapshot         string     `json:"snapshot,omitempty"`
	PublishedAt      time.Time  `json:"published_at,omitzero"`
	CheckedAt        time.Time  `json:"checked_at,omitzero"` // when the source was last found to be the published one
	AgeSeconds       int64      `json:"age_seconds"`         // since CheckedAt
	FreshnessSeconds int64      `json:"freshness_seconds"`   // of the contract; 0: none
	Rows             int64      `json:"rows"`
	RefusedCells     int64      `json:"refused_cells"` // cells of the published rows that are null because their value is invalid
	Bytes            int64      `json:"bytes"`
	SourceSystem     string     `json:"source_system,omitempty"`
	Simulated        bool       `json:"simulated"`
	Held             *lake.Hold `json:"held,omitempty"`
	LastRun          *Summary   `json:"last_run,omitempty"`
	DeadLetters      *int       `json:"dead_letters,omitempty"` // nil if the queues could not be read
}

// Published returns the datasets that have a pointer, whether or not their contracts are in force.
func (l Ledger) Published(ctx context.Context) ([]string, error) {
	var out []string
	err := l.Lake.List(ctx, "state/", func(i lake.Info) bool {
		dataset, _, _ := strings.Cut(strings.TrimPrefix(i.Key, "state/"), "/")
		if i.Key == lake.PointerKey(dataset) && i.Key != lake.MartsPointerKey {
			out = append(out, dataset)
		}
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("list the pointers: %w", err)
	}
	return out, nil
}

// Status reads the state of the dataset of a contract at the time now.
func (l Ledger) Status(ctx context.Context, c *contract.Contract, now time.Time) (Status, error) {
	s := Status{Dataset: c.Dataset, Title: c.Title, Freshness: NeverPublished, FreshnessSeconds: int64(c.SLA.Freshness / time.Second)}
	pointer, _, err := lake.ReadPointer(ctx, l.Lake, c.Dataset)
	if err != nil {
		return s, err
	}
	if pointer != nil {
		cursor, err := lake.ReadCursor(ctx, l.Lake, c.Dataset)
		if err != nil {
			return s, err
		}
		s.Snapshot, s.PublishedAt, s.CheckedAt = pointer.Snapshot, pointer.PublishedAt, pointer.PublishedAt
		if cursor != nil && cursor.LastSuccess.After(s.CheckedAt) {
			s.CheckedAt = cursor.LastSuccess
		}
		s.RefusedCells = lake.TotalCells(pointer.Cells()).Refused
		s.Rows, s.Bytes, s.SourceSystem, s.Held = pointer.Rows, pointer.Bytes, pointer.SourceSystem, pointer.Held
		s.Simulated = pointer.Origin().Simulated()
		age := now.Sub(s.CheckedAt)
		s.AgeSeconds, s.Freshness = int64(age/time.Second), Fresh
		if c.SLA.Freshness > 0 && age > c.SLA.Freshness {
			s.Freshness = Stale
		}
	}
	last, err := l.Recent(ctx, c.Dataset, 1)
	if err != nil {
		return s, err
	}
	if len(last) > 0 {
		s.LastRun = &last[0]
	}
	return s, nil
}
