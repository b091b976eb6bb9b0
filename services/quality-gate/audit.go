package gate

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/quality"
)

// audit measures the candidate against every rule. It decides and changes nothing.
func (g gate) audit(ctx context.Context, c *contract.Contract, ref events.Object, candidate lake.Candidate, pointer *lake.Pointer) (lake.Verdict, error) {
	v := lake.Verdict{
		Dataset: candidate.Run.Dataset, RunID: candidate.Run.RunID, Attempt: candidate.Attempt, Candidate: ref,
		ContractSHA256: c.SHA256, Build: g.ports.Build, MatchedWith: candidate.References,
	}
	var baseline *lake.PointerPart
	// A baseline counts only from the same kind of source: simulated data say nothing of real ones.
	if pointer != nil && simulated(pointer.SourceSystem) == simulated(candidate.SourceSystem) {
		if baseline = pointer.Part(candidate.Run.Slice); baseline != nil {
			v.ComparedWith = pointer.Snapshot
		}
	}
	found, err := g.references(ctx, c, candidate)
	if err != nil {
		return v, err
	}
	v.References = found.snapshots
	always := quality.BuiltIn(c.Key)
	results, err := g.measure(ctx, candidate, subject(c, candidate, baseline, found), slices.Concat(always, c.Quality))
	if err != nil {
		return v, err
	}
	v.Rules = append(slices.Clone(results[:len(always)]), g.origin(c, candidate, pointer))
	if len(c.References()) > 0 {
		v.Rules = append(v.Rules, found.real)
	}
	v.Rules = append(v.Rules, results[len(always):]...)
	v.Passed = !slices.ContainsFunc(v.Rules, lake.RuleResult.Failed)
	v.DecidedAt = g.ports.Clock.Now()
	return v, nil
}

// simulated says whether a source system is not a real portal (invariant 11).
func simulated(sourceSystem string) bool {
	return sourceSystem == "simulator" || strings.HasPrefix(sourceSystem, "unofficial")
}

// origin refuses simulated data where only real ones may be published, and never lets them replace real ones.
func (g gate) origin(c *contract.Contract, candidate lake.Candidate, pointer *lake.Pointer) lake.RuleResult {
	r := lake.RuleResult{
		Name: "simulated_is_not_real", Metric: "source_system", Passed: true, Severity: "error", Side: "pipeline",
		Text: "simulated data are published only on a local lake, and never over real ones",
	}
	official := ""
	if u, err := url.Parse(c.Source.BaseURL); err == nil {
		official = u.Host
	}
	switch {
	case candidate.SourceSystem == official:
	case !simulated(candidate.SourceSystem):
		r.Passed, r.Note = false, fmt.Sprintf("the data come from %q, but the contract's source is %s", candidate.SourceSystem, official)
	case !g.ports.AllowSimulated:
		r.Passed, r.Note = false, fmt.Sprintf("the data come from %q; this environment publishes real data only", candidate.SourceSystem)
	case pointer != nil && !simulated(pointer.SourceSystem):
		r.Passed, r.Note = false, fmt.Sprintf("the data come from %q, and real data from %s are published in this lake; use another lake (llac run --dir) for simulated data",
			candidate.SourceSystem, pointer.SourceSystem)
	}
	return r
}

// references are the values of the columns that a contract's columns refer to.
type references struct {
	values    map[contract.Reference]map[string]bool
	snapshots map[string]string // dataset -> snapshot that was read
	real      lake.RuleResult   // fails if real data would be looked up in simulated ones (invariant 11)
}

// references reads the referenced values: those of other datasets from their published snapshots, those of the dataset itself
// from the candidate.
func (g gate) references(ctx context.Context, c *contract.Contract, candidate lake.Candidate) (references, error) {
	found := references{
		values: map[contract.Reference]map[string]bool{}, snapshots: map[string]string{},
		real: lake.RuleResult{
			Name: "references_are_real", Metric: "source_system", Passed: true, Severity: "error", Side: "pipeline",
			Text: "real data are not looked up in simulated ones",
		},
	}
	for _, f := range c.Fields {
		if f.Reference == nil || found.values[*f.Reference] != nil {
			continue
		}
		objects, err := g.referenced(ctx, *f.Reference, candidate, &found)
		if err != nil {
			return found, err
		}
		if found.values[*f.Reference], err = g.valuesOf(ctx, f.Reference.Column, objects); err != nil {
			return found, err
		}
	}
	return found, nil
}

// referenced returns the files of the referenced dataset; none if it is not published: then every value is an orphan.
func (g gate) referenced(ctx context.Context, to contract.Reference, candidate lake.Candidate, found *references) ([]lake.CandidateObject, error) {
	if to.Dataset == candidate.Run.Dataset {
		return candidate.Objects, nil
	}
	pointer, _, err := lake.ReadPointer(ctx, g.ports.Lake, to.Dataset)
	if err != nil || pointer == nil {
		return nil, err
	}
	found.snapshots[to.Dataset] = pointer.Snapshot
	if simulated(pointer.SourceSystem) && !simulated(candidate.SourceSystem) {
		found.real.Passed = false
		found.real.Note = fmt.Sprintf("the data come from %q and refer to %s, which comes from %q; use one lake for real data and another for simulated (llac run --dir)",
			candidate.SourceSystem, to.Dataset, pointer.SourceSystem)
	}
	var objects []lake.CandidateObject
	for _, part := range pointer.Parts {
		objects = append(objects, part.Objects...)
	}
	return objects, nil
}

// valuesOf returns the distinct values of a column, without null.
func (g gate) valuesOf(ctx context.Context, column string, objects []lake.CandidateObject) (map[string]bool, error) {
	values := map[string]bool{}
	for _, o := range objects {
		err := g.scan(ctx, o, []string{column}, func(r row) {
			if text, ok := r.Text(column); ok {
				values[text] = true
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return values, nil
}
