package engine

import (
	"bytes"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// value is one cell of a staged row. text may alias the page or a fresh buffer; it is copied when the row is kept.
type value struct {
	null      bool
	defaulted bool    // the value is the contract's default
	text      []byte  // text, JSON; decimals as fixed-length big-endian two's complement
	whole     int64   // integers; dates in days and timestamps in microseconds since 1970; booleans 0 or 1
	number    float64 // numbers
}

// numeral is a parsed decimal numeral: sign, digits before and after the decimal point, exponent.
type numeral struct {
	negative bool
	digits   []byte // before the decimal point
	fraction []byte // after the decimal point
	exponent []byte // with its sign; empty without one
}

// readNumeral parses [+-]digits[.digits][e[+-]digits]. No other notation counts as a number: "1,5", "0x1f", "NaN" and
// "1_000" are text.
func readNumeral(b []byte) (numeral, bool) {
	var n numeral
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		n.negative = b[0] == '-'
		b = b[1:]
	}
	if i := bytes.IndexAny(b, "eE"); i >= 0 {
		n.exponent, b = b[i+1:], b[:i]
		digits := n.exponent
		if len(digits) > 0 && (digits[0] == '-' || digits[0] == '+') {
			digits = digits[1:]
		}
		if !allDigits(digits) {
			return n, false
		}
	}
	if i := bytes.IndexByte(b, '.'); i >= 0 {
		n.fraction, b = b[i+1:], b[:i]
		if !allDigits(n.fraction) {
			return n, false
		}
	}
	n.digits = b
	return n, allDigits(b)
}

// castInteger parses an exact 64-bit integer. Portals write integers as "890", 890 or 890.0. A fraction other than
// zeros is rejected, and so is "1.000": the point in "1.151" may separate thousands.
func castInteger(b []byte) (int64, bool) {
	n, ok := readNumeral(b)
	if !ok || n.grouped() {
		return 0, false
	}
	if len(n.fraction)+len(n.exponent) == 0 { // the common case
		i, err := strconv.ParseInt(string(b), 10, 64)
		return i, err == nil
	}
	if n.zero() {
		return 0, true // for any exponent
	}
	exponent := 0
	if len(n.exponent) > 0 {
		var err error
		if exponent, err = strconv.Atoi(string(n.exponent)); err != nil {
			return 0, false
		}
	}
	// The value is digits × 10^exponent. Trailing zeros of the digits move into the exponent.
	digits := append(append([]byte(nil), n.digits...), n.fraction...)
	exponent -= len(n.fraction)
	significant := bytes.TrimRight(digits, "0")
	exponent += len(digits) - len(significant)
	significant = bytes.TrimLeft(significant, "0")
	switch {
	case exponent < 0, exponent > maxIntegerDigits, len(significant)+exponent > maxIntegerDigits:
		return 0, false
	}
	text := append(significant, bytes.Repeat([]byte{'0'}, exponent)...)
	if n.negative {
		text = append([]byte{'-'}, text...)
	}
	i, err := strconv.ParseInt(string(text), 10, 64)
	return i, err == nil
}

// maxIntegerDigits is the number of digits of the largest 64-bit integer.
const maxIntegerDigits = 19

// grouped reports whether the point of a numeral may separate thousands: one to three digits, the first not 0, then the
// point and three digits. Such a numeral has two readings as an integer, a factor of 1,000 apart.
func (n numeral) grouped() bool {
	return len(n.fraction) == 3 && len(n.digits) <= 3 && n.digits[0] != '0'
}

// zero reports whether every digit is 0.
func (n numeral) zero() bool {
	return len(bytes.Trim(n.digits, "0"))+len(bytes.Trim(n.fraction, "0")) == 0
}

