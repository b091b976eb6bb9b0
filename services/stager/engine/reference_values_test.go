package engine

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/llac-project/llac/platform/cast"
	"github.com/llac-project/llac/platform/contract"
)

// refValue is one value of a row.
type refValue struct {
	cell    string // as refCells formats it from a file; refNull for null
	folder  string // as a partition folder
	encoded []byte // as keys and the comparison of rows encode it: 0 for null; 1, then eight bytes or a length and bytes
}

var refFolder = regexp.MustCompile(`\A[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}\z`)

// refRead converts raw JSON to a field's value. Empty raw: the record has no such field.
func refRead(f contract.Field, required bool, raw []byte) (refValue, Code) {
	text, null, bad := refText(f, string(raw))
	mapped, known := f.Mapping[text]
	switch {
	case bad != "":
		return refValue{}, bad
	case null && f.Default != nil:
		text = *f.Default
		if to, ok := f.Mapping[text]; ok {
			text = to
		}
	case null && required:
		return refValue{}, MissingRequired
	case null:
		return refValue{cell: refNull, encoded: []byte{0}}, ""
	case f.Mapping != nil && !known:
		return refValue{}, UnmappedCode
	case f.Mapping != nil:
		text = mapped
	}
	if refDigits.MatchString(text) && len(text) < f.PadLeft {
		text = strings.Repeat("0", f.PadLeft-len(text)) + text
	}
	v, bad := refCast(f, text)
	if bad == "" {
		bad = refLimits(f, text, v)
	}
	return v, bad
}

var refDigits = regexp.MustCompile(`\A[0-9]+\z`)

// refText returns the text that a contract describes.
func refText(f contract.Field, raw string) (text string, null bool, bad Code) {
	raw = strings.TrimSpace(raw)
	isNull := func(s string) bool { return slices.Contains(f.NullLiterals, s) }
	switch {
	case raw == "" || raw == "null":
		return "", true, ""
	case f.Type == contract.JSON && refRepeats([]byte(raw)):
		return "", false, RepeatedName
	case f.Type == contract.JSON:
		s, ok := refUnquote(raw)
		return raw, ok && isNull(strings.TrimSpace(s)), ""
	case raw[0] == '{' || raw[0] == '[':
		return "", false, BadType
	case raw[0] == '"':
		s, ok := refUnquote(raw)
		if !ok {
			return "", false, BadText
		}
		raw = s
	}
	text = strings.TrimSpace(raw)
	if f.Squeeze {
		text = strings.Join(strings.Fields(text), " ")
	}
	return text, text == "" || isNull(text), ""
}

// refUnquote decodes a JSON string. It rejects NUL and half a character.
func refUnquote(raw string) (string, bool) {
	var s string
	if raw == "" || raw[0] != '"' || json.Unmarshal([]byte(raw), &s) != nil {
		return "", false
	}
	// The UTF-16 code units of the string: half a character is a surrogate without its pair.
	var units []uint16
	for rest := raw[1 : len(raw)-1]; rest != ""; {
		switch {
		case strings.HasPrefix(rest, `\u`):
			u, _ := strconv.ParseUint(rest[2:6], 16, 16)
			units, rest = append(units, uint16(u)), rest[6:]
		case rest[0] == '\\':
			units, rest = append(units, 'x'), rest[2:]
		default:
			r, n := utf8.DecodeRuneInString(rest)
			units, rest = utf16.AppendRune(units, r), rest[n:]
		}
	}
	back := utf16.Encode(utf16.Decode(units)) // halves come back as U+FFFD
	return s, slices.Equal(units, back) && !slices.Contains(units, 0)
}

var refNumeral = regexp.MustCompile(`\A([+-]?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?\z`)

