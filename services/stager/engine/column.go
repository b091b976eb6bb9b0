package engine

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/llac-project/llac/platform/cast"
	"github.com/llac-project/llac/platform/contract"
)

// value is one cell of a staged row. text may alias the page or a fresh buffer; it is copied when the row is kept.
type value struct {
	null      bool
	defaulted bool    // the value is the contract's default
	text      []byte  // text, JSON; decimals as fixed-length big-endian two's complement
	whole     int64   // integers; dates in days and timestamps in microseconds since 1970; booleans 0 or 1
	number    float64 // numbers
}

// column converts one source field to one staged column.
type column struct {
	field    contract.Field
	required bool // by the contract, or because the column is part of the key or the partition
	nulls    map[string]struct{}
	mapping  map[string][]byte
	fallback []byte // the default, after mapping; nil if none
	pattern  *regexp.Regexp
	decimal  cast.DecimalForm
	width    int           // decimals: bytes per value
	time     cast.TimeForm // dates and timestamps
	inKey    bool
	folder   bool    // part of the partition or the slice: its values become folder names
	named    *column // the column whose value this one holds folded or in natural form; nil: another kind of column
	match    int     // index into plan.matches plus 1 for a column that a match fills; 0: read from the source
}

func newColumn(f contract.Field, required bool) (*column, error) {
	c := &column{field: f, required: required || f.Required}
	if len(f.NullLiterals) > 0 {
		c.nulls = make(map[string]struct{}, len(f.NullLiterals))
		for _, s := range f.NullLiterals {
			c.nulls[s] = struct{}{}
		}
	}
	if f.Mapping != nil {
		c.mapping = make(map[string][]byte, len(f.Mapping))
		for from, to := range f.Mapping {
			c.mapping[from] = []byte(to)
		}
	}
	if f.Default != nil {
		c.fallback = []byte(*f.Default)
		// A default may be written as the source would write it, or as the mapped value.
		if to, ok := c.mapping[*f.Default]; ok {
			c.fallback = to
		}
	}
	if f.Pattern != "" {
		p, err := regexp.Compile(`\A(?:` + f.Pattern + `)\z`)
		if err != nil {
			return nil, fmt.Errorf("pattern of column %s: %w; correct the contract", f.Name, err)
		}
		c.pattern = p
	}
	if f.CheckDigit != "" && f.CheckDigit != "idescat_municipality" {
		return nil, fmt.Errorf("column %s: unknown check digit %q; deploy a stager that supports it first", f.Name, f.CheckDigit)
	}
	switch f.Type {
	case contract.Text, contract.Integer, contract.Number, contract.Boolean, contract.JSON:
	case contract.Date, contract.Timestamp:
		var err error
		if c.time, err = cast.NewTimeForm(f.Format, f.Zone); err != nil {
			return nil, fmt.Errorf("column %s: %w; deploy a stager that supports it first", f.Name, err)
		}
	case contract.Decimal:
		c.decimal, c.width = f.DecimalForm(), decimalWidth(f.Precision)
		if f.Rounding != "" && !slices.Contains(cast.Roundings, f.Rounding) {
			return nil, fmt.Errorf("column %s: unknown rounding %q; deploy a stager that supports it first", f.Name, f.Rounding)
		}
		if f.Precision < 1 || f.Precision > maxPrecision || f.Scale < 0 || f.Scale > f.Precision {
			return nil, fmt.Errorf("column %s is decimal(%d,%d); want a precision of 1 to %d and a scale of 0 to the precision",
				f.Name, f.Precision, f.Scale, maxPrecision)
		}
	default:
		return nil, fmt.Errorf("column %s: unknown type %q; deploy a stager that supports it first", f.Name, f.Type)
	}
	return c, nil
}

func (c *column) reject(code Code, message string) *rejection {
	return &rejection{field: c.field.Name, code: code, message: message}
}

func (c *column) isNull(text []byte) bool {
	_, ok := c.nulls[string(text)]
	return ok
}

// read converts the raw JSON of a source value to the column's value. In order: trim, squeeze, null literals, default,
// mapping, padding, cast, the contract's limits. An empty text is null.
func (c *column) read(raw []byte) (value, *rejection) {
	text, null, bad := c.text(raw)
	defaulted := null && c.fallback != nil
	switch {
	case bad != nil:
		return value{}, bad
	case defaulted:
		text = c.fallback
	case null && c.required:
		return value{}, c.reject(MissingRequired, "a value is required")
	case null:
		return value{null: true}, nil
	case c.mapping != nil:
		to, ok := c.mapping[string(text)]
		if !ok {
			return value{}, c.reject(UnmappedCode, fmt.Sprintf("not one of the contract's %d reference codes", len(c.mapping)))
		}
		text = to
	}
	if c.field.PadLeft > 0 {
		text = padLeft(text, c.field.PadLeft)
	}
	v, bad := c.cast(text)
	v.defaulted = defaulted
	if bad == nil {
		bad = c.check(text, v)
	}
	return v, bad
}

