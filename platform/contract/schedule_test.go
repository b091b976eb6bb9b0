package contract_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/llac-project/llac/platform/contract"
)

func scheduled(cadence, timezone string) *contract.Contract {
	return &contract.Contract{SLA: contract.SLA{Cadence: cadence, Timezone: timezone}}
}

func at(t testing.TB, text string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// In Madrid, clocks go from 02:00 to 03:00 on 30 March 2025, and back from 03:00 to 02:00 on 26 October 2025.
func TestDueAndNextSlots(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, cadence, zone, now, due, next string }{
		{"before today's", "30 6 * * *", "Europe/Madrid", "2025-08-03T04:29:59Z", "2025-08-02T04:30:00Z", "2025-08-03T04:30:00Z"},
		{"at the very moment", "30 6 * * *", "Europe/Madrid", "2025-08-03T04:30:00Z", "2025-08-03T04:30:00Z", "2025-08-04T04:30:00Z"},
		{"a nanosecond before", "30 6 * * *", "Europe/Madrid", "2025-08-03T04:29:59.999999999Z",
			"2025-08-02T04:30:00Z", "2025-08-03T04:30:00Z"},
		{"winter", "30 6 * * *", "Europe/Madrid", "2025-01-03T12:00:00Z", "2025-01-03T05:30:00Z", "2025-01-04T05:30:00Z"},
		{"across the jump", "30 6 * * *", "Europe/Madrid", "2025-03-30T04:00:00Z", "2025-03-29T05:30:00Z", "2025-03-30T04:30:00Z"},
		{"a skipped time", "30 2 * * *", "Europe/Madrid", "2025-03-30T12:00:00Z", "2025-03-30T01:00:00Z", "2025-03-31T00:30:00Z"},
		{"before a skipped time", "30 2 * * *", "Europe/Madrid", "2025-03-30T00:59:59Z", "2025-03-29T01:30:00Z", "2025-03-30T01:00:00Z"},
		{"a repeated time, between the two", "30 2 * * *", "Europe/Madrid", "2025-10-26T01:00:00Z",
			"2025-10-26T00:30:00Z", "2025-10-27T01:30:00Z"},
		{"a repeated time, after both", "30 2 * * *", "Europe/Madrid", "2025-10-26T09:00:00Z",
			"2025-10-26T00:30:00Z", "2025-10-27T01:30:00Z"},
		{"weekly", "15 5 * * 1", "Europe/Madrid", "2025-08-03T12:00:00Z", "2025-07-28T03:15:00Z", "2025-08-04T03:15:00Z"},
		{"monthly, the 31st", "0 0 31 * *", "UTC", "2025-03-01T00:00:00Z", "2025-01-31T00:00:00Z", "2025-03-31T00:00:00Z"},
		{"leap day", "0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", "2024-02-29T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"hourly through the jump", "0 * * * *", "Europe/Madrid", "2025-03-30T01:30:00Z", "2025-03-30T01:00:00Z", "2025-03-30T02:00:00Z"},
		{"no zone given", "0 12 * * *", "", "2025-08-03T12:00:00Z", "2025-08-03T10:00:00Z", "2025-08-04T10:00:00Z"},
		{"a zone that changes at midnight", "0 0 * * *", "America/Sao_Paulo", "2018-11-04T12:00:00Z",
			"2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := scheduled(test.cadence, test.zone)
			now := at(t, test.now)
			if due, ok := c.DueSlot(now); !ok || !due.Equal(at(t, test.due)) {
				t.Errorf("due %v %v, want %s", due, ok, test.due)
			}
			if next, ok := c.NextSlot(now); !ok || !next.Equal(at(t, test.next)) {
				t.Errorf("next %v %v, want %s", next, ok, test.next)
			}
		})
	}
}

