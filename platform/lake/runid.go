package lake

import (
	"slices"
	"strings"
	"time"

	"github.com/llac-project/llac/events"
)

// SlotLayout is the layout of slots: UTC, to the second.
const SlotLayout = "20060102T150405"

// Slot formats a time as a slot.
func Slot(t time.Time) string { return t.UTC().Format(SlotLayout) }

// ParseSlot returns the time of a slot.
func ParseSlot(slot string) (time.Time, error) { return time.Parse(SlotLayout, slot) }

// sliceMark separates slot and slice in a run id. No slot contains it.
const sliceMark = "-"

// RunID names a run: its slot and, of a sliced dataset, the name of its slice. Its text is "20250803T140512" or
// "20250803T140512-y2024". Only this file puts run ids together and takes them apart.
type RunID struct {
	Slot  string
	Slice string // the contract's prefix and the slice's value: "y2024"; empty when the dataset is not sliced
}

// NewRunID returns the id of the run of a slot and a slice value. prefix is the contract's slice prefix: the slice part of the
// id is prefix + slice. If slice is empty, the id is the slot.
func NewRunID(slot, prefix, slice string) RunID {
	if slice == "" {
		return RunID{Slot: slot}
	}
	return RunID{Slot: slot, Slice: prefix + slice}
}

// ParseRunID takes a run id apart. Text that is not a run id is returned as the slot.
func ParseRunID(text string) RunID {
	slot, slice, _ := strings.Cut(text, sliceMark)
	return RunID{Slot: slot, Slice: slice}
}

// String returns the text of the id.
func (id RunID) String() string {
	if id.Slice == "" {
		return id.Slot
	}
	return id.Slot + sliceMark + id.Slice
}

// SliceOf returns the slice of another run of the same slot, given its id; empty when the slot has no such run.
func SliceOf(run events.Run, otherRunID string) string {
	prefix := strings.TrimSuffix(ParseRunID(run.RunID).Slice, run.Slice)
	i := slices.IndexFunc(run.Slices, func(slice string) bool {
		return NewRunID(run.Slot, prefix, slice).String() == otherRunID
	})
	if i < 0 {
		return ""
	}
	return run.Slices[i]
}
