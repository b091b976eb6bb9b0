package lake

import (
	"context"
	"time"

	"github.com/llac-project/llac/events"
)

// MartsPointerKey is the key of the marts' pointer.
const MartsPointerKey = "state/marts/current.json"

// MartKey returns the key of a model's file of a build; kind is "dimension", "fact" or "aggregate".
func MartKey(kind, model, build string) string {
	return "marts/" + kind + "s/" + model + "/build=" + build + "/" + model + ".parquet"
}

// MartsRecordKey returns the key of the record of a build that passed all of its tests.
func MartsRecordKey(build string) string { return "runs/marts/" + build + ".json" }

// MartsFailureKey returns the key of the record of a build that published nothing.
func MartsFailureKey(build string) string { return "runs/marts/" + build + ".failed.json" }

// MartsClaimKey returns the key that a build creates to claim its id: two builds never have the same id.
func MartsClaimKey(build string) string { return "runs/marts/" + build + ".started.json" }

// MartsCleanedKey returns the key of the record of a cleaning of old builds' files.
func MartsCleanedKey(slot string) string { return "runs/marts/" + slot + ".cleaned.json" }

// MartsPointer is state/marts/current.json: which build of each mart readers see. It moves in one step, by compare-and-swap,
// after every model of a build was written and every test passed (invariants 2 and 3).
type MartsPointer struct {
	Build       string            `json:"build"` // the build that moved it, SlotLayout
	PublishedAt time.Time         `json:"published_at"`
	Project     string            `json:"project_sha256"` // of the dbt project that built it
	Code        string            `json:"code"`           // build of llac that built it
	Snapshots   map[string]string `json:"snapshots"`      // dataset -> snapshot that the build read
	Record      events.Object     `json:"record"`         // the build's record: its tests, times and versions
	Previous    string            `json:"previous,omitempty"`
	Models      []Mart            `json:"models"` // sorted by name
}

// Mart is one published model.
type Mart struct {
	Name        string `json:"name"`
	Kind        string `json:"kind"`  // dimension, fact, aggregate
	Grain       string `json:"grain"` // "One row per …"
	Description string `json:"description"`
	// Build that wrote the objects. It is older than the pointer's build if that build made the same rows or left the model out.
	Build        string            `json:"build"`
	Snapshots    map[string]string `json:"snapshots,omitempty"` // dataset -> snapshot that the model was last made from
	Rows         int64             `json:"rows"`
	Tests        int               `json:"tests"` // number of tests that it passed
	Columns      []MartColumn      `json:"columns"`
	Objects      []events.Object   `json:"objects"`
	SourceSystem string            `json:"source_system"`          // "simulator" if any row is (invariant 11); empty: generated, no source
	DataOrigins  map[string]int64  `json:"data_origins,omitempty"` // rows by origin
	Attribution  []string          `json:"attribution,omitempty"`  // the texts that must accompany it
	Licences     []string          `json:"licences,omitempty"`
	UpdatedAt    string            `json:"source_updated_at,omitempty"` // the latest date on which a source was updated
	Model        string            `json:"model_sha256"`                // of the model's SQL
	Content      string            `json:"content_sha256"`              // digest of the objects without footers; equal for equal rows
}

// MartColumn is one column of a mart. Type is DuckDB's name of its type.
type MartColumn struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Description string `json:"description,omitempty"`
}

// Mart returns the model of that name, or nil.
func (p *MartsPointer) Mart(name string) *Mart {
	if p == nil {
		return nil
	}
	for i := range p.Models {
		if p.Models[i].Name == name {
			return &p.Models[i]
		}
	}
	return nil
}

// ReadMartsPointer returns the marts' pointer and the ETag for CompareAndSwap; nil and "" if the marts were never built.
func ReadMartsPointer(ctx context.Context, s Store) (*MartsPointer, string, error) {
	p, info, err := ReadState[MartsPointer](ctx, s, MartsPointerKey)
	if p == nil {
		return nil, "", err
	}
	return p, info.ETag, nil
}
