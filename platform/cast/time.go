package cast

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // a Lambda has no time-zone files
)

// Why a text cannot be read as a day or an instant.
var (
	ErrForm    = errors.New("the text does not have the form")
	ErrSkipped = errors.New("the clocks of the time zone skip this time")
	ErrTwice   = errors.New("this time occurs twice in the time zone")
)

// TimeForm is the form of a column's days or instants. The zero value is the default form, in UTC.
type TimeForm struct {
	layout  string // of Go; empty: the default
	hasZone bool   // the layout contains an offset from UTC
	zone    *time.Location
}

// NewTimeForm returns the form of a Go layout, empty for the default, and of a time zone by name, empty for UTC.
func NewTimeForm(layout, zone string) (TimeForm, error) {
	f := TimeForm{layout: layout, hasZone: strings.Contains(layout, "Z07") || strings.Contains(layout, "-07")}
	if zone == "" {
		return f, nil
	}
	var err error
	f.zone, err = Zone(zone)
	return f, err
}

// Zone returns a time zone by its name in the tz database. The time zone of the machine has no name.
func Zone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("unknown time zone %q", name)
	}
	return time.LoadLocation(name)
}

// Date reads a day as days since 1970-01-01. The default form is 2006-01-02, also with a time of midnight after it, as
// Socrata writes days: without an offset from UTC, or with one if it is midnight in the form's time zone.
func (f TimeForm) Date(text []byte) (int64, error) {
	layout := f.layout
	if layout == "" {
		layout = time.DateOnly
	}
	if layout == time.DateOnly && len(text) > len(layout) {
		if isMidnight(text[len(layout):]) {
			text = text[:len(layout)]
		} else {
			return f.dateOfInstant(text)
		}
	}
	t, err := time.Parse(layout, string(text))
	if err != nil || t.Year() < 1 { // there is no year 0
		return 0, ErrForm
	}
	return days(t), nil
}

// dateOfInstant reads an instant as the day that begins with it in the form's time zone.
func (f TimeForm) dateOfInstant(text []byte) (int64, error) {
	t, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return 0, ErrForm
	}
	if t = t.UTC(); f.zone != nil {
		t = t.In(f.zone)
	}
	if t.Hour() != 0 || t.Minute() != 0 || t.Second() != 0 || t.Nanosecond() != 0 || t.Year() < 1 || t.Year() > 9999 {
		return 0, ErrForm
	}
	return days(t), nil
}

// days returns the number of a time's calendar day, counted from 1970-01-01.
func days(t time.Time) int64 {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400
}

// isMidnight reports whether b is "T00:00:00", optionally with a fraction of zeros.
func isMidnight(b []byte) bool {
	rest, ok := bytes.CutPrefix(b, []byte("T00:00:00"))
	if !ok {
		return false
	}
	if len(rest) == 0 {
		return true
	}
	return rest[0] == '.' && len(rest) > 1 && len(bytes.Trim(rest[1:], "0")) == 0
}

// Timestamp reads an instant of the years 1 to 9999 as microseconds since 1970 in UTC; more digits of the second are cut
// off. The default form is that of RFC 3339, also with a space for the T, without an offset from UTC, or with the day alone.
// A text without an offset is a time in the form's time zone. A time that the zone's clocks skip or repeat is not one
// instant: the errors are ErrSkipped and ErrTwice.
func (f TimeForm) Timestamp(text []byte) (int64, error) {
	layout, hasZone := f.layout, f.hasZone
	if layout == "" {
		layout, hasZone = defaultLayout(text)
	}
	t, err := time.Parse(layout, string(text))
	if err != nil {
		return 0, ErrForm
	}
	if !hasZone && f.zone != nil {
		if t, err = instant(t, f.zone); err != nil {
			return 0, err
		}
	}
	year := t.UTC().Year() // the offset may shift it outside the years that every reader supports
	if year < 1 || year > 9999 {
		return 0, ErrForm
	}
	return t.UnixMicro(), nil
}

// defaultLayout returns the layout of the default form that a text may have.
func defaultLayout(text []byte) (layout string, hasZone bool) {
	n := len(text)
	if n <= len(time.DateOnly) {
		return time.DateOnly, false
	}
	hasZone = text[n-1] == 'Z' || n > len("2006-01-02T1") && (text[n-6] == '+' || text[n-6] == '-')
	switch isSpaced := text[len(time.DateOnly)] == ' '; {
	case isSpaced && hasZone:
		return "2006-01-02 15:04:05Z07:00", true
	case isSpaced:
		return time.DateTime, false
	case hasZone:
		return time.RFC3339, true
	}
	return "2006-01-02T15:04:05", false
}

// farOffset is beyond every offset from UTC that a zone has had.
const farOffset = 24 * time.Hour

// instant returns the only instant at which the clocks of a zone show a time, which is given as if it were in UTC.
func instant(wall time.Time, zone *time.Location) (time.Time, error) {
	var found time.Time
	n, last := 0, wall.Add(farOffset)
	for at := wall.Add(-farOffset).In(zone); ; {
		start, end := at.ZoneBounds()
		_, offset := at.Zone()
		t := wall.Add(-time.Duration(offset) * time.Second)
		if (start.IsZero() || !t.Before(start)) && (end.IsZero() || t.Before(end)) {
			found = t
			n++
		}
		if end.IsZero() || end.After(last) {
			break
		}
		at = end
	}
	switch n {
	case 0:
		return found, ErrSkipped
	case 1:
		return found, nil
	}
	return found, ErrTwice
}
