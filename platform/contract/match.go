package contract

import (
	"slices"
	"strings"
)

// matchKeys are the keys of llacMatch.
var matchKeys = []string{"name", "within", "withinAliases", "earlier", "aliases", "except"}

// matchForm explains how to write a match.
const matchForm = "write {name: column with the names in the reference, within: {column here: column in the reference}}"

// readMatch decodes llacMatch; nil if it is not set.
func (d *document) readMatch(n node) *Match {
	if !n.exists() {
		return nil
	}
	m := &Match{}
	if !n.isMapping() {
		d.report(n, matchForm, "must be a mapping")
		return m
	}
	for _, e := range n.entries() {
		switch e.name {
		case "name":
			m.Name = d.stringOf(e.value)
		case "within":
			pairs := d.textMapOf(e.value)
			if len(pairs) != 1 && e.value.isMapping() {
				d.report(e.value, "write {column here: column in the reference}", "must have exactly one column, has %d", len(pairs))
			}
			for here, there := range pairs {
				if len(pairs) == 1 {
					m.Within, m.Group = here, there
				}
			}
		case "withinAliases":
			m.WithinAliases = d.aliasesOf(e.value)
		case "aliases":
			m.Aliases = d.aliasesOf(e.value)
		case "earlier":
			m.Earlier = d.earlierOf(e.value)
		case "except":
			m.Except = d.stringsOf(e.value)
		default:
			d.report(e.value, didYouMean(e.name, matchKeys), "unknown key %q of llacMatch", e.name)
		}
	}
	if m.Name == "" {
		d.reportAt(orParent(n.get("name"), n), join(n.path, "name"), matchForm, "the column with the names is missing")
	}
	for _, name := range []string{"withinAliases", "earlier"} {
		if at := n.get(name); at.exists() && !n.get("within").exists() {
			d.report(at, "add within, or remove this", "%s has no effect without within", name)
		}
	}
	return m
}

// earlierOf reads the groups to which rows of the reference belonged before, by value of the referenced column.
func (d *document) earlierOf(n node) map[string][]string {
	if !n.isMapping() {
		d.report(n, `write {"250557": [Segarra]}`, "must be a mapping of values to lists of groups")
		return nil
	}
	out := map[string][]string{}
	for _, e := range n.entries() {
		out[e.name] = d.stringsOf(e.value)
	}
	return out
}

// aliasesOf reads alternative names and the names that they mean.
func (d *document) aliasesOf(n node) map[string]string {
	aliases := d.textMapOf(n)
	for from, to := range aliases {
		if strings.TrimSpace(from) == "" || strings.TrimSpace(to) == "" {
			d.report(n.get(from), `write {"name in the source": "name in the reference"}`, "a name is empty")
		}
	}
	return aliases
}

// matches reports whether the field's value comes from a match.
func (f Field) matches() bool { return f.Match != nil || f.Derived() }

// checkMatches checks the matched columns, and the columns with the method and the confidence of a match.
func (d *document) checkMatches(c *Contract, places map[string]node) {
	described := map[string]string{} // property and matched column, to the column that holds it
	for _, f := range c.Fields {
		p := places[f.Name]
		if f.Match != nil {
			d.checkMatched(c, f, p)
		}
		for _, t := range []struct {
			property, of string
			kind         Type
		}{{"llacMatchMethod", f.MethodOf, Text}, {"llacMatchConfidence", f.ConfidenceOf, Number}} {
			if t.of == "" {
				continue
			}
			at := d.custom(p, t.property)
			if matched := c.Field(t.of); matched == nil {
				d.report(at, didYouMean(t.of, columnNames(c)), "unknown column %q", t.of)
			} else if matched.Match == nil {
				d.report(at, "name the column that has llacMatch", "column %q is not matched", t.of)
			}
			if f.Type != t.kind && f.Type != "" {
				d.report(p.get("logicalType"), "write logicalType: "+string(t.kind), "a column with %s must be of type %s",
					t.property, t.kind)
			}
			if other, twice := described[t.property+" "+t.of]; twice {
				d.report(at, "keep one of the two", "column %q already has the %s of %q", other, t.property, t.of)
			}
			described[t.property+" "+t.of] = f.Name
			d.rejectWith(c, f, p, t.property, "llacSource", "relationships", "llacMatch", "llacNullLiterals")
		}
		if f.MethodOf != "" && f.ConfidenceOf != "" {
			d.report(d.custom(p, "llacMatchConfidence"), "use a column for each",
				"a column cannot hold both the method and the confidence of a match")
		}
	}
}

