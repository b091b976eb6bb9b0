package quality

import (
	"fmt"
	"slices"
)

// Pass measures rules while the candidate's rows are read once.
type Pass struct {
	subject  *Subject
	rules    []Rule
	measures []Measure // nil for a metric that is not registered
}

// NewPass returns a pass over the subject that has seen no row yet.
func NewPass(s *Subject, rules []Rule) (*Pass, error) {
	p := &Pass{subject: s, rules: rules, measures: make([]Measure, len(rules))}
	for i, rule := range rules {
		m, ok := ByName(rule.Metric)
		if !ok {
			continue
		}
		measure, err := m.Start(rule, s)
		if err != nil {
			return nil, fmt.Errorf("rule %s: %w", rule.Name, err)
		}
		p.measures[i] = measure
	}
	return p, nil
}

// Columns returns the columns that the rules read.
func (p *Pass) Columns() []string {
	columns := slices.Clone(p.subject.Key)
	for _, r := range p.rules {
		if r.Column != "" {
			columns = append(columns, r.Column)
		}
	}
	slices.Sort(columns)
	return slices.Compact(columns)
}

// Add measures the next row and calls failing with the index of each rule that the row fails.
func (p *Pass) Add(r Row, failing func(rule int)) {
	for _, d := range p.subject.distinct {
		d.add(r)
	}
	for i, m := range p.measures {
		if m != nil && m.Add(r) {
			failing(i)
		}
	}
}

// Result returns what was measured for a rule; false if this build has no such metric.
func (p *Pass) Result(rule int) (Result, bool) {
	if p.measures[rule] == nil {
		return Result{}, false
	}
	return p.measures[rule].Result(), true
}
