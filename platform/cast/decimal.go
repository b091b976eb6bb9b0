package cast

import (
	"math/big"
	"strconv"
	"strings"
)

// Rounding is what a column does with a value of more decimals than it has.
type Rounding string

// The roundings. The empty Rounding is Refuse.
const (
	Refuse   Rounding = "refuse"    // the value is refused
	HalfEven Rounding = "half_even" // to the nearest; of two equally near, to the one whose last digit is even
	HalfUp   Rounding = "half_up"   // to the nearest; of two equally near, to the one further from zero
)

// Roundings are all roundings, the default first.
var Roundings = []Rounding{Refuse, HalfEven, HalfUp}

// Rounds reports whether a value of more decimals is rounded.
func (r Rounding) Rounds() bool { return r == HalfEven || r == HalfUp }

// DecimalForm is the form of a column's decimals.
type DecimalForm struct {
	Precision int // digits in all
	Scale     int // digits after the point
	Rounding  Rounding
}

// Decimal reads a decimal and returns it as a big-endian two's complement of width bytes, scaled by 10^Scale. width holds
// every number of Precision digits. It refuses more digits before the point than the form has, also after rounding.
func Decimal(text []byte, form DecimalForm, width int) ([]byte, bool) {
	n, ok := parse(text)
	if !ok {
		return nil, false
	}
	var buffer [48]byte
	kept, exponent := n.significant(buffer[:])
	missing := exponent + form.Scale // zeros to add; less than 0: digits to drop
	switch {
	case len(kept) == 0:
		missing = 0
	case missing < 0:
		if kept, ok = form.Rounding.drop(kept, -missing); !ok {
			return nil, false
		}
		missing = 0
	}
	if missing > form.Precision || len(kept)+missing > form.Precision {
		return nil, false
	}
	unscaled := append(make([]byte, 0, len(kept)+missing+1), kept...)
	for range missing {
		unscaled = append(unscaled, '0')
	}
	return complement(unscaled, n.negative, width), true
}

// drop removes the last n digits of a whole number, which has no leading zeros and does not end in 0, and rounds what
// remains. False: the rounding refuses it.
func (r Rounding) drop(digits []byte, n int) ([]byte, bool) {
	if !r.Rounds() {
		return nil, false
	}
	if n > len(digits) {
		return nil, true // less than a tenth of the last digit that is kept
	}
	kept, dropped := digits[:len(digits)-n], digits[len(digits)-n:]
	isTie := len(dropped) == 1 && dropped[0] == '5' // the digits after a 5 are not all 0
	isOdd := len(kept) > 0 && kept[len(kept)-1]%2 == 1
	if dropped[0] < '5' || isTie && r == HalfEven && !isOdd {
		return kept, true
	}
	return increment(kept), true
}

// increment adds 1 to a whole number.
func increment(digits []byte) []byte {
	out := append([]byte{'0'}, digits...)
	for i := len(out) - 1; ; i-- {
		if out[i] != '9' {
			out[i]++
			break
		}
		out[i] = '0'
	}
	if out[0] == '0' {
		return out[1:]
	}
	return out
}

// maxPlainDigits is the number of digits that always fit into 64 bits.
const maxPlainDigits = 18

// complement returns a whole number, without leading zeros, as a big-endian two's complement. No digits are zero.
func complement(digits []byte, negative bool, width int) []byte {
	out := make([]byte, width)
	if len(digits) <= maxPlainDigits {
		value, _ := strconv.ParseInt("0"+string(digits), 10, 64) // digits only, so it cannot fail
		if negative {
			value = -value
		}
		for i := width - 1; i >= 0; i-- {
			out[i] = byte(value)
			value >>= 8 // keeps the sign
		}
		return out
	}
	unscaled, _ := new(big.Int).SetString(string(digits), 10) // digits only, so it cannot fail
	if negative {
		unscaled.Sub(new(big.Int).Lsh(big.NewInt(1), uint(8*width)), unscaled)
	}
	return unscaled.FillBytes(out)
}

// DecimalText formats a decimal that Decimal returned, always with scale digits after the decimal point.
func DecimalText(b []byte, scale int) string {
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
