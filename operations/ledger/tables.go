package ledger

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/arrowschema"
	"github.com/llac-project/llac/platform/lake"
)

// Table is a published snapshot as a query engine opens it.
type Table struct {
	Dataset      string   `json:"dataset"`
	Snapshot     string   `json:"snapshot"`
	SourceSystem string   `json:"source_system"`
	Simulated    bool     `json:"simulated"` // invariant 11: of the table, whoever published it
	Globs        []string `json:"globs"`     // of the Parquet files
	Query        string   `json:"query"`     // DuckDB SQL that reads them
}

// sqlTypes maps the column types that a partition may have to DuckDB's names.
var sqlTypes = map[contract.Type]string{
	contract.Integer: "BIGINT", contract.Number: "DOUBLE", contract.Boolean: "BOOLEAN",
	contract.Date: "DATE", contract.Timestamp: "TIMESTAMP",
}

// TableOf returns how to open a snapshot. place returns the address of an object's bytes.
func TableOf(p *lake.Pointer, c *contract.Contract, place func(key string) string) Table {
	t := Table{Dataset: p.Dataset, Snapshot: p.Snapshot, SourceSystem: p.SourceSystem, Simulated: p.Origin().Simulated()}
	for _, part := range p.Parts {
		for _, o := range part.Objects {
			// One glob per prefix: the folders of the partitions become stars.
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
	t.Query = selectFrom(t.Globs, hive(c, "ingested_process_at"))
	return t
}

// Query returns DuckDB SQL that reads the Parquet files of a dataset staged into a folder.
func Query(c *contract.Contract, folder string) string {
	return selectFrom([]string{folder + strings.Repeat("/*", len(c.Partition)) + "/*.parquet"}, hive(c))
}

// hive returns the options with which DuckDB reads the partitions of a contract, and the folders named above them. Without
// the types DuckDB would guess them from the folders' names, and district 01 would become 1.
func hive(c *contract.Contract, above ...string) string {
	if len(c.Partition) == 0 {
		return "hive_partitioning = false"
	}
	var types []string
	for _, name := range above {
		types = append(types, "'"+name+"': VARCHAR")
	}
	for _, name := range c.Partition {
		kind := "VARCHAR"
		if f := c.Field(name); f != nil && sqlTypes[f.Type] != "" {
			kind = sqlTypes[f.Type]
		}
		types = append(types, "'"+name+"': "+kind)
	}
	return "hive_types = {" + strings.Join(types, ", ") + "}"
}

// selectFrom returns the query that reads the globs.
func selectFrom(globs []string, options string) string {
	files := make([]string, len(globs))
	for i, g := range globs {
		files[i] = "'" + strings.ReplaceAll(g, "'", "''") + "'"
	}
	before, after := "", ""
	if len(files) != 1 {
		before, after = "[", "]"
	}
	return "SELECT * FROM read_parquet(" + before + strings.Join(files, ", ") + after + ", " + options + ")"
}

// retired are lineage columns of files that were staged before 2026-12. Readers do not see them.
var retired = []string{"source_url", "landing_object_key", "row_hash"}

// Exact returns DuckDB SQL that reads exactly the files that a snapshot's pointer names: the columns of the files, then
// those of the partitions, which are only in the paths, in the contract's types. Folders above the partitions add no column.
// A lineage column that files of an earlier build lack is null.
func Exact(p *lake.Pointer, c *contract.Contract, place func(key string) string) string {
	var files []string
	for _, part := range p.Parts {
		for _, o := range part.Objects {
			files = append(files, place(o.Key))
		}
	}
	if len(c.Partition) == 0 {
		return withLineage("SELECT * FROM " + duckdb.Files(files))
	}
	columns := "* EXCLUDE (filename)"
	for _, name := range c.Partition {
		// The value needs no decoding: the stager refuses values that cannot be the name of a folder.
		value := "regexp_extract(filename, " + duckdb.Text(".*/"+name+"=([^/]*)/") + ", 1)"
		if f := c.Field(name); f != nil && sqlTypes[f.Type] != "" {
			value = "CAST(" + value + " AS " + sqlTypes[f.Type] + ")"
		}
		columns += ", " + value + " AS " + duckdb.Name(name)
	}
	return "SELECT " + columns + " FROM (" + withLineage("SELECT * FROM "+duckdb.Files(files, "filename = true")) + ")"
}

// withLineage adds the lineage columns that the files of an earlier build lack, and removes those that were retired since.
func withLineage(files string) string {
	var empty, old []string
	for _, l := range arrowschema.LineageColumns {
		empty = append(empty, "CAST(NULL AS "+cmp.Or(sqlTypes[l.Type], "VARCHAR")+") AS "+duckdb.Name(l.Name))
	}
	for _, name := range retired {
		old = append(old, duckdb.Text(name))
	}
	return "SELECT COLUMNS(lambda c: c NOT IN (" + strings.Join(old, ", ") + ")) FROM (" + files + " UNION ALL BY NAME SELECT " +
		strings.Join(empty, ", ") + " WHERE false)"
}
