package contract

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/llac-project/llac/platform/cast"
)

// zoneOf reads the name of a time zone; empty for an unknown one.
func (d *document) zoneOf(n node) string {
	name := d.stringOf(n)
	if _, err := cast.Zone(name); n.isText() && err != nil {
		d.report(n, "write a name of the tz database, e.g. Europe/Madrid", "unknown time zone %q", name)
		return ""
	}
	return name
}

// readZone decodes the time zone of a column's times without an offset from UTC: its own, or the dataset's.
func (d *document) readZone(f *Field, own node) {
	if own.exists() {
		if f.Zone != "" {
			d.report(own, "keep one of the two", "defaultTimezone is given too")
		}
		f.Zone = d.zoneOf(own)
	}
	switch {
	case f.Zone == "" && f.takesZone():
		f.Zone = d.zone
	case f.takesZone() || !own.exists() || f.Type == "":
	case f.Type == Timestamp:
		d.report(own, "remove it", "llacZone has no effect: the column's format contains the offset from UTC")
	case f.Type == Date:
		d.report(own, "remove it", "llacZone has no effect: the column's format contains no time")
	default:
		d.report(own, "make the column's logicalType timestamp or date, or remove this",
			"only a column of instants or days can have llacZone")
	}
}

// takesZone reports whether a value may be a time without an offset from UTC, or a day that is written as an instant.
func (f Field) takesZone() bool {
	switch f.Type {
	case Timestamp:
		return !strings.Contains(f.Format, "Z07") && !strings.Contains(f.Format, "-07")
	case Date:
		return f.Format == "" || f.Format == time.DateOnly
	}
	return false
}

// checkZone reports a time zone of the dataset that no column uses.
func (d *document) checkZone(c *Contract, zone node) {
	for _, f := range c.Fields {
		if f.takesZone() {
			return
		}
	}
	if zone.exists() {
		d.report(zone, "remove it", "llacZone has no effect: no column has times without an offset from UTC")
	}
}

// readRounding decodes what a decimal column does with a value of more decimals than it has.
func (d *document) readRounding(f *Field, n node) {
	if f.Type != Decimal {
		if n.exists() && f.Type != "" {
			d.report(n, "write physicalType: decimal(precision, scale), or remove this", "only a decimal column can have llacRounding")
		}
		return
	}
	var choices []string
	for _, r := range cast.Roundings {
		choices = append(choices, string(r))
	}
	f.Rounding = cast.Rounding(d.choiceOf(n, choices...))
}

// maxPrecision is the largest precision of a decimal, and decimalWidth the bytes that it needs.
const (
	maxPrecision = 38
	decimalWidth = 16
)

// magnitude reads a text from the contract as a number of the column, as the stager does. The reason is empty if it is one.
func (f Field) magnitude(text string) (n float64, reason string) {
	switch f.Type {
	case Integer:
		whole, ok := cast.Integer([]byte(text))
		if !ok {
			return 0, "is not an integer"
		}
		return float64(whole), ""
	case Decimal:
		if f.Precision < 1 || f.Precision > maxPrecision || f.Scale > f.Precision {
			break // reported with physicalType
		}
		b, ok := cast.Decimal([]byte(text), f.DecimalForm(), decimalWidth)
		if ok {
			text = cast.DecimalText(b, f.Scale)
		} else if _, isNumber := cast.Number([]byte(text)); isNumber {
			return 0, fmt.Sprintf("is not a decimal(%d, %d)", f.Precision, f.Scale)
		}
	}
	n, ok := cast.Number([]byte(text))
	if !ok {
		return 0, "is not a number"
	}
	return n, ""
}

// refusesTime returns why a text from the contract cannot be a day or an instant of the column; empty if it can.
func (f Field) refusesTime(text string) string {
	form, err := cast.NewTimeForm(f.Format, f.Zone)
	if err != nil {
		return "" // reported with the zone
	}
	if f.Type == Date {
		_, err = form.Date([]byte(text))
	} else {
		_, err = form.Timestamp([]byte(text))
	}
	switch {
	case errors.Is(err, cast.ErrSkipped):
		return "does not exist in " + f.Zone + ", whose clocks skip it"
	case errors.Is(err, cast.ErrTwice):
		return "occurs twice in " + f.Zone + ": write its offset from UTC"
	case err != nil:
		return "does not have the column's format"
	}
	return ""
}
