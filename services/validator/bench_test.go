package validator

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
	"github.com/llac-project/llac/platform/source/socrata"
	"github.com/llac-project/llac/platform/source/sourcetest"
)

// onePage is a store that returns the same bytes for every key.
type onePage struct {
	lake.Store
	body []byte
}

func (s onePage) Open(context.Context, string) (io.ReadCloser, lake.Info, error) {
	return io.NopCloser(bytes.NewReader(s.body)), lake.Info{Size: int64(len(s.body))}, nil
}

// BenchmarkValidate validates one page of the register: from memory, and from a store with its size and sha256 checked.
func BenchmarkValidate(b *testing.B) {
	body := sourcetest.RegisterPage(1000, 1)
	page := lake.ManifestPage{Object: events.Object{Key: "page", Size: int64(len(body)), SHA256: lake.SHA256(body)}, Rows: 1000}
	run := func(name string, one func(p *pass) error) {
		b.Run(name, func(b *testing.B) {
			p, err := newPass(runtimetest.Contract(b, "social_services"), lake.Manifest{})
			if err != nil || p.shape.contract.Source.Kind != socrata.Name {
				b.Fatal(err, p.shape.contract.Source.Kind)
			}
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if err := one(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("without sha256", func(p *pass) error {
		_, _, err := p.scan(page.Key, body)
		return err
	})
	run("with sha256", func(p *pass) error {
		problems, err := p.page(b.Context(), onePage{body: body}, page)
		if len(problems) > 0 {
			b.Fatal(problems)
		}
		return err
	})
}
