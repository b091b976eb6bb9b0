package validator

import (
	"context"
	"errors"
	"fmt"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/portals"
)

// pass reads the pages of a landing once. It reads, hashes and tokenizes every byte once. It needs memory for the largest
// page, whatever the number of pages.
type pass struct {
	reader     source.Reader
	shape      *shape
	buffer     []byte // reused for every page
	rows       int64
	unreadable unreadable
}

func newPass(c *contract.Contract) (*pass, error) {
	r, err := portals.All.NewReader(c.Source.Kind)
	if err != nil {
		return nil, err
	}
	p := &pass{reader: r, shape: newShape(c)}
	for name := range p.shape.expected {
		r.Want(name)
	}
	return p, nil
}

// page checks that one page has the bytes that were written and can be read to its end.
func (p *pass) page(ctx context.Context, store lake.Store, page lake.ManifestPage) ([]events.Problem, error) {
	body, err := lake.ReadInto(ctx, store, page.Object, p.buffer)
	p.buffer = body
	var integrity *lake.IntegrityError
	switch {
	case errors.As(err, &integrity):
		return []events.Problem{{Code: "page_changed", Page: page.Key, Message: integrity.Error()}}, nil
	case errors.Is(err, lake.ErrNotFound):
		return []events.Problem{{
			Code: "page_missing", Page: page.Key,
			Message: "the manifest lists this page, but the lake does not contain it; run the dataset again",
		}}, nil
	case err != nil:
		return nil, err
	}
	rows, err := p.scan(page.Key, body)
	var malformed *source.PageError
	if errors.As(err, &malformed) {
		return []events.Problem{{
			Code: "page_malformed", Page: page.Key,
			Message: fmt.Sprintf("%v; the source sent a malformed page, which is kept in landing; run the dataset again", malformed),
		}}, nil
	}
	if err != nil {
		return nil, runtime.Permanent(err)
	}
	if rows != page.Rows {
		return []events.Problem{{
			Code: "page_row_count", Page: page.Key,
			Message: fmt.Sprintf("the page contains %d rows, but the manifest counts %d; run the dataset again", rows, page.Rows),
		}}, nil
	}
	return nil, nil
}

// scan reads the rows of a page and returns their number.
func (p *pass) scan(key string, body []byte) (int64, error) {
	before := p.rows
	err := p.reader.Rows(body, func(r source.Row) error {
		p.rows++
		if r.Bad != nil {
			p.unreadable.add(key, r)
			return nil
		}
		p.shape.add(r)
		return nil
	})
	return p.rows - before, err
}

// unreadable counts the rows that cannot be read in readable pages.
//
// Invariant 5: unreadable rows do not reject a landing; the stager quarantines them.
type unreadable struct {
	rows int64
	page string // key of the page with the first unreadable row
	row  int    // index of that row in the page
	why  error  // why that row cannot be read
}

func (u *unreadable) add(page string, r source.Row) {
	if u.rows++; u.rows == 1 {
		u.page, u.row, u.why = page, r.Index, r.Bad
	}
}

func (u *unreadable) report() []events.Problem {
	if u.rows == 0 {
		return nil
	}
	return []events.Problem{{
		Code: "rows_unreadable", Page: u.page,
		Message: fmt.Sprintf("unreadable rows, which will be quarantined: %d; the first is row %d of this page: %v", u.rows, u.row, u.why),
	}}
}
