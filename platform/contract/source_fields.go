package contract

import (
	"slices"
	"strings"
	"time"
)

// unstagedKeys are the keys of an entry of llacUnstaged.
var unstagedKeys = []string{"name", "source", "type", "classification", "required", "description"}

// unstagedForm explains how to write an entry of llacUnstaged.
const unstagedForm = "write {name: name here, source: field of the source, type: string, classification: personal, " +
	"description: what it contains}"

// columnTypes are the logical types of fields.
var columnTypes = []string{"string", "integer", "number", "boolean", "date", "timestamp", "object", "array"}

// readUnstaged decodes llacUnstaged: the fields of the source that are read, so that a change of them is noticed, and that
// are never staged. They are no properties, because the properties of a contract are the published columns.
func (d *document) readUnstaged(c *Contract, list node, places map[string]node) {
	if !list.exists() {
		return
	}
	if !list.isSequence() {
		d.report(list, "write a list; "+unstagedForm, "must be a list of fields")
		return
	}
	for _, n := range list.items() {
		f, ok := d.readUnstagedField(n)
		if !ok {
			continue
		}
		if _, twice := places[f.Name]; twice {
			d.report(n.get("name"), "give each field its own name", "two columns or fields are called %q", f.Name)
			continue
		}
		places[f.Name] = n
		c.Fields = append(c.Fields, f)
	}
}

// readUnstagedField decodes one entry of llacUnstaged.
func (d *document) readUnstagedField(n node) (Field, bool) {
	if !n.isMapping() {
		d.report(n, unstagedForm, "must be a mapping")
		return Field{}, false
	}
	for _, e := range n.entries() {
		if !slices.Contains(unstagedKeys, e.name) {
			key := node{yaml: e.value.key, path: e.value.path}
			d.report(key, didYouMean(e.name, unstagedKeys), "unknown key %q of llacUnstaged", e.name)
		}
	}
	for _, key := range []string{"name", "type", "description"} {
		if !n.get(key).exists() {
			d.reportAt(n, join(n.path, key), unstagedForm, "%s is missing", key)
		}
	}
	f := Field{
		Name: d.stringOf(n.get("name")), Description: strings.TrimSpace(d.stringOf(n.get("description"))),
		Classification: d.choiceOf(n.get("classification"), "public", "personal", "internal"),
		Required:       d.flagOf(n.get("required"), false),
	}
	if n.get("type").exists() {
		f.Type = typeOf(d.choiceOf(n.get("type"), columnTypes...))
	}
	f.Source = f.Name
	if source := n.get("source"); source.exists() {
		f.Source = d.stringOf(source)
		if f.Source == "" && source.isText() {
			d.report(source, "write the name of the source's field, or remove it if it equals the name", "is empty")
		}
	}
	if n.get("name").isText() && !identifier.MatchString(f.Name) {
		d.report(n.get("name"), identifierHint, "%q is not a name of a field", f.Name)
	}
	return f, f.Name != ""
}

// typeOf returns the type that a word of columnTypes means.
func typeOf(word string) Type {
	switch word {
	case "object", "array":
		return JSON
	}
	return Type(word)
}

// readSourceField decodes which field of the source the column is read from: llacSource, otherwise the field that is called
// like the column. physicalName is the standard's name of the published column, which is the column's name.
func (d *document) readSourceField(f *Field, p, source node) {
	f.Source = f.Name
	physical := p.get("physicalName")
	if physical.isText() && physical.text() == "" {
		d.report(physical, "remove it", "is empty")
		return
	}
	if f.Derived() {
		f.Source = "" // checkMatches and checkNames refuse llacSource
		if physical.exists() && physical.text() != f.Name {
			d.report(physical, "remove it", "%q is not the published column, which is called %q", physical.text(), f.Name)
		}
		return
	}
	if source.exists() {
		f.Source = d.stringOf(source)
		if f.Source == "" && source.isText() {
			d.report(source, "write the name of the source's field, or remove it if it equals the column name", "is empty")
		}
	}
	switch name := physical.text(); {
	case name == "" || name == f.Name:
	case source.exists():
		d.report(physical, "remove it", "%q is not the published column, which is called %q", name, f.Name)
	default:
		d.reportEarlier(physical, "write the source's field as the custom property llacSource",
			"%q is not the published column, which is called %q", name, f.Name)
		f.Source = name
	}
}

// sourceOf returns the node that names the source's field of a property or of an entry of llacUnstaged.
func (d *document) sourceOf(p node) node {
	for _, n := range []node{d.custom(p, "llacSource"), p.get("source"), p.get("physicalName")} {
		if n.exists() {
			return n
		}
	}
	return p.get("name")
}

// readStaged decides whether a property is staged. In files of earlier versions a property may be a field that is not
// staged; now every property is a published column.
func (d *document) readStaged(f *Field, p, staged node) {
	f.Staged = d.flagOf(staged, !f.Personal())
	switch {
	case f.Personal() && f.Staged:
		// Invariant 8: a personal field never enters staging.
		d.report(staged, "remove llacStaged", "a personal field cannot be staged")
	case f.Personal():
		d.reportEarlier(p.get("classification"), "list it in llacUnstaged of the schema object",
			"a property is a published column, and the personal field %q is never published", f.Name)
	case !f.Staged:
		d.reportEarlier(staged, "list it in llacUnstaged of the schema object",
			"a property is a published column, and %q is not staged", f.Name)
	case staged.exists():
		d.reportEarlier(staged, "remove llacStaged", "every property is staged")
	}
}

// readFormat decodes the form of the source's dates: llacFormat. The standard's option format is about the published value,
// which is a date and no text.
func (d *document) readFormat(f *Field, format, option node) {
	switch f.Type {
	case Date:
		f.Format = time.DateOnly
	case Timestamp: // the default is RFC 3339, and the same without an offset
	default:
		if format.exists() && f.Type != "" {
			d.report(format, "remove it", "only dates and timestamps have a format, not the type %s", f.Type)
		}
		return
	}
	switch {
	case format.exists() && option.exists():
		d.report(option, "remove it", "llacFormat describes the source's text already")
	case option.exists():
		d.reportEarlier(option, "write the form of the source's text as the custom property llacFormat",
			"the option format is about the published value, which is a %s and no text", f.Type)
		format = option
	case !format.exists():
		return
	}
	layout, err := goLayout(d.stringOf(format))
	if err != nil {
		d.report(format, "", "%v", err)
	} else if f.Type == Timestamp && !strings.Contains(layout, "15") {
		d.report(format, "add HH:mm:ss, or make it a date", "a timestamp's format needs the time of day")
	}
	f.Format = layout
}
