package engine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/services/stager/matching"
)

// match looks up the row of another dataset that a record's name refers to. It fills up to three columns: the matched
// value, the method and the confidence. Their raw value is the name joined with the group, so that a memo remembers a
// match like any other value.
type match struct {
	finder  matching.Finder
	matched *column // column whose source field is the name
	group   *column // column of the group; nil if none
	name    int     // index in worker.raw of the name's raw value
	within  int     // index in worker.raw of the group's raw value
	columns []int   // columns that the match fills
}

// prepareMatches sets up the matches of the plan: the matched columns, and the columns of their method and confidence.
func (p *plan) prepareMatches(finders map[string]matching.Finder) error {
	p.raws = len(p.columns)
	byColumn, err := p.addMatches(finders)
	if err != nil {
		return err
	}
	for i, col := range p.columns {
		f := &col.field
		for _, of := range []string{f.MethodOf, f.ConfidenceOf} {
			if of == "" {
				continue
			}
			if byColumn[of] == 0 {
				return fmt.Errorf("column %s describes the match of %s, which is not matched; correct the contract", f.Name, of)
			}
			col.match = byColumn[of]
			m := &p.matches[col.match-1]
			m.columns = append(m.columns, i)
		}
		fits := f.Type == contract.Text
		if f.ConfidenceOf != "" {
			fits = f.Type == contract.Number && f.MethodOf == ""
		}
		if col.match > 0 && (col.required || col.fallback != nil || !fits) {
			return fmt.Errorf("column %s is filled by a match: it cannot be required, part of the key or the partition, "+
				"or have a default; its type must be text, or number for a confidence; correct the contract", f.Name)
		}
	}
	return nil
}

// addMatches adds a match for each matched column and returns their numbers by column name: index in matches plus 1.
func (p *plan) addMatches(finders map[string]matching.Finder) (byColumn map[string]int, err error) {
	byColumn = map[string]int{}
	for i, col := range p.columns {
		f := &col.field
		if f.Match == nil {
			continue
		}
		finder := finders[f.Name]
		if finder == nil {
			return nil, fmt.Errorf("column %s needs its reference dataset, which is missing; pass a Finder for it, or matching.None",
				f.Name)
		}
		m := match{finder: finder, matched: col, name: p.raws, columns: []int{i}}
		p.raws++
		if f.Match.Within != "" {
			m.within = slices.IndexFunc(p.columns, func(c *column) bool { return c.field.Name == f.Match.Within })
			if m.within < 0 || p.columns[m.within].field.Match != nil || p.columns[m.within].field.Derived() {
				// Invariant 8: a personal column is not staged either.
				return nil, fmt.Errorf("column %s is matched within %s, which is not staged from the source; correct the contract",
					f.Name, f.Match.Within)
			}
			m.group = p.columns[m.within]
		}
		p.bySource[f.Source] = append(p.bySource[f.Source], m.name)
		p.matches = append(p.matches, m)
		byColumn[f.Name] = len(p.matches)
		col.match = len(p.matches)
	}
	return byColumn, nil
}

// found is the worker's last result of a match: the columns that one match fills ask for it one after another.
type found struct {
	raw    []byte
	done   bool
	result matching.Result
	bad    *rejection
	joined []byte // buffer of joinMatch, for the current row
}

// joinMatch sets the raw value of the columns that a match fills to the name and the group. The length of the name comes
// first, so that different pairs give different bytes.
func (w *worker) joinMatch(i int, raw [][]byte) {
	m, f := &w.plan.matches[i], &w.found[i]
	name := raw[m.name]
	f.joined = append(binary.AppendUvarint(f.joined[:0], uint64(len(name))), name...)
	if m.group != nil {
		f.joined = append(f.joined, raw[m.within]...)
	}
	for _, at := range m.columns {
		raw[at] = f.joined
	}
}

// value computes the value of column i.
func (w *worker) value(i int) (value, *rejection) {
	col, raw := w.plan.columns[i], w.raw[i]
	if col.named != nil {
		return col.readName(raw), nil
	}
	if col.match == 0 {
		return col.read(raw)
	}
	f := &w.found[col.match-1]
	if !f.done || !bytes.Equal(raw, f.raw) {
		f.raw, f.done = append(f.raw[:0], raw...), true
		f.result, f.bad = w.plan.matches[col.match-1].find(f.raw)
	}
	switch {
	case f.bad != nil:
		return value{}, f.bad
	case col.field.MethodOf != "":
		return value{text: []byte(f.result.Method)}, nil
	case col.field.ConfidenceOf != "":
		return value{null: !f.result.HasConfidence(), number: f.result.Confidence}, nil
	}
	return value{null: f.result.ID == "", text: []byte(f.result.ID)}, nil
}

// find looks up a name within its group, as joined by joinMatch.
func (m *match) find(joined []byte) (matching.Result, *rejection) {
	n, size := binary.Uvarint(joined)
	name, group := joined[size:size+int(n)], joined[size+int(n):]
	text, null, bad := m.matched.text(name)
	if bad != nil {
		return matching.Result{}, bad
	}
	if null {
		text = nil
	}
	var within []byte
	if m.group != nil {
		if within, null, bad = m.group.text(group); bad != nil {
			return matching.Result{}, bad
		}
		if null {
			within = nil
		}
	}
	return m.finder.Find(string(text), string(within)), nil
}
