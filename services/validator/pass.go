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
	kind       source.Kind
	target     source.Target
	manifest   lake.Manifest
	pages      *source.PageSet
	collected  []source.Page // without bodies: the pages that a person collected
	reader     source.Reader
	shape      *shape
	buffer     []byte // reused for every page
	rows       int64
	unreadable unreadable
}

func newPass(c *contract.Contract, m lake.Manifest) (*pass, error) {
	kind, err := portals.All.Find(c.Source.Kind)
	if err != nil {
		return nil, err
	}
	p := &pass{
		kind: kind, target: c.Target(m.Run.Slice), manifest: m, pages: source.NewPageSet(), reader: kind.Reader(), shape: newShape(c),
	}
	for name := range p.shape.expected {
		p.reader.Want(name)
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
	rows, read, err := p.scan(page.Key, body)
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
	read.Index = page.Index
	if rows != page.Rows {
		return []events.Problem{{
			Code: "page_row_count", Page: page.Key,
			Message: fmt.Sprintf("the page contains %d rows, but the manifest counts %d; run the dataset again", rows, page.Rows),
		}}, nil
	}
	return p.requested(page, read), nil
}

// requested checks that a page is the page that was requested: of the contract's source, and the requested part of it.
func (p *pass) requested(page lake.ManifestPage, read source.Page) []events.Problem {
	err := p.kind.CheckSource(p.target, p.manifest.Description, read.Identity)
	switch {
	case err != nil:
	case p.manifest.Manual != nil:
		p.collected = append(p.collected, read)
	default:
		err = p.kind.CheckPart(p.manifest.Description, read)
	}
	if err != nil {
		return []events.Problem{mismatch("page_mismatch", page.Key, err)}
	}
	if err := p.pages.Add(read, page.SHA256); err != nil {
		return []events.Problem{mismatch("page_repeated", page.Key, err)}
	}
	return nil
}

// together checks that the pages that a person collected are the whole that the contract selects. The requests of fetched
// pages prove that.
func (p *pass) together() []events.Problem {
	if p.manifest.Manual == nil {
		return nil
	}
	if err := p.kind.CheckCollected(p.target, p.collected); err != nil {
		return []events.Problem{mismatch("pages_missing", "", err)}
	}
	return nil
}

// mismatch returns the problem of a page that is not the page that was requested.
func mismatch(code, page string, err error) events.Problem {
	fix := "run the dataset again"
	var m *source.MismatchError
	if errors.As(err, &m) && m.Fix != "" {
		fix = m.Fix
	}
	return events.Problem{Code: code, Page: page, Message: fmt.Sprintf("%v; %s", err, fix)}
}

// scan reads the rows of a page. It returns their number, and what the page states of itself.
func (p *pass) scan(key string, body []byte) (int64, source.Page, error) {
	tally := p.kind.NewTally()
	err := p.reader.Rows(body, func(r source.Row) error {
		p.rows++
		if err := tally.Add(r); err != nil {
			return err
		}
		if r.Bad != nil {
			p.unreadable.add(key, r)
			return nil
		}
		p.shape.add(r)
		return nil
	})
	return tally.Rows, tally.Page(0, nil, p.reader.Identity()), err
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
