package marts

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/lake/laketest"
)

const day = 24 * time.Hour

// history is a lake with the files and records of successive builds, of a killed one, and of one that is running.
type history struct {
	*laketest.Memory
	t   *testing.T
	now time.Time
}

func (h *history) put(key string, v any) events.Object {
	h.t.Helper()
	i, err := h.Put(h.t.Context(), key, lake.Encode(v))
	if err != nil {
		h.t.Fatal(err)
	}
	return i.Object()
}

// file writes the file that a build wrote of a mart some days ago.
func (h *history) file(mart string, ago int) lake.Mart {
	build := h.build(ago)
	return lake.Mart{Name: mart, Kind: "fact", Build: build, Objects: []events.Object{h.put(lake.MartKey("fact", mart, build), build)}}
}

func (h *history) build(ago int) string { return lake.Slot(h.now.Add(-time.Duration(ago) * day)) }

// record writes the record of a build some days ago, whose previous build is that of before days ago.
func (h *history) record(ago, before int, marts ...lake.Mart) {
	r := Record{Build: h.build(ago), FinishedAt: h.now.Add(-time.Duration(ago) * day).Add(time.Minute), Marts: marts}
	if before > 0 {
		r.Previous = h.build(before)
	}
	h.put(lake.MartsRecordKey(r.Build), r)
}

// newHistory writes builds of 400, 200, 80 and 10 days ago. Only the first and the last one wrote the towns.
func newHistory(t *testing.T) *history {
	t.Helper()
	h := &history{laketest.NewMemory(), t, time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)}
	towns, old := h.file("towns", 400), h.file("roads", 400)
	h.record(400, 0, old, towns)
	middle := h.file("roads", 200)
	h.record(200, 400, middle, towns)
	late := h.file("roads", 80)
	h.record(80, 200, late, towns)
	last := []lake.Mart{h.file("roads", 10), h.file("towns", 10)}
	h.record(10, 80, last...)
	h.put(lake.MartsPointerKey, lake.MartsPointer{Build: h.build(10), Previous: h.build(80), PublishedAt: h.now.Add(-10 * day),
		Models: last})
	h.file("roads", 300) // killed
	h.file("roads", 1)   // running
	h.put("marts/notes.txt", "written by a person")
	return h
}

func (h *history) options() CleanOptions {
	return CleanOptions{Store: h, Now: h.now, Keep: 90 * day, Code: "test", By: "a test"}
}

func (h *history) keys(prefix string) []string {
	var out []string
	if err := h.List(context.Background(), prefix, func(i lake.Info) bool { out = append(out, i.Key); return true }); err != nil {
		h.t.Fatal(err)
	}
	return out
}

func names(c Cleaned) string {
	var out []string
	for _, f := range c.Files {
		out = append(out, f.Mart+" "+f.Build)
	}
	return strings.Join(out, ", ")
}

func TestClean(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	before := len(h.keys(""))
	o := h.options()
	o.DryRun = true
	c, err := Clean(t.Context(), o)
	// Of 400 days ago the roads. Of 200 days ago nothing: readers saw its roads until 80 days ago, and the towns until 10 days ago.
	want := "roads " + h.build(400) + ", roads " + h.build(300)
	if err != nil || names(c) != want || len(h.keys("")) != before || c.Bytes() == 0 || c.Builds() != 2 {
		t.Fatalf("dry: %v, %s, want %s; %d objects of %d are left", err, names(c), want, len(h.keys("")), before)
	}
	var forgotten []string
	o.DryRun, o.Forget = false, func(_ context.Context, mart, build string) error {
		if len(h.keys("runs/marts/"+lake.Slot(h.now)+".cleaned.json")) == 0 || len(h.keys("marts/facts/roads/build="+build)) == 0 {
			t.Error("a table must be removed after the evidence is written and before its file is deleted") // Invariant 4
		}
		forgotten = append(forgotten, mart+" "+build)
		return nil
	}
	if c, err = Clean(t.Context(), o); err != nil || names(c) != want || strings.Join(forgotten, ", ") != want {
		t.Fatalf("%v: %s; forgotten %v", err, names(c), forgotten)
	}
	if !c.Files[0].Published || c.Files[0].SHA256 == "" || c.Files[1].Published {
		t.Errorf("evidence %+v", c.Files)
	}
	for _, build := range []string{h.build(200), h.build(80), h.build(10), h.build(1)} {
		if len(h.keys("marts/facts/roads/build="+build)) != 1 {
			t.Errorf("the roads of %s are gone", build)
		}
	}
	if len(h.keys("marts/facts/towns/")) != 2 || len(h.keys("marts/notes.txt")) != 1 ||
		len(h.keys("marts/facts/roads/build="+h.build(400))) != 0 {
		t.Errorf("left are %v", h.keys("marts/"))
	}
	evidence, _, err := lake.ReadState[Cleaned](t.Context(), h, lake.MartsCleanedKey(lake.Slot(h.now)))
	if err != nil || evidence == nil || names(*evidence) != want || evidence.Published != h.build(10) {
		t.Errorf("evidence %+v, %v", evidence, err)
	}
	if c, err = Clean(t.Context(), o); err != nil || len(c.Files) != 0 || len(forgotten) != 2 {
		t.Errorf("again: %v, %s", err, names(c))
	}
}

// The roads of 200 days ago are deleted once they have been superseded for more than 90 days.
func TestCleanCountsFromTheLastDayWithReaders(t *testing.T) {
	t.Parallel()
	for ago, want := range map[int]bool{9: false, 11: true} {
		h := newHistory(t)
		o := h.options()
		o.Now = h.now.Add(time.Duration(ago) * day)
		c, err := Clean(t.Context(), o)
		if got := strings.Contains(names(c), "roads "+h.build(200)); err != nil || got != want {
			t.Errorf("%d days later: %v, %s", ago, err, names(c))
		}
	}
}

func TestCleanRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*history, *CleanOptions)
		want   string
	}{
		"a record is gone": {func(h *history, _ *CleanOptions) {
			_ = h.Delete(context.Background(), lake.MartsRecordKey(h.build(80)), "")
		}, "so it is unknown what readers saw"},
		"too short": {func(_ *history, o *CleanOptions) { o.Keep = time.Hour }, "at least"},
		"a table that is still used": {func(_ *history, o *CleanOptions) {
			o.Forget = func(context.Context, string, string) error { return errors.New("still in use") }
		}, "still in use"},
		"never built": {func(h *history, _ *CleanOptions) { _ = h.Delete(context.Background(), lake.MartsPointerKey, "") },
			ErrNoMarts.Error()},
	} {
		h := newHistory(t)
		o := h.options()
		c.change(h, &o)
		before := h.keys("marts/")
		if _, err := Clean(t.Context(), o); err == nil || !strings.Contains(err.Error(), c.want) ||
			!slices.Equal(h.keys("marts/"), before) {
			t.Errorf("%s: %v, want %q; %d files of %d are left", name, err, c.want, len(h.keys("marts/")), len(before))
		}
	}
}
