package gate

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/quality"
)

// pageColumn and rowColumn are the lineage columns by which a sample can be traced to its record.
const (
	pageColumn = "source_page"
	rowColumn  = "source_row"
)

// samplesPerRule is the maximum number of failing rows per rule in a verdict.
const samplesPerRule = 5

// maxShown is the maximum length of a value in a sample, in bytes. The whole value is in the file.
const maxShown = 200

// measure reads every file of the candidate once and returns the results of the rules, in their order.
func (g gate) measure(
	ctx context.Context, candidate lake.Candidate, subject *quality.Subject, rules []quality.Rule,
) ([]lake.RuleResult, error) {
	pass, err := quality.NewPass(subject, rules)
	if err != nil {
		return nil, err
	}
	samples := make([][]lake.Sample, len(rules))
	columns := append(pass.Columns(), pageColumn, rowColumn)
	for _, o := range candidate.Objects {
		err := g.scan(ctx, o, columns, func(r row) {
			pass.Add(r, func(rule int) {
				if len(samples[rule]) < samplesPerRule {
					samples[rule] = append(samples[rule], sample(r, subject.Key, rules[rule].Column))
				}
			})
		})
		if err != nil {
			return nil, err
		}
	}
	results := make([]lake.RuleResult, len(rules))
	for i, rule := range rules {
		measured, known := pass.Result(i)
		results[i] = result(rule, measured, known, samples[i])
	}
	return results, nil
}

// result applies a rule to what was measured for it. A metric that this build does not know never passes.
func result(rule quality.Rule, measured quality.Result, known bool, samples []lake.Sample) lake.RuleResult {
	out := lake.RuleResult{
		Name: rule.Name, Metric: rule.Metric, Column: cmp.Or(rule.Shown, rule.Column), Unit: rule.Unit,
		Minimum: rule.Min, Maximum: rule.Max, Severity: cmp.Or(rule.Severity, "error"),
		Dimension: rule.Dimension, Side: rule.Side, Text: rule.Text,
		Baseline: measured.Baseline, Note: measured.Note,
	}
	if !known {
		out.Note = fmt.Sprintf("unknown metric %q: this build of the quality gate does not measure it", rule.Metric)
		return out
	}
	if !measured.Nothing {
		out.Observed = &measured.Value
	}
	out.Passed = measured.Passes(rule)
	if !out.Passed {
		out.Samples = samples
	}
	return out
}

// sample returns the row as a verdict shows it: its key, the value in question and the position of its record.
func sample(r row, key []string, column string) lake.Sample {
	s := lake.Sample{Key: map[string]string{}}
	for _, k := range key {
		s.Key[k] = shorten(r.text(k))
	}
	if column == "" && len(key) > 0 {
		column = key[0]
	}
	s.Value, s.Page, s.Row = shorten(r.text(column)), r.whole(pageColumn), r.whole(rowColumn)
	return s
}

// shorten cuts a text without cutting a character.
func shorten(text string) string {
	if len(text) <= maxShown {
		return text
	}
	return strings.ToValidUTF8(text[:maxShown], "") + fmt.Sprintf("… (%d bytes)", len(text))
}

// subject returns the candidate as the metrics see it.
func subject(c *contract.Contract, candidate lake.Candidate, baseline *lake.PointerPart, found references) *quality.Subject {
	s := &quality.Subject{
		Key: c.Key, RowsIn: candidate.RowsIn, Staged: candidate.Staged, Duplicates: candidate.Duplicates,
		Quarantined: candidate.Quarantined, Cells: candidate.Cells, References: map[string]quality.Reference{},
	}
	if baseline != nil {
		s.Published = &baseline.Rows
	}
	for _, f := range c.Fields {
		if f.Reference != nil {
			s.References[f.Name] = quality.Reference{Values: found.values[*f.Reference], Note: otherSnapshot(f, candidate, found)}
		}
	}
	return s
}

// otherSnapshot returns a note if the stager and the gate used different snapshots of the dataset that a column refers to. The
// gate uses the published snapshot, because readers join with it: an id that it does not contain is an orphan.
func otherSnapshot(f contract.Field, candidate lake.Candidate, found references) string {
	if f.Match == nil {
		return ""
	}
	staged, looked := candidate.References[f.Reference.Dataset], found.snapshots[f.Reference.Dataset]
	if staged == looked {
		return ""
	}
	return fmt.Sprintf(
		"matched with snapshot %s of %s, looked up in snapshot %s",
		cmp.Or(staged, "-"),
		f.Reference.Dataset,
		cmp.Or(looked, "-"),
	)
}
