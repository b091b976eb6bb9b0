package source

import (
	"errors"
	"fmt"
	"io"
)

// maxDepth bounds the nesting of a value, so that a hostile page cannot exhaust the stack.
const maxDepth = 512

// scanner walks over JSON text without building values: it checks the grammar of RFC 8259 and knows where each
// value begins and ends. Its errors are *PageError and never quote the page, whose rows may be personal
// (invariant 8).
type scanner struct {
	b     []byte
	i     int
	row   int // index that errors carry; -1 outside any row
	known map[string]string

	inRecord bool // bytes that are no UTF-8 are one record's fault, and not the page's
	foreign  int  // the first of them that nobody has seen to; -1: none
}

func newScanner(page []byte) *scanner {
	s := &scanner{}
	s.begin(page)
	return s
}

// begin moves the scanner to the beginning of a page.
func (s *scanner) begin(page []byte) {
	s.b, s.i, s.row, s.inRecord, s.foreign = page, 0, -1, false, -1
	if len(page) >= 3 && page[0] == 0xEF && page[1] == 0xBB && page[2] == 0xBF {
		s.i = 3 // a byte order mark, as some exports carry; offsets count it
	}
}

func (s *scanner) fail(offset int, err error) error {
	return &PageError{Offset: offset, Index: s.row, Err: err}
}

// unexpected reports the byte at the current position. A page that ends too early wraps io.ErrUnexpectedEOF:
// it was cut short, and asking again may help.
func (s *scanner) unexpected(want string) error {
	if s.i >= len(s.b) {
		return s.fail(s.i, fmt.Errorf("the page ends where %s should be: %w", want, io.ErrUnexpectedEOF))
	}
	return s.fail(s.i, fmt.Errorf("%s should be here, not byte 0x%02x", want, s.b[s.i]))
}

func (s *scanner) space() { s.i = afterSpace(s.b, s.i) }

// afterSpace answers the position of the first byte from i on that is no white space.
func afterSpace(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// peek skips white space and returns the next byte, 0 at the end of the page.
func (s *scanner) peek() byte {
	s.space()
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

// take consumes one byte that must be c.
func (s *scanner) take(c byte, want string) error {
	if s.peek() != c || s.i >= len(s.b) {
		return s.unexpected(want)
	}
	s.i++
	return nil
}

// end checks that nothing but white space follows.
func (s *scanner) end() error {
	if s.space(); s.i < len(s.b) {
		return s.fail(s.i, errors.New("something follows the end of the document"))
	}
	return nil
}

// value consumes one value and answers its byte range.
func (s *scanner) value() (start, end int, err error) {
	s.space()
	start = s.i
	err = s.skip(0)
	return start, s.i, err
}

func (s *scanner) skip(depth int) error {
	if depth > maxDepth {
		return s.fail(s.i, fmt.Errorf("values are nested more than %d deep", maxDepth))
	}
	switch c := s.peek(); {
	case c == '"':
		return s.text()
	case c == '{':
		return s.skipObject(depth)
	case c == '[':
		return s.skipArray(depth)
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	case c == 't':
		return s.word("true")
	case c == 'f':
		return s.word("false")
	case c == 'n':
		return s.word("null")
	}
	return s.unexpected("a value")
}

func (s *scanner) word(w string) error {
	for k := 0; k < len(w); k++ {
		if s.i >= len(s.b) || s.b[s.i] != w[k] {
			return s.unexpected(w)
		}
		s.i++
	}
	return nil
}

// afterDigits answers the position of the first byte from i on that is no digit.
func afterDigits(b []byte, i int) int {
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i
}

func (s *scanner) number() error {
	b, i := s.b, s.i
	if b[i] == '-' {
		i++
	}
	from := i
	if i < len(b) && b[i] == '0' {
		i++ // no digit may follow a leading zero
	} else {
		i = afterDigits(b, i)
	}
	if i > from && i < len(b) && b[i] == '.' {
		from = i + 1
		i = afterDigits(b, from)
	}
	if i > from && i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		from = i
		i = afterDigits(b, i)
	}
	if s.i = i; i == from {
		return s.unexpected("a digit")
	}
	return nil
}

func (s *scanner) escape() error {
	s.i++ // the backslash
	if s.i >= len(s.b) {
		return s.unexpected("an escaped character")
	}
	switch s.b[s.i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.i++
		return nil
	case 'u':
		s.i++
		for range 4 {
			if s.i >= len(s.b) || !isHex(s.b[s.i]) {
				return s.unexpected("a hexadecimal digit")
			}
			s.i++
		}
		return nil
	}
	return s.unexpected("a known escape")
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// open consumes the opening byte of an array or object and, if there is nothing in it, the closing one.
func (s *scanner) open(opening, closing byte, what string) (empty bool, err error) {
	if err := s.take(opening, what); err != nil {
		return false, err
	}
	if s.peek() != closing {
		return false, nil
	}
	s.i++
	return true, nil
}

// more consumes the comma before another part of an array or object, or the closing byte after the last.
func (s *scanner) more(closing byte, of string) (bool, error) {
	switch s.peek() {
	case ',':
		s.i++
		return true, nil
	case closing:
		s.i++
		return false, nil
	}
	return false, s.unexpected("a comma or the end of the " + of)
}

// name consumes a quoted name and its colon, and answers where the name ends.
func (s *scanner) name() (end int, err error) {
	if s.peek() != '"' {
		return 0, s.unexpected("a name")
	}
	if err := s.text(); err != nil {
		return 0, err
	}
	end = s.i
	return end, s.take(':', "a colon")
}

func (s *scanner) skipArray(depth int) error {
	empty, err := s.open('[', ']', "an array")
	for more := !empty; more && err == nil; {
		if err = s.skip(depth + 1); err == nil {
			more, err = s.more(']', "array")
		}
	}
	return err
}

func (s *scanner) skipObject(depth int) error {
	empty, err := s.open('{', '}', "an object")
	for more := !empty; more && err == nil; {
		if _, err = s.name(); err != nil {
			return err
		}
		if err = s.skip(depth + 1); err == nil {
			more, err = s.more('}', "object")
		}
	}
	return err
}

// array consumes an array; each is called at the beginning of every element and must consume it.
func (s *scanner) array(each func(index int) error) error {
	empty, err := s.open('[', ']', "an array")
	more := !empty
	for n := 0; more && err == nil; n++ {
		s.space()
		if err = each(n); err == nil {
			more, err = s.more(']', "array")
		}
	}
	return err
}

// object consumes an object; each is called with every name, in order, at the beginning of its value, and must
// consume the value. nameStart and nameEnd are the byte range of the name with its quotes.
func (s *scanner) object(each func(name string, nameStart, nameEnd int) error) error {
	empty, err := s.open('{', '}', "an object")
	for more := !empty; more && err == nil; {
		s.space()
		from := s.i
		to, err := s.name()
		if err != nil {
			return err
		}
		s.space()
		if err := each(s.decoded(from, to), from, to); err != nil {
			return err
		}
		if more, err = s.more('}', "object"); err != nil {
			return err
		}
	}
	return err
}

// decoded decodes a name. The names of a page repeat, so each is decoded once.
func (s *scanner) decoded(from, to int) string {
	raw := s.b[from:to]
	if n, ok := s.known[string(raw)]; ok {
		return n
	}
	n := unquote(raw)
	if s.known == nil {
		s.known = map[string]string{}
	}
	if len(s.known) < maxNames && len(raw) <= maxName {
		s.known[string(raw)] = n
	}
	return n
}
