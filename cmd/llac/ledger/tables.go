package ledger

import (
	"path"
	"slices"
	"strings"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
)

// Table is a published snapshot as a query engine opens it.
type Table struct {
	Dataset string   `json:"dataset"`
	Globs   []string `json:"globs"` // of the Parquet files
	Query   string   `json:"query"` // DuckDB SQL that reads them
}

// sqlTypes are DuckDB's names of the column types a partition may have.
var sqlTypes = map[contract.Type]string{
	contract.Integer: "BIGINT", contract.Number: "DOUBLE", contract.Boolean: "BOOLEAN",
	contract.Date: "DATE", contract.Timestamp: "TIMESTAMP",
}

// TableOf says how to open a snapshot. place turns a key into the address of its bytes.
func TableOf(p *lake.Pointer, c *contract.Contract, place func(key string) string) Table {
	t := Table{Dataset: p.Dataset}
	for _, part := range p.Parts {
		for _, o := range part.Objects {
			// One glob a prefix: the folders of the partitions become stars.
			folder := path.Dir(o.Key)
			for range o.Partition {
				folder = path.Dir(folder)
			}
			glob := place(folder) + strings.Repeat("/*", len(o.Partition)) + "/*.parquet"
			if !slices.Contains(t.Globs, glob) {
				t.Globs = append(t.Globs, glob)
			}
		}
	}
	files := make([]string, len(t.Globs))
	for i, g := range t.Globs {
		files[i] = "'" + strings.ReplaceAll(g, "'", "''") + "'"
	}
	list := strings.Join(files, ", ")
	if len(files) != 1 {
		list = "[" + list + "]"
	}
	if len(c.Partition) == 0 {
		t.Query = "SELECT * FROM read_parquet(" + list + ", hive_partitioning = false)"
		return t
	}
	// Without their types DuckDB would guess them from the folders' names, and district 01 would become 1.
	types := []string{"'ingested_process_at': VARCHAR"}
	for _, name := range c.Partition {
		kind := "VARCHAR"
		if f := c.Field(name); f != nil && sqlTypes[f.Type] != "" {
			kind = sqlTypes[f.Type]
		}
		types = append(types, "'"+name+"': "+kind)
	}
	t.Query = "SELECT * FROM read_parquet(" + list + ", hive_partitioning = true, hive_types = {" + strings.Join(types, ", ") + "})"
	return t
}
