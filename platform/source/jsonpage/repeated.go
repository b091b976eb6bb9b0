package jsonpage

import (
	"bytes"
	"errors"

	"github.com/llac-project/llac/platform/source"
)

// RepeatedName returns the offset of the first name that occurs twice in an object of a value, at any depth; -1 if there is
// none. The scanner has accepted the value.
func RepeatedName(value []byte) int {
	var s Scanner
	s.begin(value)
	err := s.distinct(0, bytes.IndexByte(value[min(len(value), 1):], '{') >= 0)
	if err == nil {
		return -1
	}
	var repeated *source.PageError
	if errors.As(err, &repeated) && errors.Is(err, source.ErrRepeatedName) {
		return repeated.Offset
	}
	return -1
}

// distinct consumes a value like skip, and checks its names. isDeep: it contains another object than itself.
func (s *Scanner) distinct(depth int, isDeep bool) error {
	switch c := s.peek(); {
	case c == '{':
		return s.distinctObject(depth, isDeep)
	case c == '[' && isDeep:
		empty, err := s.open('[', ']', "an array")
		for more := !empty; more && err == nil; {
			if err = s.distinct(depth+1, isDeep); err == nil {
				more, err = s.more(']', "array")
			}
		}
		return err
	}
	return s.skip(depth)
}

// fewNames is the number of names of an object that are compared one by one.
const fewNames = 16

func (s *Scanner) distinctObject(depth int, isDeep bool) error {
	var buffer [fewNames][]byte
	few, rest := buffer[:0], map[string]bool(nil)
	empty, err := s.open('{', '}', "an object")
	for more := !empty; more && err == nil; {
		s.space()
		from := s.i
		to, err := s.name()
		if err != nil {
			return err
		}
		name := s.b[from+1 : to-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			name = []byte(Unquote(s.b[from:to]))
		}
		for _, other := range few {
			if bytes.Equal(name, other) {
				return s.Fail(from, source.ErrRepeatedName)
			}
		}
		switch {
		case len(few) < fewNames:
			few = append(few, name)
		case rest[string(name)]:
			return s.Fail(from, source.ErrRepeatedName)
		case rest == nil:
			rest = map[string]bool{string(name): true}
		default:
			rest[string(name)] = true
		}
		if err = s.distinct(depth+1, isDeep); err != nil {
			return err
		}
		if more, err = s.more('}', "object"); err != nil {
			return err
		}
	}
	return err
}
