package source

import (
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
)

// maxGeneration is how many row ids a PageSet keeps in each of its two generations. A row is therefore compared with at
// least that many rows before it; memory stays below 100 MB, whatever the size of the source.
const maxGeneration = 1_000_000

// PageSet compares the pages of one attempt with each other: no two pages may have the same bytes, and no row may occur
// twice. Portals number their rows (Kind.RowID); without a number, equal rows are not evidence.
type PageSet struct {
	digests map[string]int // sha256 of each page with rows -> index of the page
	newer   map[uint64]int // hash of each row id -> index of the page
	older   map[uint64]int
	size    int // of a generation
}

// NewPageSet returns a set without pages.
func NewPageSet() *PageSet {
	return &PageSet{digests: map[string]int{}, newer: map[uint64]int{}, size: maxGeneration}
}

// Known adds a page of which only the digest is known, such as one that an earlier delivery fetched.
func (s *PageSet) Known(index int, rows int64, sha256 string) {
	if rows > 0 {
		s.digests[sha256] = index
	}
}

// Add adds a page, given the digest of its body. If the page repeats another page or one of its rows, Add returns a
// *MismatchError and does not add the page.
func (s *PageSet) Add(p Page, sha256 string) error {
	if p.Rows == 0 {
		return nil // empty pages are all alike
	}
	if other, ok := s.digests[sha256]; ok && other != p.Index {
		return repeated("page %d has the same bytes as page %d", p.Index, other)
	}
	if other, ok := s.repeats(p); ok {
		return repeated("page %d repeats rows of page %d", p.Index, other)
	}
	s.digests[sha256] = p.Index
	if len(s.newer)+len(p.RowIDs) > s.size {
		s.older, s.newer = s.newer, make(map[uint64]int, len(p.RowIDs))
	}
	for _, id := range p.RowIDs {
		s.newer[id] = p.Index
	}
	return nil
}

func repeated(format string, index, other int) error {
	return &MismatchError{Repeated: true, Reason: fmt.Sprintf(format, index, other)}
}

// repeats returns the page that has a row of this page too, which may be this page.
func (s *PageSet) repeats(p Page) (int, bool) {
	for _, id := range p.RowIDs {
		if other, ok := s.newer[id]; ok {
			return other, true
		}
		if other, ok := s.older[id]; ok {
			return other, true
		}
	}
	sorted := slices.Clone(p.RowIDs)
	slices.Sort(sorted)
	return p.Index, len(slices.Compact(sorted)) != len(p.RowIDs)
}

// Tally counts the rows of a page, bad ones included, and keeps the hashes of their ids.
type Tally struct {
	Rows    int64
	RowIDs  []uint64
	rowID   string // field with the portal's number of the row; empty: the portal does not number rows
	at      int    // position of that field in the row before
	foreign error  // of the first row with bytes that are not UTF-8
}

// NewTally returns a tally of a page of the kind.
func (k Kind) NewTally() *Tally { return &Tally{rowID: k.RowID} }

// seed is that of the hashes of row ids. They are compared within one process only.
var seed = maphash.MakeSeed()

// Add counts a row. It can be a page reader's yield.
func (t *Tally) Add(row Row) error {
	t.Rows++
	if t.foreign == nil && errors.Is(row.Bad, ErrNotUTF8) {
		t.foreign = row.Bad
	}
	if t.rowID == "" {
		return nil
	}
	if t.at >= len(row.Fields) || row.Fields[t.at].Name != t.rowID {
		t.at = slices.IndexFunc(row.Fields, func(v Value) bool { return v.Name == t.rowID })
		if t.at < 0 {
			t.at = 0
			return nil
		}
	}
	t.RowIDs = append(t.RowIDs, maphash.Bytes(seed, row.Fields[t.at].Raw))
	return nil
}

// doubt returns a DoubtfulError if another try may bring a better page: the page has bytes that are not UTF-8, or another
// number of rows than planned. Both may be damage of the transfer. Bytes that arrive in every try are the portal's own, and
// reject only their rows (invariant 5); the validator compares the rows of all pages with the source's count.
func (t *Tally) doubt(planned int64) error {
	if t.foreign != nil {
		return DoubtfulError{t.foreign}
	}
	if planned >= 0 && t.Rows != planned {
		return DoubtfulError{fmt.Errorf("the page has %d rows, %d were planned", t.Rows, planned)}
	}
	return nil
}
