package contract

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// checkPersonal reports the ways by which a personal field would be staged or published under another name.
//
// Invariant 8: personal fields never leave landing and archive.
func (d *document) checkPersonal(c *Contract, places map[string]node) {
	personal := map[string]string{} // source field to its name here
	for _, f := range c.Fields {
		if f.Personal() {
			personal[f.Source] = f.Name
		}
	}
	for _, f := range c.Fields {
		if other, ok := personal[f.Source]; ok && !f.Personal() {
			// The same bytes cannot be personal under one name and public under another.
			d.report(places[f.Name].get("name"), "remove it, or list both in llacUnstaged as personal",
				"the source's field %q is personal as %q and not as %q", f.Source, other, f.Name)
		}
		if !f.Personal() {
			d.checkInside(places[f.Name])
		}
	}
	for _, source := range slices.Sorted(maps.Keys(personal)) {
		d.checkParameters(c, source)
	}
}

// checkInside rejects classifications below a column: a nested value is staged whole or not at all.
func (d *document) checkInside(n node) {
	inside := n.get("properties").items()
	if items := n.get("items"); items.exists() {
		inside = append(inside, items)
	}
	for _, p := range inside {
		if class := p.get("classification"); class.exists() && class.text() != "public" {
			d.report(class, "classify the column that contains it",
				"a part of a column cannot be %s: the column is staged whole", class.text())
		}
		d.checkInside(p)
	}
}

// checkParameters rejects parameters that would fetch a personal field under another name, or put its values into
// addresses, which go to manifests, logs and published data.
func (d *document) checkParameters(c *Contract, personal string) {
	server := slices.IndexFunc(d.root.get("servers").items(), func(n node) bool { return n.get("type").text() == "api" })
	if server < 0 {
		return
	}
	at := d.root.get("servers").items()[server]
	for _, item := range at.get("customProperties").items() {
		if item.get("property").text() == "llacParameters" {
			at = item.get("value")
		}
	}
	word := regexp.MustCompile(`(?:^|[^\pL\pN_])` + regexp.QuoteMeta(personal) + `(?:$|[^\pL\pN_])`)
	for _, name := range slices.Sorted(maps.Keys(c.Source.Params)) {
		exposed := name == personal
		for _, part := range strings.Split(c.Source.Params[name], ",") {
			// Except as a plain name in $select, every use of the field derives something new from it.
			plain := name == "$select" && strings.TrimSpace(part) == personal
			exposed = exposed || strings.HasPrefix(name, "$") && !plain && word.MatchString(part)
		}
		if exposed {
			d.report(orParent(at.get(name), at), "use it only as a plain name in $select",
				"the parameter %s uses the personal field %q", name, personal)
		}
	}
	if c.Slicing != nil && c.Slicing.Param == personal {
		d.report(d.root.get("schema").items()[0].get("name"), "slice by a public field",
			"the slices are values of the personal field %q", personal)
	}
}
