package contract

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/llac-project/llac/platform/cast"
)

// The defaults of a contract's schedule and retention.
const (
	DefaultTimezone   = "Europe/Madrid"
	DefaultSuperseded = 90 * 24 * time.Hour

	longest = 100 * 365 * 24 * time.Hour
)

// readSLA decodes slaProperties: frequency (a cron schedule), latency (the freshness) and retention.
func (d *document) readSLA(c *Contract, timezone node) {
	c.SLA.Timezone = DefaultTimezone
	if timezone.exists() {
		c.SLA.Timezone = d.stringOf(timezone)
		if _, err := cast.Zone(c.SLA.Timezone); err != nil {
			d.report(timezone, "write a name of the tz database, e.g. Europe/Madrid", "unknown time zone %q", c.SLA.Timezone)
			c.SLA.Timezone = "UTC"
		}
	}
	c.Retention.Superseded = DefaultSuperseded
	sla := d.root.get("slaProperties")
	seen := map[string]node{}
	for _, item := range sla.items() {
		name := item.get("property").text()
		if _, twice := seen[name]; twice && slices.Contains([]string{"frequency", "latency", "retention"}, name) {
			d.report(item.get("property"), "keep one of the two", "%s is given twice", name)
			continue
		}
		seen[name] = item
	}
	if item, ok := seen["frequency"]; ok {
		d.readCadence(c, item)
	} else {
		fix := `add {property: frequency, value: 1, unit: d, scheduler: cron, schedule: "30 6 * * *"}`
		d.reportAt(orParent(sla, d.root), "slaProperties{frequency}", fix, "the SLA property frequency is missing")
	}
	if item, ok := seen["latency"]; ok {
		c.SLA.Freshness = d.duration(item)
	} else {
		fix := "add {property: latency, value: 36, unit: h}: the age at which the dataset is stale"
		d.reportAt(orParent(sla, d.root), "slaProperties{latency}", fix, "the SLA property latency is missing")
	}
	if item, ok := seen["retention"]; ok {
		c.Retention.Superseded = d.duration(item)
	}
}

func (d *document) readCadence(c *Contract, item node) {
	if scheduler := item.get("scheduler"); scheduler.text() != "cron" {
		d.reportAt(orParent(scheduler, item), join(item.path, "scheduler"), "write scheduler: cron",
			"the frequency must be a cron schedule")
	}
	schedule := item.get("schedule")
	c.SLA.Cadence = schedule.text()
	if _, err := parseCron(c.SLA.Cadence); err != nil {
		d.reportAt(orParent(schedule, item), schedule.path, `write five fields: minute hour day month weekday, e.g. "30 6 * * *"`,
			"%v", err)
		return
	}
	if _, ok := c.NextSlot(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)); !ok {
		d.report(schedule, "use a day that exists", "%q is never due", c.SLA.Cadence)
	}
}

// duration reads value and unit of an SLA property: h, d, w or y, in any of the standard's spellings.
func (d *document) duration(item node) time.Duration {
	value := item.get("value")
	n, ok := value.number()
	units := map[string]time.Duration{
		"h": time.Hour, "hour": time.Hour, "hours": time.Hour,
		"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
		"w": 7 * 24 * time.Hour, "week": 7 * 24 * time.Hour, "weeks": 7 * 24 * time.Hour,
		"y": 365 * 24 * time.Hour, "year": 365 * 24 * time.Hour, "years": 365 * 24 * time.Hour,
	}
	unit := item.get("unit")
	length, known := units[unit.text()]
	if !known {
		d.reportAt(orParent(unit, item), unit.path, "write h, d, w or y", "%q is not a unit of time", unit.text())
	}
	// An overflow would give a negative duration: a snapshot kept for 300 years would be deleted at once.
	if !ok || n <= 0 || n*float64(length) > float64(longest) {
		if value.exists() {
			d.report(value, "write the number of units", "must be more than 0 and at most 100 years")
		}
		return 0
	}
	return time.Duration(n * float64(length))
}

// cronFields parses five-field expressions, without the library's seconds, names such as @daily and CRON_TZ prefixes.
var cronFields = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

func parseCron(expression string) (*cron.SpecSchedule, error) {
	fields := strings.Fields(expression)
	if len(fields) != 5 || strings.ContainsAny(expression, "=@") {
		return nil, fmt.Errorf("%q is not a cron schedule of five fields", expression)
	}
	fields[4] = sundayAsZero(fields[4])
	schedule, err := cronFields.Parse(strings.Join(fields, " "))
	if err != nil {
		return nil, fmt.Errorf("%q is not a cron schedule: %w", expression, err)
	}
	spec, ok := schedule.(*cron.SpecSchedule)
	if !ok {
		return nil, fmt.Errorf("%q is not a cron schedule of five fields", expression)
	}
	// The calendar is iterated in wall-clock time, written as UTC; instant converts it.
	spec.Location = time.UTC
	return spec, nil
}

