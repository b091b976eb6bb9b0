package source

import (
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxDepth bounds the nesting of a value, so that a hostile page cannot exhaust the stack.
const maxDepth = 512

// errNotUTF8 says that a page holds bytes that are no UTF-8.
var errNotUTF8 = errors.New("the page is not UTF-8")

// scanner walks over JSON text without building values: it checks the grammar of RFC 8259 and knows where each
// value begins and ends. Its errors are *PageError and never quote the page, whose rows may be personal
// (invariant 8).
type scanner struct {
	b     []byte
	i     int
	row   int // index that errors carry; -1 outside any row
	names map[string]string
}

func newScanner(page []byte) *scanner {
	s := &scanner{b: page, row: -1, names: map[string]string{}}
	if len(page) >= 3 && page[0] == 0xEF && page[1] == 0xBB && page[2] == 0xBF {
		s.i = 3 // a byte order mark, as some exports carry; offsets count it
	}
	return s
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

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\n', '\t', '\r':
			s.i++
		default:
			return
		}
	}
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
		return s.object(func(string, int, int) error { return s.skip(depth + 1) })
	case c == '[':
		return s.array(func(int) error { return s.skip(depth + 1) })
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

func (s *scanner) digits() error {
	from := s.i
	for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
		s.i++
	}
	if s.i == from {
		return s.unexpected("a digit")
	}
	return nil
}

func (s *scanner) number() error {
	if s.b[s.i] == '-' {
		s.i++
	}
	if s.i < len(s.b) && s.b[s.i] == '0' {
		s.i++ // no digit may follow a leading zero
	} else if err := s.digits(); err != nil {
		return err
	}
	if s.i < len(s.b) && s.b[s.i] == '.' {
		s.i++
		if err := s.digits(); err != nil {
			return err
		}
	}
	if s.i < len(s.b) && (s.b[s.i] == 'e' || s.b[s.i] == 'E') {
		s.i++
		if s.i < len(s.b) && (s.b[s.i] == '+' || s.b[s.i] == '-') {
			s.i++
		}
		return s.digits()
	}
	return nil
}

// text consumes a string with its quotes.
func (s *scanner) text() error {
	s.i++ // the opening quote, which the caller has seen
	from, wide := s.i, false
	for s.i < len(s.b) {
		switch c := s.b[s.i]; {
		case c == '"':
			if wide {
				if at := invalidUTF8(s.b[from:s.i]); at >= 0 {
					return s.fail(from+at, errNotUTF8)
				}
			}
			s.i++
			return nil
		case c == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		case c < 0x20:
			return s.unexpected("an escaped control character")
		default:
			wide = wide || c >= utf8.RuneSelf
			s.i++
		}
	}
	return s.unexpected("the end of a string")
}

// invalidUTF8 answers the position of the first byte that is no UTF-8, or -1.
func invalidUTF8(b []byte) int {
	if utf8.Valid(b) {
		return -1
	}
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
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

// array consumes an array; each is called at the beginning of every element and must consume it.
func (s *scanner) array(each func(index int) error) error {
	if err := s.take('[', "an array"); err != nil {
		return err
	}
	if s.peek() == ']' {
		s.i++
		return nil
	}
	for n := 0; ; n++ {
		s.space()
		if err := each(n); err != nil {
			return err
		}
		switch s.peek() {
		case ',':
			s.i++
		case ']':
			s.i++
			return nil
		default:
			return s.unexpected("a comma or the end of the array")
		}
	}
}

// object consumes an object; each is called with every name, in order, at the beginning of its value, and must
// consume the value. nameStart and nameEnd are the byte range of the name with its quotes.
func (s *scanner) object(each func(name string, nameStart, nameEnd int) error) error {
	if err := s.take('{', "an object"); err != nil {
		return err
	}
	if s.peek() == '}' {
		s.i++
		return nil
	}
	for {
		if s.peek() != '"' {
			return s.unexpected("a name")
		}
		from := s.i
		if err := s.text(); err != nil {
			return err
		}
		to := s.i
		if err := s.take(':', "a colon"); err != nil {
			return err
		}
		s.space()
		if err := each(s.name(from, to), from, to); err != nil {
			return err
		}
		switch s.peek() {
		case ',':
			s.i++
		case '}':
			s.i++
			return nil
		default:
			return s.unexpected("a comma or the end of the object")
		}
	}
}

// maxNames bounds the names remembered, so that a page of ever new names costs no more than itself.
const maxNames = 4096

// name decodes a name. The names of a page repeat row by row, so each is decoded once.
func (s *scanner) name(from, to int) string {
	raw := s.b[from:to]
	if n, ok := s.names[string(raw)]; ok {
		return n
	}
	n := unquote(raw)
	if len(s.names) < maxNames {
		s.names[string(raw)] = n
	}
	return n
}
