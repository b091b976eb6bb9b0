package marts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
)

// Record is what a build leaves under runs/marts: <build>.json if every test passed, written before the pointer moves, or
// <build>.failed.json if it published nothing.
type Record struct {
	Build       string              `json:"build"`
	StartedAt   time.Time           `json:"started_at"`
	FinishedAt  time.Time           `json:"finished_at"`
	By          string              `json:"by,omitempty"` // who asked for the build
	Code        string              `json:"code"`         // version of llac
	Engine      string              `json:"engine"`
	Versions    map[string]string   `json:"versions,omitempty"` // of dbt and the engine's packages
	Project     string              `json:"project_sha256"`
	Previous    string              `json:"previous,omitempty"` // the build that readers saw when this one started
	Snapshots   map[string]string   `json:"snapshots"`
	Accumulated map[string][]string `json:"accumulated,omitempty"` // snapshots that a model took in that keeps its history, by model
	Models      []Model             `json:"models,omitempty"`      // every model that was made, including staging
	Marts       []lake.Mart         `json:"marts,omitempty"`       // as published
	Tests       []Test              `json:"tests,omitempty"`
	Freshness   []Age               `json:"freshness,omitempty"`
	LeftOut     []LeftOut           `json:"left_out,omitempty"`
	Notices     []string            `json:"notices,omitempty"`
	Times       map[string]int64    `json:"milliseconds"` // by step
	Failure     *Failure            `json:"failure,omitempty"`
}

// formerlyAccumulated is the model whose snapshots the member service_snapshots of older records lists: the only one then that
// kept its history.
const formerlyAccumulated = "fact_service_usage_daily"

// UnmarshalJSON reads a record. It also reads service_snapshots, which accumulated replaced.
func (r *Record) UnmarshalJSON(b []byte) error {
	type plain Record // without this method
	former := struct {
		*plain
		Snapshots []string `json:"service_snapshots"`
	}{plain: (*plain)(r)}
	if err := json.Unmarshal(b, &former); err != nil {
		return err
	}
	if r.Accumulated == nil && len(former.Snapshots) > 0 {
		r.Accumulated = map[string][]string{formerlyAccumulated: former.Snapshots}
	}
	return nil
}

// Model is the result of one model.
type Model struct {
	Name         string `json:"name"`
	Type         string `json:"type"`
	Materialized string `json:"materialized"`
	Status       string `json:"status"`
	Milliseconds int64  `json:"milliseconds"`
	Reused       bool   `json:"reused,omitempty"` // a mart with the same rows as before, which keeps its object
}

// Test is the result of one test.
type Test struct {
	Name         string   `json:"name"`
	Type         string   `json:"type"` // test or unit_test
	About        []string `json:"about"`
	Status       string   `json:"status"`
	Failures     int      `json:"failures,omitempty"`
	Milliseconds int64    `json:"milliseconds"`
}

// Failure records why a build published nothing.
type Failure struct {
	Message string   `json:"message"`
	Nodes   []Broken `json:"nodes,omitempty"`
	Folder  string   `json:"folder,omitempty"` // where its SQL and log are kept on the machine that built
}

// Broken is a model that could not be made, or a test that did not pass, with some of the wrong rows.
type Broken struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	About    []string `json:"about,omitempty"`
	Message  string   `json:"message"`
	Failures int      `json:"failures,omitempty"`
	Columns  []string `json:"columns,omitempty"`
	Rows     [][]any  `json:"rows,omitempty"`
	More     bool     `json:"more,omitempty"` // there are more wrong rows
}

// FailedError reports that models or tests failed. Readers see the marts that they saw before.
type FailedError struct{ Record *Record }

func (e *FailedError) Error() string { return e.Record.Failure.Message }

// LostError reports that another build moved the pointer while this one was running.
type LostError struct {
	Build, Winner string // ids; Winner is empty if the pointer is gone
	At            time.Time
}

func (e *LostError) Error() string {
	return fmt.Sprintf("build %s is not published: build %s published its marts at %s, while it was running",
		e.Build, e.Winner, e.At.UTC().Format(time.RFC3339))
}

// claim claims an unused build id that is later than the published one.
func claim(ctx context.Context, store lake.Store, now time.Time, published string, who map[string]string) (string, error) {
	at := now.UTC().Truncate(time.Second)
	if before, err := lake.ParseSlot(published); err == nil && !at.After(before) {
		at = before.Add(time.Second) // Invariant 10: the pointer only moves forward, whatever this machine's clock shows
	}
	for ; ; at = at.Add(time.Second) {
		build := lake.Slot(at)
		_, outcome, err := store.PutIfAbsent(ctx, lake.MartsClaimKey(build), lake.Encode(who))
		if errors.Is(err, lake.ErrExists) || err == nil && outcome != lake.Created {
			continue
		}
		return build, err
	}
}

// ReadRecord reads the record of a published build.
func ReadRecord(ctx context.Context, store lake.Store, o events.Object) (Record, error) {
	return lake.ReadDocument[Record](ctx, store, o)
}
