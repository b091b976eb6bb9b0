package contract

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/portals"
)

const (
	recheckDays    = 7 // the default
	maxRecheckDays = 366
)

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
		d.reportAt(orParent(servers, d.root), "servers", "write the source's portal as the only server of type api",
			"has %d servers of type api, must have exactly one", len(sources))
		return
	}
	server := sources[0]
	custom := d.customProperties(server, atServer)
	if location := server.get("location"); location.isText() {
		c.Source.BaseURL = strings.TrimSuffix(location.text(), "/")
		d.checkAddress(location, c.Source.BaseURL, false)
	}
	kind := d.readPortal(c, server, custom)
	d.readSourceID(c, server, custom, kind)
	c.Source.PageSize = d.wholeOf(custom["llacPageSize"], 1, 0)
	if most := portals.All.MaxPageSize(); c.Source.PageSize > most {
		d.report(custom["llacPageSize"], fmt.Sprintf("write at most %d", most), "no portal returns more than %d rows per page", most)
	}
	c.Source.Params = d.textMapOf(custom["llacParameters"])
	if c.Source.RecheckDays = d.wholeOf(custom["llacRecheck"], 1, recheckDays); c.Source.RecheckDays > maxRecheckDays {
		d.report(custom["llacRecheck"], fmt.Sprintf("write at most %d", maxRecheckDays),
			"a source must be read in full at least every %d days", maxRecheckDays)
	}
}

// readPortal decodes llacPortal. It returns nil if the kind is missing, unknown or incomplete.
func (d *document) readPortal(c *Contract, server node, custom map[string]node) *source.Kind {
	n, ok := custom["llacPortal"]
	if !ok {
		fix := "name the protocol that the portal uses: " + strings.Join(portals.All.Names(), ", ")
		d.reportAt(server, server.path+"{llacPortal}", fix, "the custom property llacPortal is missing")
		return nil
	}
	c.Source.Kind = d.stringOf(n)
	kind, err := portals.All.Find(c.Source.Kind)
	if err != nil {
		fix := ""
		if !slices.Contains(portals.All.Names(), c.Source.Kind) {
			fix = didYouMean(c.Source.Kind, portals.All.Names())
		}
		d.report(n, fix, "%v", err)
		return nil
	}
	return &kind
}

// readSourceID decodes llacSourceId and checks it against the rule of the portal kind; kind is nil if it is not known.
func (d *document) readSourceID(c *Contract, server node, custom map[string]node, kind *source.Kind) {
	id, ok := custom["llacSourceId"]
	if !ok {
		d.reportAt(server, server.path+"{llacSourceId}", "write the dataset's id on the portal",
			"the custom property llacSourceId is missing")
		return
	}
	c.Source.ID = d.stringOf(id)
	if kind != nil && id.isText() && !kind.ID.Form.MatchString(c.Source.ID) {
		d.report(id, kind.ID.Hint(), "%q is not a source id of %s", c.Source.ID, c.Source.Kind)
	}
}

// checkAddress accepts only https. A path is allowed for documents; a portal's address is its host, which the client
// completes.
func (d *document) checkAddress(at node, address string, path bool) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		d.report(at, "write https:// and the host", "%q is not an address", address)
	case u.Scheme != "https":
		d.report(at, "write https://"+u.Host+"; to use another server, run with --portal", "the address must be https")
	case u.User != nil:
		d.report(at, "pass credentials in the environment", "the address must not contain credentials")
	case !path && (u.Path != "" || u.RawQuery != "" || u.Fragment != ""):
		d.report(at, fmt.Sprintf("write https://%s, and parameters in llacParameters", u.Host),
			"a portal's address must be scheme and host only")
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
			d.report(e.value, didYouMean(e.name, known), "unknown key %q of llacSlicing", e.name)
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
		d.report(values, "list every slice", "is empty")
	}
	for _, item := range n.get("values").items() {
		if item.isText() && !sliceValue.MatchString(item.yaml.Value) {
			d.report(item, "use only letters, digits, _ and .", "%q cannot be a slice, because slices are part of object keys",
				item.yaml.Value)
		}
	}
	if !slicePrefix.MatchString(s.Prefix) {
		d.report(n.get("prefix"), "use lower-case letters", "%q cannot be a prefix of run ids", s.Prefix)
	}
	if _, fixed := c.Source.Params[s.Param]; fixed {
		d.report(n.get("parameter"), "remove it from llacParameters", "%s is already a fixed parameter", s.Param)
	}
	if s.Column != "" {
		if _, ok := places[s.Column]; !ok {
			d.report(n.get("column"), didYouMean(s.Column, columnNames(c)), "unknown column %q", s.Column)
		} else if len(c.Partition) == 0 || c.Partition[0] != s.Column {
			// The slices of one slot are joined to one snapshot, so their files must never share a folder.
			d.report(n.get("column"), "set partitioned: true and partitionKeyPosition: 1 on it", "%q must be the first partition", s.Column)
		}
	}
	c.Slicing = s
}
