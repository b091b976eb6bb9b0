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
// twice. Portals number their rows (Kind.RowID); without a number, one row that occurs again is not evidence, but a sequence of
// rows is.
type PageSet struct {
	digests map[string]int // sha256 of each page with rows -> index of the page
	newer   map[uint64]int // hash of each row id -> index of the page
	older   map[uint64]int
	size    int      // of a generation
	before  []uint64 // Records of the page added last
	index   int      // of that page
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
	if isContinued(s.before, p.Records) {
		return repeated("page %d repeats rows of page %d", p.Index, s.index)
	}
	s.before, s.index = p.Records, p.Index
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

// What proves that two pages without row ids overlap: that many rows in the same order, at least 8 of them different.
const (
	sequence     = 16
	distinctRows = 8
)

// isContinued reports whether a page begins with a sequence of rows of the page before.
func isContinued(before, page []uint64) bool {
	enough, different := 0, map[uint64]bool{} // number of rows from the first that are evidence
	for enough < len(page) && (enough < sequence || len(different) < distinctRows) {
		different[page[enough]] = true
		enough++
	}
	if enough < sequence || len(different) < distinctRows {
		return false
	}
	for i := range max(len(before)-enough+1, 0) {
		if slices.Equal(before[i:i+enough], page[:enough]) {
			return true
		}
	}
	return false
}

// Tally counts the rows of a page, bad ones included, and keeps the hashes of their ids, or of the rows that have none.
type Tally struct {
	Rows    int64
	RowIDs  []uint64
	records []uint64
	rowID   string // field with the portal's number of the row; empty: the portal does not number rows
	at      int    // position of that field in the row before
	foreign error  // of the first row with bytes that are not UTF-8
}

// NewTally returns a tally of a page of the kind.
func (k Kind) NewTally() *Tally { return &Tally{rowID: k.RowID} }

// Page returns the page whose rows were counted.
func (t *Tally) Page(index int, body []byte, id Identity) Page {
	return Page{Index: index, Body: body, Rows: t.Rows, RowIDs: t.RowIDs, Records: t.records, Identity: id}
}

// seed is that of the hashes of row ids. They are compared within one process only.
var seed = maphash.MakeSeed()

// Add counts a row. It can be a page reader's yield.
func (t *Tally) Add(row Row) error {
	t.Rows++
	if t.foreign == nil && errors.Is(row.Bad, ErrNotUTF8) {
		t.foreign = row.Bad
	}
	if t.at >= len(row.Fields) || row.Fields[t.at].Name != t.rowID {
		t.at = max(slices.IndexFunc(row.Fields, func(v Value) bool { return v.Name == t.rowID }), 0)
	}
	if t.rowID != "" && t.at < len(row.Fields) && row.Fields[t.at].Name == t.rowID {
		t.RowIDs = append(t.RowIDs, maphash.Bytes(seed, row.Fields[t.at].Raw))
		return nil
	}
	var h maphash.Hash
	h.SetSeed(seed)
	for _, v := range row.Fields {
		h.WriteString(v.Name)
		h.WriteByte(0)
		h.Write(v.Raw)
		h.WriteByte(0)
	}
	t.records = append(t.records, h.Sum64())
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
