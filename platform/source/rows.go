package source

import (
	"errors"
	"fmt"
	"strings"
)

// Rows decodes one landed page into its records: NewReader(kind).Rows(page, yield) for who reads one page alone.
func Rows(kind string, page []byte, yield func(Row) error) error {
	r, err := NewReader(kind)
	if err != nil {
		return err
	}
	return r.Rows(page, yield)
}

// Reader decodes the pages of one portal kind, one after another. What it learns of a page's names serves the next. It
// is not for several goroutines at once, nor for a yield of its own.
type Reader struct {
	kind    string
	scanner scanner
	names   *nameTable
	fields  []Value         // of the row being yielded
	wanted  map[string]bool // the pseudo-fields by role that are to be made
}

// NewReader makes a reader of the pages of a portal kind.
func NewReader(kind string) (*Reader, error) {
	switch kind {
	case Socrata, Idescat, CKAN:
		return &Reader{kind: kind, names: newNameTable()}, nil
	}
	return nil, fmt.Errorf("read a page: portal kind %q is not known: use one of %v", kind, Kinds())
}

// Want names fields that will be read. Fields of the source are always there; those that the reader would have to make, an
// Idescat table's dimensions by role (RolePrefix), come only when they are wanted, so that nobody else pays for them.
func (r *Reader) Want(names ...string) {
	for _, name := range names {
		if strings.HasPrefix(name, RolePrefix) {
			if r.wanted == nil {
				r.wanted = map[string]bool{}
			}
			r.wanted[name] = true
		}
	}
}

// Rows decodes one landed page into its records, in the page's order, and calls yield for each. It checks the
// whole page: a page that is not what its kind must be ends in a *PageError, after the rows before the fault
// have been yielded. An error of yield ends the reading and is returned as it is.
//
// A record that cannot be read, in a page whose structure goes on after it, is a row with Bad set: an element that is no
// object (ErrNotObject), which has no fields, and a record with bytes that are no UTF-8 (ErrNotUTF8), which lacks the
// fields that hold them. Bad rows count like any other.
//
// Socrata and CKAN: one row an object, its fields in the page's order, none dropped; a name may repeat.
// Idescat: one row a cell of the cube, in row-major order (the last dimension runs fastest), sparse cells
// included: every dimension's category code under the dimension's id, its label under "<id>.label", then
// "value" and "status", then Origin where the page tells it, then the dimensions by role that are wanted.
//
// The slice Fields is used again for the next row: it is valid until yield returns. The raw values are parts of page, must
// not be changed and are valid as long as page is.
func (r *Reader) Rows(page []byte, yield func(Row) error) error {
	switch r.kind {
	case Socrata:
		return r.socrataRows(page, yield)
	case Idescat:
		return r.idescatRows(page, yield)
	}
	_, err := r.ckanRows(page, yield)
	return err
}

// socrataRows reads a SODA page: an array of objects.
func (r *Reader) socrataRows(page []byte, yield func(Row) error) error {
	s := &r.scanner
	s.begin(page)
	if err := s.want('[', "a page of rows must be an array of objects"); err != nil {
		return err
	}
	if err := r.records(yield); err != nil {
		return err
	}
	return s.end()
}

// want checks that the next value begins with c. Another value, if it is whole, is JSON of the wrong form; a
// broken one is reported as such.
func (s *scanner) want(c byte, rule string) error {
	if s.peek() == c && s.i < len(s.b) {
		return nil
	}
	start, _, err := s.value()
	if err != nil {
		return err
	}
	return s.fail(start, fmt.Errorf("%w: %s", errForm, rule))
}

// errForm marks a page that is JSON of another form than its kind's: asking again will not change it.
var errForm = errors.New("the answer has the wrong form")
