package contract

import (
	"cmp"
	"slices"
)

// position is a column's position in the key or among the partitions.
type position struct {
	column string
	at     int
	node   node
}

// readPosition adds the column to the list if its flag is set.
func (d *document) readPosition(list []position, column string, p node, flag, order string) []position {
	set, _ := p.get(flag).flag()
	place := p.get(order)
	at, given := place.whole()
	if !set {
		if given && at > 0 {
			d.report(place, "add "+flag+": true", "%s has no effect without %s", order, flag)
		}
		return list
	}
	if given && at < 1 {
		d.report(place, "", "positions count from 1")
	}
	if !given {
		place, at = p.get(flag), 0
	}
	return append(list, position{column, at, place})
}

// inOrder sorts by position. A single column needs no position; several need 1, 2, 3….
func (d *document) inOrder(list []position) []string {
	if len(list) == 1 && list[0].at == 0 {
		list[0].at = 1
	}
	slices.SortStableFunc(list, func(a, b position) int { return cmp.Compare(a.at, b.at) })
	var out []string
	for i, p := range list {
		if p.at != i+1 {
			d.report(p.node, "number them 1, 2, 3…", "the position of %q is %d, want %d", p.column, p.at, i+1)
		}
		out = append(out, p.column)
	}
	return out
}

// checkKeyAndPartition checks the columns of the key and of the partitions.
func (d *document) checkKeyAndPartition(c *Contract, object node, places map[string]node) {
	for _, column := range c.Key {
		f, p := c.Field(column), places[column]
		if f.Personal() {
			// Invariant 8: keys go to verdicts and reports.
			d.report(p.get("primaryKey"), "use public columns only", "the personal field %q cannot be part of the key", column)
		} else if !f.Staged {
			d.report(p.get("primaryKey"), "stage it", "the key column %q is not staged", column)
		}
		if !f.Required && f.Default == nil && !f.matches() {
			d.reportAt(orParent(p.get("required"), p.get("primaryKey")), join(p.path, "required"), "add required: true",
				"the key column %q must be required or have a default", column)
		}
	}
	for _, column := range c.Partition {
		f, p := c.Field(column), places[column]
		switch {
		case f.Personal():
			// Invariant 8: partition values are part of object keys.
			d.report(p.get("partitioned"), "partition by a public column", "the personal field %q cannot be a partition", column)
		case !f.Staged:
			d.report(p.get("partitioned"), "stage it", "the partition column %q is not staged", column)
		}
		if f.Type != Text && f.Type != Integer && f.Type != Date {
			d.report(p.get("partitioned"), "", "a column of type %s cannot be a partition; use string, integer or date", f.Type)
		}
		if !f.Required && f.Default == nil && !f.matches() {
			d.reportAt(orParent(p.get("required"), p.get("partitioned")), join(p.path, "required"),
				`add required: true, or llacDefault, e.g. "00"`, "the partition column %q must be required or have a default", column)
		}
	}
	inside := 0
	for _, f := range c.Fields {
		if f.Staged && !slices.Contains(c.Partition, f.Name) {
			inside++
		}
	}
	if inside == 0 && len(c.Fields) > 0 {
		d.report(object.get("properties"), "", "no column is stored inside the files: all staged columns are partitions")
	}
}

func columnNames(c *Contract) []string {
	out := make([]string, len(c.Fields))
	for i, f := range c.Fields {
		out[i] = f.Name
	}
	return out
}

func contains(list []string, s string) bool { return slices.Contains(list, s) }
