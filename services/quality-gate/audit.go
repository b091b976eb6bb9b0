package gate

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
)

// samplesPerRule bounds how many failing rows a verdict shows.
const samplesPerRule = 5

// audit measures the candidate against every rule. It judges; it changes nothing.
func (g gate) audit(ctx context.Context, c *contract.Contract, ref events.Object, candidate lake.Candidate, pointer *lake.Pointer) (Verdict, error) {
	v := Verdict{
		Dataset: candidate.Run.Dataset, RunID: candidate.Run.RunID, Attempt: candidate.Attempt, Candidate: ref,
		ContractSHA256: c.SHA256, Build: g.ports.Build, References: map[string]string{}, MatchedWith: candidate.References,
	}
	var baseline *lake.PointerPart
	// A baseline counts only from the same kind of source: simulated data say nothing of real ones.
	if pointer != nil && simulated(pointer.SourceSystem) == simulated(candidate.SourceSystem) {
		if baseline = pointer.Part(candidate.Run.Slice); baseline != nil {
			v.ComparedWith = pointer.Snapshot
		}
	}
	references, mixed, err := g.references(ctx, c, candidate, &v)
	if err != nil {
		return v, err
	}
	m, err := g.measure(ctx, c, candidate, references)
	if err != nil {
		return v, err
	}
	v.Rules = append(builtIn(c, candidate, m), g.origin(c, candidate, pointer))
	if len(c.References()) > 0 {
		v.Rules = append(v.Rules, mixed)
	}
	for _, rule := range c.Quality {
		result := m.apply(rule, candidate, baseline)
		if rule.Metric == "reference_orphans" {
			result.Note = v.otherSnapshot(c.Field(rule.Column))
		}
		v.Rules = append(v.Rules, result)
	}
	v.Passed = true
	for _, r := range v.Rules {
		v.Passed = v.Passed && !r.failed()
	}
	v.DecidedAt = g.ports.Clock.Now()
	return v, nil
}

// otherSnapshot tells that a column's values were found in another snapshot than the one they are looked up in. The rule
// holds against what is published now, because that is what readers will join with: an id that went meanwhile is an orphan.
func (v Verdict) otherSnapshot(f *contract.Field) string {
	if f == nil || f.Match == nil || f.Reference == nil {
		return ""
	}
	found, looked := v.MatchedWith[f.Reference.Dataset], v.References[f.Reference.Dataset]
	if found == looked {
		return ""
	}
	return fmt.Sprintf("found in snapshot %s of %s, looked up in %s", dash(found), f.Reference.Dataset, dash(looked))
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// simulated says whether a source system is not a real portal (invariant 11).
func simulated(sourceSystem string) bool {
	return sourceSystem == "simulator" || strings.HasPrefix(sourceSystem, "unofficial")
}

// builtIn are the rules that hold for every dataset, whatever its contract says.
func builtIn(c *contract.Contract, candidate lake.Candidate, m *measurements) []RuleResult {
	zero, one := 0.0, 1.0
	lost := float64(candidate.RowsIn - candidate.Staged - candidate.Duplicates - candidate.Quarantined)
	unread := float64(candidate.Staged - m.rows)
	rows := float64(m.rows)
	out := []RuleResult{
		{
			// Invariant 5: rows in = staged + duplicates + quarantined.
			Name: "every_row_accounted_for", Metric: "rows_unaccounted", Unit: "rows", Observed: &lost, Minimum: &zero, Maximum: &zero,
			Passed: lost == 0, Severity: "error", Side: "pipeline", Text: "rows in = staged + duplicates + quarantined",
		},
		{
			Name: "files_hold_what_was_staged", Metric: "rows_missing_in_files", Unit: "rows", Observed: &unread, Minimum: &zero, Maximum: &zero,
			Passed: unread == 0, Severity: "error", Side: "pipeline", Text: "the Parquet files hold as many rows as the stager says",
		},
		{
			Name: "not_empty", Metric: "row_count", Unit: "rows", Observed: &rows, Minimum: &one,
			Passed: rows >= 1, Severity: "error", Side: "source", Text: "an empty snapshot is never published",
		},
	}
	if len(c.Key) > 0 {
		doubled := float64(m.keys.doubled)
		out = append(out, RuleResult{
			Name: "key_is_unique", Metric: "duplicate_count", Column: strings.Join(c.Key, ","), Unit: "rows", Observed: &doubled, Minimum: &zero, Maximum: &zero,
			Passed: doubled == 0, Severity: "error", Side: "pipeline", Text: "no two staged rows have the same key", Samples: m.keys.samples,
		})
	}
	return out
}

// origin refuses simulated data where only real ones may be published, and never lets them replace real ones.
func (g gate) origin(c *contract.Contract, candidate lake.Candidate, pointer *lake.Pointer) RuleResult {
	r := RuleResult{
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
		r.Passed, r.Note = false, fmt.Sprintf("the data come from %q, and real data from %s are published in this lake; use another lake (llac run --dir) for simulated data", candidate.SourceSystem, pointer.SourceSystem)
	}
	return r
}

// references reads the values of every column that the contract's columns refer to. The rule it answers fails where real
// data would be held against simulated ones (invariant 11).
func (g gate) references(ctx context.Context, c *contract.Contract, candidate lake.Candidate, v *Verdict) (map[contract.Reference]map[string]bool, RuleResult, error) {
	out := map[contract.Reference]map[string]bool{}
	alike := RuleResult{
		Name: "references_are_real", Metric: "source_system", Passed: true, Severity: "error", Side: "pipeline",
		Text: "real data are not looked up in simulated ones",
	}
	for _, f := range c.Fields {
		if f.Reference == nil || out[*f.Reference] != nil {
			continue
		}
		values := map[string]bool{}
		out[*f.Reference] = values
		if f.Reference.Dataset == c.Dataset {
			continue // filled from the candidate itself
		}
		pointer, _, err := lake.ReadPointer(ctx, g.ports.Lake, f.Reference.Dataset)
		if err != nil {
			return nil, alike, err
		}
		if pointer == nil {
			continue // every value is an orphan, and the rule says so
		}
		v.References[f.Reference.Dataset] = pointer.Snapshot
		if simulated(pointer.SourceSystem) && !simulated(candidate.SourceSystem) {
			alike.Passed = false
			alike.Note = fmt.Sprintf("the data come from %q and refer to %s, which comes from %q; use one lake for real data and another for simulated (llac run --dir)",
				candidate.SourceSystem, f.Reference.Dataset, pointer.SourceSystem)
		}
		for _, part := range pointer.Parts {
			for _, o := range part.Objects {
				if err := g.scan(ctx, o, []string{f.Reference.Column}, func(r row) {
					if text, null := r.text(f.Reference.Column); !null {
						values[text] = true
					}
				}); err != nil {
					return nil, alike, err
				}
			}
		}
	}
	return out, alike, nil
}
