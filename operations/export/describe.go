package export

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/llac-project/llac/operations/views"
	"github.com/llac-project/llac/platform/lake"
)

// pairs writes a map as "key=value" pairs, ordered by key.
func pairs[V string | int64](m map[string]V) string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		out = append(out, fmt.Sprintf("%s=%v", key, m[key]))
	}
	return strings.Join(out, ",")
}

// Warning returns a sentence about data that are not real; "" for real data (invariant 11).
func Warning(t views.Table) string {
	switch {
	case !t.Simulated:
		return ""
	case lake.Origin(t.Source) == lake.SimulatorOrigin:
		return "SIMULATED DATA, not from the real portals: in each row data_origin distinguishes recorded facts from invented values."
	}
	return "UNOFFICIAL DATA, not from the real portals but from " + t.Source + "."
}

// csvw returns a file's description in the format of W3C's CSV on the Web.
func csvw(t views.Table, file string, about [][2]string) []byte {
	type column struct {
		Name        string `json:"name"`
		Titles      string `json:"titles"`
		Description string `json:"dc:description,omitempty"`
	}
	metadata := map[string]string{}
	for _, kv := range about {
		metadata[kv[0]] = kv[1]
	}
	columns := []column{}
	for _, c := range t.Columns {
		columns = append(columns, column{c.Name, c.Name, c.Description})
	}
	out := map[string]any{
		"@context": "http://www.w3.org/ns/csvw", "url": file, "dc:title": cmp.Or(metadata["title"], t.Name), "dc:description": t.Grain,
		"dc:source":  metadata["source"],
		"dc:license": metadata["licence"], "dc:rights": metadata["attribution"], "dc:modified": metadata["source_updated_at"],
		"tableSchema": map[string]any{"columns": columns}, "notes": []any{metadata},
	}
	if w := Warning(t); w != "" {
		out["rdfs:comment"] = w
	}
	maps.DeleteFunc(out, func(_ string, v any) bool { return v == "" })
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return nil // strings always marshal
	}
	return append(b, '\n')
}
