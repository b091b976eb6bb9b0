package source

import (
	"errors"
	"fmt"
)

// MaxTitle limits a portal's text about a dataset, in bytes: it goes into manifests and every published file.
const MaxTitle = 1 << 10

// MaxPages limits the pages of one extraction: a source that counts more is wrong, or needs slices.
const MaxPages = 100_000

// PlanOffsets divides total rows into pages of at most size rows. An empty source still has one page: that it is empty
// must be landed like everything else.
func PlanOffsets(op string, total, size int64, address func(offset, limit int64) string) ([]PageRequest, error) {
	if total/size >= MaxPages {
		return nil, &PermanentError{
			Op: op, Err: fmt.Errorf("the source counts %d rows, more than %d pages of %d", total, MaxPages, size),
			Hint: "if that is true, set a larger page size or slices in " + contractFile,
		}
	}
	pages := []PageRequest{}
	for offset := int64(0); offset < total || len(pages) == 0; offset += size {
		pages = append(pages, PageRequest{
			Index: len(pages), URL: address(offset, size), Rows: max(min(size, total-offset), 0),
		})
	}
	return pages, nil
}

// Planned returns page index of a description, with its address on the target's base.
func (c *Caller) Planned(op string, at Place, d Description, index int) (PageRequest, error) {
	if index < 0 || index >= len(d.Pages) {
		return PageRequest{}, c.Permanent(op, 0, fmt.Errorf("the extraction has pages 0 to %d", len(d.Pages)-1),
			"describe the source again")
	}
	p := d.Pages[index]
	address, err := rebase(at.Base, p.URL)
	if err != nil {
		return p, c.Refused(op, err)
	}
	p.URL = address
	return p, nil
}

// ChangedError returns an ErrChanged that names what differs.
func ChangedError(op, what, then, now string) error {
	return fmt.Errorf("%s: %w: %s was %q and is %q", op, ErrChanged, what, Clip(then, 80), Clip(now, 80))
}

// SameSystem checks that an answer comes from the system where the extraction started.
//
// Invariant 11: a simulator never finishes what a portal began.
func SameSystem(op string, d Description, res *Response) error {
	if d.SourceSystem != "" && res.System != d.SourceSystem {
		return ChangedError(op, "the source system", d.SourceSystem, res.System)
	}
	return nil
}

// Tally counts the rows of a page that a client has fetched, bad ones included.
type Tally struct {
	Rows    int64
	foreign error // of the first row with bytes that are not UTF-8
}

// Add counts a row. It can be a page reader's yield.
func (t *Tally) Add(row Row) error {
	t.Rows++
	if t.foreign == nil && errors.Is(row.Bad, ErrNotUTF8) {
		t.foreign = row.Bad
	}
	return nil
}

// Doubt returns a DoubtfulError if the page has bytes that are not UTF-8: they may be damage of the transfer. Bytes that
// arrive in every try are the portal's own, and reject only their rows (invariant 5).
func (t *Tally) Doubt() error {
	if t.foreign == nil {
		return nil
	}
	return DoubtfulError{t.foreign}
}

// DoubtfulError is the reason why an answer that can be used is worth another try.
type DoubtfulError struct{ Err error }

func (e DoubtfulError) Error() string { return e.Err.Error() }
func (e DoubtfulError) Unwrap() error { return e.Err }
