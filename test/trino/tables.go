package trino

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract/dbtsource"
	"github.com/llac-project/llac/platform/lake"
)

// External is a table over Parquet files that others wrote, as Hive's and Glue's catalogs know it: it reads whatever lies
// in its folders.
type External struct {
	Schema, Name string
	Columns      []Column // of the files, then of the partitions; types in Trino's words
	Partition    []string
	Folders      []Folder
}

// Folder is a folder of a table and the values of the partitions that it stands for.
type Folder struct {
	Path   string
	Values []string
}

// NewExternal is the table of a relation that the marts' runner wants. place is the file of an object. The folders must
// hold the relation's own files and no others.
func NewExternal(r marts.Relation, place func(key string) string) (External, error) {
	t := External{Schema: r.Schema, Name: r.Name}
	files := map[string][]string{} // by folder
	values := map[string][]string{}
	add := func(o events.Object, partition []lake.PartitionValue) {
		dir := path.Dir(o.Key)
		files[dir] = append(files[dir], path.Base(o.Key))
		if values[dir] == nil {
			for _, p := range partition {
				values[dir] = append(values[dir], p.Value)
			}
		}
	}
	if r.Snapshot != nil {
		t.Partition = r.Contract.Partition
		for _, c := range dbtsource.Columns(r.Contract) {
			t.Columns = append(t.Columns, Column{c.Name, c.Type})
		}
		for _, part := range r.Snapshot.Parts {
			for _, o := range part.Objects {
				add(o.Object, o.Partition)
			}
		}
	} else {
		for _, c := range r.Mart.Columns {
			t.Columns = append(t.Columns, Column{c.Name, strings.ToLower(c.Type)})
		}
		for _, o := range r.Mart.Objects {
			add(o, nil)
		}
	}
	for _, c := range t.Columns {
		if !sameType(c.Type, strings.ToUpper(c.Type)) {
			return External{}, fmt.Errorf("table %s: column %s has the type %s, of which it is not known how Parquet keeps it for each engine", t.Name, c.Name, c.Type)
		}
	}
	for dir, named := range files {
		f := Folder{Path: filepath.FromSlash(place(dir)), Values: values[dir]}
		entries, err := os.ReadDir(f.Path)
		if err != nil {
			return External{}, fmt.Errorf("table %s: %w", t.Name, err)
		}
		for _, e := range entries {
			hidden := strings.HasPrefix(e.Name(), "_") || strings.HasPrefix(e.Name(), ".") // from Hive, so from Athena
			if !hidden && !e.IsDir() && !slices.Contains(named, e.Name()) {
				return External{}, fmt.Errorf("table %s: %s holds %s, which is not the table's", t.Name, f.Path, e.Name())
			}
		}
		if len(f.Values) != len(t.Partition) {
			return External{}, fmt.Errorf("table %s: %s has the partition values %v, not one for each of %v", t.Name, f.Path, f.Values, t.Partition)
		}
		t.Folders = append(t.Folders, f)
	}
	if len(t.Partition) == 0 && len(t.Folders) != 1 {
		return External{}, fmt.Errorf("table %s: without partitions its files must lie in one folder, not in %d", t.Name, len(t.Folders))
	}
	slices.SortFunc(t.Folders, func(a, b Folder) int { return strings.Compare(a.Path, b.Path) })
	return t, nil
}

// Create makes the table. One with partitions is registered folder by folder, as the parts of a snapshot lie apart;
// scratch is a folder for what such a table calls its own place.
func (c Client) Create(ctx context.Context, t External, scratch string) error {
	var columns []string
	for _, column := range t.Columns {
		columns = append(columns, duckdb.Name(column.Name)+" "+column.Type)
	}
	name, place, partitioned := duckdb.Name(t.Schema)+"."+duckdb.Name(t.Name), t.Folders[0].Path, ""
	if len(t.Partition) > 0 {
		place, partitioned = filepath.Join(scratch, t.Name), ", partitioned_by = "+array(t.Partition)
		if err := os.MkdirAll(place, 0o755); err != nil {
			return err
		}
	}
	_, err := c.Query(ctx, fmt.Sprintf("CREATE TABLE %s (%s) WITH (format = 'PARQUET', external_location = %s%s)", name, strings.Join(columns, ", "), location(place), partitioned))
	if err != nil || len(t.Partition) == 0 {
		return err
	}
	for _, f := range t.Folders {
		_, err := c.Query(ctx, fmt.Sprintf("CALL system.register_partition(%s, %s, %s, %s, %s)", duckdb.Text(t.Schema), duckdb.Text(t.Name), array(t.Partition), array(f.Values), location(f.Path)))
		if err != nil {
			return err
		}
	}
	return nil
}

// Empty makes the schemas, or removes what is in them.
func (c Client) Empty(ctx context.Context, schemas ...string) error {
	for _, s := range schemas {
		if _, err := c.Query(ctx, "CREATE SCHEMA IF NOT EXISTS "+duckdb.Name(s)); err != nil {
			return err
		}
		tables, err := c.Query(ctx, "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = "+duckdb.Text(s))
		if err != nil {
			return err
		}
		for _, row := range tables.Rows {
			kind := "TABLE"
			if row[1] == "VIEW" {
				kind = "VIEW"
			}
			if _, err := c.Query(ctx, fmt.Sprintf("DROP %s %s.%s", kind, duckdb.Name(s), duckdb.Name(fmt.Sprint(row[0])))); err != nil {
				return err
			}
		}
	}
	return nil
}

func location(folder string) string { return duckdb.Text("file://" + folder) }

func array(texts []string) string {
	quoted := make([]string, len(texts))
	for i, t := range texts {
		quoted[i] = duckdb.Text(t)
	}
	return "ARRAY[" + strings.Join(quoted, ", ") + "]"
}
