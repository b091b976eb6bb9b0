// Command testservice is a service for the tests of the runtime. It consumes run.requested; the first word of the request's reason
// selects what the handler does.
package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
)

func main() {
	runtime.Main(runtime.Service{
		Name: "testservice", New: runtime.Construct(handler),
		Size:     runtime.Size{MemoryMiB: 128, Timeout: time.Minute, BatchSize: 10, MaximumConcurrency: 2},
		Stage:    runtime.Stage{Outside: true},
		Consumes: []string{events.RunRequested{}.EventType()}, Emits: events.TypesOf(events.DatasetStale{}, events.DatasetRecovered{}),
		Receipt: func(in events.Event) string { return lake.ReceiptKey(in.Subject, in.ID, "testservice", 0) },
		GaveUp: func(in events.Event, _ events.Failure) []events.Event {
			return []events.Event{events.New(events.DatasetRecovered{Dataset: in.Subject})}
		},
	})
}

// ports are what the handler asks of the runtime.
type ports struct {
	Lake       lake.Store
	Log        *slog.Logger
	NewAttempt func() string
}

func handler(p ports) runtime.Handler {
	return func(ctx context.Context, in events.Event) ([]events.Event, error) {
		request, err := events.As[events.RunRequested](in)
		if err != nil {
			return nil, runtime.Permanent(err)
		}
		word, _, _ := strings.Cut(request.Reason, " ")
		switch word {
		case "transient":
			return nil, errors.New("the portal is down")
		case "permanent":
			return nil, runtime.Permanent(errors.New("no such column"))
		case "panic":
			panic(request.RequestedBy)
		case "slow": // until the runtime ends the context
			p.Log.InfoContext(ctx, "slow work started") // tests wait for this line: a message in flight may not have reached the handler
			<-ctx.Done()
			return nil, ctx.Err()
		}
		// The effect is one object per attempt, so that tests can count how often an event was handled.
		key := lake.StateKey(in.Subject, in.ID+"-"+p.NewAttempt())
		if _, err := p.Lake.Put(ctx, key, []byte(`{}`)); err != nil {
			return nil, err
		}
		return []events.Event{events.New(events.DatasetStale{Dataset: in.Subject})}, nil
	}
}
