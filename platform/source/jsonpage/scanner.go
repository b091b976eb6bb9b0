package jsonpage

import (
	"errors"
	"fmt"
	"io"

	"github.com/llac-project/llac/platform/source"
)

// maxDepth limits the nesting of a value, so that a hostile page cannot exhaust the stack.
const maxDepth = 512

// Scanner passes over JSON text without building values: it checks the grammar of RFC 8259 and finds where each value
// starts and ends. Its errors are *source.PageError and never quote the page, whose rows may be personal (invariant 8).
type Scanner struct {
	b     []byte
	i     int
	row   int // index that errors carry; -1 outside any row
	known map[string]string

	inRecord bool // bytes that are not UTF-8 are one record's fault, and not the page's
	foreign  int  // position of the first such byte that has not been reported; -1: none
}

// NewScanner returns a scanner at the beginning of a page.
func NewScanner(page []byte) *Scanner {
	s := &Scanner{}
	s.begin(page)
	return s
}

// begin moves the scanner to the beginning of a page.
func (s *Scanner) begin(page []byte) {
	s.b, s.i, s.row, s.inRecord, s.foreign = page, 0, -1, false, -1
	if len(page) >= 3 && page[0] == 0xEF && page[1] == 0xBB && page[2] == 0xBF {
		s.i = 3 // a byte order mark, as some exports carry; offsets count it
	}
}

// Seek moves the scanner to an offset at which a value starts.
func (s *Scanner) Seek(offset int) { s.i = offset }

// Offset returns the scanner's position.
func (s *Scanner) Offset() int { return s.i }

// Page returns the bytes of the page.
func (s *Scanner) Page() []byte { return s.b }

// InRow sets the row index that errors carry; -1 outside any row.
func (s *Scanner) InRow(index int) { s.row = index }

// Fail returns a page error at an offset.
func (s *Scanner) Fail(offset int, err error) error {
	return &source.PageError{Offset: offset, Index: s.row, Err: err}
}

// Form returns a page error: the value at an offset is JSON of another form than it must be.
func (s *Scanner) Form(offset int, rule string) error {
	return s.Fail(offset, fmt.Errorf("%w: %s", source.ErrForm, rule))
}

// Expect checks that the next value starts with c. Another complete value is an ErrForm; a broken one is reported as such.
func (s *Scanner) Expect(c byte, rule string) error {
	if s.peek() == c && s.i < len(s.b) {
		return nil
	}
	start, _, err := s.Value()
	if err != nil {
		return err
	}
	return s.Form(start, rule)
}

// unexpected returns an error about the byte at the current position. For a page that ends too early it wraps
// io.ErrUnexpectedEOF: the page was cut short, and another request may bring the whole.
func (s *Scanner) unexpected(want string) error {
	if s.i >= len(s.b) {
		return s.Fail(s.i, fmt.Errorf("the page ends where %s should be: %w", want, io.ErrUnexpectedEOF))
	}
	return s.Fail(s.i, fmt.Errorf("%s should be here, not byte 0x%02x", want, s.b[s.i]))
}

func (s *Scanner) space() { s.i = afterSpace(s.b, s.i) }

// afterSpace returns the position of the first byte from i on that is not white space.
func afterSpace(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// peek skips white space and returns the next byte, 0 at the end of the page.
func (s *Scanner) peek() byte {
	s.space()
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

// take consumes one byte, which must be c.
func (s *Scanner) take(c byte, want string) error {
	if s.peek() != c || s.i >= len(s.b) {
		return s.unexpected(want)
	}
	s.i++
	return nil
}

// End checks that only white space follows.
func (s *Scanner) End() error {
	if s.space(); s.i < len(s.b) {
		return s.Fail(s.i, errors.New("something follows the end of the document"))
	}
	return nil
}

// Value consumes one value and returns its byte range.
func (s *Scanner) Value() (start, end int, err error) {
	s.space()
	start = s.i
	err = s.skip(0)
	return start, s.i, err
}

func (s *Scanner) skip(depth int) error {
	if depth > maxDepth {
		return s.Fail(s.i, fmt.Errorf("values are nested more than %d deep", maxDepth))
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

func (s *Scanner) word(w string) error {
	for k := 0; k < len(w); k++ {
		if s.i >= len(s.b) || s.b[s.i] != w[k] {
			return s.unexpected(w)
		}
		s.i++
	}
	return nil
}

// afterDigits returns the position of the first byte from i on that is not a digit.
func afterDigits(b []byte, i int) int {
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i
}

func (s *Scanner) number() error {
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

func (s *Scanner) escape() error {
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

// open consumes the opening byte of an array or object and, if it is empty, the closing one.
func (s *Scanner) open(opening, closing byte, what string) (empty bool, err error) {
	if err := s.take(opening, what); err != nil {
		return false, err
	}
	if s.peek() != closing {
		return false, nil
	}
	s.i++
	return true, nil
}

// more consumes the comma before the next part of an array or object, or the closing byte after the last.
func (s *Scanner) more(closing byte, of string) (bool, error) {
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

// name consumes a quoted name and its colon, and returns the end of the name.
func (s *Scanner) name() (end int, err error) {
	if s.peek() != '"' {
		return 0, s.unexpected("a name")
	}
	if err := s.text(); err != nil {
		return 0, err
	}
	end = s.i
	return end, s.take(':', "a colon")
}

func (s *Scanner) skipArray(depth int) error {
	empty, err := s.open('[', ']', "an array")
	for more := !empty; more && err == nil; {
		if err = s.skip(depth + 1); err == nil {
			more, err = s.more(']', "array")
		}
	}
	return err
}

func (s *Scanner) skipObject(depth int) error {
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

// Array consumes an array. It calls each at the beginning of every element; each must consume the element.
func (s *Scanner) Array(each func(index int) error) error {
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

// Object consumes an object. It calls each with every name, in order, at the beginning of its value; each must consume
// the value. nameStart and nameEnd are the byte range of the name with its quotes.
func (s *Scanner) Object(each func(name string, nameStart, nameEnd int) error) error {
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

// Members consumes an object as Object does. A name that occurs twice is an ErrForm: which of the values counts is not known.
func (s *Scanner) Members(each func(name string, nameStart, nameEnd int) error) error {
	seen := map[string]bool{}
	return s.Object(func(name string, from, to int) error {
		if seen[name] {
			return s.Fail(from, fmt.Errorf("%w: %w", source.ErrForm, source.ErrRepeatedName))
		}
		seen[name] = true
		return each(name, from, to)
	})
}

// decoded returns a name as text. The names of a page repeat, so each is decoded once.
func (s *Scanner) decoded(from, to int) string {
	raw := s.b[from:to]
	if n, ok := s.known[string(raw)]; ok {
		return n
	}
	n := Unquote(raw)
	if s.known == nil {
		s.known = map[string]string{}
	}
	if len(s.known) < maxNames && len(raw) <= maxName {
		s.known[string(raw)] = n
	}
	return n
}
