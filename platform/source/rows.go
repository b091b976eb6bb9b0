package source

import (
	"errors"
	"fmt"
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
// is not for several goroutines at once.
type Reader struct {
	kind  string
	names map[string]int
}

// NewReader makes a reader of the pages of a portal kind.
func NewReader(kind string) (*Reader, error) {
	switch kind {
	case Socrata, Idescat, CKAN:
		return &Reader{kind: kind, names: map[string]int{}}, nil
	}
	return nil, fmt.Errorf("read a page: portal kind %q is not known: use one of %v", kind, Kinds())
}

// Rows decodes one landed page into its records, in the page's order, and calls yield for each. It checks the
// whole page: a page that is not what its kind must be ends in a *PageError, after the rows before the fault
// have been yielded. An error of yield ends the reading and is returned as it is. A record that is not what it must be
// in a page that goes on after it is yielded with the reason in Bad.
//
// Socrata and CKAN: one row an object, its fields in the page's order, none dropped; a name may repeat.
// Idescat: one row a cell of the cube, in row-major order (the last dimension runs fastest), sparse cells
// included: every dimension's category code under the dimension's id, its label under "<id>.label", then
// "value" and "status", then Origin where the page tells it.
//
// A row's fields are valid until yield returns; their raw values are parts of page, must not be changed and are valid as
// long as page is.
func (r *Reader) Rows(page []byte, yield func(Row) error) error {
	number := func(row Row) error {
		for i, f := range row.Fields {
			id, ok := r.names[f.Name]
			if !ok {
				id = len(r.names)
				r.names[f.Name] = id
			}
			row.Fields[i].ID = id
		}
		return yield(row)
	}
	switch r.kind {
	case Socrata:
		return socrataRows(page, number)
	case Idescat:
		return idescatRows(page, number)
	}
	_, err := ckanRows(page, number)
	return err
}

// errStopped carries an error of yield through the scanner unchanged.
type errStopped struct{ error }

func (e errStopped) Unwrap() error { return e.error }

// unwrapStopped gives yield's own error back.
func unwrapStopped(err error) error {
	var s errStopped
	if errors.As(err, &s) {
		return s.error
	}
	return err
}

// records consumes an array of flat objects and yields one row each.
func records(s *scanner, yield func(Row) error) error {
	width := 8
	err := s.array(func(index int) error {
		s.row = index
		if err := s.want('{', "a row must be an object"); err != nil {
			return err
		}
		row := Row{Index: index, Start: s.i, Fields: make([]Value, 0, width)}
		err := s.object(func(name string, _, _ int) error {
			start, end, err := s.value()
			if err != nil {
				return err
			}
			row.Fields = append(row.Fields, Value{Name: name, Raw: s.b[start:end:end]})
			return nil
		})
		if err != nil {
			return err
		}
		row.End = s.i
		width = max(width, len(row.Fields))
		if err := yield(row); err != nil {
			return errStopped{err}
		}
		return nil
	})
	s.row = -1
	return err
}

// socrataRows reads a SODA page: an array of objects.
func socrataRows(page []byte, yield func(Row) error) error {
	s := newScanner(page)
	if err := s.want('[', "a page of rows must be an array of objects"); err != nil {
		return err
	}
	if err := records(s, yield); err != nil {
		return unwrapStopped(err)
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
