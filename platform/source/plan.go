package source

import "fmt"

// MaxTitle limits a portal's text about a dataset, in bytes: it goes into manifests and every published file.
const MaxTitle = 1 << 10

// MaxPages limits the pages of one extraction: a source that counts more is wrong, or needs slices.
const MaxPages = 100_000

// PlanOffsets divides total rows into pages of at most size rows. The last page is always smaller than size, if need be empty:
// it shows that the source ends there, and does not only count fewer rows than it has.
func PlanOffsets(op string, total, size int64, address func(offset, limit int64) string) ([]PageRequest, error) {
	if total/size >= MaxPages {
		return nil, &PermanentError{
			Op: op, Err: fmt.Errorf("the source counts %d rows, more than %d pages of %d", total, MaxPages, size),
			Hint: "if that is true, set a larger page size or slices in " + contractFile,
		}
	}
	pages := []PageRequest{}
	for offset := int64(0); offset <= total; offset += size {
		pages = append(pages, PageRequest{
			Index: len(pages), URL: address(offset, size), Rows: min(size, total-offset),
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

// DoubtfulError is the reason why an answer that can be used is worth another try.
type DoubtfulError struct{ Err error }

func (e DoubtfulError) Error() string { return e.Err.Error() }
func (e DoubtfulError) Unwrap() error { return e.Err }
