package cast_test

import (
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/llac-project/llac/platform/cast"
)

// TestOneGrammar reads every text as an integer, a number and a decimal: a text is a numeral for all three or for none.
func TestOneGrammar(t *testing.T) {
	t.Parallel()
	for text, isNumeral := range map[string]bool{
		"100": true, "+100": true, "-0": true, "007": true, "100.0": true, "1E+2": true, "1e2": true, "1.0e2": true, "10000e-2": true,
		"0e999999999999": true, "-0.0E-999999999999": true, "0e+0": true,
		"": false, ".5": false, "5.": false, "1,5": false, "1_000": false, "0x1f": false, "0x1p4": false, "NaN": false, "Inf": false,
		"infinity": false, "1e": false, "1e+": false, "e2": false, "1.e2": false, "--1": false, "+-1": false, "1 000": false, " 1": false,
		"1 ": false, "１": false, "1.000.000": false, "1e2.5": false, "1e2e2": false, "½": false, "1\x00": false,
	} {
		_, integer := cast.Integer([]byte(text))
		_, number := cast.Number([]byte(text))
		_, decimal := cast.Decimal([]byte(text), cast.DecimalForm{Precision: 38, Scale: 10}, 16)
		if integer != isNumeral || number != isNumeral || decimal != isNumeral {
			t.Errorf("%q: read as integer %v, number %v, decimal %v, want %v for all", text, integer, number, decimal, isNumeral)
		}
	}
}

func TestInteger(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"890.0": "890", "1E+2": "100", "120e-1": "12", "9223372036854775807": "9223372036854775807",
		"-9223372036854775808": "-9223372036854775808", "922337203685477580.7e1": "9223372036854775807", "0.000": "0", "1234.000": "1234",
		"1.151": "", "1.000": "", "1.000e0": "", "-947.000": "", "9223372036854775808": "", "15e-1": "", "5.302E-7": "", "1e19": "",
		"1e99999999999999999999": "", "1e-99999999999999999999": "",
	} {
		got, ok := cast.Integer([]byte(text))
		if ok != (want != "") || ok && big.NewInt(got).String() != want {
			t.Errorf("%q: got %d, %v, want %q", text, got, ok, want)
		}
	}
}

// decimal reads a decimal and returns it as text, by its unscaled value; empty if it is refused.
func decimal(text string, form cast.DecimalForm) string {
	const width = 16
	b, ok := cast.Decimal([]byte(text), form, width)
	if !ok {
		return ""
	}
	unscaled := new(big.Int).SetBytes(b)
	if b[0] >= 0x80 {
		unscaled.Sub(unscaled, new(big.Int).Lsh(big.NewInt(1), 8*width))
	}
	return unscaled.String()
}

func TestDecimalsWithMoreDigitsThanDeclared(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, refuse, even, up string }{
		{"1.25", "125", "125", "125"},
		{"1.250", "125", "125", "125"},
		{"12500e-4", "125", "125", "125"},
		{"1E+2", "10000", "10000", "10000"},
		{"5.302E-1", "", "53", "53"},
		{"0.125", "", "12", "13"},
		{"0.135", "", "14", "14"},
		{"-0.125", "", "-12", "-13"},
		{"-0.135", "", "-14", "-14"},
		{"0.1250000000000000000000000000000000000001", "", "13", "13"},
		{"0.1249999999999999999999999999999999999999", "", "12", "12"},
		{"0.005", "", "0", "1"},
		{"-0.005", "", "0", "-1"},
		{"0.0051", "", "1", "1"},
		{"0.0049", "", "0", "0"},
		{"1e-9", "", "0", "0"},
		{"1e-99999999999999999999", "", "0", "0"},
		{"-1e-99999999999999999999", "", "0", "0"},
		{"99.995", "", "10000", "10000"},
		{"999.994", "", "99999", "99999"},
		{"999.995", "", "", ""}, // 1000.00 has a digit too many
		{"1000", "", "", ""},
		{"1e99999999999999999999", "", "", ""},
	} {
		form := cast.DecimalForm{Precision: 5, Scale: 2}
		for rounding, want := range map[cast.Rounding]string{
			"": c.refuse, cast.Refuse: c.refuse, cast.HalfEven: c.even, cast.HalfUp: c.up,
		} {
			if form.Rounding = rounding; decimal(c.text, form) != want {
				t.Errorf("%s with rounding %q: got %q, want %q", c.text, rounding, decimal(c.text, form), want)
			}
		}
	}
}

