package trino

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/platform/contract/dbtsource"
	"github.com/llac-project/llac/platform/lake"
)

// External is an external table of Hive's or Glue's catalog: it reads all Parquet files in its folders.
type External struct {
	Schema, Name string
	Columns      []Column // of the files, then of the partitions; with Trino's types
	Partition    []string
	Folders      []Folder
}

// Folder is a folder of a table, with the partition values of its rows.
type Folder struct {
	Path   string
	Values []string
}

// NewExternal returns the table of a relation that the marts' runner creates. place returns the file of an object. The
// folders must contain no other files than the relation's.
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
			return External{}, fmt.Errorf("table %s: column %s has the type %s, which the comparison does not support",
				t.Name, c.Name, c.Type)
		}
	}
	if err := t.addFolders(files, values, place); err != nil {
		return External{}, err
	}
	return t, nil
}

// addFolders adds the folders of files, given the names of the files and the partition values of each folder.
func (t *External) addFolders(files, values map[string][]string, place func(key string) string) error {
	for dir, named := range files {
		f := Folder{Path: filepath.FromSlash(place(dir)), Values: values[dir]}
		entries, err := os.ReadDir(f.Path)
		if err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
		for _, e := range entries {
			hidden := strings.HasPrefix(e.Name(), "_") || strings.HasPrefix(e.Name(), ".") // from Hive and Athena
			if !hidden && !e.IsDir() && !slices.Contains(named, e.Name()) {
				return fmt.Errorf("table %s: %s contains %s, which is not a file of the table", t.Name, f.Path, e.Name())
			}
		}
		if len(f.Values) != len(t.Partition) {
			return fmt.Errorf("table %s: %s has the partition values %v, not one for each of %v", t.Name, f.Path, f.Values, t.Partition)
		}
		t.Folders = append(t.Folders, f)
	}
	if len(t.Partition) == 0 && len(t.Folders) != 1 {
		return fmt.Errorf("table %s: without partitions its files must be in one folder, not in %d", t.Name, len(t.Folders))
	}
	slices.SortFunc(t.Folders, func(a, b Folder) int { return strings.Compare(a.Path, b.Path) })
	return nil
}

// Create creates the table. The folders of a partitioned table are registered one by one, because the parts of a snapshot
// have no common folder; scratch is the folder for the table's own, empty location.
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
	_, err := c.Query(ctx, fmt.Sprintf("CREATE TABLE %s (%s) WITH (format = 'PARQUET', external_location = %s%s)",
		name, strings.Join(columns, ", "), location(place), partitioned))
	if err != nil || len(t.Partition) == 0 {
		return err
	}
	for _, f := range t.Folders {
		_, err := c.Query(ctx, fmt.Sprintf("CALL system.register_partition(%s, %s, %s, %s, %s)",
			duckdb.Text(t.Schema), duckdb.Text(t.Name), array(t.Partition), array(f.Values), location(f.Path)))
		if err != nil {
			return err
		}
	}
	return nil
}

// Empty creates the schemas that do not exist, and drops the tables and views of those that do.
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
