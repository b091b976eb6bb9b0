package staging

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/local/cache"
	"github.com/llac-project/llac/test/bench/staging/content"
	"github.com/llac-project/llac/test/bench/staging/pages"
	"github.com/llac-project/llac/test/bench/timed"
)

// Result is the result of a contest over one set.
type Result struct {
	Set        string   `json:"set"`
	Rows       int      `json:"rows"`
	InputBytes int64    `json:"input_bytes"`
	Counts     Counts   `json:"counts"` // the same for all contestants
	Runs       []Runs   `json:"contestants"`
	Identical  []string `json:"identical_under"`     // settings of llac that gave the same bytes
	Differing  []string `json:"differing,omitempty"` // settings that gave different bytes, each with the first file that differs
}

// Runs are the measurements of one contestant, one number per run.
type Runs struct {
	Contestant string    `json:"contestant"`
	Wall       []float64 `json:"wall_seconds"`
	CPU        []float64 `json:"cpu_seconds"`
	PeakRSS    []int64   `json:"peak_rss_bytes"`
	Bytes      int64     `json:"output_bytes"`       // of the job's columns, compressed
	FileBytes  int64     `json:"file_bytes"`         // of the whole files
	Ratios     []float64 `json:"wall_ratio_to_llac"` // of adjacent runs; empty for llac
}

// Contest stages one set with all contestants.
type Contest struct {
	Ours     Contestant
	Peers    map[string]Contestant // nil: llac alone
	Rounds   int
	Progress io.Writer
}

// Run checks that all contestants do the same job, then times them.
func (c Contest) Run(ctx context.Context, set Set) (Result, error) {
	r := Result{Set: set.Name, Rows: set.Rows}
	data, err := set.Make(ctx, set.Rows, c.Progress)
	if err != nil {
		return r, err
	}
	// Read the pages once, so that every contestant finds them in the page cache.
	if r.InputBytes, err = readAll(ctx, data.Pages); err != nil {
		return r, err
	}
	contestants := []Contestant{c.Ours}
	for _, name := range set.Peers {
		if peer, ok := c.Peers[name]; ok {
			contestants = append(contestants, peer)
		}
	}
	err = within(func(dir string) error {
		if r.Counts, r.Runs, err = c.same(ctx, set, data, dir, contestants); err != nil {
			return err
		}
		return c.identical(ctx, set, data, dir, &r)
	})
	if err != nil {
		return r, fmt.Errorf("%s: %w", set.Name, err)
	}
	for round := range c.Rounds {
		for i := range contestants[1:] {
			peer := 1 + (round+i)%(len(contestants)-1)
			if err := c.pair(ctx, set, data, contestants, &r, round, peer); err != nil {
				return r, fmt.Errorf("%s: %w", set.Name, err)
			}
		}
		if len(contestants) == 1 {
			u, err := c.once(ctx, set, data, c.Ours)
			if err != nil {
				return r, fmt.Errorf("%s: %w", set.Name, err)
			}
			r.Runs[0].add(u)
		}
	}
	return r, nil
}

// Alone times one run of llac.
func (c Contest) Alone(ctx context.Context, set Set) (timed.Usage, error) {
	data, err := set.Make(ctx, set.Rows, c.Progress)
	if err != nil {
		return timed.Usage{}, err
	}
	return c.once(ctx, set, data, c.Ours)
}

// pair times llac and one peer, one after the other. The order alternates from round to round.
func (c Contest) pair(ctx context.Context, set Set, data pages.Data, contestants []Contestant, r *Result, round, peer int) error {
	order := []int{0, peer}
	if round%2 == 1 {
		slices.Reverse(order)
	}
	wall := map[int]float64{}
	for _, who := range order {
		u, err := c.once(ctx, set, data, contestants[who])
		if err != nil {
			return err
		}
		r.Runs[who].add(u)
		wall[who] = u.Wall
	}
	r.Runs[peer].Ratios = append(r.Runs[peer].Ratios, wall[peer]/wall[0])
	return nil
}

func (r *Runs) add(u timed.Usage) {
	r.Wall, r.CPU, r.PeakRSS = append(r.Wall, u.Wall), append(r.CPU, u.CPU), append(r.PeakRSS, u.PeakRSS)
}

// once times one run and discards its output.
func (c Contest) once(ctx context.Context, set Set, data pages.Data, who Contestant) (u timed.Usage, err error) {
	err = within(func(dir string) error {
		u, _, err = c.stage(ctx, set, data, filepath.Join(dir, "out"), who)
		return err
	})
	return u, err
}

func (c Contest) stage(ctx context.Context, set Set, data pages.Data, out string, who Contestant,
	environment ...string) (timed.Usage, Counts, error) {
	base := who.Environment
	if base == nil {
		base = os.Environ()
	}
	u, stdout, err := timed.Run(ctx, who.Command(set.Name, data, out), slices.Concat(base, environment))
	if err != nil {
		return u, Counts{}, fmt.Errorf("%s: %w", who.Name, err)
	}
	counts, err := who.Counts(stdout)
	if err != nil {
		return u, Counts{}, fmt.Errorf("%s: parse its row counts: %w", who.Name, err)
	}
	fmt.Fprintf(c.Progress, "%-8s  %-14s  %6.2f s wall  %6.2f s cpu  %5d MiB\n", set.Name, who.Name, u.Wall, u.CPU, u.PeakRSS>>20)
	return u, counts, nil
}

