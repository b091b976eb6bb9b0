package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/llac-project/llac/test/bench/report"
)

// pipelineFigures measures the hop through the local cloud, the consumer compared with the library's, and whole runs.
func pipelineFigures(ctx context.Context, rounds, messages int, contracts string) ([]report.Figure, error) {
	hop := report.Figure{Name: "idle hop, SNS publish to handler (median)", Unit: "ms", Target: "<= 5"}
	ours := report.Figure{Name: "consumer: received, handled, deleted", Unit: "msg/s", Target: ">= 5000"}
	library := report.Figure{Name: "watermill-aws subscriber, same queue", Unit: "msg/s", Target: "reference"}
	ratio := report.Figure{Name: "consumer / watermill-aws", Unit: "x", Target: "> 1"}
	run := report.Figure{Name: "llac run, all datasets", Unit: "s", Target: "<= 5"}
	rows := report.Figure{Name: "rows published by that run", Unit: "rows", Target: ">= 12000"}
	again := report.Figure{Name: "llac run again, sources unchanged", Unit: "s", Target: ""}
	for round := range rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, rounds)
		ms, err := measureHop(ctx, 200)
		if err != nil {
			return nil, err
		}
		hop.Samples = append(hop.Samples, ms)
		// Alternate the order: the second one finds warmer caches.
		var us, them float64
		for i := range 2 {
			if (i == 0) == (round%2 == 0) {
				us, err = measureConsumer(ctx, messages)
			} else {
				them, err = measureLibrary(ctx, messages/20)
			}
			if err != nil {
				return nil, err
			}
		}
		ours.Samples, library.Samples, ratio.Samples = append(ours.Samples, us), append(library.Samples, them),
			append(ratio.Samples, us/them)
		first, second, published, err := measureRun(ctx, contracts)
		if err != nil {
			return nil, err
		}
		run.Samples, again.Samples, rows.Samples = append(run.Samples, first), append(again.Samples, second),
			append(rows.Samples, published)
	}
	return []report.Figure{hop, ours, library, ratio, run, rows, again}, nil
}

// within calls f with a temporary folder.
func within(f func(dir string) error) error {
	dir, err := os.MkdirTemp("", "llac-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return f(dir)
}

// since returns the seconds since start.
func since(start time.Time) float64 { return time.Since(start).Seconds() }
