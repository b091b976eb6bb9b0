package place

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/operations/pipeline"
)

// Status describes every dataset of a place, and what needs attention.
type Status struct {
	Datasets   []ledger.Status    `json:"datasets"`
	Unfinished []pipeline.Pending `json:"unfinished"`
	// DeadLetters counts all dead letters by service, also those of no dataset; null if the queues may not be opened.
	DeadLetters map[string]int `json:"dead_letters"`
	Running     *Process       `json:"running,omitempty"` // the process that owns the directory now
	Marts       *marts.Status  `json:"marts"`             // null: never built

	Letters int `json:"-"` // dead letters of all services
}

// ReadStatus reads the status of a place.
func ReadStatus(ctx context.Context, p Place, now time.Time) (Status, error) {
	l, err := p.Ledger()
	if err != nil {
		return Status{}, err
	}
	contracts, err := p.Contracts(ctx)
	if err != nil {
		return Status{}, err
	}
	out := Status{}
	byDataset, err := out.count(ctx, p)
	if err != nil {
		return Status{}, err
	}
	if out.Unfinished, err = p.Unfinished(); err != nil {
		return Status{}, err
	}
	for _, c := range contracts {
		s, err := l.Status(ctx, c, now)
		if err != nil {
			return Status{}, err
		}
		if n := byDataset[c.Dataset]; out.DeadLetters != nil {
			s.DeadLetters = &n
		}
		out.Datasets = append(out.Datasets, s)
	}
	out.Marts, err = marts.ReadStatus(ctx, l.Lake)
	return out, err
}

// count counts the dead letters by service, and returns the counts by dataset.
func (s *Status) count(ctx context.Context, p Place) (map[string]int, error) {
	dead, err := p.DeadLetters(ctx, "")
	s.Running = dead.Running
	var none *pipeline.NoLakeError
	switch {
	case errors.Is(err, fs.ErrPermission): // somebody who may not open the queues may still read the lake
		return nil, nil
	case err != nil && !errors.As(err, &none): // queues that were never created hold no messages
		return nil, err
	}
	s.Letters, s.DeadLetters = len(dead.Letters), map[string]int{}
	byDataset := map[string]int{}
	for _, letter := range dead.Letters {
		s.DeadLetters[letter.Service]++
		byDataset[letter.Dataset]++
	}
	return byDataset, nil
}
