// Package reference reads the names that a column is matched with from the Parquet files of a published snapshot.
//
// It reads the two or three columns that a match needs and nothing else, by the reader of Parquet alone: the stager is a
// function whose archive must stay small.
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

// maxEntries bounds the different names of a reference: they are held in memory, and looked through.
const maxEntries = 1 << 18

// Names collects what a matched column is looked up in.
type Names struct {
	field   contract.Field
	entries map[matching.Entry]bool
}

// New is for one column that is matched.
func New(f contract.Field) *Names { return &Names{field: f, entries: map[matching.Entry]bool{}} }

// Add reads one file; its partition's values stand in its path and not in it.
func (n *Names) Add(body []byte, partition []lake.PartitionValue) (err error) {
	defer func() {
		if p := recover(); p != nil { // what is no Parquet may be anything
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
			return fmt.Errorf("the reference has more than %d names; match with a smaller dataset", maxEntries)
		}
	}
	return nil
}

// texts reads a text column of a row group; null is "".
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
		return nil, fmt.Errorf("there is no column %s", name)
	}
	column := schema.Column(at)
	if column.PhysicalType() != parquet.Types.ByteArray || column.MaxRepetitionLevel() > 0 {
		return nil, fmt.Errorf("column %s is no text", name)
	}
	chunk, err := r.RowGroup(group).Column(at)
	if err != nil {
		return nil, fmt.Errorf("column %s: %w", name, err)
	}
	reader, ok := chunk.(*file.ByteArrayColumnChunkReader)
	if !ok {
		return nil, fmt.Errorf("column %s is no text", name)
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
					return nil, fmt.Errorf("column %s holds fewer values than it says", name)
				}
				out[done+i] = string(values[next])
				next++
			}
		}
		done += int(total)
	}
	return out, nil
}

// Finder answers the names made ready.
func (n *Names) Finder() matching.Finder {
	entries := make([]matching.Entry, 0, len(n.entries))
	for e := range n.entries {
		entries = append(entries, e) // in any order: matching sorts them
	}
	m := n.field.Match
	return matching.New(entries, matching.Options{
		Aliases: m.Aliases, Grouped: m.Within != "", GroupAliases: m.WithinAliases, Except: m.Except,
	})
}

// Matched are the fields of a contract that are matched.
func Matched(c *contract.Contract) []contract.Field {
	var out []contract.Field
	for _, f := range c.Fields {
		if f.Match != nil && f.Reference != nil && f.Staged {
			out = append(out, f)
		}
	}
	return out
}

// Said is what a file says of itself in its footer: which dataset it is of, and whether its rows are simulated. A file that
// does not say that they are not is taken for simulated (invariant 11).
func Said(body []byte) (dataset string, simulated bool, err error) {
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
	said := func(key string) string {
		if v := r.MetaData().KeyValueMetadata().FindValue(key); v != nil {
			return *v
		}
		return ""
	}
	return said("dataset"), said("simulated") != "false", nil
}
