package contract

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// Portals are the kinds of portal that a contract may name, as the value of llacPortal.
var Portals = []string{"socrata", "idescat", "ckan"}

// sourceIDs is the form of a source id by portal kind, with the words for a person.
var sourceIDs = map[string]struct {
	form *regexp.Regexp
	hint string
}{
	"socrata": {regexp.MustCompile(`^[a-z0-9]{4}-[a-z0-9]{4}$`), `a Socrata id is two groups of four, e.g. "ivft-vegh"`},
	"idescat": {regexp.MustCompile(`^[a-z]+/[0-9]+/[0-9]+/(cat|prov|at|com|mun|dis|sec|ac)$`), `an Idescat id is statistics/node/table/geo, e.g. "pmh/446/477/mun"`},
	"ckan":    {regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`), "a CKAN id is the resource's UUID"},
}

// readSource decodes the one server of type api: where the data come from.
func (d *document) readSource(c *Contract) {
	servers := d.root.get("servers")
	var sources []node
	for _, s := range servers.items() {
		if s.get("type").text() == "api" {
			sources = append(sources, s)
		}
	}
	if len(sources) != 1 {
		d.reportAt(orParent(servers, d.root), "servers", "name the source's portal as the one server of type api", "has %d servers of type api, must have exactly one", len(sources))
		return
	}
	server := sources[0]
	custom := d.customProperties(server, atServer)
	if location := server.get("location"); location.isText() {
		c.Source.BaseURL = strings.TrimSuffix(location.text(), "/")
		d.checkAddress(location, c.Source.BaseURL, false)
	}
	kind, ok := custom["llacPortal"]
	if !ok {
		d.reportAt(server, server.path+"{llacPortal}", "say which protocol the portal speaks: "+strings.Join(Portals, ", "), "the custom property llacPortal is missing")
	} else {
		c.Source.Kind = d.stringOf(kind)
		if _, known := sourceIDs[c.Source.Kind]; !known {
			d.report(kind, didYouMean(c.Source.Kind, Portals), "no client for the portal kind %q; there are %s", c.Source.Kind, strings.Join(Portals, ", "))
		}
	}
	id, ok := custom["llacSourceId"]
	if !ok {
		d.reportAt(server, server.path+"{llacSourceId}", "name the dataset as the portal does", "the custom property llacSourceId is missing")
	} else {
		c.Source.ID = d.stringOf(id)
		if rule, known := sourceIDs[c.Source.Kind]; known && id.isText() && !rule.form.MatchString(c.Source.ID) {
			d.report(id, rule.hint, "%q is not a source id of %s", c.Source.ID, c.Source.Kind)
		}
	}
	c.Source.PageSize = d.wholeOf(custom["llacPageSize"], 1, 0)
	if c.Source.PageSize > 50_000 {
		d.report(custom["llacPageSize"], "", "portals give at most 50000 rows a page")
	}
	c.Source.Params = d.textMapOf(custom["llacParameters"])
}

// checkAddress accepts https alone. A path is for documents; a portal is named by its host, which the client completes.
func (d *document) checkAddress(at node, address string, path bool) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		d.report(at, "write https:// and the host", "%q is not an address", address)
	case u.Scheme != "https":
		d.report(at, "write https://"+u.Host+"; to try against another server use --portal", "the address must be https")
	case u.User != nil:
		d.report(at, "give credentials in the environment", "the address must not hold credentials")
	case !path && (u.Path != "" || u.RawQuery != "" || u.Fragment != ""):
		d.report(at, fmt.Sprintf("write https://%s; parameters go to llacParameters", u.Host), "a portal's address is its scheme and host alone")
	}
}

var (
	sliceValue  = regexp.MustCompile(`^[A-Za-z0-9_.]+$`)
	slicePrefix = regexp.MustCompile(`^[a-z]*$`)
)

// readSlicing decodes llacSlicing: {column, parameter, values, prefix}.
func (d *document) readSlicing(c *Contract, n node, places map[string]node) {
	if !n.exists() {
		return
	}
	if !n.isMapping() {
		d.report(n, `write {column: year, parameter: YEAR, values: ["2024"], prefix: "y"}`, "must be a mapping")
		return
	}
	known := []string{"column", "parameter", "values", "prefix"}
	for _, e := range n.entries() {
		if !contains(known, e.name) {
			d.report(e.value, didYouMean(e.name, known), "slicing has no %q", e.name)
		}
	}
	s := &Slicing{
		Column: d.stringOf(n.get("column")), Param: d.stringOf(n.get("parameter")),
		Values: d.stringsOf(n.get("values")), Prefix: d.stringOf(n.get("prefix")),
	}
	for _, key := range known[:3] {
		if !n.get(key).exists() {
			d.reportAt(n, join(n.path, key), "", "%s is missing", key)
		}
	}
	if values := n.get("values"); values.isSequence() && len(s.Values) == 0 {
		d.report(values, "list every slice", "there are no slices")
	}
	for _, item := range n.get("values").items() {
		if item.isText() && !sliceValue.MatchString(item.yaml.Value) {
			d.report(item, "use letters, digits, _ and . only", "%q cannot be a slice: it becomes part of object keys", item.yaml.Value)
		}
	}
	if !slicePrefix.MatchString(s.Prefix) {
		d.report(n.get("prefix"), "use lower-case letters", "%q cannot be a prefix of run ids", s.Prefix)
	}
	if _, fixed := c.Source.Params[s.Param]; fixed {
		d.report(n.get("parameter"), "take it out of llacParameters", "%s is a fixed parameter already", s.Param)
	}
	if s.Column != "" {
		if _, ok := places[s.Column]; !ok {
			d.report(n.get("column"), didYouMean(s.Column, columnNames(c)), "no column %q", s.Column)
		} else if len(c.Partition) == 0 || c.Partition[0] != s.Column {
			// Slices of one slot are joined to one snapshot, so their files must never share a folder.
			d.report(n.get("column"), "set partitioned: true and partitionKeyPosition: 1 on it", "%q must be the first partition", s.Column)
		}
	}
	c.Slicing = s
}