// same runs every contestant once, untimed, and compares its output with that of llac.
func (c Contest) same(ctx context.Context, set Set, data pages.Data, dir string, contestants []Contestant) (Counts, []Runs, error) {
	described, err := contract.Parse(data.Contract, []byte(set.Contract))
	if err != nil {
		return Counts{}, nil, err
	}
	kinds := []struct {
		name    string
		columns content.Columns
	}{{"staging", content.ColumnsOf(described)}, {"quarantine", content.QuarantineColumns()}}

	var counts Counts
	var runs []Runs
	ours := map[string]content.Staging{}
	for i, who := range contestants {
		out := filepath.Join(dir, fmt.Sprint(i))
		_, reported, err := c.stage(ctx, set, data, out, who)
		if err != nil {
			return counts, nil, err
		}
		if i == 0 {
			counts = reported
		}
		if reported.RowsIn != reported.Staged+reported.Duplicates+reported.Quarantined || reported.RowsIn != int64(set.Rows) {
			return counts, nil, fmt.Errorf("%s lost rows: %+v of %d", who.Name, reported, set.Rows)
		}
		if reported.Staged != counts.Staged || reported.Duplicates != counts.Duplicates || !maps.Equal(reported.ByReason, counts.ByReason) {
			// The comparison below reports which rows differ.
			fmt.Fprintf(c.Progress, "%s counts %+v, %s %+v\n", who.Name, reported, contestants[0].Name, counts)
		}
		run := Runs{Contestant: who.Name}
		for _, kind := range kinds {
			folder := filepath.Join(out, kind.name, set.Name)
			got, err := content.Read(ctx, folder, kind.columns)
			if err != nil {
				return counts, nil, fmt.Errorf("%s: %w", who.Name, err)
			}
			if kind.name == "staging" {
				run.Bytes = got.Bytes
			}
			if i == 0 {
				ours[kind.name] = got
			} else if got.Fingerprint != ours[kind.name].Fingerprint {
				return counts, nil, different(ctx, kind.name, kind.columns, filepath.Join(dir, "0", kind.name, set.Name),
					folder, contestants[0].Name, who.Name)
			}
		}
		if run.FileBytes, err = folderBytes(filepath.Join(out, "staging")); err != nil {
			return counts, nil, err
		}
		runs = append(runs, run)
		if i > 0 {
			if err := os.RemoveAll(out); err != nil {
				return counts, nil, err
			}
		}
	}
	return counts, runs, nil
}

// different returns an error that describes how two outputs differ.
func different(ctx context.Context, kind string, columns content.Columns, a, b, nameA, nameB string) error {
	onlyA, onlyB, err := content.Difference(ctx, a, b, columns, 5)
	if err != nil {
		return err
	}
	return fmt.Errorf("the %s of %s and %s differ; they do not do the same job\n  only %s has: %s\n  only %s has: %s",
		kind, nameA, nameB, nameA, strings.Join(onlyA, "\n    "), nameB, strings.Join(onlyB, "\n    "))
}

// settings of llac that must not change a byte.
var settings = []struct {
	name        string
	flags       []string
	environment []string
}{
	{"GOMAXPROCS=1", nil, []string{"GOMAXPROCS=1"}},
	{"GOMAXPROCS=2", nil, []string{"GOMAXPROCS=2"}},
	{"GOMAXPROCS=4", nil, []string{"GOMAXPROCS=4"}},
	{"--memory 192MiB", []string{"--memory", "192MiB"}, nil},
	{"--memory 256MiB", []string{"--memory", "256MiB"}, nil},
}

// identical stages with llac under each setting and compares the files, byte for byte, with those in dir/0. A
// difference is a result and not an error, so that the other measurements continue.
func (c Contest) identical(ctx context.Context, set Set, data pages.Data, dir string, r *Result) error {
	want, err := digests(filepath.Join(dir, "0"))
	if err != nil {
		return err
	}
	for _, s := range settings {
		ours := c.Ours
		ours.Name += " " + s.name
		ours.Command = func(set string, data pages.Data, out string) []string {
			return append(c.Ours.Command(set, data, out), s.flags...)
		}
		out := filepath.Join(dir, "again")
		if _, _, err := c.stage(ctx, set, data, out, ours, s.environment...); err != nil {
			return err
		}
		got, err := digests(out)
		if err != nil {
			return err
		}
		if at, ok := firstDifference(want, got); ok {
			r.Differing = append(r.Differing, s.name+": "+at)
			fmt.Fprintf(c.Progress, "%s gives different bytes (invariant 6): %s\n", ours.Name, at)
		} else {
			r.Identical = append(r.Identical, s.name)
		}
		if err := os.RemoveAll(out); err != nil {
			return err
		}
	}
	return nil
}

// firstDifference returns the first path that two trees of files do not have in common.
func firstDifference(want, got map[string]string) (string, bool) {
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if got[path] != want[path] {
			return path, true
		}
	}
	for _, path := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[path]; !ok {
			return path, true
		}
	}
	return "", false
}

// within calls f with a temporary folder next to the data.
func within(f func(dir string) error) error {
	folder, err := cache.Folder()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Join(folder, "bench"), "out-")
	if err != nil {
		return fmt.Errorf("create a folder for the outputs: %w", err)
	}
	defer os.RemoveAll(dir)
	return f(dir)
}
