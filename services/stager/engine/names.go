package engine

import (
	"fmt"
	"slices"

	"github.com/llac-project/llac/platform/contract"
)

// nameColumn is a column that holds the value of another column folded or in natural form. It is null where the other is null
// or refused.
type nameColumn struct{ column, of int }

// prepareNames finds the columns that folded and natural names follow from.
func (p *plan) prepareNames(c *contract.Contract) error {
	for i, col := range p.columns {
		of := col.field.NameOf()
		if of == "" {
			continue
		}
		at := slices.IndexFunc(p.columns, func(c *column) bool { return c.field.Name == of })
		// Invariant 8: a personal column is not staged, so that no column follows from it.
		if at < 0 || p.columns[at].field.Match != nil || p.columns[at].field.Derived() ||
			p.columns[at].field.Type != contract.Text || p.columns[at].folder {
			return fmt.Errorf("column %s follows from %s, which is not a staged text column of the source inside the files; "+
				"correct the contract", col.field.Name, of)
		}
		f := &col.field
		if f.Type != contract.Text || f.Required || f.Default != nil || f.Match != nil || slices.Contains(c.Key, f.Name) || col.folder {
			return fmt.Errorf("column %s follows from %s: it must be text, and cannot be required, matched, part of the key or the "+
				"partition, or have a default; correct the contract", f.Name, of)
		}
		col.named = p.columns[at]
		p.names = append(p.names, nameColumn{i, at})
	}
	return nil
}

// readName computes the value of a column that holds a folded or natural name. raw is the value of the column that it follows
// from. That column refuses it if it is invalid.
func (c *column) readName(raw []byte) value {
	v, bad := c.named.read(raw)
	if bad != nil || v.null {
		return value{null: true}
	}
	return value{text: []byte(c.field.WriteName(string(v.text)))}
}

// copyNames sets the raw values of the columns that follow from others.
func (w *worker) copyNames(raw [][]byte) {
	for _, n := range w.plan.names {
		raw[n.column] = raw[n.of]
	}
}

// refuseNames makes the columns null that follow from a refused cell.
func (w *worker) refuseNames(column int) {
	for _, n := range w.plan.names {
		if n.of != column {
			continue
		}
		s := &w.direct[n.column]
		s.hashed = appendHashed(s.hashed[:0], contract.Text, value{null: true})
		w.cells[n.column], w.number[n.column] = cell{null: true, hashed: s.hashed}, 0
	}
}
