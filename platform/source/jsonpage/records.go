package jsonpage

import (
	"slices"

	"github.com/llac-project/llac/platform/source"
)

// Records reads the objects of an array as rows. It is the part that the readers of row-oriented portals share.
//
// A record is read in one loop that keeps its position in a local variable and leaves it only for rare cases: a name that
// was not predicted, white space, a value that is not a string. Whatever path is taken, what is accepted is an object of
// RFC 8259, and nothing is allocated for a record whose names are known.
type Records struct {
	scanner Scanner
	names   *Names
	fields  []source.Value // of the row being yielded
	check   bool           // the row may have a name twice
}

// NewRecords returns a reader that has not read any names yet.
func NewRecords() *Records { return &Records{names: NewNames()} }

// Begin starts a page and returns its scanner.
func (r *Records) Begin(page []byte) *Scanner {
	r.scanner.begin(page)
	return &r.scanner
}

// Read consumes an array, whose opening bracket is the next byte, and yields one row per element.
func (r *Records) Read(yield func(source.Row) error) error {
	s := &r.scanner
	empty, err := s.open('[', ']', "an array")
	if empty || err != nil {
		return err
	}
	for index := 0; ; index++ {
		s.row = index
		row, err := r.element()
		if err != nil {
			return err
		}
		if err := yield(row); err != nil {
			return err
		}
		if more, err := s.more(']', "array"); !more {
			s.row = -1
			return err
		}
	}
}

// element consumes the next element of the array.
func (r *Records) element() (source.Row, error) {
	s := &r.scanner
	s.inRecord = true
	var err error
	isObject := s.peek() == '{'
	row := source.Row{Index: s.row, Start: s.i}
	if isObject {
		r.check = false
		r.fields, row.Bad, err = r.object(r.fields[:0])
		if r.check {
			var isRepeated bool
			if r.fields, isRepeated = r.names.dropRepeated(r.fields); isRepeated && row.Bad == nil {
				row.Bad = s.Fail(row.Start, source.ErrRepeatedName)
			}
		}
		row.Fields = r.fields[:len(r.fields):len(r.fields)]
	} else {
		err = s.skip(0)
		row.Bad = s.Fail(row.Start, source.ErrNotObject)
	}
	row.End = s.i
	s.inRecord, s.foreign = false, -1
	return row, err
}

// object consumes a record and appends its fields. Bytes that are not UTF-8 make the record bad; reading continues after
// them.
func (r *Records) object(fields []source.Value) (_ []source.Value, bad, err error) {
	s, names := &r.scanner, r.names
	b := s.b
	empty, err := s.open('{', '}', "an object")
	if empty || err != nil {
		return fields, nil, err
	}
	for i, before := s.i, 0; ; {
		at := names.predict(before, b[i:])
		var name string
		if at > 0 {
			i += len(names.all[at].spelt)
			name = names.all[at].text
		} else {
			s.i = i
			if at, name, err = r.unexpectedName(before); err != nil {
				return fields, bad, err
			}
			i = s.i
		}
		if at > 0 {
			before = at
		}

		i = afterSpace(b, i)
		start := i
		if i < len(b) && b[i] == '"' {
			i, err = s.textEnd(i + 1)
		} else {
			s.i = i
			err = s.skip(0)
			i = s.i
		}
		if err != nil {
			return fields, bad, err
		}
		if s.foreign < 0 {
			// Filled in place: a Value that is built first and then copied waits for its own stores.
			fields = slices.Grow(fields, 1)[:len(fields)+1]
			f := &fields[len(fields)-1]
			f.Name, f.ID, f.Raw = name, at-1, b[start:i:i]
		} else if bad == nil {
			bad = s.Fail(s.foreign, source.ErrNotUTF8)
		}
		s.foreign = -1

		if i < len(b) && b[i] == ',' {
			i = afterSpace(b, i+1)
			continue
		}
		s.i = i
		if more, err := s.more('}', "object"); !more {
			return fields, bad, err
		}
		i = afterSpace(b, s.i)
	}
}

// unexpectedName consumes a name that was not predicted, and the colon. at is 0 if there are too many names.
func (r *Records) unexpectedName(before int) (at int, text string, err error) {
	s := &r.scanner
	from := s.i
	to, err := s.name()
	if err != nil || s.foreign >= 0 {
		return 0, "", err
	}
	at, isNew := r.names.learn(before, s.b[from:s.i], to-from)
	r.check = r.check || !isNew
	if at > 0 {
		return at, r.names.all[at].text, nil
	}
	return 0, Unquote(s.b[from:to]), nil
}
