package jsonpage

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"

	"github.com/llac-project/llac/platform/source"
)

// A string is scanned eight bytes at a time for the bytes that need attention: the quote, the backslash, control
// characters and bytes beyond ASCII. Two properties hold: every byte is examined, and the end of a string does not depend on
// whether its bytes are UTF-8. A record with foreign bytes therefore does not damage the records after it.

const (
	everyByte = 0x0101010101010101
	highBits  = 0x80 * everyByte
)

// attention returns a word whose lowest set bit, if any, belongs to the first byte of x that is a quote, a backslash, a
// control character or beyond ASCII.
//
// Subtracting n sets the high bit of a byte below n, and can only disturb higher bytes. With bit 1 flipped, the quote 0x22
// becomes 0x20, next to the control characters: one subtraction finds both.
func attention(x uint64) uint64 {
	return (x | ((x ^ 0x02*everyByte) - 0x21*everyByte) | ((x ^ '\\'*everyByte) - everyByte)) & highBits
}

// text consumes a string with its quotes.
func (s *Scanner) text() error {
	end, err := s.textEnd(s.i + 1) // after the opening quote, which the caller has checked
	if err == nil {
		s.i = end
	}
	return err
}

// textEnd returns the position after the closing quote of the string whose first byte is at i.
func (s *Scanner) textEnd(i int) (int, error) {
	b := s.b
	for {
		if i+8 <= len(b) {
			found := attention(binary.LittleEndian.Uint64(b[i : i+8]))
			if found == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(found) / 8
		}
		if i >= len(b) {
			s.i = i
			return i, s.unexpected("the end of a string")
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1, nil
		case c >= utf8.RuneSelf:
			if c >= 0xC2 && c < 0xE0 && i+1 < len(b) && b[i+1]&0xC0 == 0x80 {
				i += 2
				continue
			}
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n == 1 {
				if err := s.foreignByte(i); err != nil {
					return i, err
				}
			}
			i += n
		case c == '\\':
			s.i = i
			if err := s.escape(); err != nil {
				return i, err
			}
			i = s.i
		case c < 0x20:
			s.i = i
			return i, s.unexpected("an escaped control character")
		default:
			i++ // one of the page's last bytes
		}
	}
}

// foreignByte handles a byte that is not UTF-8: in a record it makes that row bad, elsewhere the whole page.
func (s *Scanner) foreignByte(at int) error {
	if !s.inRecord {
		return s.Fail(at, source.ErrNotUTF8)
	}
	if s.foreign < 0 {
		s.foreign = at
	}
	return nil
}
