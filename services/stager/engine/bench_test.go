package engine

import (
	"context"
	"io"
	"testing"
)

// discard is a sink that keeps nothing.
type discard struct{ io.Writer }

func (discard) Create(context.Context, Output) (File, error) { return discard{io.Discard}, nil }
func (discard) Commit(context.Context) error                 { return nil }
func (discard) Abort()                                       {}

// BenchmarkStage stages 50 pages of 1,000 rows of a column of each type.
func BenchmarkStage(b *testing.B) {
	c := testCase{contract: parseContract(&testing.T{}, everyType), pages: registerPages(1, 50, 1000, 1<<30)}
	var size int64
	for _, p := range c.pages {
		size += int64(len(p))
	}
	b.SetBytes(size)
	b.ReportAllocs()
	var rows int64
	for b.Loop() {
		r, err := Stage(b.Context(), c.inputOf(), discard{}, Options{})
		if err != nil {
			b.Fatal(err)
		}
		rows += r.RowsIn
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}
