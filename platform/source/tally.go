package source

import "errors"

// tally counts the rows of a page that a client has fetched, bad ones included.
type tally struct {
	rows    int64
	foreign error // of the first row with bytes that are no UTF-8
}

func (t *tally) add(row Row) error {
	t.rows++
	if t.foreign == nil && errors.Is(row.Bad, ErrNotUTF8) {
		t.foreign = row.Bad
	}
	return nil
}

// doubt asks for the page again where it has bytes that are no UTF-8: they may be damage of the way. Where they come
// every time they are the portal's own, and cost their rows alone (invariant 5).
func (t *tally) doubt() error {
	if t.foreign == nil {
		return nil
	}
	return doubtfulError{t.foreign}
}

// doubtfulError says why an answer that can be used is worth another try.
type doubtfulError struct{ error }

func (e doubtfulError) Unwrap() error { return e.error }