// sundayAsZero writes the weekday 7 of a cron field as 0, because the library accepts 0 to 6 only: 7 becomes 0, and 5-7
// becomes 5-6,0. It returns a part that it cannot read unchanged, and the library reports it.
func sundayAsZero(weekdays string) string {
	parts := strings.Split(weekdays, ",")
	for i, part := range parts {
		days, every, _ := strings.Cut(part, "/")
		from, to, isRange := strings.Cut(days, "-")
		if !isRange {
			to = from
		}
		first, step := weekday(from), weekday(cmp.Or(every, "1"))
		switch {
		case weekday(to) != 7 || first < 0 || first > 7 || step < 1:
		case first == 7:
			parts[i] = "0"
		case (7-first)%step == 0:
			parts[i] = strings.Replace(part, "-"+to, "-6", 1) + ",0"
		default:
			parts[i] = strings.Replace(part, "-"+to, "-6", 1)
		}
	}
	return strings.Join(parts, ",")
}

// weekday returns the number of a weekday, given as a number or a name; -1 for anything else.
func weekday(text string) int {
	if day := slices.Index([]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}, strings.ToLower(text)); day >= 0 {
		return day
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// calendar is a contract's schedule in its time zone.
type calendar struct {
	spec *cron.SpecSchedule
	zone *time.Location
}

func (s SLA) calendar() (calendar, error) {
	spec, err := parseCron(s.Cadence)
	if err != nil {
		return calendar{}, err
	}
	name := s.Timezone
	if name == "" {
		name = DefaultTimezone
	}
	loc, err := cast.Zone(name)
	return calendar{spec, loc}, err
}

// wall returns the wall-clock time of an instant, written as UTC.
func (c calendar) wall(t time.Time) time.Time {
	local := t.In(c.zone)
	return time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), local.Second(), 0, time.UTC)
}

// instant returns when a wall-clock time occurs. A time that occurs twice in autumn is the first of the two; a time that is
// skipped in spring is the moment of the jump. So each entry of the calendar is due exactly once, and in order.
func (c calendar) instant(wall time.Time) time.Time {
	_, before := wall.Add(-24 * time.Hour).In(c.zone).Zone()
	_, after := wall.Add(24 * time.Hour).In(c.zone).Zone()
	first := wall.Add(-time.Duration(before) * time.Second)
	if c.wall(first).Equal(wall) {
		return first.UTC()
	}
	second := wall.Add(-time.Duration(after) * time.Second)
	if c.wall(second).Equal(wall) {
		return second.UTC()
	}
	// Skipped: the jump is between the two results.
	_, jump := first.In(c.zone).ZoneBounds()
	if start, _ := first.In(c.zone).ZoneBounds(); start.After(second) {
		jump = start
	}
	return jump.UTC()
}

// due calls yield with each due time from an instant on, in order, until yield returns false.
func (c calendar) due(from time.Time, yield func(time.Time) bool) {
	var last time.Time
	for wall := c.wall(from).Add(-time.Second); ; {
		wall = c.spec.Next(wall)
		if wall.IsZero() {
			return // nothing within five years
		}
		at := c.instant(wall)
		if at.Equal(last) || at.Before(from) {
			continue
		}
		last = at
		if !yield(at) {
			return
		}
	}
}

// NextSlot returns the first due time after an instant, in UTC; false if the contract is never due again.
func (c *Contract) NextSlot(after time.Time) (time.Time, bool) {
	calendar, err := c.SLA.calendar()
	if err != nil {
		return time.Time{}, false
	}
	var next time.Time
	// In the hour that occurs twice, an earlier due time may have a later wall-clock time: start well before.
	calendar.due(after.Add(-26*time.Hour), func(at time.Time) bool {
		next = at
		return !at.After(after)
	})
	return next, next.After(after)
}

// Slots returns the number of slots that are due after from, up to and including to.
func (c *Contract) Slots(from, to time.Time) int {
	calendar, err := c.SLA.calendar()
	if err != nil {
		return 0
	}
	n := 0
	calendar.due(from, func(at time.Time) bool {
		if at.After(from) && !at.After(to) {
			n++
		}
		return !at.After(to)
	})
	return n
}

// DueSlot returns the latest due time at or before now, in UTC; false if no time was due in the past five years.
func (c *Contract) DueSlot(now time.Time) (time.Time, bool) {
	calendar, err := c.SLA.calendar()
	if err != nil {
		return time.Time{}, false
	}
	day := 24 * time.Hour
	// Cron schedules can only be iterated forwards, so start from earlier and earlier times.
	for _, behind := range []time.Duration{2 * time.Hour, 2 * day, 9 * day, 40 * day, 400 * day, 5 * 366 * day} {
		var latest time.Time
		calendar.due(now.Add(-behind), func(at time.Time) bool {
			if at.After(now) {
				return false
			}
			latest = at
			return true
		})
		if !latest.IsZero() {
			return latest, true
		}
	}
	return time.Time{}, false
}