func (c *column) cast(text []byte) (value, *rejection) {
	var v value
	var ok bool
	switch c.field.Type {
	case contract.Text, contract.JSON:
		v.text = text
		return v, nil
	case contract.Integer:
		if v.whole, ok = cast.Integer(text); !ok {
			return v, c.reject(BadInteger, "want a whole number of 64 bits")
		}
	case contract.Number:
		if v.number, ok = cast.Number(text); !ok {
			return v, c.reject(BadNumber, "want a number with a decimal point")
		}
	case contract.Decimal:
		if v.text, ok = cast.Decimal(text, c.decimal, c.width); !ok {
			want := fmt.Sprintf("want a decimal of at most %d digits, %d of them after the point", c.field.Precision, c.field.Scale)
			return v, c.reject(BadDecimal, want)
		}
	case contract.Boolean:
		var is bool
		if is, ok = cast.Boolean(text); !ok {
			return v, c.reject(BadBoolean, "want true or false")
		}
		if is {
			v.whole = 1
		}
	case contract.Date:
		var err error
		if v.whole, err = c.time.Date(text); err != nil {
			return v, c.reject(BadDate, "want a date like "+cmp.Or(c.field.Format, time.DateOnly))
		}
	case contract.Timestamp:
		var err error
		if v.whole, err = c.time.Timestamp(text); err != nil {
			return v, c.notAnInstant(err)
		}
	}
	return v, nil
}

// notAnInstant returns the rejection of a text that is not an instant.
func (c *column) notAnInstant(err error) *rejection {
	switch {
	case errors.Is(err, cast.ErrSkipped):
		return c.reject(BadTimestamp, "want a time that exists; the clocks of "+c.field.Zone+" skip this one")
	case errors.Is(err, cast.ErrTwice):
		return c.reject(AmbiguousTime, "want an offset from UTC; in "+c.field.Zone+" this time occurs twice, when the clocks go back")
	}
	return c.reject(BadTimestamp, "want a timestamp like "+cmp.Or(c.field.Format, time.RFC3339))
}

// check applies the contract's limits. Lengths come before the pattern, which bounds the text that a pattern has to
// match.
func (c *column) check(text []byte, v value) *rejection {
	f := &c.field
	if f.MinLength != nil || f.MaxLength != nil {
		n := utf8.RuneCount(text)
		if f.MaxLength != nil && n > *f.MaxLength {
			return c.reject(TooLong, fmt.Sprintf("want at most %d characters, got %d", *f.MaxLength, n))
		}
		if f.MinLength != nil && n < *f.MinLength {
			return c.reject(TooShort, fmt.Sprintf("want at least %d characters, got %d", *f.MinLength, n))
		}
	}
	if c.pattern != nil && !c.pattern.Match(text) {
		return c.reject(Pattern, "want "+f.Pattern)
	}
	if f.Minimum != nil || f.Maximum != nil {
		n, ok := c.magnitude(text, v)
		if !ok {
			return c.reject(OutOfRange, "want a number within the contract's range")
		}
		if f.Minimum != nil && n < *f.Minimum {
			return c.reject(OutOfRange, fmt.Sprintf("want at least %v", *f.Minimum))
		}
		if f.Maximum != nil && n > *f.Maximum {
			return c.reject(OutOfRange, fmt.Sprintf("want at most %v", *f.Maximum))
		}
	}
	if f.CheckDigit != "" && !idescatMunicipality(text) && !slices.Contains(f.CheckDigitExempt, string(text)) {
		return c.reject(CheckDigit, "want six digits, the last of which follows from the others; a leading zero may be lost")
	}
	return nil
}

// magnitude returns the number that a minimum and a maximum are compared with. Texts that are numerals can have bounds
// too.
func (c *column) magnitude(text []byte, v value) (float64, bool) {
	switch c.field.Type {
	case contract.Integer:
		return float64(v.whole), true
	case contract.Number:
		return v.number, true
	}
	if c.field.Type == contract.Decimal && c.decimal.Rounding.Rounds() {
		text = []byte(cast.DecimalText(v.text, c.field.Scale)) // the limits are of the value that is staged
	}
	return cast.Number(text)
}

// partitionText formats a value as the name of a Hive partition.
func (c *column) partitionText(v value) string {
	switch c.field.Type {
	case contract.Integer:
		return strconv.FormatInt(v.whole, 10)
	case contract.Boolean:
		return strconv.FormatBool(v.whole == 1)
	case contract.Date:
		return time.Unix(v.whole*86400, 0).UTC().Format(time.DateOnly)
	case contract.Timestamp:
		return time.UnixMicro(v.whole).UTC().Format("20060102T150405.000000")
	case contract.Number:
		return strconv.FormatFloat(v.number, 'f', -1, 64)
	case contract.Decimal:
		return cast.DecimalText(v.text, c.field.Scale)
	}
	return string(v.text)
}
