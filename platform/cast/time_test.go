package cast_test

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/llac-project/llac/platform/cast"
)

// timestamp reads a text and returns the instant in RFC 3339, or the error's text.
func timestamp(t *testing.T, layout, zone, text string) string {
	t.Helper()
	f, err := cast.NewTimeForm(layout, zone)
	if err != nil {
		t.Fatal(err)
	}
	micros, err := f.Timestamp([]byte(text))
	switch {
	case errors.Is(err, cast.ErrForm):
		return "form"
	case errors.Is(err, cast.ErrSkipped):
		return "skipped"
	case errors.Is(err, cast.ErrTwice):
		return "twice"
	case err != nil:
		return err.Error()
	}
	return time.UnixMicro(micros).UTC().Format(time.RFC3339Nano)
}

// In Madrid, clocks go from 02:00 to 03:00 on 31 March 2024, and back from 03:00 to 02:00 on 27 October 2024.
func TestTimestamps(t *testing.T) {
	t.Parallel()
	const madrid = "Europe/Madrid"
	for _, c := range []struct{ layout, zone, text, want string }{
		{"", "", "2024-04-16T00:00:00.000Z", "2024-04-16T00:00:00Z"},
		{"", "", "2024-04-16T00:00:00Z", "2024-04-16T00:00:00Z"},
		{"", "", "2024-04-16T02:00:00.123456+02:00", "2024-04-16T00:00:00.123456Z"},
		{"", "", "2024-04-15T19:00:00-05:00", "2024-04-16T00:00:00Z"},
		{"", "", "2024-04-16 02:00:00+02:00", "2024-04-16T00:00:00Z"},
		{"", "", "2024-04-16T00:00:00.000", "2024-04-16T00:00:00Z"},
		{"", "", "2024-04-16 12:30:00.5", "2024-04-16T12:30:00.5Z"},
		{"", "", "2024-04-16", "2024-04-16T00:00:00Z"},
		{"", "", "2024-04-16T00:00:00.1234569Z", "2024-04-16T00:00:00.123456Z"},
		{"", "", "2024-10-27T02:30:00", "2024-10-27T02:30:00Z"}, // UTC has no summer time
		{"", "", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
		{"", "", "0001-01-01T00:30:00+01:00", "form"},
		{"", "", "9999-12-31T23:30:00-01:00", "form"},
		{"", "", "2024-04-16T25:00:00Z", "form"},
		{"", "", "2023-02-29T00:00:00Z", "form"},
		{"", "", "2024-04-16T00:00:00+02", "form"},
		{"", "", "2024-04-16T00:00Z", "form"},
		{"", "", "20240416T000000Z", "form"},
		{"", "", "2024-04-16Z", "form"},
		{"", "", "Z", "form"},
		{"", "", "", "form"},
		{"", "", "1700000000", "form"},

		{"", madrid, "2024-01-01T00:00:00.000", "2023-12-31T23:00:00Z"},
		{"", madrid, "2024-07-01T00:00:00", "2024-06-30T22:00:00Z"},
		{"", madrid, "2024-07-01", "2024-06-30T22:00:00Z"},
		{"", madrid, "2024-07-01T00:00:00Z", "2024-07-01T00:00:00Z"}, // its own offset counts
		{"", madrid, "2024-07-01T00:00:00+09:00", "2024-06-30T15:00:00Z"},
		{"", madrid, "2024-03-31T01:59:59.999999", "2024-03-31T00:59:59.999999Z"},
		{"", madrid, "2024-03-31T02:00:00", "skipped"},
		{"", madrid, "2024-03-31T02:30:00.000", "skipped"},
		{"", madrid, "2024-03-31T02:59:59.999999", "skipped"},
		{"", madrid, "2024-03-31T03:00:00", "2024-03-31T01:00:00Z"},
		{"", madrid, "2024-10-27T01:59:59.999999", "2024-10-26T23:59:59.999999Z"},
		{"", madrid, "2024-10-27T02:00:00", "twice"},
		{"", madrid, "2024-10-27T02:30:00.000", "twice"},
		{"", madrid, "2024-10-27T02:59:59.999999", "twice"},
		{"", madrid, "2024-10-27T03:00:00", "2024-10-27T02:00:00Z"},
		{"", madrid, "2024-10-27T02:30:00+02:00", "2024-10-27T00:30:00Z"},
		{"", madrid, "2024-10-27T02:30:00+01:00", "2024-10-27T01:30:00Z"},
		{"", "Australia/Lord_Howe", "2024-10-06T02:15:00", "skipped"}, // half an hour
		{"", "Australia/Lord_Howe", "2024-10-06T02:30:00", "2024-10-05T15:30:00Z"},
		{"", "Pacific/Apia", "2011-12-30T12:00:00", "skipped"}, // a day
		{"", "Pacific/Apia", "2011-12-31T00:00:00", "2011-12-30T10:00:00Z"},
		{"", "America/Sao_Paulo", "2018-11-04", "skipped"}, // the change is at midnight
		{"", madrid, "9999-12-31T23:30:00", "9999-12-31T22:30:00Z"},
		{"", madrid, "0001-01-01T00:00:00", "0001-01-01T00:14:44Z"}, // before the zones: the sun of Madrid

		{"02/01/2006 15:04", madrid, "27/10/2024 02:30", "twice"},
		{"02/01/2006 15:04", madrid, "27/10/2024 12:30", "2024-10-27T11:30:00Z"},
		{"02/01/2006 15:04", "", "27/10/2024 02:30", "2024-10-27T02:30:00Z"},
		{"2006-01-02T15:04:05Z07:00", madrid, "2024-10-27T02:30:00+01:00", "2024-10-27T01:30:00Z"},
		{"2006-01-02T15:04:05-07:00", madrid, "2024-10-27T02:30:00+01:00", "2024-10-27T01:30:00Z"},
		{"2006-01-02T15:04:05Z0700", madrid, "2024-10-27T02:30:00+0100", "2024-10-27T01:30:00Z"},
	} {
		if got := timestamp(t, c.layout, c.zone, c.text); got != c.want {
			t.Errorf("%q with layout %q in zone %q: got %s, want %s", c.text, c.layout, c.zone, got, c.want)
		}
	}
}

// TestEveryInstantOfAZone writes an instant as the clocks of a zone show it: reading it gives the instant, or reports that
// the clocks show it twice.
func TestEveryInstantOfAZone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"UTC", "Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu",
			"Pacific/Apia", "America/Sao_Paulo", "Antarctica/Troll"}).Draw(t, "zone")
		zone, err := cast.Zone(name)
		if err != nil {
			t.Fatal(err)
		}
		f, _ := cast.NewTimeForm("", name)
		at := time.Unix(rapid.Int64Range(-3_000_000_000, 3_000_000_000).Draw(t, "second"), 0)
		if rapid.Bool().Draw(t, "near a change") {
			if start, _ := at.In(zone).ZoneBounds(); !start.IsZero() {
				at = start.Add(time.Duration(rapid.Int64Range(-30*3600, 30*3600).Draw(t, "offset")) * time.Second)
			}
		}
		text := at.In(zone).Format("2006-01-02T15:04:05")
		got, err := f.Timestamp([]byte(text))
		twice := false
		for _, hours := range []int{-24, -3, -2, -1, 1, 2, 3, 24} { // the hours by which these zones were set back, and half an hour
			for _, d := range []time.Duration{time.Duration(hours) * time.Hour, time.Duration(hours) * time.Hour / 2} {
				twice = twice || at.Add(d).In(zone).Format("2006-01-02T15:04:05") == text
			}
		}
		switch {
		case errors.Is(err, cast.ErrTwice):
			if start, end := at.In(zone).ZoneBounds(); !twice && at.Sub(start) > 24*time.Hour && end.Sub(at) > 24*time.Hour {
				t.Fatalf("%s in %s is reported as occurring twice", text, name)
			}
		case err != nil || got != at.UnixMicro() || twice:
			t.Fatalf("%s in %s: got %d, %v, want %d", text, name, got, err, at.UnixMicro())
		}
	})
}

