package marts

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/platform/lake"
)

// Query returns DuckDB SQL that reads exactly the objects of a mart.
func Query(m lake.Mart, place func(key string) string) string {
	files := make([]string, len(m.Objects))
	for i, o := range m.Objects {
		files[i] = place(o.Key)
	}
	return "SELECT * FROM " + duckdb.Files(files)
}

// export writes the marts as objects. A mart with the same rows as its published build keeps that build's objects.
func (b *build) export(ctx context.Context) error {
	for i := range b.next.Models {
		m := &b.next.Models[i]
		if m.Build != b.id {
			continue // kept by measure
		}
		b.Progress(Step{Doing: "export", Done: i, Total: len(b.next.Models), Name: m.Name})
		if err := b.exportMart(ctx, m); err != nil {
			return err
		}
	}
	b.Failpoint(FailpointExported)
	return nil
}

func (b *build) exportMart(ctx context.Context, m *lake.Mart) error {
	file := filepath.Join(b.folder, m.Name+".parquet")
	footer := metadata(*m, b.sources(m), b.plan.Simulated())
	err := b.session.Export(ctx, m.Name, m.Rows, order(m.Columns, b.orderKey(m.Name)), footer, file)
	if err != nil {
		return fmt.Errorf("write %s: %w", m.Name, err)
	}
	if m.Content, err = content(file); err != nil {
		return fmt.Errorf("write %s: %w", m.Name, err)
	}
	if published := b.plan.mart(m.Name); isSame(*m, published) {
		m.Build, m.Objects = published.Build, published.Objects
		b.recordReuse(m.Name)
		return nil
	}
	object, err := upload(ctx, b.Store, lake.MartKey(m.Kind, m.Name, b.id), file)
	if err != nil {
		return fmt.Errorf("upload %s: %w", m.Name, err)
	}
	m.Objects = []events.Object{object}
	return nil
}

// orderKey returns the column that identifies a row of a mart; empty if it takes several.
func (b *build) orderKey(name string) string {
	for _, m := range b.marts {
		if m.Name == name {
			return m.orderKey()
		}
	}
	return ""
}

// sources lists the sources of a mart's rows, as text.
func (b *build) sources(m *lake.Mart) []string {
	var out []string
	for _, dataset := range slices.Sorted(maps.Keys(m.Snapshots)) {
		if s := b.plan.Snapshots[dataset].Attribution["source"]; s != "" {
			out = append(out, s)
		}
	}
	return out
}

func (b *build) recordReuse(mart string) {
	for i := range b.record.Models {
		if b.record.Models[i].Name == mart {
			b.record.Models[i].Reused = true
		}
	}
}

// leadingColumns is how many columns decide which rows are neighbours in a file.
const leadingColumns = 4

// order lists the columns by which a mart's rows are sorted, so that no two rows compare equal: the first columns, then the
// key. Each further column makes the sort of a large mart slower. Without a key of one column all columns take part, hashes
// last, so that neighbours in the file are related.
func order(columns []lake.MartColumn, key string) []string {
	var plain, hashes []string
	for _, c := range columns {
		if strings.HasSuffix(c.Name, "_key") {
			hashes = append(hashes, c.Name)
		} else {
			plain = append(plain, c.Name)
		}
	}
	if key == "" {
		return append(plain, hashes...)
	}
	first := plain[:min(leadingColumns, len(plain))]
	if i := slices.Index(first, key); i >= 0 {
		return first[:i+1]
	}
	return append(slices.Clip(first), key)
}

// metadata returns the key-value pairs of a mart's Parquet footer, so that the licence's terms are in every copy.
func metadata(m lake.Mart, sources []string, simulated bool) map[string]string {
	pairs := func(values map[string]string) string {
		var out []string
		for _, k := range slices.Sorted(maps.Keys(values)) {
			out = append(out, k+"="+values[k])
		}
		return strings.Join(out, ",")
	}
	origins := map[string]string{}
	for origin, rows := range m.DataOrigins {
		origins[origin] = fmt.Sprint(rows)
	}
	all := map[string]string{
		"mart": m.Name, "grain": m.Grain, "build": m.Build, "snapshots": pairs(m.Snapshots), "data_origin": pairs(origins),
		"simulated": fmt.Sprint(simulated && m.SourceSystem != ""), // Invariant 11
		"source":    strings.Join(sources, "; "), "attribution": strings.Join(m.Attribution, "; "),
		"licence":           strings.Join(m.Licences, "; "),
		"source_updated_at": m.UpdatedAt,
	}
	maps.DeleteFunc(all, func(_, v string) bool { return v == "" })
	return all
}

// content returns the sha256 of a Parquet file without its footer, which records when and of what the file was made. Files of
// the same rows have the same.
func content(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close() // read only
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	tail := make([]byte, 8)
	if _, err := f.ReadAt(tail, info.Size()-8); err != nil || string(tail[4:]) != "PAR1" {
		return "", errors.Join(fmt.Errorf("%s is not a Parquet file", filepath.Base(file)), err)
	}
	rows := info.Size() - 8 - int64(binary.LittleEndian.Uint32(tail))
	if rows < 4 {
		return "", fmt.Errorf("%s is not a Parquet file", filepath.Base(file))
	}
	digest := sha256.New()
	if _, err := io.CopyN(digest, f, rows); err != nil {
		return "", err
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

// isSame reports whether readers of the published mart find the same rows, columns and terms, so that its objects can stay.
func isSame(m lake.Mart, published *lake.Mart) bool {
	if published == nil || published.Kind != m.Kind || published.Content != m.Content || published.Rows != m.Rows ||
		len(published.Columns) != len(m.Columns) {
		return false
	}
	for i, c := range published.Columns {
		if c.Name != m.Columns[i].Name || c.Type != m.Columns[i].Type {
			return false
		}
	}
	return published.Grain == m.Grain && slices.Equal(published.Attribution, m.Attribution) && slices.Equal(published.Licences, m.Licences)
}

// upload writes a file as a new object.
func upload(ctx context.Context, store lake.Store, key, file string) (events.Object, error) {
	f, err := os.Open(file)
	if err != nil {
		return events.Object{}, err
	}
	defer f.Close() // read only
	info, err := store.PutStream(ctx, key, f)
	if err != nil {
		return events.Object{}, err
	}
	return info.Object(), nil
}
