package lake_test

import (
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
)

func TestRunID(t *testing.T) {
	t.Parallel()
	const slot = "20250803T140512"
	for text, want := range map[string]lake.RunID{
		slot: lake.NewRunID(slot, "y", ""), slot + "-y2024": lake.NewRunID(slot, "y", "2024"),
		slot + "-a-b": lake.NewRunID(slot, "", "a-b"),
	} {
		if want.String() != text {
			t.Errorf("%+v is written %q, want %q", want, want, text)
		}
		if got := lake.ParseRunID(text); got != want || got.Slot != slot {
			t.Errorf("%q is read as %+v, want %+v", text, got, want)
		}
	}
}

func TestSliceOfAnotherRunOfTheSlot(t *testing.T) {
	t.Parallel()
	run := events.Run{Slot: "20250803T140512", RunID: "20250803T140512-y2024", Slice: "2024", Slices: []string{"2023", "2024"}}
	for other, want := range map[string]string{
		"20250803T140512-y2023": "2023", run.RunID: "2024", "20250803T140512-y2022": "", "20250804T140512-y2023": "", "20250803T140512": "",
	} {
		if got := lake.SliceOf(run, other); got != want {
			t.Errorf("slice of %s is %q, want %q", other, got, want)
		}
	}
}