// refCast casts a text to the field's type.
func refCast(f contract.Field, text string) (refValue, Code) {
	m := refNumeral.FindStringSubmatch(text)
	switch f.Type {
	case contract.Integer:
		if i, ok := refInteger(m, text); ok {
			return refWhole(i, strconv.FormatInt(i, 10)), ""
		}
		return refValue{}, BadInteger
	case contract.Number:
		if n, ok := refFloat(m, text); ok {
			return refValue{
				cell: strconv.FormatFloat(n, 'g', -1, 64), folder: strconv.FormatFloat(n, 'f', -1, 64),
				encoded: binary.BigEndian.AppendUint64([]byte{1}, math.Float64bits(n)),
			}, ""
		}
		return refValue{}, BadNumber
	case contract.Decimal:
		if m != nil {
			if v, ok := refDecimal(m, f); ok {
				return v, ""
			}
		}
		return refValue{}, BadDecimal
	case contract.Boolean:
		switch strings.ToLower(text) {
		case "1", "true":
			return refWhole(1, "true"), ""
		case "0", "false":
			return refWhole(0, "false"), ""
		}
		return refValue{}, BadBoolean
	case contract.Date:
		if day, ok := refDate(text, f.Format, f.Zone); ok {
			return refWhole(day.Unix()/86400, day.Format(time.DateOnly)), ""
		}
		return refValue{}, BadDate
	case contract.Timestamp:
		at, bad := refTimestamp(text, f.Format, f.Zone)
		return refWhole(at.UnixMicro(), at.Format("20060102T150405.000000")), bad
	}
	return refBytes(text, text, []byte(text)), ""
}

func refWhole(i int64, folder string) refValue {
	return refValue{cell: strconv.FormatInt(i, 10), folder: folder, encoded: binary.BigEndian.AppendUint64([]byte{1}, uint64(i))}
}

func refBytes(cell, folder string, b []byte) refValue {
	return refValue{cell: cell, folder: folder, encoded: append(binary.AppendUvarint([]byte{1}, uint64(len(b))), b...)}
}

// refInteger parses an exact 64-bit integer. Three digits after a point are rejected because they may be thousands.
func refInteger(m []string, text string) (int64, bool) {
	if m == nil || len(m[3]) == 3 && len(m[2]) <= 3 && m[2][0] != '0' {
		return 0, false
	}
	if m[4] != "" {
		exponent, err := strconv.Atoi(m[4])
		if strings.Trim(m[2]+m[3], "0") == "" {
			return 0, true
		}
		if limit := len(text) + 20; err != nil || exponent > limit || exponent < -limit {
			return 0, false // far beyond 64 bits, or far below one
		}
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok || !r.IsInt() || !r.Num().IsInt64() {
		return 0, false
	}
	return r.Num().Int64(), true
}

// refFloat parses a finite number and rejects one that would underflow to zero.
func refFloat(m []string, text string) (float64, bool) {
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	if n == 0 { // -0 is 0
		return 0, err == nil && strings.Trim(m[2]+m[3], "0") == ""
	}
	return n, err == nil
}

// refDecimal parses an exact decimal, or rounds it as the contract demands.
func refDecimal(m []string, f contract.Field) (refValue, bool) {
	exponent, err := strconv.Atoi("0" + strings.TrimLeft(m[4], "+-"))
	if limit := len(m[0]) + 100; err != nil || exponent > limit {
		exponent = limit // far beyond every decimal, or far below
	}
	if strings.HasPrefix(m[4], "-") {
		exponent = -exponent
	}
	r, _ := new(big.Rat).SetString(m[1] + m[2] + "." + m[3] + "0e" + strconv.Itoa(exponent))
	power := func(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }
	shifted := new(big.Rat).Mul(r, new(big.Rat).SetInt(power(f.Scale)))
	unscaled := shifted.Num()
	if !shifted.IsInt() {
		if f.Rounding != cast.HalfEven && f.Rounding != cast.HalfUp {
			return refValue{}, false
		}
		// The whole number below, and the rest, from 0 to 1.
		below := new(big.Int).Div(shifted.Num(), shifted.Denom())
		half := new(big.Rat).Sub(shifted, new(big.Rat).SetInt(below)).Cmp(big.NewRat(1, 2))
		if half > 0 || half == 0 && (f.Rounding == cast.HalfEven && below.Bit(0) == 1 || f.Rounding == cast.HalfUp && shifted.Sign() > 0) {
			below.Add(below, big.NewInt(1))
		}
		unscaled, r = below, new(big.Rat).SetFrac(below, power(f.Scale))
	}
	if unscaled.CmpAbs(power(f.Precision)) >= 0 {
		return refValue{}, false
	}
	// Two's complement, in as many bytes as the largest decimal and its sign need.
	width := 1
	for new(big.Int).Lsh(big.NewInt(1), uint(8*width-1)).Cmp(power(f.Precision)) < 0 {
		width++
	}
	complement := new(big.Int).Set(unscaled)
	if unscaled.Sign() < 0 {
		complement.Add(complement, new(big.Int).Lsh(big.NewInt(1), uint(8*width)))
	}
	return refBytes(unscaled.String(), r.FloatString(f.Scale), complement.FillBytes(make([]byte, width))), true
}

var refMidnight = regexp.MustCompile(`\A(\d{4}-\d{2}-\d{2})T00:00:00(\.0+)?\z`)

// refZone returns a time zone; UTC for the empty name.
func refZone(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return zone
}

// refDate parses a day, at midnight UTC. An instant is a day if the clocks of the zone show midnight.
func refDate(text, layout, zone string) (time.Time, bool) {
	if layout == "" {
		layout = "2006-01-02"
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil && layout == "2006-01-02" {
		local := at.In(refZone(zone)).Format("2006-01-02T15:04:05.999999999")
		if !strings.HasSuffix(local, "T00:00:00") {
			return at, false
		}
		text = local
	}
	if m := refMidnight.FindStringSubmatch(text); m != nil && layout == "2006-01-02" {
		text = m[1]
	}
	t, err := time.Parse(layout, text)
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC), err == nil && t.Year() >= 1
}

// refTimestamp parses an instant. A time without an offset is in the zone, whose clocks must show it exactly once.
func refTimestamp(text, layout, zone string) (time.Time, Code) {
	layouts := []string{layout}
	if layout == "" {
		layouts = []string{time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02"}
	}
	for _, l := range layouts {
		t, err := time.Parse(l, text)
		if err != nil {
			continue
		}
		if !strings.Contains(l, "Z07") && zone != "" {
			guess := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), refZone(zone))
			shown := map[time.Time]bool{}
			for minutes := -180; minutes <= 180; minutes += 30 {
				at := guess.Add(time.Duration(minutes) * time.Minute)
				if at.Format(time.DateTime) == t.Format(time.DateTime) {
					shown[at.UTC()] = true
				}
			}
			switch len(shown) {
			case 0:
				return time.Time{}, BadTimestamp
			case 1:
				t = slices.Collect(maps.Keys(shown))[0]
			default:
				return time.Time{}, AmbiguousTime
			}
		}
		if t.UTC().Year() >= 1 && t.UTC().Year() <= 9999 {
			return t.UTC().Truncate(time.Microsecond), ""
		}
	}
	return time.Time{}, BadTimestamp
}

