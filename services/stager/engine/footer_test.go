package engine

import (
	"bytes"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
)

// compareFooter compares a file's footer: the licence's terms, the origins of its rows, and the null count and limits
// of every column chunk. A reader skips chunks by their limits, so wrong limits lose rows.
func compareFooter(t *testing.T, in Input, name string, columns []string, rows [][]string, body []byte) {
	t.Helper()
	r, err := file.NewParquetReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, kv := range r.MetaData().KeyValueMetadata() {
		got[kv.Key] = kv.GetValue()
	}
	if want := refTerms(in, columns, rows); !maps.Equal(got, want) {
		t.Errorf("%s: footer: got %v, want %v", name, got, want)
	}
	from := 0
	for g := range r.NumRowGroups() {
		group := r.MetaData().RowGroup(g)
		to := from + int(group.NumRows())
		for c, column := range columns {
			chunk, err := group.ColumnChunk(c)
			if err != nil {
				t.Fatal(err)
			}
			s, err := chunk.Statistics()
			if err != nil || s == nil {
				t.Errorf("%s: row group %d, column %s: no statistics (%v)", name, g, column, err)
				continue
			}
			var cells []string
			for _, row := range rows[from:to] {
				if row[c] != refNull {
					cells = append(cells, row[c])
				}
			}
			if err := compareStatistics(s, cells, to-from-len(cells)); err != nil {
				t.Errorf("%s: row group %d, column %s: %v", name, g, column, err)
			}
		}
		from = to
	}
}

// refTerms returns the key-value metadata of a staged file.
func refTerms(in Input, columns []string, rows [][]string) map[string]string {
	origins := map[string]int{}
	at := slices.Index(columns, "data_origin")
	for _, row := range rows {
		origins[row[at]]++
	}
	var parts []string
	for _, origin := range slices.Sorted(maps.Keys(origins)) {
		parts = append(parts, fmt.Sprintf("%s=%d", origin, origins[origin]))
	}
	if len(parts) == 1 {
		parts[0], _, _ = strings.Cut(parts[0], "=")
	}
	simulated := in.Lineage.SourceSystem == "simulator" || strings.HasPrefix(in.Lineage.SourceSystem, "unofficial:")
	all := map[string]string{
		"attribution": in.Contract.Attribution, "contract_sha256": in.Contract.SHA256, "data_origin": strings.Join(parts, ","),
		"dataset": in.Contract.Dataset,
		"licence": in.Contract.Licence, "licence_url": in.Contract.LicenceURL, "run": in.Lineage.RunID,
		"simulated": strconv.FormatBool(simulated),
		"source":    in.Lineage.Source, "source_updated_at": in.Lineage.SourceUpdatedAt, "source_url": in.Lineage.SourceURL,
	}
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	return all
}

func compareStatistics(s metadata.TypedStatistics, cells []string, nulls int) error {
	if !s.HasNullCount() || s.NullCount() != int64(nulls) {
		return fmt.Errorf("%d nulls, want %d", s.NullCount(), nulls)
	}
	if len(cells) == 0 {
		if s.HasMinMax() {
			return fmt.Errorf("limits without a value")
		}
		return nil
	}
	numbers := func(a, b string) int {
		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		return x.Cmp(y)
	}
	order := numbers
	if _, text := s.(*metadata.ByteArrayStatistics); text {
		order = strings.Compare
	} else if !s.HasMinMax() {
		return fmt.Errorf("no limits")
	}
	low, high := slices.MinFunc(cells, order), slices.MaxFunc(cells, order)
	var least, greatest string
	if s.HasMinMax() {
		switch s := s.(type) {
		case *metadata.ByteArrayStatistics:
			least, greatest = string(s.Min()), string(s.Max())
		case *metadata.FixedLenByteArrayStatistics:
			least, greatest = refComplement(s.Min()), refComplement(s.Max())
		case *metadata.Int64Statistics:
			least, greatest = strconv.FormatInt(s.Min(), 10), strconv.FormatInt(s.Max(), 10)
		case *metadata.Int32Statistics:
			least, greatest = strconv.Itoa(int(s.Min())), strconv.Itoa(int(s.Max()))
		case *metadata.Float64Statistics:
			least, greatest = strconv.FormatFloat(s.Min(), 'g', -1, 64), strconv.FormatFloat(s.Max(), 'g', -1, 64)
		case *metadata.BooleanStatistics:
			least, greatest = refBoolean(s.Min()), refBoolean(s.Max())
		}
	}
	// A limit that is too long is omitted, and is read as an empty text or as none.
	long := func(limit, want string) bool {
		return limit == "" && (len(low) > 256 || len(high) > 256) && (len(want) > 256 || !s.HasMinMax())
	}
	if !long(least, low) && order(least, low) != 0 || !long(greatest, high) && order(greatest, high) != 0 {
		return fmt.Errorf("limits %s and %s, want %s and %s", quoted(least), quoted(greatest), quoted(low), quoted(high))
	}
	return nil
}

// refComplement decodes a big-endian two's complement.
func refComplement(b []byte) string {
	n := new(big.Int).SetBytes(b)
	if b[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n.String()
}

func refBoolean(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