// TestDecimalsAreExact compares decimals with rational numbers.
func TestDecimalsAreExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		precision := rapid.IntRange(1, 38).Draw(t, "precision")
		form := cast.DecimalForm{Precision: precision, Scale: rapid.IntRange(0, precision).Draw(t, "scale"),
			Rounding: rapid.SampledFrom(cast.Roundings).Draw(t, "rounding")}
		text := rapid.StringMatching(`[-+]?[0-9]{1,25}(\.[0-9]{1,25})?([eE][-+]?[0-9]{1,2})?`).Draw(t, "text")
		exact, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("%q is not a number", text)
		}
		power := func(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }
		shifted := new(big.Rat).Mul(exact, new(big.Rat).SetInt(power(form.Scale)))
		want := ""
		if rounded := round(shifted, form.Rounding); rounded != nil && rounded.CmpAbs(power(precision)) < 0 {
			want = rounded.String()
		}
		if got := decimal(text, form); got != want {
			t.Fatalf("%s as %+v: got %q, want %q", text, form, got, want)
		}
	})
}

// round rounds a rational number to a whole one; nil if the rounding refuses it.
func round(x *big.Rat, r cast.Rounding) *big.Int {
	if x.IsInt() {
		return x.Num()
	}
	if r == cast.Refuse {
		return nil
	}
	twice := new(big.Int).Mul(new(big.Int).Abs(x.Num()), big.NewInt(2))
	quotient, rest := new(big.Int).QuoRem(twice, x.Denom(), new(big.Int)) // the magnitude in halves
	whole, half := new(big.Int).Rsh(quotient, 1), quotient.Bit(0) == 1
	if half && (rest.Sign() > 0 || r == cast.HalfUp || whole.Bit(0) == 1) {
		whole.Add(whole, big.NewInt(1))
	}
	if x.Sign() < 0 {
		whole.Neg(whole)
	}
	return whole
}

// TestIntegersAreExact compares integers with rational numbers.
func TestIntegersAreExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[-+]?[0-9]{1,20}(\.0{0,2}[0-9]{1,2})?([eE][-+]?[0-9]{1,2})?`).Draw(t, "text")
		exact, _ := new(big.Rat).SetString(text)
		whole, fraction, _ := strings.Cut(strings.TrimLeft(text, "+-"), ".")
		if e := strings.IndexAny(fraction, "eE"); e >= 0 {
			fraction = fraction[:e]
		}
		isGrouped := len(fraction) == 3 && len(whole) <= 3 && whole[0] != '0'
		want := exact.IsInt() && exact.Num().IsInt64() && !isGrouped
		got, ok := cast.Integer([]byte(text))
		if ok != want || ok && got != exact.Num().Int64() {
			t.Fatalf("%s: got %d, %v, want %v", text, got, ok, exact)
		}
	})
}

func TestThousands(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"1.151": 1151, "1.75": 1750, "2.5": 2500, "1": 1000, "999": 999_000, "12.034": 12_034, "100.100": 100_100,
		"": -1, "0": -1, "0.5": -1, "1234": -1, "1.2345": -1, "-1": -1, "1,5": -1, "1e3": -1, "1.x": -1, ".5": -1, "a": -1,
	} {
		got, ok := cast.Thousands([]byte(text))
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
}
