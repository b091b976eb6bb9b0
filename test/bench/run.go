package main

import (
	"context"
	"fmt"
	"time"

	"github.com/llac-project/llac/operations/pipeline"
)

// measureRun runs all datasets into an empty lake and then again. It returns the seconds of both runs and the rows
// published.
func measureRun(ctx context.Context, contracts string) (first, second, rows float64, err error) {
	err = within(func(dir string) error {
		for again := range 2 {
			start := time.Now()
			result, err := pipeline.Run(ctx, pipeline.Options{Settings: pipeline.Settings{Dir: dir, Note: "bench"},
				Contracts: contracts, By: "bench"})
			if err != nil {
				return err
			}
			if !result.Good() {
				return fmt.Errorf("llac run failed: %+v", result.Datasets)
			}
			if again == 1 {
				second = since(start)
				continue
			}
			first = since(start)
			for _, d := range result.Datasets {
				rows += float64(d.Staged)
			}
		}
		return nil
	})
	return first, second, rows, err
}
