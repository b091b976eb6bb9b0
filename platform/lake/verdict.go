package lake

import (
	"time"

	"github.com/llac-project/llac/events"
)

// Verdict is the quality gate's decision on exactly one candidate, and what it was based on.
type Verdict struct {
	Dataset        string            `json:"dataset"`
	RunID          string            `json:"run_id"`
	Attempt        string            `json:"attempt"`
	Candidate      events.Object     `json:"candidate"`
	ContractSHA256 string            `json:"contract_sha256"`
	ComparedWith   string            `json:"compared_with,omitempty"` // the published snapshot
	References     map[string]string `json:"references,omitempty"`    // dataset -> snapshot in which the gate looked values up
	MatchedWith    map[string]string `json:"matched_with,omitempty"`  // dataset -> snapshot in which the stager found values
	Passed         bool              `json:"passed"`
	Rules          []RuleResult      `json:"rules"`
	DecidedAt      time.Time         `json:"decided_at"`
	Build          string            `json:"build"`
}

// RuleResult is the result of one rule.
type RuleResult struct {
	Name      string   `json:"name"`
	Metric    string   `json:"metric"`
	Column    string   `json:"column,omitempty"`
	Unit      string   `json:"unit,omitempty"`
	Observed  *float64 `json:"observed,omitempty"`
	Baseline  *float64 `json:"baseline,omitempty"`
	Minimum   *float64 `json:"minimum,omitempty"`
	Maximum   *float64 `json:"maximum,omitempty"`
	Passed    bool     `json:"passed"`
	Severity  string   `json:"severity"`
	Dimension string   `json:"dimension,omitempty"`
	Side      string   `json:"responsible_side,omitempty"` // "source" or "pipeline"
	Text      string   `json:"description,omitempty"`
	Note      string   `json:"note,omitempty"`
	Samples   []Sample `json:"samples,omitempty"` // some of the failing rows
}

// Sample is one failing row: its key and the value in question. Like staging, it contains no personal field.
type Sample struct {
	Key   map[string]string `json:"key,omitempty"`
	Value string            `json:"value"`
	Page  *int64            `json:"source_page,omitempty"` // position of its record in the run's landing; nil if unknown
	Row   *int64            `json:"source_row,omitempty"`
}

// Failed reports whether the rule stops publication.
func (r RuleResult) Failed() bool { return !r.Passed && r.Severity != "warning" }

// Passes reports whether the verdict passes exactly this candidate.
func (v Verdict) Passes(candidate events.Object) bool { return v.Passed && v.IsAbout(candidate) }

// IsAbout reports whether the verdict is about exactly this candidate.
//
// Invariant 3: a verdict counts only for the bytes that it names.
func (v Verdict) IsAbout(candidate events.Object) bool {
	return v.Candidate.Key == candidate.Key && v.Candidate.SHA256 == candidate.SHA256
}
