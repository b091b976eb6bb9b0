package runtime

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/telemetry"
)

func TestASpanCountsTheRequestsOfItsDelivery(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "spans")
	tel, err := telemetry.Setup(t.Context(), telemetry.Config{Service: "stager", Log: io.Discard, SpanFile: file})
	if err != nil {
		t.Fatal(err)
	}
	b := newTestWorker(t, nil)
	b.tracer, b.ports.Lake = tel.Tracer, lake.Counted(b.lake)
	b.handler = func(ctx context.Context, in events.Event) ([]events.Event, error) {
		if _, err := b.ports.Lake.Put(ctx, "one", []byte("12345")); err != nil {
			return nil, err
		}
		body, _, err := b.ports.Lake.Open(ctx, "one")
		if err != nil {
			return nil, err
		}
		if err := body.Close(); err != nil {
			return nil, err
		}
		if err := b.ports.Lake.List(ctx, "o", func(lake.Info) bool { return true }); err != nil {
			return nil, err
		}
		if err := b.ports.Lake.Delete(ctx, "one", ""); err != nil {
			return nil, err
		}
		return stage(ctx, in)
	}
	for range 2 { // the second delivery reads the receipt and publishes again
		if _, what, err := b.work(t.Context(), delivery(validated(t), 1)); what != done {
			t.Fatal(what, err)
		}
	}
	if err := tel.Shutdown(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	text, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	lines := json.NewDecoder(text)
	for _, want := range []map[string]float64{
		{AttributeGets: 2, AttributePuts: 2, AttributeLists: 1, AttributeDeletes: 1, AttributeBytesRead: 5, AttributePublished: 1},
		{AttributeGets: 1, AttributePuts: 0, AttributeLists: 0, AttributeDeletes: 0, AttributePublished: 1},
	} {
		var span telemetry.SpanRecord
		if err := lines.Decode(&span); err != nil {
			t.Fatal(err)
		}
		for name, n := range want {
			if span.Attributes[name] != n {
				t.Errorf("%s is %v, want %v", name, span.Attributes[name], n)
			}
		}
		if written, _ := span.Attributes[AttributeBytesWritten].(float64); want[AttributePuts] > 0 && written <= 5 {
			t.Errorf("%s is %v, want more than 5: the object and the receipt", AttributeBytesWritten, written)
		}
	}
}
