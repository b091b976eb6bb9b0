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
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/platform/contract/gluetable"
	"github.com/llac-project/llac/platform/lake"
)

// Query is DuckDB SQL that reads exactly the objects of a mart.
func Query(m lake.Mart, place func(key string) string) string {
	files := make([]string, len(m.Objects))
	for i, o := range m.Objects {
		files[i] = place(o.Key)
	}
	return "SELECT * FROM " + duckdb.Files(files)
}

// measure fills in what the built table of a mart says of itself.
func measure(ctx context.Context, s Session, m *lake.Mart, n Node) error {
	table := workSchema + "." + duckdb.Name(n.Name)
	columns, err := s.Query(ctx, "describe "+table, 0)
	if err != nil {
		return fmt.Errorf("look at the columns of %s: %w", m.Name, err)
	}
	has := map[string]bool{}
	for _, row := range columns.Values {
		name, _ := row[0].(string)
		kind, _ := row[1].(string)
		has[name] = true
		if _, err := gluetable.OfDuckDB(name, kind, ""); err != nil {
			return fmt.Errorf("model %s: %w", n.Name, err) // here too, or a model that is right on this machine would fail in the cloud
		}
		m.Columns = append(m.Columns, lake.MartColumn{Name: name, Type: kind, Description: n.Columns[name]})
	}
	if !has["source_system"] || !has["data_origin"] {
		return fmt.Errorf("model %s has no columns source_system and data_origin, so nobody could tell real rows from simulated ones; add them", m.Name) // Invariant 11
	}
	origins, err := s.Query(ctx, "select source_system, data_origin, count(*)::varchar from "+table+" group by all order by all", 0)
	if err != nil {
		return fmt.Errorf("count the rows of %s: %w", m.Name, err)
	}
	m.DataOrigins = map[string]int64{}
	systems := map[string]bool{}
	for _, row := range origins.Values {
		system, _ := row[0].(string)
		origin, _ := row[1].(string)
		count, _ := row[2].(string)
		var rows int64
		if _, err := fmt.Sscan(count, &rows); err != nil {
			return fmt.Errorf("count the rows of %s: %w", m.Name, err)
		}
		if system == "" || origin == "" {
			return fmt.Errorf("model %s has %d rows that do not say where they come from: source_system or data_origin is null", m.Name, rows) // Invariant 11
		}
		m.Rows += rows
		m.DataOrigins[origin] += rows
		systems[system] = true
	}
	m.SourceSystem = weakest(systems)
	return nil
}

// weakest is what a mart as a whole is of: simulated when any row is. Rows of the project's own say nothing.
func weakest(systems map[string]bool) string {
	var hosts []string
	simulated := ""
	for _, s := range slices.Sorted(maps.Keys(systems)) {
		switch {
		case s == ledger.Simulator:
			return s
		case ledger.Simulated(s) && simulated == "":
			simulated = s
		case s != own:
			for host := range strings.SplitSeq(s, ", ") {
				if !slices.Contains(hosts, host) && host != own {
					hosts = append(hosts, host)
				}
			}
		}
	}
	if simulated != "" {
		return simulated
	}
	slices.Sort(hosts)
	return strings.Join(hosts, ", ")
}

// honest refuses marts whose rows say they are simulated when the datasets are not, or the other way round.
func honest(m lake.Mart, simulated bool) error {
	if m.SourceSystem != "" && ledger.Simulated(m.SourceSystem) != simulated {
		return fmt.Errorf("the rows of %s say that they come from %s, and its datasets are %s: the model loses where rows come from; mend it", m.Name, m.SourceSystem, kind(simulated)) // Invariant 11
	}
	if m.SourceSystem == "" && len(m.Snapshots) > 0 && m.Rows > 0 {
		return fmt.Errorf("no row of %s says that it comes from %s: the model loses where rows come from; mend it", m.Name, strings.Join(slices.Sorted(maps.Keys(m.Snapshots)), ", ")) // Invariant 11
	}
	return nil
}

// neighbours is how many columns tell which rows lie beside each other in a file.
const neighbours = 4

// order is how a mart's rows are sorted, which must leave no two rows equal: by the first columns and then by the key,
// because every further column makes the sort of a large mart slower; where no key is known by everything that tells rows
// apart. Hashes come last, so that neighbours in the file are neighbours in meaning.
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
	first := plain[:min(neighbours, len(plain))]
	if i := slices.Index(first, key); i >= 0 {
		return first[:i+1]
	}
	return append(slices.Clip(first), key)
}

// metadata is what a mart's file says of itself, so that the licences' terms travel with every copy.
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
		"source":    strings.Join(sources, "; "), "attribution": strings.Join(m.Attribution, "; "), "licence": strings.Join(m.Licences, "; "),
		"source_updated_at": m.UpdatedAt,
	}
	maps.DeleteFunc(all, func(_, v string) bool { return v == "" })
	return all
}

// content is the sha256 of a Parquet file without its footer, which says when and of what it was made: the same rows have
// the same.
func content(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	tail := make([]byte, 8)
	if _, err := f.ReadAt(tail, info.Size()-8); err != nil || string(tail[4:]) != "PAR1" {
		return "", errors.Join(fmt.Errorf("%s is no Parquet file", filepath.Base(file)), err)
	}
	rows := info.Size() - 8 - int64(binary.LittleEndian.Uint32(tail))
	if rows < 4 {
		return "", fmt.Errorf("%s is no Parquet file", filepath.Base(file))
	}
	digest := sha256.New()
	if _, err := io.CopyN(digest, f, rows); err != nil {
		return "", err
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

// same says whether a mart is what is published of it already, so that its objects can stay. Who reads them finds the
// same rows, columns and terms.
func same(m lake.Mart, published *lake.Mart) bool {
	if published == nil || published.Kind != m.Kind || published.Content != m.Content || published.Rows != m.Rows || len(published.Columns) != len(m.Columns) {
		return false
	}
	for i, c := range published.Columns {
		if c.Name != m.Columns[i].Name || c.Type != m.Columns[i].Type {
			return false
		}
	}
	return published.Grain == m.Grain && slices.Equal(published.Attribution, m.Attribution) && slices.Equal(published.Licences, m.Licences)
}

// upload writes a file as an object that nobody has yet.
func upload(ctx context.Context, store lake.Store, key, file string) (events.Object, error) {
	f, err := os.Open(file)
	if err != nil {
		return events.Object{}, err
	}
	defer f.Close()
	info, err := store.PutStream(ctx, key, f)
	if err != nil {
		return events.Object{}, err
	}
	return info.Object(), nil
}
