package marts

import (
	"context"
	"time"

	"github.com/llac-project/llac/platform/lake"
)

// Status describes the published marts.
type Status struct {
	Build       string    `json:"build"`
	PublishedAt time.Time `json:"published_at"`
	Models      int       `json:"models"`
	Behind      []string  `json:"behind"` // datasets whose published snapshot is not the one the marts were built from
}

// ReadStatus reads the status of the marts of a lake; nil if they were never built.
func ReadStatus(ctx context.Context, store lake.Store) (*Status, error) {
	p, _, err := lake.ReadMartsPointer(ctx, store)
	if err != nil || p == nil {
		return nil, err
	}
	behind, err := Behind(ctx, store, p)
	return &Status{p.Build, p.PublishedAt, len(p.Models), behind}, err
}
