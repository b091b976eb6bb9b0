package jsonpage_test

import (
	"testing"

	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/portals"
	"github.com/llac-project/llac/platform/source/socrata"
	"github.com/llac-project/llac/platform/source/sourcetest"
)

// BenchmarkReader measures the tokenizer alone: yield does nothing.
func BenchmarkReader(b *testing.B) {
	for name, page := range map[string][]byte{
		"register": sourcetest.RegisterPage(1000, 1),
		"wide":     sourcetest.WidePage(100, 200),
	} {
		b.Run(name, func(b *testing.B) {
			r, err := portals.All.NewReader(socrata.Name)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(page)))
			b.ReportAllocs()
			for b.Loop() {
				if err := r.Rows(page, func(source.Row) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