// checkMatched checks a column that is matched.
func (d *document) checkMatched(c *Contract, f Field, p node) {
	m, at := f.Match, d.custom(p, "llacMatch")
	switch {
	case f.Reference == nil:
		d.report(at, "add relationships: [{to: dataset.column}] to it", "column %q references no dataset to match with", f.Name)
	case f.Reference.Dataset == c.Dataset:
		d.report(at, "reference another dataset",
			"a dataset cannot be matched with itself: it is not published yet when its rows are staged")
	}
	if f.Type != Text && f.Type != "" {
		d.report(p.get("logicalType"), "make the column's logicalType string, or remove llacMatch", "only a text column can be matched")
	}
	if f.Personal() {
		// Invariant 8: an id found by a person's name identifies the person.
		d.report(at, "match by a public field", "the personal field %q cannot be matched on", f.Name)
	}
	d.rejectWith(c, f, p, "llacMatch")
	if m.Within == "" {
		return
	}
	here := at.get("within").get(m.Within)
	switch w := c.Field(m.Within); {
	case w == nil:
		d.report(here, didYouMean(m.Within, columnNames(c)), "unknown column %q", m.Within)
	case w.Personal():
		// Invariant 8.
		d.report(here, "match within a public column", "the personal field %q cannot be matched on", m.Within)
	case w.matches() || w.Type != Text:
		d.report(here, "use a text column that is read from the source", "column %q cannot group a match", m.Within)
	case !w.Staged:
		d.report(here, "stage it", "column %q is not staged", m.Within)
	}
}

// rejectWith rejects the settings that have no effect on a column whose value comes from a match.
func (d *document) rejectWith(c *Contract, f Field, p node, property string, more ...string) {
	refuse := func(n node, name string) {
		if n.exists() {
			d.report(n, "remove it", "%s has no effect together with %s", name, property)
		}
	}
	for _, name := range []string{"llacSqueeze", "llacPadLeft", "llacDefault", "llacMapping", "llacCheckDigit", "llacCheckDigitExempt"} {
		refuse(d.custom(p, name), name)
	}
	refuse(p.get("logicalTypeOptions"), "logicalTypeOptions")
	for _, name := range more {
		refuse(p.get(name), name)
		refuse(d.custom(p, name), name)
	}
	if f.Required {
		d.report(p.get("required"), "remove it; a rule on nullValues limits the share of unmatched rows",
			"column %q cannot be required: unmatched rows are null", f.Name)
	}
	if !f.Staged && !f.Personal() {
		d.report(d.custom(p, "llacStaged"), "remove it, or remove the column", "column %q exists only in staging", f.Name)
	}
	for role, columns := range map[string][]string{"primaryKey": c.Key, "partitioned": c.Partition} {
		if slices.Contains(columns, f.Name) {
			d.report(p.get(role), "remove it", "column %q changes with the reference, so it cannot be a key or a partition", f.Name)
		}
	}
	if c.Slicing != nil && c.Slicing.Column == f.Name {
		d.report(p.get("name"), "slice by a column of the source",
			"column %q changes with the reference, so it cannot be the slicing column", f.Name)
	}
}

// custom returns the value of a custom property of Llac. Problems of the property itself have been reported before.
func (d *document) custom(holder node, name string) node {
	for _, item := range holder.get("customProperties").items() {
		if item.get("property").text() == name {
			value := item.get("value")
			value.path = holder.path + "{" + name + "}"
			return value
		}
	}
	return node{}
}
