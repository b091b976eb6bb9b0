package validator

import (
	"context"
	"fmt"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/telemetry"
)

// Service is the validator.
var Service = runtime.Service{
	Name:     "validator",
	Consumes: events.Consumes("validator"),
	Emits:    events.Emits("validator"),
	New:      runtime.Construct(func(p ports) runtime.Handler { return validator{p}.handle }),
	// A landing may take all of the time.
	Size:   runtime.Size{MemoryMiB: 512, Timeout: 5 * time.Minute, PerMessage: 5 * time.Minute, BatchSize: 1, MaximumConcurrency: 4},
	Stage:  runtime.Stage{State: "checking", Ends: events.TypesOf(events.LandingValidated{}, events.LandingRejected{})},
	GaveUp: runtime.FailsRun,
	Receipt: func(in events.Event) string {
		p, err := events.As[events.LandingWritten](in)
		if err != nil {
			return ""
		}
		return lake.ReceiptKey(p.Dataset, p.RunID, "validator", 0)
	},
}

// maxProblems is the maximum number of problems in one event: a landing may have thousands of bad pages or new fields, and
// a queue accepts messages of at most 256 KiB.
const maxProblems = 20

// ports are the ports that the validator uses.
type ports struct {
	Lake      lake.Store
	Contracts runtime.Contracts
	Clock     clock.Clock
	Metrics   telemetry.Metrics
}

type validator struct{ ports ports }

func (v validator) handle(ctx context.Context, in events.Event) ([]events.Event, error) {
	p, err := events.As[events.LandingWritten](in)
	if err != nil {
		return nil, runtime.Permanent(err)
	}
	c, err := v.ports.Contracts.Load(ctx, p.ContractSHA256)
	if err != nil {
		return nil, err
	}
	manifest, err := lake.ReadManifest(ctx, v.ports.Lake, p.Manifest, p.Run)
	if err != nil {
		return nil, err
	}
	started := v.ports.Clock.Now()
	pass, err := newPass(c, manifest)
	if err != nil {
		return nil, runtime.Permanent(err)
	}
	problems := whole(manifest)
	for _, page := range manifest.Pages {
		problem, err := pass.page(ctx, v.ports.Lake, page)
		if err != nil {
			return nil, err
		}
		problems = append(problems, problem...)
	}
	rows := pass.rows
	if len(problems) == 0 {
		problems = append(counted(manifest, rows), pass.together()...)
	}
	fatal, drift := pass.shape.drift(manifest.Description.Fields, rows-pass.unreadable.rows)
	problems, drift = append(problems, fatal...), append(pass.unreadable.report(), drift...)

	about := []any{"dataset", p.Dataset, "run", p.RunID}
	v.ports.Metrics.Record(ctx, "rows_validated", float64(rows), telemetry.Count, about...)
	elapsed := v.ports.Clock.Now().Sub(started)
	v.ports.Metrics.Record(ctx, "validation_time", float64(elapsed.Milliseconds()), telemetry.Milliseconds, about...)
	if len(problems) > 0 {
		return []events.Event{events.New(events.LandingRejected{
			Run: p.Run, Attempt: p.Attempt, Manifest: p.Manifest, Problems: few(problems),
		})}, nil
	}
	return []events.Event{events.New(events.LandingValidated{
		Run: p.Run, Attempt: p.Attempt, Manifest: p.Manifest,
		Pages: len(manifest.Pages), Rows: rows, Bytes: manifest.Bytes, Drift: few(drift),
	})}, nil
}

// few returns at most maxProblems problems and the number of the others.
func few(problems []events.Problem) []events.Problem {
	more := len(problems) - maxProblems
	if more <= 0 {
		return problems
	}
	return append(problems[:maxProblems:maxProblems], events.Problem{Code: "more", Message: fmt.Sprintf("and %d more problems", more)})
}

// whole checks that the manifest lists every planned page once and in order.
func whole(m lake.Manifest) []events.Problem {
	if len(m.Pages) != len(m.Description.Pages) {
		return []events.Problem{{
			Code: "pages_missing",
			Message: fmt.Sprintf("the manifest lists %d pages, but %d were planned; run the dataset again", len(m.Pages),
				len(m.Description.Pages)),
		}}
	}
	for i, p := range m.Pages {
		if p.Index != i {
			return []events.Problem{{
				Code: "pages_missing", Page: p.Key,
				Message: fmt.Sprintf("the manifest lists page %d in place of page %d; run the dataset again", p.Index, i),
			}}
		}
	}
	return nil
}

// counted compares the number of rows with the source's own count.
func counted(m lake.Manifest, rows int64) []events.Problem {
	if want := m.Description.Rows; want >= 0 && rows != want {
		return []events.Problem{{
			Code: "row_count",
			Message: fmt.Sprintf("the source counts %d rows, but the landing contains %d; rows were lost or duplicated between pages; "+
				"run the dataset again", want, rows),
		}}
	}
	return nil
}