func TestDates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ layout, zone, text, want string }{
		{"", "", "2024-04-16", "2024-04-16"},
		{"2006-01-02", "", "2024-04-16T00:00:00.000", "2024-04-16"},
		{"", "", "2024-04-16T00:00:00.000Z", "2024-04-16"},
		{"", "", "2024-04-16T00:00:00+00:00", "2024-04-16"},
		{"", "", "2024-04-15T22:00:00Z", ""}, // midnight elsewhere
		{"", "Europe/Madrid", "2024-04-15T22:00:00.000Z", "2024-04-16"},
		{"", "Europe/Madrid", "2024-01-15T23:00:00Z", "2024-01-16"},
		{"", "Europe/Madrid", "2024-04-16T00:00:00+02:00", "2024-04-16"},
		{"", "Europe/Madrid", "2024-04-16T00:00:00Z", ""}, // two o'clock in the morning
		{"", "Europe/Madrid", "2024-04-16T00:00:00", "2024-04-16"},
		{"", "Europe/Madrid", "2024-04-16", "2024-04-16"},
		{"", "", "2024-04-16T00:00:00.001Z", ""},
		{"", "", "2024-04-16T10:00:00", ""},
		{"", "", "2024-04-16Z", ""},
		{"", "", "2023-02-29", ""},
		{"", "", "0000-12-31", ""},
		{"", "", "0001-01-01T00:00:00Z", "0001-01-01"},
		{"02/01/2006", "Europe/Madrid", "16/04/2024", "2024-04-16"},
		{"02/01/2006", "", "2024-04-16T00:00:00Z", ""},
	} {
		f, err := cast.NewTimeForm(c.layout, c.zone)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if n, err := f.Date([]byte(c.text)); err == nil {
			got = time.Unix(n*86400, 0).UTC().Format(time.DateOnly)
		}
		if got != c.want {
			t.Errorf("%q with layout %q in zone %q: got %q, want %q", c.text, c.layout, c.zone, got, c.want)
		}
	}
}

func TestUnknownZones(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"Local", "Nowhere/Town", "../etc/passwd", "CEST"} {
		if _, err := cast.NewTimeForm("", zone); err == nil {
			t.Errorf("the zone %q is known", zone)
		}
	}
}