// castNumber parses a finite 64-bit number. It rejects a number that is too small to represent as it rejects one that
// is too large.
func castNumber(b []byte) (float64, bool) {
	n, ok := readNumeral(b)
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.IsInf(f, 0) || f == 0 && !n.zero() {
		return 0, false
	}
	return f + 0, true // -0 becomes 0, so that equal values have equal bytes
}

// castDecimal parses a decimal exactly and returns it as a big-endian two's complement of width bytes, scaled by
// 10^scale. It rejects a numeral with more digits than the contract allows and never rounds.
func castDecimal(b []byte, precision, scale, width int) ([]byte, bool) {
	n, ok := readNumeral(b)
	if !ok || len(n.exponent) > 0 {
		return nil, false
	}
	fraction := bytes.TrimRight(n.fraction, "0")
	whole := bytes.TrimLeft(n.digits, "0")
	if len(fraction) > scale || len(whole) > precision-scale {
		return nil, false
	}
	digits := make([]byte, 0, precision+1)
	digits = append(append(append(digits, '0'), whole...), fraction...)
	for range scale - len(fraction) {
		digits = append(digits, '0')
	}
	unscaled, ok := new(big.Int).SetString(string(digits), 10)
	if !ok {
		return nil, false
	}
	if n.negative && unscaled.Sign() > 0 {
		// Two's complement: 2^(8·width) − |x|.
		unscaled.Sub(new(big.Int).Lsh(big.NewInt(1), uint(8*width)), unscaled)
	}
	return unscaled.FillBytes(make([]byte, width)), true
}

// decimalText formats a decimal that castDecimal returned, always with scale digits after the decimal point.
func decimalText(b []byte, scale int) string {
	unscaled := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		unscaled.Sub(unscaled, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	digits := new(big.Int).Abs(unscaled).String()
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	if scale > 0 {
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if unscaled.Sign() < 0 {
		return "-" + digits
	}
	return digits
}

// castBoolean parses true and false, in any case, and 1 and 0.
func castBoolean(b []byte) (int64, bool) {
	switch {
	case len(b) == 1 && (b[0] == '0' || b[0] == '1'):
		return int64(b[0] - '0'), true
	case len(b) == len("true") && bytes.EqualFold(b, []byte("true")): // the length excludes letters that fold to these
		return 1, true
	case len(b) == len("false") && bytes.EqualFold(b, []byte("false")):
		return 0, true
	}
	return 0, false
}

// castDate parses a calendar day as days since 1970-01-01. The ISO layout also accepts Socrata's floating timestamps
// when their time is midnight.
func castDate(b []byte, layout string) (int64, bool) {
	if layout == "" {
		layout = time.DateOnly
	}
	if layout == time.DateOnly && len(b) > len(layout) {
		if !midnight(b[len(layout):]) {
			return 0, false
		}
		b = b[:len(layout)]
	}
	t, err := time.Parse(layout, string(b))
	if err != nil || t.Year() < 1 { // there is no year 0
		return 0, false
	}
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400, true
}

// midnight reports whether b is "T00:00:00", optionally with a fraction of zeros.
func midnight(b []byte) bool {
	rest, ok := bytes.CutPrefix(b, []byte("T00:00:00"))
	if !ok {
		return false
	}
	if len(rest) == 0 {
		return true
	}
	return rest[0] == '.' && len(rest) > 1 && len(bytes.Trim(rest[1:], "0")) == 0
}

// castTimestamp parses an instant of the years 1 to 9999 as microseconds since 1970 in UTC. Without a layout it accepts
// RFC 3339 and Socrata's floating timestamps, which have no zone and are read as UTC.
func castTimestamp(b []byte, layout string) (int64, bool) {
	layouts := []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly}
	if layout != "" {
		layouts = []string{layout}
	}
	for _, l := range layouts {
		if t, err := time.Parse(l, string(b)); err == nil {
			year := t.UTC().Year() // the zone may shift it outside the years that every reader supports
			return t.UnixMicro(), year >= 1 && year <= 9999
		}
	}
	return 0, false
}
