package cast

import (
	"bytes"
	"math"
	"strconv"
)

// numeral is a numeral by its parts.
type numeral struct {
	negative bool
	whole    []byte // digits before the decimal point
	fraction []byte // digits after it
	exponent []byte // with its sign; empty without one
}

// parse reads [+-]digits[.digits][e[+-]digits], the one grammar of numerals. No other notation counts as a number: "1,5",
// ".5", "5.", "0x1f", "NaN" and "1_000" are text.
func parse(b []byte) (n numeral, ok bool) {
	at := 0
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		n.negative = b[0] == '-'
		at = 1
	}
	if n.whole, at, ok = digits(b, at); !ok {
		return n, false
	}
	if at < len(b) && b[at] == '.' {
		if n.fraction, at, ok = digits(b, at+1); !ok {
			return n, false
		}
	}
	if at < len(b) && (b[at] == 'e' || b[at] == 'E') {
		from := at + 1
		at = from
		if at < len(b) && (b[at] == '-' || b[at] == '+') {
			at++
		}
		if _, at, ok = digits(b, at); !ok {
			return n, false
		}
		n.exponent = b[from:at]
	}
	return n, at == len(b)
}

// digits returns the digits that start at a position, and the position after them; false if there is none.
func digits(b []byte, at int) ([]byte, int, bool) {
	end := at
	for end < len(b) && b[end] >= '0' && b[end] <= '9' {
		end++
	}
	return b[at:end], end, end > at
}

// isZero reports whether every digit is 0.
func (n numeral) isZero() bool {
	return len(bytes.Trim(n.whole, "0"))+len(bytes.Trim(n.fraction, "0")) == 0
}

// isGrouped reports whether the point may separate thousands: one to three digits, the first not 0, then the point and
// three digits. Such a numeral has two readings as an integer, a factor of 1,000 apart.
func (n numeral) isGrouped() bool {
	return len(n.fraction) == 3 && len(n.whole) <= 3 && n.whole[0] != '0'
}

// farExponent is beyond the exponent of every value that a type can hold.
const farExponent = 1 << 30

// significant returns the digits without zeros at either end, and the exponent with which they are the value: digits ×
// 10^exponent. The digits of zero are empty. buffer is used where the digits are on both sides of the point.
func (n numeral) significant(buffer []byte) (digits []byte, exponent int) {
	digits = n.whole
	if len(n.fraction) > 0 {
		digits = append(append(buffer[:0], n.whole...), n.fraction...)
	}
	if len(n.exponent) > 0 {
		var err error
		if exponent, err = strconv.Atoi(string(n.exponent)); err != nil || exponent > farExponent || exponent < -farExponent {
			exponent = farExponent
			if n.exponent[0] == '-' {
				exponent = -farExponent
			}
		}
	}
	cut := bytes.TrimRight(digits, "0")
	exponent += len(digits) - len(cut) - len(n.fraction)
	return bytes.TrimLeft(cut, "0"), exponent
}

// maxIntegerDigits is the number of digits of the largest 64-bit integer.
const maxIntegerDigits = 19

// Integer reads an exact 64-bit integer. Portals write integers as "890", 890, 890.0 or 8.9e2. A fraction other than zeros
// is refused, and so is "1.000": the point in "1.151" may separate thousands.
func Integer(text []byte) (int64, bool) {
	n, ok := parse(text)
	if !ok || n.isGrouped() {
		return 0, false
	}
	if len(n.fraction)+len(n.exponent) == 0 { // the common case
		i, err := strconv.ParseInt(string(text), 10, 64)
		return i, err == nil
	}
	var buffer [2 * maxIntegerDigits]byte
	significant, exponent := n.significant(buffer[:])
	switch {
	case len(significant) == 0:
		return 0, true // for any exponent
	case exponent < 0, exponent > maxIntegerDigits, len(significant)+exponent > maxIntegerDigits:
		return 0, false
	}
	var whole [maxIntegerDigits + 1]byte
	out := whole[:0]
	if n.negative {
		out = append(out, '-')
	}
	out = append(out, significant...)
	for range exponent {
		out = append(out, '0')
	}
	i, err := strconv.ParseInt(string(out), 10, 64)
	return i, err == nil
}

// Thousands reads a numeral whose decimal point is a thousands separator, and whose final zeros may be lost: "1.151" is 1151,
// "1.75" is 1750, "1" is 1000.
func Thousands(text []byte) (int64, bool) {
	whole, fraction, _ := bytes.Cut(text, []byte{'.'})
	if len(whole) == 0 || len(whole) > 3 || whole[0] == '0' || len(fraction) > 3 {
		return 0, false
	}
	v := int64(0)
	for i := range len(whole) + 3 {
		digit := byte('0')
		switch k := i - len(whole); {
		case k < 0:
			digit = whole[i]
		case k < len(fraction):
			digit = fraction[k]
		}
		if digit < '0' || digit > '9' {
			return 0, false
		}
		v = 10*v + int64(digit-'0')
	}
	return v, true
}

// Number reads a finite 64-bit number. It refuses a number that is too small to represent as it refuses one that is too
// large.
func Number(text []byte) (float64, bool) {
	n, ok := parse(text)
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || math.IsInf(f, 0) || f == 0 && !n.isZero() {
		return 0, false
	}
	return f + 0, true // -0 becomes 0, so that equal values have equal bytes
}

// Boolean reads true and false, in any case, and 1 and 0.
func Boolean(text []byte) (value, ok bool) {
	switch {
	case len(text) == 1 && (text[0] == '0' || text[0] == '1'):
		return text[0] == '1', true
	case len(text) == len("true") && bytes.EqualFold(text, []byte("true")): // the length excludes letters that fold to these
		return true, true
	case len(text) == len("false") && bytes.EqualFold(text, []byte("false")):
		return false, true
	}
	return false, false
}
