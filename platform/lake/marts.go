package lake

import (
	"context"
	"time"

	"github.com/llac-project/llac/events"
)

// MartsPointerKey is the key of the pointer of the marts.
const MartsPointerKey = "state/marts/current.json"

// MartKey is the key of a model's file of a build; kind is "dimension", "fact" or "aggregate".
func MartKey(kind, model, build string) string {
	return "marts/" + kind + "s/" + model + "/build=" + build + "/" + model + ".parquet"
}

// MartsRecordKey is the key of the record of a build whose every test passed.
func MartsRecordKey(build string) string { return "runs/marts/" + build + ".json" }

// MartsFailureKey is the key of the record of a build that published nothing.
func MartsFailureKey(build string) string { return "runs/marts/" + build + ".failed.json" }

// MartsClaimKey is the key by which a build takes its id: two builds never have the same.
func MartsClaimKey(build string) string { return "runs/marts/" + build + ".started.json" }

// MartsCleanedKey is the key of the record of a clearing away of old builds' files.
func MartsCleanedKey(slot string) string { return "runs/marts/" + slot + ".cleaned.json" }

// MartsPointer is state/marts/current.json: which build of each mart a reader sees. It moves in one step, by
// compare-and-swap, when every model of a build is written and every test has passed (invariants 2 and 3).
type MartsPointer struct {
	Build       string            `json:"build"` // the build that moved it, SlotLayout
	PublishedAt time.Time         `json:"published_at"`
	Project     string            `json:"project_sha256"` // of the dbt project that built it
	Code        string            `json:"code"`           // build of llac that built it
	Snapshots   map[string]string `json:"snapshots"`      // by dataset: what that build read
	Record      events.Object     `json:"record"`         // of the build: its tests, times and versions
	Previous    string            `json:"previous,omitempty"`
	Models      []Mart            `json:"models"` // sorted by name
}

// Mart is one model as it is published.
type Mart struct {
	Name         string            `json:"name"`
	Kind         string            `json:"kind"`  // dimension, fact, aggregate
	Grain        string            `json:"grain"` // "One row per …"
	Description  string            `json:"description"`
	Build        string            `json:"build"`               // that wrote its objects: an earlier one than the pointer's, when that made the same rows or could not make it
	Snapshots    map[string]string `json:"snapshots,omitempty"` // by dataset: what it was made from, the last time it was made
	Rows         int64             `json:"rows"`
	Tests        int               `json:"tests"` // that it passed
	Columns      []MartColumn      `json:"columns"`
	Objects      []events.Object   `json:"objects"`
	SourceSystem string            `json:"source_system"`          // "simulator" when any row is (invariant 11); empty: generated, of no source
	DataOrigins  map[string]int64  `json:"data_origins,omitempty"` // rows by origin
	Attribution  []string          `json:"attribution,omitempty"`  // the texts that must accompany it
	Licences     []string          `json:"licences,omitempty"`
	UpdatedAt    string            `json:"source_updated_at,omitempty"` // the latest date of update that a source gives
	Model        string            `json:"model_sha256"`                // of the model's SQL
	Content      string            `json:"content_sha256"`              // of the objects without their footers: the same rows have the same
}

// MartColumn is one column of a mart, its type in DuckDB's words.
type MartColumn struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Description string `json:"description,omitempty"`
}

// Mart returns the model of a name, or nil.
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

// ReadMartsPointer reads the marts' pointer with the ETag to swap it by; marts never built answer nil and "".
func ReadMartsPointer(ctx context.Context, s Store) (*MartsPointer, string, error) {
	p, info, err := ReadState[MartsPointer](ctx, s, MartsPointerKey)
	if p == nil {
		return nil, "", err
	}
	return p, info.ETag, nil
}
