package contract

import (
	"slices"
	"strings"
)

// matchKeys are what llacMatch may say.
var matchKeys = []string{"name", "within", "withinAliases", "aliases", "except"}

// matchForm is how a match is written.
const matchForm = "write {name: column there with the names, within: {column here: column there}}"

// readMatch decodes llacMatch; nil: there is none.
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
				d.report(e.value, "write {column here: column there}", "one column says where to look, not %d", len(pairs))
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
		case "except":
			m.Except = d.stringsOf(e.value)
		default:
			d.report(e.value, didYouMean(e.name, matchKeys), "a match has no %q", e.name)
		}
	}
	if m.Name == "" {
		d.reportAt(orParent(n.get("name"), n), join(n.path, "name"), matchForm, "the column with the names is missing")
	}
	if within := n.get("within"); m.WithinAliases != nil && !within.exists() {
		d.report(n.get("withinAliases"), "add within, or take this away", "withinAliases without within")
	}
	return m
}

// aliasesOf reads other names and what they stand for.
func (d *document) aliasesOf(n node) map[string]string {
	aliases := d.textMapOf(n)
	for from, to := range aliases {
		if strings.TrimSpace(from) == "" || strings.TrimSpace(to) == "" {
			d.report(n.get(from), `write {"name in the source": "name in the reference"}`, "a name is empty")
		}
	}
	return aliases
}

// matches says whether the field's value comes of a match.
func (f Field) matches() bool { return f.Match != nil || f.Derived() }

// checkMatches checks the columns that are matched, and those that tell how.
func (d *document) checkMatches(c *Contract, places map[string]node) {
	told := map[string]string{} // what is told of which matched column, to the column that does
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
				d.report(at, didYouMean(t.of, columnNames(c)), "no column %q", t.of)
			} else if matched.Match == nil {
				d.report(at, "name the column that has llacMatch", "the column %q is not matched", t.of)
			}
			if f.Type != t.kind && f.Type != "" {
				d.report(p.get("logicalType"), "write logicalType: "+string(t.kind), "what %s tells is of type %s", t.property, t.kind)
			}
			if other, twice := told[t.property+" "+t.of]; twice {
				d.report(at, "keep one of the two", "%q tells the same of %q", other, t.of)
			}
			told[t.property+" "+t.of] = f.Name
			d.refuseBeside(c, f, p, t.property, "physicalName", "relationships", "llacMatch", "llacNullLiterals")
		}
		if f.MethodOf != "" && f.ConfidenceOf != "" {
			d.report(d.custom(p, "llacMatchConfidence"), "give each its own column", "a column tells one thing")
		}
	}
}

// checkMatched checks a column that is matched.
func (d *document) checkMatched(c *Contract, f Field, p node) {
	m, at := f.Match, d.custom(p, "llacMatch")
	switch {
	case f.Reference == nil:
		d.report(at, "add relationships: [{to: dataset.column}] to it", "the column %q refers to no dataset, so there is nothing to match with", f.Name)
	case f.Reference.Dataset == c.Dataset:
		d.report(at, "refer to another dataset", "a dataset cannot be matched with itself: it is not published yet when its rows are staged")
	}
	if f.Type != Text && f.Type != "" {
		d.report(p.get("logicalType"), "make the column's logicalType string, or take llacMatch away", "only a text column can be matched")
	}
	if f.Personal() {
		// Invariant 8: an id found by a person's name tells of the person.
		d.report(at, "match by a public field", "the personal field %q cannot be matched on", f.Name)
	}
	d.refuseBeside(c, f, p, "llacMatch")
	if m.Within == "" {
		return
	}
	here := at.get("within").get(m.Within)
	switch w := c.Field(m.Within); {
	case w == nil:
		d.report(here, didYouMean(m.Within, columnNames(c)), "no column %q", m.Within)
	case w.Personal():
		// Invariant 8.
		d.report(here, "match within a public column", "the personal field %q cannot be matched on", m.Within)
	case w.matches() || w.Type != Text:
		d.report(here, "name a text column that has a field of the source", "nothing can be matched within the column %q", m.Within)
	case !w.Staged:
		d.report(here, "stage it", "the column %q is not staged", m.Within)
	}
}

// refuseBeside refuses what would have no effect on a column whose value comes of a match.
func (d *document) refuseBeside(c *Contract, f Field, p node, property string, more ...string) {
	refuse := func(n node, name string) {
		if n.exists() {
			d.report(n, "take it away", "%s has no effect beside %s", name, property)
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
		d.report(p.get("required"), "take it away; a null_percent rule bounds how many are not matched", "the column %q cannot be required: what is not matched is null", f.Name)
	}
	if !f.Staged && !f.Personal() {
		d.report(d.custom(p, "llacStaged"), "take it away, or the column", "the column %q is made for staging alone", f.Name)
	}
	for role, columns := range map[string][]string{"primaryKey": c.Key, "partitioned": c.Partition} {
		if slices.Contains(columns, f.Name) {
			d.report(p.get(role), "take it away", "the column %q changes with the reference, so it can be neither key nor partition", f.Name)
		}
	}
	if c.Slicing != nil && c.Slicing.Column == f.Name {
		d.report(p.get("name"), "slice by a column of the source", "the column %q changes with the reference, so it cannot be the slices'", f.Name)
	}
}

// custom is the value of a custom property of ours; what is wrong with the property itself has been reported.
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
