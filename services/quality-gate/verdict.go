package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
)

// Verdict is the gate's decision on exactly one candidate, and all that led to it.
type Verdict struct {
	Dataset        string            `json:"dataset"`
	RunID          string            `json:"run_id"`
	Attempt        string            `json:"attempt"`
	Candidate      events.Object     `json:"candidate"`
	ContractSHA256 string            `json:"contract_sha256"`
	ComparedWith   string            `json:"compared_with,omitempty"` // the published snapshot
	References     map[string]string `json:"references,omitempty"`    // dataset -> snapshot that was looked up
	MatchedWith    map[string]string `json:"matched_with,omitempty"`  // dataset -> snapshot that the stager found values in
	Passed         bool              `json:"passed"`
	Rules          []RuleResult      `json:"rules"`
	DecidedAt      time.Time         `json:"decided_at"`
	Build          string            `json:"build"`
}

// RuleResult is one rule as it was found.
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

// Sample is one failing row: its key and the value in question. Staging holds no personal field, so neither does it.
type Sample struct {
	Key   map[string]string `json:"key,omitempty"`
	Value string            `json:"value"`
	Page  string            `json:"landing_object_key,omitempty"`
}

// failed says whether the rule stops publication.
func (r RuleResult) failed() bool { return !r.Passed && r.Severity != "warning" }

// problems are the failed rules as an event tells them.
func (v Verdict) problems() []events.Problem {
	var out []events.Problem
	for _, r := range v.Rules {
		if r.failed() {
			out = append(out, events.Problem{Code: r.Name, Field: r.Column, Message: r.sentence()})
		}
	}
	return out
}

// sentence tells a failed rule in words.
func (r RuleResult) sentence() string {
	if r.Note != "" && r.Observed == nil {
		return r.Note
	}
	s := r.Metric
	if r.Column != "" {
		s += " of " + r.Column
	}
	if r.Observed != nil {
		s += fmt.Sprintf(" is %s", number(*r.Observed))
	}
	if r.Unit == "percent" {
		s += " %"
	}
	switch {
	case r.Minimum != nil && r.Maximum != nil:
		s += fmt.Sprintf(", allowed %s to %s", number(*r.Minimum), number(*r.Maximum))
	case r.Minimum != nil:
		s += fmt.Sprintf(", allowed from %s", number(*r.Minimum))
	case r.Maximum != nil:
		s += fmt.Sprintf(", allowed up to %s", number(*r.Maximum))
	}
	if r.Baseline != nil {
		s += fmt.Sprintf(" (published: %s)", number(*r.Baseline))
	}
	if r.Note != "" {
		s += "; " + r.Note
	}
	return s
}

// number writes three decimals at the most.
func number(f float64) string {
	return strconv.FormatFloat(math.Round(f*1000)/1000, 'f', -1, 64)
}

// readVerdict returns the verdict that an earlier delivery wrote on this very candidate, or nil.
func (g gate) readVerdict(ctx context.Context, key string, candidate events.Object) (*Verdict, events.Object, error) {
	b, info, err := g.ports.Lake.Get(ctx, key)
	if errors.Is(err, lake.ErrNotFound) {
		return nil, events.Object{}, nil
	}
	if err != nil {
		return nil, events.Object{}, err
	}
	v := new(Verdict)
	if err := json.Unmarshal(b, v); err != nil {
		return nil, events.Object{}, runtime.Permanent(fmt.Errorf("decode the verdict %s: %w", key, err))
	}
	// Invariant 3: a verdict counts for exactly the bytes it names.
	if v.Candidate.Key != candidate.Key || v.Candidate.SHA256 != candidate.SHA256 {
		return nil, events.Object{}, runtime.Permanent(fmt.Errorf("the verdict %s is about another candidate (%s); nothing is published on it", key, v.Candidate.Key))
	}
	info.SHA256, info.Size = lake.SHA256(b), int64(len(b))
	return v, info.Object(), nil
}

// writeVerdict stores a verdict; of two deliveries at once, both go by the one that was first.
func (g gate) writeVerdict(ctx context.Context, key string, v Verdict) (Verdict, events.Object, error) {
	body := lake.Encode(v)
	info, _, err := g.ports.Lake.PutIfAbsent(ctx, key, body)
	if errors.Is(err, lake.ErrExists) {
		first, o, err := g.readVerdict(ctx, key, v.Candidate)
		return deref(first), o, err
	}
	if err != nil {
		return Verdict{}, events.Object{}, err
	}
	info.SHA256 = lake.SHA256(body)
	return v, info.Object(), nil
}

func deref(v *Verdict) Verdict {
	if v == nil {
		return Verdict{}
	}
	return *v
}