// refLimits applies the contract's limits in order.
func refLimits(f contract.Field, text string, v refValue) Code {
	characters := len([]rune(text))
	switch {
	case f.MaxLength != nil && characters > *f.MaxLength:
		return TooLong
	case f.MinLength != nil && characters < *f.MinLength:
		return TooShort
	case f.Pattern != "" && !regexp.MustCompile("^(?:"+f.Pattern+")$").MatchString(text):
		return Pattern
	}
	if f.Minimum != nil || f.Maximum != nil {
		size := text
		switch f.Type {
		case contract.Integer, contract.Number:
			size = v.cell
		case contract.Decimal:
			size = v.folder
		}
		m := refNumeral.FindStringSubmatch(size)
		n, ok := refFloat(m, size)
		if !ok || f.Minimum != nil && n < *f.Minimum || f.Maximum != nil && n > *f.Maximum {
			return OutOfRange
		}
	}
	if f.CheckDigit != "" && !slices.Contains(f.CheckDigitExempt, text) && !refMunicipality(text) {
		return CheckDigit
	}
	return ""
}

// refMunicipality checks an Idescat code: five digits of the INE, each mapped through the INE's tables A, B, C, A, B,
// and the digit that completes their sum to a multiple of ten.
func refMunicipality(code string) bool {
	if len(code) != 6 || !refDigits.MatchString(code) {
		return false
	}
	const a, b, c = "0246813579", "0382741596", "0123456789"
	sum := code[5] - '0'
	for i, table := range []string{a, b, c, a, b} {
		sum += table[code[i]-'0'] - '0'
	}
	return sum%10 == 0
}
