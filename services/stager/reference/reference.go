// Package reference reads the names for matching a column from the Parquet files of a published snapshot.
//
// It reads only the two or three columns that a match needs, with a plain Parquet reader: the archive of the stager's
// function must stay small.
package reference

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/services/stager/matching"
)

// maxEntries bounds the distinct names of a reference: all of them are held in memory and searched.
const maxEntries = 1 << 18

// Names collects the entries in which the values of a matched column are looked up.
type Names struct {
	field   contract.Field
	entries map[matching.Entry]bool
}

// New returns an empty Names for one matched column.
func New(f contract.Field) *Names { return &Names{field: f, entries: map[matching.Entry]bool{}} }

// Add reads one file. The values of its partition are in its path and not in the file.
func (n *Names) Add(body []byte, partition []lake.PartitionValue) (err error) {
	defer func() {
		if p := recover(); p != nil { // arrow-go may panic on bytes that are not Parquet
			err = fmt.Errorf("read Parquet: %v", p)
		}
	}()
	r, err := file.NewParquetReader(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("read Parquet: %w", err)
	}
	defer r.Close()
	wanted := []string{n.field.Reference.Column, n.field.Match.Name}
	if n.field.Match.Group != "" {
		wanted = append(wanted, n.field.Match.Group)
	}
	for i := range r.NumRowGroups() {
		rows := int(r.RowGroup(i).NumRows())
		columns := make([][]string, len(wanted))
		for k, name := range wanted {
			if columns[k], err = texts(r, i, rows, name, partition); err != nil {
				return err
			}
		}
		for row := range rows {
			e := matching.Entry{ID: columns[0][row], Name: columns[1][row]}
			if len(columns) > 2 {
				e.Group = columns[2][row]
			}
			n.entries[e] = true
		}
		if len(n.entries) > maxEntries {
			return fmt.Errorf("the reference has more than %d names; match against a smaller dataset", maxEntries)
		}
	}
	return nil
}

// texts reads a text column of a row group; null becomes "".
func texts(r *file.Reader, group, rows int, name string, partition []lake.PartitionValue) ([]string, error) {
	out := make([]string, rows)
	if at := slices.IndexFunc(partition, func(p lake.PartitionValue) bool { return p.Column == name }); at >= 0 {
		for i := range out {
			out[i] = partition[at].Value
		}
		return out, nil
	}
	schema := r.MetaData().Schema
	at := schema.ColumnIndexByName(name)
	if at < 0 {
		return nil, fmt.Errorf("column %s is missing", name)
	}
	column := schema.Column(at)
	if column.PhysicalType() != parquet.Types.ByteArray || column.MaxRepetitionLevel() > 0 {
		return nil, fmt.Errorf("column %s is not a text column", name)
	}
	chunk, err := r.RowGroup(group).Column(at)
	if err != nil {
		return nil, fmt.Errorf("column %s: %w", name, err)
	}
	reader, ok := chunk.(*file.ByteArrayColumnChunkReader)
	if !ok {
		return nil, fmt.Errorf("column %s is not a text column", name)
	}
	const batch = 1024
	values, levels := make([]parquet.ByteArray, batch), make([]int16, batch)
	for done := 0; done < rows; {
		total, read, err := reader.ReadBatch(int64(min(batch, rows-done)), values, levels, nil)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", name, err)
		}
		if total == 0 {
			return nil, fmt.Errorf("column %s ends after %d of %d rows", name, done, rows)
		}
		next := 0
		for i := range int(total) {
			if column.MaxDefinitionLevel() == 0 || levels[i] == column.MaxDefinitionLevel() {
				if next == read {
					return nil, fmt.Errorf("column %s has fewer values than its header declares", name)
				}
				out[done+i] = string(values[next])
				next++
			}
		}
		done += int(total)
	}
	return out, nil
}

// Finder returns a Finder for the collected names.
func (n *Names) Finder() matching.Finder {
	entries := make([]matching.Entry, 0, len(n.entries))
	for e := range n.entries {
		entries = append(entries, e) // in any order: matching sorts them
	}
	m := n.field.Match
	return matching.New(entries, matching.Options{
		Aliases: m.Aliases, Grouped: m.Within != "", GroupAliases: m.WithinAliases, Except: m.Except, Earlier: m.Earlier,
	})
}

// Matched returns the fields of a contract that are matched against a reference.
func Matched(c *contract.Contract) []contract.Field {
	var out []contract.Field
	for _, f := range c.Fields {
		if f.Match != nil && f.Reference != nil && f.Staged {
			out = append(out, f)
		}
	}
	return out
}

// ReadOrigin reads a file's footer: its dataset, and whether its rows are simulated. A file counts as simulated unless
// its footer states otherwise (invariant 11).
func ReadOrigin(body []byte) (dataset string, simulated bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("read Parquet: %v", p)
		}
	}()
	r, err := file.NewParquetReader(bytes.NewReader(body))
	if err != nil {
		return "", false, fmt.Errorf("read Parquet: %w", err)
	}
	defer r.Close()
	metadata := func(key string) string {
		if v := r.MetaData().KeyValueMetadata().FindValue(key); v != nil {
			return *v
		}
		return ""
	}
	return metadata("dataset"), metadata("simulated") != "false", nil
}
