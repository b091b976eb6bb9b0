package engine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/services/stager/matching"
)

// match finds the row of another dataset that a record's name means. Up to three columns come of it: the value found, how,
// and how sure it is. Each of them takes for its raw value the name and the group together, so that a memo of one of them
// knows a match again as it knows any other value.
type match struct {
	finder  matching.Finder
	matched *column // whose source's field is the name
	group   *column // nil: there is none
	name    int     // where the name's raw value is laid
	within  int     // and the group's
	columns []int   // that come of it
}

// prepareMatches finds what the columns that are matched, and those that tell how, are made of.
func (p *plan) prepareMatches(c *contract.Contract, finders map[string]matching.Finder) error {
	p.raws = len(p.columns)
	byColumn := map[string]int{}
	for i, col := range p.columns {
		f := &col.field
		if f.Match == nil {
			continue
		}
		finder := finders[f.Name]
		if finder == nil {
			return fmt.Errorf("column %s is matched with another dataset, which was not given; give it, or say that nothing is to be matched", f.Name)
		}
		m := match{finder: finder, matched: col, name: p.raws, columns: []int{i}}
		p.raws++
		if f.Match.Within != "" {
			m.within = slices.IndexFunc(p.columns, func(c *column) bool { return c.field.Name == f.Match.Within })
			if m.within < 0 || p.columns[m.within].field.Match != nil || p.columns[m.within].field.Derived() {
				// Invariant 8: so it is when the column is personal.
				return fmt.Errorf("column %s is matched within %s, which is not staged from the source; correct the contract", f.Name, f.Match.Within)
			}
			m.group = p.columns[m.within]
		}
		p.bySource[f.Source] = append(p.bySource[f.Source], m.name)
		p.matches = append(p.matches, m)
		byColumn[f.Name] = len(p.matches)
		col.match = len(p.matches)
	}
	for i, col := range p.columns {
		f := &col.field
		for _, of := range []string{f.MethodOf, f.ConfidenceOf} {
			if of == "" {
				continue
			}
			if byColumn[of] == 0 {
				return fmt.Errorf("column %s tells of the match of %s, which is not matched; correct the contract", f.Name, of)
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
			return fmt.Errorf("column %s comes of a match: it can be neither required nor part of the key or the partition, has no default and is a text, or a number if it tells how sure the match is; correct the contract", f.Name)
		}
	}
	return nil
}

// found is the match that a worker made last: the columns that come of one match ask for it one after the other.
type found struct {
	raw    []byte
	done   bool
	result matching.Result
	bad    *rejection
	joined []byte // of the row at hand
}

// join lays the name and the group of a match out for its columns. A length comes first, so that no two pairs read alike.
func (w *worker) join(i int) {
	m, f := &w.plan.matches[i], &w.found[i]
	name := w.raw[m.name]
	f.joined = append(binary.AppendUvarint(f.joined[:0], uint64(len(name))), name...)
	if m.group != nil {
		f.joined = append(f.joined, w.raw[m.within]...)
	}
	for _, at := range m.columns {
		w.raw[at] = f.joined
	}
}

// value makes the value of column i.
func (w *worker) value(i int) (value, *rejection) {
	col, raw := w.plan.columns[i], w.raw[i]
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
		return value{null: !f.result.Judged(), number: f.result.Confidence}, nil
	}
	return value{null: f.result.ID == "", text: []byte(f.result.ID)}, nil
}

// find looks a name up within its group, as join has laid them out.
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