// TestSundayIsZeroAndSeven compares schedules that write Sunday as 7 with the same schedules that do not.
func TestSundayIsZeroAndSeven(t *testing.T) {
	t.Parallel()
	for seven, want := range map[string]string{
		"7": "0", "07": "0", "SUN": "0", "7-7": "0", "1,7": "0,1", "5-7": "0,5,6", "Fri-7": "0,5,6", "0-7": "0-6", "1-7": "0-6",
		"sun-7": "0-6", "1-7/2": "0,1,3,5", "2-7/2": "2,4,6", "3-7/4": "0,3", "6,5-7": "0,5,6", "7/2": "0", "1-5": "1-5",
	} {
		got, expected := scheduled("30 6 * * "+seven, "Europe/Madrid"), scheduled("30 6 * * "+want, "Europe/Madrid")
		for now := at(t, "2025-03-01T00:00:00Z"); now.Before(at(t, "2025-03-22T00:00:00Z")); now = now.Add(11 * time.Hour) {
			a, okA := got.NextSlot(now)
			b, okB := expected.NextSlot(now)
			if !a.Equal(b) || !okA || !okB {
				t.Errorf("weekday %q: after %v comes %v (%v), want %v as for %q", seven, now, a, okA, b, want)
				break
			}
		}
	}
	for _, weekdays := range []string{"8", "7-2", "5-8", "-7", "7-", "1-7/0", "1-7/x", "x-7", "1-6-7", "sunday", "77"} {
		if next, ok := scheduled("30 6 * * "+weekdays, "UTC").NextSlot(at(t, "2025-03-01T00:00:00Z")); ok {
			t.Errorf("weekday %q is due at %v, want no schedule", weekdays, next)
		}
	}
}

func TestInvalidScheduleIsNeverDue(t *testing.T) {
	t.Parallel()
	for _, c := range []*contract.Contract{
		scheduled("", ""), scheduled("0 0 31 2 *", "UTC"), scheduled("@daily", "UTC"), scheduled("TZ=", "UTC"),
		scheduled("0 0 * * *", "Nowhere/Town"),
	} {
		if due, ok := c.DueSlot(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)); ok {
			t.Errorf("%q %q is due at %v", c.SLA.Cadence, c.SLA.Timezone, due)
		}
		if next, ok := c.NextSlot(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)); ok {
			t.Errorf("%q %q is next at %v", c.SLA.Cadence, c.SLA.Timezone, next)
		}
	}
}

// For any schedule and time: the due slot is not after now, the next slot is, no slot is between them, and the due slot is
// its own due slot. So a scheduler that asks often neither skips nor repeats a slot.
func TestSlotsFollowEachOther(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cadences := []string{"30 2 * * *", "*/15 * * * *", "0 * * * *", "15 5 * * 1", "0 0 1 * *", "59 23 * * *"}
		cadence := rapid.SampledFrom(cadences).Draw(t, "cadence")
		zone := rapid.SampledFrom([]string{"Europe/Madrid", "UTC", "America/Sao_Paulo", "Australia/Lord_Howe"}).Draw(t, "zone")
		// Half of the times are within three hours of a clock change in Madrid.
		now := time.Unix(rapid.Int64Range(1_500_000_000, 1_900_000_000).Draw(t, "second"), 0)
		if rapid.Bool().Draw(t, "near a change") {
			change := rapid.SampledFrom([]string{"2025-03-30T01:00:00Z", "2025-10-26T01:00:00Z"}).Draw(t, "change")
			moment, _ := time.Parse(time.RFC3339, change)
			now = moment.Add(time.Duration(rapid.Int64Range(-3*3600, 3*3600).Draw(t, "offset")) * time.Second)
		}
		c := scheduled(cadence, zone)
		due, ok := c.DueSlot(now)
		if !ok || due.After(now) {
			t.Fatalf("due %v at %v", due, now)
		}
		next, ok := c.NextSlot(now)
		if !ok || !next.After(now) {
			t.Fatalf("next %v at %v", next, now)
		}
		if between, _ := c.NextSlot(due); !between.Equal(next) {
			t.Fatalf("after the due slot %v comes %v, and the next is %v", due, between, next)
		}
		if again, _ := c.DueSlot(due); !again.Equal(due) {
			t.Fatalf("the due slot of %v is %v", due, again)
		}
		if again, _ := c.DueSlot(next); !again.Equal(next) {
			t.Fatalf("the due slot of %v is %v", next, again)
		}
	})
}

func ExampleContract_DueSlot() {
	c := &contract.Contract{SLA: contract.SLA{Cadence: "30 6 * * *", Timezone: "Europe/Madrid"}}
	due, _ := c.DueSlot(time.Date(2025, 8, 3, 12, 0, 0, 0, time.UTC))
	fmt.Println(due.Format(time.RFC3339))
	// Output: 2025-08-03T04:30:00Z
}
