package engine

import (
	"slices"
	"strconv"
	"strings"

	"github.com/llac-project/llac/platform/lake"
)

// origins summarises the data origins of the partition's rows: "published", or "invented=12,recorded=300".
func (p *partition) origins() string {
	var parts []string
	for o, name := range originNames {
		if p.origin[o] == p.rows {
			return name
		}
		if p.origin[o] > 0 {
			parts = append(parts, name+"="+strconv.FormatInt(p.origin[o], 10))
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

// metadata returns the key-value metadata of a file's footer. It carries the licence's terms with every copy of the
// file.
func (j *job) metadata(origins string) []metadatum {
	c, l := j.Contract, j.Lineage
	all := []metadatum{
		{"attribution", c.Attribution}, {"contract_sha256", c.SHA256}, {"data_origin", origins}, {"dataset", c.Dataset},
		{"licence", c.Licence}, {"licence_url", c.LicenceURL}, {"run", l.RunID},
		{"simulated", strconv.FormatBool(lake.Origin(l.SourceSystem).Simulated())}, // Invariant 11
		{"source", l.Source}, {"source_updated_at", l.SourceUpdatedAt}, {"source_url", l.SourceURL},
	}
	return slices.DeleteFunc(all, func(m metadatum) bool { return m.value == "" })
}
