package contract

import "slices"

// checkNames checks the columns that hold another column's value folded or in natural form.
func (d *document) checkNames(c *Contract, places map[string]node) {
	for _, f := range c.Fields {
		if f.NameOf() == "" {
			continue
		}
		p, property := places[f.Name], "llacFolded"
		if f.NaturalOf != "" {
			property = "llacNatural"
		}
		if (f.FoldedOf != "" && f.NaturalOf != "") || f.MethodOf != "" || f.ConfidenceOf != "" {
			d.report(d.custom(p, property), "use a column for each", "a column can follow from another column in one way only")
			continue
		}
		d.checkNamed(c, f, d.custom(p, property))
		d.checkName(c, f, p, property)
	}
}

// checkNamed checks the column that a folded or natural name follows from.
func (d *document) checkNamed(c *Contract, f Field, at node) {
	of := f.NameOf()
	named := c.Field(of)
	sliced := c.Slicing != nil && c.Slicing.Column == of
	switch {
	case named == nil:
		d.report(at, didYouMean(of, columnNames(c)), "unknown column %q", of)
	case named.Personal():
		// Invariant 8.
		d.report(at, "name a public column", "no column may follow from the personal field %q", of)
	case named.matches() || named.Type != Text && named.Type != "":
		d.report(at, "name a text column that is read from the source", "column %q cannot be a name", of)
	case !named.Staged:
		d.report(at, "stage it", "column %q is not staged", of)
	case slices.Contains(c.Partition, of) || sliced:
		d.report(at, "name another column", "the values of column %q are folders and not names", of)
	case named.Classification != f.Classification:
		d.report(at, "give both columns the same classification", "column %q is classified as %q, and %q as %q",
			f.Name, f.Classification, of, named.Classification)
	}
}

// checkName checks the column that holds a folded or natural name.
func (d *document) checkName(c *Contract, f Field, p node, property string) {
	if f.Type != Text && f.Type != "" {
		d.report(p.get("logicalType"), "write logicalType: string", "a column with %s must be of type string", property)
	}
	for _, name := range []string{"physicalName", "relationships", "logicalTypeOptions", "required"} {
		if n := p.get(name); n.exists() {
			d.report(n, "remove it", "%s has no effect together with %s", name, property)
		}
	}
	for _, name := range vocabulary[atProperty] {
		if n := d.custom(p, name); n.exists() && name != property {
			d.report(n, "remove it", "%s has no effect together with %s", name, property)
		}
	}
	for role, columns := range map[string][]string{"primaryKey": c.Key, "partitioned": c.Partition} {
		if slices.Contains(columns, f.Name) {
			d.report(p.get(role), "use the column that it follows from",
				"column %q cannot be a key or a partition: different values of %q may give the same", f.Name, f.NameOf())
		}
	}
	if c.Slicing != nil && c.Slicing.Column == f.Name {
		d.report(p.get("name"), "slice by a column of the source", "column %q cannot be the slicing column", f.Name)
	}
}
