package trino

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/llac-project/llac/cmd/llac/duckdb"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/arrowschema"
	"github.com/llac-project/llac/platform/lake"
)

// Snapshot is one published snapshot, read where its files lie.
type Snapshot struct {
	Contract *contract.Contract
	Pointer  *lake.Pointer
	Root     string // folder of the data bucket
}

// Relation is the name by which the dbt project reads it: one a snapshot, on every engine.
func (s Snapshot) Relation() string {
	return s.Contract.Dataset + "__" + strings.ToLower(s.Pointer.Snapshot)
}

// HiveColumn is one column of an external table, its type in the words of Trino and of Glue.
type HiveColumn struct{ Name, Trino, Glue string }

// Columns are the columns inside the files, and those of the partitions, which follow them.
func (s Snapshot) Columns() (files, partitions []HiveColumn, err error) {
	for _, f := range arrowschema.Columns(s.Contract) {
		c, err := hiveColumn(f)
		if err != nil {
			return nil, nil, err
		}
		files = append(files, c)
	}
	for _, l := range arrowschema.LineageColumns {
		files = append(files, HiveColumn{l.Name, "varchar", "string"})
	}
	for _, name := range s.Contract.Partition {
		c, err := hiveColumn(*s.Contract.Field(name))
		if err != nil {
			return nil, nil, err
		}
		partitions = append(partitions, c)
	}
	return files, partitions, nil
}

func hiveColumn(f contract.Field) (HiveColumn, error) {
	types := map[contract.Type][2]string{
		contract.Text: {"varchar", "string"}, contract.JSON: {"varchar", "string"}, contract.Integer: {"bigint", "bigint"},
		contract.Number: {"double", "double"}, contract.Boolean: {"boolean", "boolean"}, contract.Date: {"date", "date"},
	}
	if f.Type == contract.Decimal {
		t := fmt.Sprintf("decimal(%d,%d)", f.Precision, f.Scale)
		return HiveColumn{f.Name, t, t}, nil
	}
	t, ok := types[f.Type]
	if !ok {
		return HiveColumn{}, fmt.Errorf("column %s: no snapshot with a %s has been read by Trino yet; add the type here", f.Name, f.Type)
	}
	return HiveColumn{f.Name, t[0], t[1]}, nil
}

// Folder is a folder that a snapshot's files lie in, and the values of the partitions that it stands for.
type Folder struct {
	Path   string
	Values []string
}

// Folders are the folders of a snapshot. A table reads whatever its folders hold, so each must hold the files that the
// pointer names and no others.
func (s Snapshot) Folders() ([]Folder, error) {
	named := map[string][]string{}
	for _, part := range s.Pointer.Parts {
		for _, o := range part.Objects {
			named[path.Dir(o.Key)] = append(named[path.Dir(o.Key)], path.Base(o.Key))
		}
	}
	var out []Folder
	for dir, files := range named {
		place := filepath.Join(s.Root, filepath.FromSlash(dir))
		entries, err := os.ReadDir(place)
		if err != nil {
			return nil, fmt.Errorf("snapshot %s: %w", s.Relation(), err)
		}
		for _, e := range entries {
			hidden := strings.HasPrefix(e.Name(), "_") || strings.HasPrefix(e.Name(), ".") // from Hive's tables, so from Athena's
			if !hidden && !e.IsDir() && !slices.Contains(files, e.Name()) {
				return nil, fmt.Errorf("snapshot %s: %s holds %s, which the pointer does not name", s.Relation(), place, e.Name())
			}
		}
		f := Folder{Path: place}
		for _, name := range s.Contract.Partition {
			for _, level := range strings.Split(dir, "/") {
				if value, ok := strings.CutPrefix(level, name+"="); ok {
					f.Values = append(f.Values, value)
				}
			}
		}
		if len(f.Values) != len(s.Contract.Partition) {
			return nil, fmt.Errorf("snapshot %s: %s has not a level for each of the partitions %v", s.Relation(), place, s.Contract.Partition)
		}
		out = append(out, f)
	}
	if len(s.Contract.Partition) == 0 && len(out) != 1 {
		return nil, fmt.Errorf("snapshot %s: its files lie in %d folders, and without partitions a table has one", s.Relation(), len(out))
	}
	slices.SortFunc(out, func(a, b Folder) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// Stage makes the external table of a snapshot in the schema. A partitioned one is registered folder by folder: the parts
// of a snapshot lie apart. scratch is an empty folder for what such a table calls its own place.
func (c Client) Stage(ctx context.Context, s Snapshot, schema, scratch string) error {
	files, partitions, err := s.Columns()
	if err != nil {
		return err
	}
	folders, err := s.Folders()
	if err != nil {
		return err
	}
	var columns []string
	for _, column := range slices.Concat(files, partitions) {
		columns = append(columns, column.Name+" "+column.Trino)
	}
	place, more := folders[0].Path, ""
	if len(partitions) > 0 {
		place = filepath.Join(scratch, s.Relation())
		if err := os.MkdirAll(place, 0o755); err != nil {
			return err
		}
		more = ", partitioned_by = " + array(s.Contract.Partition)
	}
	_, err = c.Query(ctx, fmt.Sprintf("CREATE TABLE %s.%s (%s) WITH (format = 'PARQUET', external_location = %s%s)",
		schema, s.Relation(), strings.Join(columns, ", "), duckdb.Text("file://"+place), more))
	if err != nil || len(partitions) == 0 {
		return err
	}
	for _, f := range folders {
		_, err := c.Query(ctx, fmt.Sprintf("CALL system.register_partition(%s, %s, %s, %s, %s)",
			duckdb.Text(schema), duckdb.Text(s.Relation()), array(s.Contract.Partition), array(f.Values), duckdb.Text("file://"+f.Path)))
		if err != nil {
			return err
		}
	}
	return nil
}

func array(texts []string) string {
	quoted := make([]string, len(texts))
	for i, t := range texts {
		quoted[i] = duckdb.Text(t)
	}
	return "ARRAY[" + strings.Join(quoted, ", ") + "]"
}
