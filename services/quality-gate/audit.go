package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/quality"
	"github.com/llac-project/llac/platform/runtime"
)

// audit measures the candidate against every rule and returns the verdict. It changes nothing.
func (g gate) audit(
	ctx context.Context, c *contract.Contract, ref events.Object, candidate lake.Candidate, pointer *lake.Pointer,
) (*lake.Verdict, error) {
	v := &lake.Verdict{
		Dataset: candidate.Run.Dataset, RunID: candidate.Run.RunID, Attempt: candidate.Attempt, Candidate: ref,
		ContractSHA256: c.SHA256, Build: g.ports.Build, MatchedWith: candidate.References,
	}
	var baseline *lake.PointerPart
	// Invariant 11: real data are not compared with simulated data.
	if pointer != nil && candidate.Origin().Alike(pointer.Origin()) {
		if baseline = pointer.Part(candidate.Run.Slice); baseline != nil {
			v.ComparedWith = pointer.Snapshot
		}
	}
	found, err := g.references(ctx, c, candidate)
	if err != nil {
		return nil, err
	}
	v.References = found.snapshots
	about := subject(c, candidate, baseline, found)
	if baseline != nil {
		if about.PublishedCounts, err = g.publishedCounts(ctx, c, pointer, baseline); err != nil {
			return nil, err
		}
	}
	builtIn := quality.BuiltIn(about, c.Quality)
	results, err := g.measure(ctx, candidate, about, slices.Concat(builtIn, c.Quality))
	if err != nil {
		return nil, err
	}
	v.Rules = append(slices.Clone(results[:len(builtIn)]), g.origin(c, candidate, pointer))
	if len(c.References()) > 0 {
		v.Rules = append(v.Rules, found.origin)
	}
	v.Rules = append(v.Rules, results[len(builtIn):]...)
	v.Passed = !slices.ContainsFunc(v.Rules, lake.RuleResult.Failed)
	v.DecidedAt = g.ports.Clock.Now()
	return v, nil
}

// publishedCounts returns the counts of the published part. They are comparable only if the published contract has the same key:
// another key makes other rows duplicates. It returns nil if the contract or the candidate of that time does not exist any more.
func (g gate) publishedCounts(
	ctx context.Context, c *contract.Contract, pointer *lake.Pointer, part *lake.PointerPart,
) (*quality.Counts, error) {
	if part.Candidate.Key == "" {
		return nil, nil
	}
	if pointer.ContractSHA256 != c.SHA256 {
		then, err := g.ports.Contracts.Load(ctx, pointer.ContractSHA256)
		if errors.Is(err, lake.ErrNotFound) || runtime.IsPermanent(err) {
			return nil, nil
		}
		if err != nil || !slices.Equal(then.Key, c.Key) {
			return nil, err
		}
	}
	published, err := lake.ReadDocument[lake.Candidate](ctx, g.ports.Lake, part.Candidate)
	if errors.Is(err, lake.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &quality.Counts{RowsIn: published.RowsIn, Duplicates: published.Duplicates}, nil
}

// origin checks that the data come from the contract's source, or are simulated and may be published here (invariant 11).
func (g gate) origin(c *contract.Contract, candidate lake.Candidate, pointer *lake.Pointer) lake.RuleResult {
	r := lake.RuleResult{
		Name: "simulated_is_not_real", Metric: "source_system", Severity: "error", Side: "pipeline",
		Text: "simulated data are published only in a local lake, and never replace real data",
	}
	from, official := candidate.Origin(), lake.OfficialOrigin(c.Source.BaseURL)
	switch {
	case from == official:
	case !from.Simulated():
		r.Note = fmt.Sprintf("the data come from %q, but the contract's source is %s", from, official)
	case !g.ports.AllowSimulated:
		r.Note = fmt.Sprintf("the data come from %q; this environment publishes only real data", from)
	case pointer != nil && !from.MayReplace(pointer.Origin()):
		r.Note = fmt.Sprintf("the data come from %q, but real data from %s are published in this lake; "+
			"use another lake (llac run --dir) for simulated data", from, pointer.Origin())
	}
	r.Passed = r.Note == ""
	return r
}

// references are the values of the columns that a contract's columns refer to.
type references struct {
	values    map[contract.Reference]map[string]bool
	snapshots map[string]string // dataset -> snapshot that was read
	origin    lake.RuleResult   // fails if real data refer to simulated data (invariant 11)
}

// references reads the referenced values: those of other datasets from their published snapshots, those of the dataset itself
// from the candidate.
func (g gate) references(ctx context.Context, c *contract.Contract, candidate lake.Candidate) (references, error) {
	found := references{
		values: map[contract.Reference]map[string]bool{}, snapshots: map[string]string{},
		origin: lake.RuleResult{
			Name: "references_are_real", Metric: "source_system", Passed: true, Severity: "error", Side: "pipeline",
			Text: "real data never refer to simulated data",
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

// referenced returns the files of the referenced dataset. It returns none if the dataset is not published; then every value is
// an orphan.
func (g gate) referenced(
	ctx context.Context, to contract.Reference, candidate lake.Candidate, found *references,
) ([]lake.CandidateObject, error) {
	if to.Dataset == candidate.Run.Dataset {
		return candidate.Objects, nil
	}
	pointer, _, err := lake.ReadPointer(ctx, g.ports.Lake, to.Dataset)
	if err != nil || pointer == nil {
		return nil, err
	}
	found.snapshots[to.Dataset] = pointer.Snapshot
	if !candidate.Origin().MayReferTo(pointer.Origin()) {
		found.origin.Passed = false
		found.origin.Note = fmt.Sprintf("the data come from %q, but they refer to %s, which comes from %q; "+
			"keep real and simulated data in separate lakes (llac run --dir)", candidate.Origin(), to.Dataset, pointer.Origin())
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
