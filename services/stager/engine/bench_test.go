package engine

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/arrowschema"
)

// discard is a sink that discards everything.
type discard struct{ io.Writer }

func (discard) Create(context.Context, Output) (File, error) { return discard{io.Discard}, nil }
func (discard) Commit(context.Context) error                 { return nil }
func (discard) Abort()                                       {}

// report adds a metric: units of what per second.
func report(b *testing.B, n int, what string) {
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), what+"/s")
}

// BenchmarkStage stages 50 pages of 1,000 rows with a column of each type.
func BenchmarkStage(b *testing.B) {
	c := testCase{contract: parseContract(&testing.T{}, everyType), pages: registerPages(1, 50, 1000, 1<<30)}
	var size int64
	for _, p := range c.pages {
		size += int64(len(p))
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Stage(b.Context(), c.inputOf(), discard{}, Options{}); err != nil {
			b.Fatal(err)
		}
	}
	report(b, 50_000, "rows")
}

// BenchmarkCasts converts raw JSON values to the contract's types, without a memo.
func BenchmarkCasts(b *testing.B) {
	for _, c := range []struct {
		name, raw string
		field     contract.Field
	}{
		{"text", `"  Barcelona  "`, contract.Field{Type: contract.Text}},
		{"text-escaped", `"l\u0027Hospitalet"`, contract.Field{Type: contract.Text}},
		{"text-squeeze", `"Centre   de  dia"`, contract.Field{Type: contract.Text, Squeeze: true}},
		{"integer", `"1989"`, contract.Field{Type: contract.Integer}},
		{"integer-point", `890.0`, contract.Field{Type: contract.Integer}},
		{"date", `"1989-11-22"`, contract.Field{Type: contract.Date}},
		{"date-floating", `"1989-11-22T00:00:00.000"`, contract.Field{Type: contract.Date}},
		{"timestamp", `"2024-02-29T01:02:03.004Z"`, contract.Field{Type: contract.Timestamp}},
		{"timestamp-floating", `"2024-02-29T01:02:03.004"`, contract.Field{Type: contract.Timestamp}},
		{"decimal", `"-12345.67"`, contract.Field{Type: contract.Decimal, Precision: 12, Scale: 2}},
		{"number", `41.3874`, contract.Field{Type: contract.Number}},
		{"boolean", `"true"`, contract.Field{Type: contract.Boolean}},
	} {
		b.Run(c.name, func(b *testing.B) {
			col, err := newColumn(c.field, false)
			if err != nil {
				b.Fatal(err)
			}
			raw := []byte(c.raw)
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if _, bad := col.read(raw); bad != nil {
					b.Fatal(bad)
				}
			}
		})
	}
}

// texts returns n different values as a JSON page contains them.
func texts(n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = fmt.Appendf(nil, `"comarca número %d"`, i)
	}
	return all
}

// BenchmarkMemo looks up 4,096 raw values, out of few or many, in a memo that contains them, and fills a memo.
func BenchmarkMemo(b *testing.B) {
	const asked = 4096
	newMemo := func(all [][]byte) *memo {
		m := &memo{}
		for i, raw := range all {
			c := cell{payload: raw[1 : len(raw)-1], hashed: raw}
			if m.add(raw, &c, nil, uint32(maphash.Bytes(seed, raw))) != uint32(i+1) {
				b.Fatal("a memo numbers from 1")
			}
		}
		return m
	}
	for _, distinct := range []int{42, maxMemoOutcomes} {
		all := texts(distinct)
		r := rand.New(rand.NewPCG(1, 1))
		raws := make([][]byte, asked)
		for i := range raws {
			raws[i] = all[r.IntN(distinct)]
		}
		b.Run(fmt.Sprintf("hit-of-%d", distinct), func(b *testing.B) {
			m := newMemo(all)
			var c cell
			b.ReportAllocs()
			for b.Loop() {
				for _, raw := range raws {
					m.recall(m.find(raw, uint32(maphash.Bytes(seed, raw))), &c)
				}
			}
			report(b, asked, "values")
		})
	}
	b.Run("new", func(b *testing.B) {
		all := texts(asked)
		b.ReportAllocs()
		for b.Loop() {
			newMemo(all)
		}
		report(b, asked, "values")
	})
}

// BenchmarkDictionary numbers 4,096 values, known and new.
func BenchmarkDictionary(b *testing.B) {
	const asked = 4096
	fill := func(d *dictionary, all [][]byte) {
		shared := 0
		for _, payload := range all {
			if d.number(payload, 1<<30, &shared) == 0 {
				b.Fatal("the dictionary is full")
			}
		}
	}
	for _, distinct := range []int{42, 1 << 15} {
		all := texts(distinct)
		r := rand.New(rand.NewPCG(1, 1))
		asking := make([][]byte, asked)
		for i := range asking {
			asking[i] = all[r.IntN(distinct)]
		}
		b.Run(fmt.Sprintf("hit-of-%d", distinct), func(b *testing.B) {
			var d dictionary
			fill(&d, all)
			b.ReportAllocs()
			for b.Loop() {
				fill(&d, asking)
			}
			report(b, asked, "values")
		})
	}
	b.Run("new", func(b *testing.B) {
		all := texts(asked)
		b.ReportAllocs()
		for b.Loop() {
			fill(&dictionary{}, all)
		}
		report(b, asked, "values")
	})
}

// BenchmarkKeys inserts pages of 1,000 keys: new keys, keys in memory, keys in files.
func BenchmarkKeys(b *testing.B) {
	const page, known = 1000, 1 << 20
	all := make([]digest, known)
	for i := range all {
		all[i] = keyDigest(fmt.Appendf(nil, "S%08d", i))
	}
	var hashes []uint64
	insert := func(k *keys, keys []digest) (inserted int) {
		hashes = k.prefetch(hashes[:0], keys)
		for i := range keys {
			there, _, err := k.insert(&keys[i], hashes[i], 0)
			if err != nil {
				b.Fatal(err)
			}
			if there {
				inserted++
			}
		}
		return inserted
	}
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			k := newKeys(false, 1<<30, known, "")
			for from := 0; from+page <= known; from += page {
				insert(k, all[from:from+page])
			}
		}
		report(b, known/page*page, "keys")
	})
	for _, c := range []struct {
		name  string
		bytes int64
	}{{"known", 1 << 30}, {"known-in-files", 8 << 20}} {
		b.Run(c.name, func(b *testing.B) {
			k := newKeys(false, c.bytes, -1, b.TempDir())
			defer k.close()
			insert(k, all)
			from := 0
			b.ReportAllocs()
			for b.Loop() {
				if from += page; from+page > known {
					from = 0
				}
				if n := insert(k, all[from:from+page]); n != page {
					b.Fatalf("%d keys known, want all", n)
				}
			}
			report(b, page, "keys")
			b.ReportMetric(float64(len(k.spilled)), "files")
		})
	}
	b.Run("not-in-files", func(b *testing.B) { // the cost that files add to a new key
		k := newKeys(false, 8<<20, -1, b.TempDir())
		defer k.close()
		insert(k, all)
		others := make([]digest, page)
		for i := range others {
			others[i] = keyDigest(fmt.Appendf(nil, "T%08d", i))
		}
		b.ReportAllocs()
		for b.Loop() {
			for i := range others {
				for _, f := range k.spilled {
					if there, _, err := f.find(&others[i], others[i].hash()); there || err != nil {
						b.Fatal(there, err)
					}
				}
			}
		}
		report(b, page, "keys")
		b.ReportMetric(float64(len(k.spilled)), "files")
	})
}

// BenchmarkHybrid encodes levels and dictionary numbers of 128 Ki rows.
func BenchmarkHybrid(b *testing.B) {
	const rows = 128 << 10
	r := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		name  string
		width int
		value func(row int) uint32
	}{
		{"levels-all-there", 1, func(int) uint32 { return 1 }},
		{"levels-a-tenth-null", 1, func(int) uint32 { return min(1, uint32(r.IntN(10))) }},
		{"indices-of-42", 6, func(int) uint32 { return uint32(r.IntN(42)) }},
		{"indices-of-30000", 15, func(int) uint32 { return uint32(r.IntN(30_000)) }},
		{"indices-sorted", 15, func(row int) uint32 { return uint32(row / 20) }},
	} {
		values := make([]uint32, rows)
		for row := range values {
			values[row] = c.value(row)
		}
		b.Run(c.name, func(b *testing.B) {
			var out []byte
			b.SetBytes(4 * rows)
			b.ReportAllocs()
			for b.Loop() {
				out = appendHybrid(out[:0], values, c.width)
			}
			report(b, rows, "values")
		})
	}
}

// BenchmarkEncoder encodes a row group of 32 Ki rows: an id that never repeats, texts of few and of many values,
// numbers, dates and the row hash.
func BenchmarkEncoder(b *testing.B) {
	const rows = 32 << 10
	schema := arrowschema.Schema(parseContract(&testing.T{}, `{"Fields":[{"Name":"id"},{"Name":"comarca"},{"Name":"name"},`+
		`{"Name":"capacity","Type":"integer"},{"Name":"opened","Type":"date"}]}`))
	format, err := newFormat(schema)
	if err != nil {
		b.Fatal(err)
	}
	columns := map[string]physical{}
	for _, col := range format.columns {
		columns[col.name] = col
	}
	r := rand.New(rand.NewPCG(1, 1))
	ids, positions := make([][]byte, rows), make([]uint32, rows)
	for row := range rows {
		ids[row] = fmt.Appendf(nil, "S%08d", r.IntN(1<<26))
		positions[row] = uint32(row)*2 + r.Uint32N(2)
	}
	codes := func(distinct, nulls int) []uint32 {
		all := make([]uint32, rows)
		for row := range all {
			if r.IntN(100) >= nulls {
				all[row] = uint32(1 + r.IntN(distinct))
			}
		}
		return all
	}
	comarca, name, capacity, opened := codes(42, 0), codes(9000, 1), codes(300, 10), codes(12_000, 5)
	values := texts(9000)
	var whole, days [][]byte
	for i := range 12_000 {
		whole = append(whole, binary.LittleEndian.AppendUint64(nil, uint64(i)))
		days = append(days, binary.LittleEndian.AppendUint32(nil, uint32(i)))
	}
	e, err := newEncoder(DefaultLevel)
	if err != nil {
		b.Fatal(err)
	}
	coded := func(column string, codes []uint32, of [][]byte) error {
		return e.coded(columns[column], codes, len(of), func(code uint32) []byte { return of[code-1] })
	}
	b.ReportAllocs()
	for b.Loop() {
		e.reset()
		for _, err := range []error{
			e.plain(columns["id"], rows, func(row int) ([]byte, bool) { return ids[row], false }),
			coded("comarca", comarca, values[:42]), coded("name", name, values), coded("capacity", capacity, whole),
			coded("opened", opened, days),
			e.delta(columns[rowColumn], positions),
		} {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	report(b, rows, "rows")
	b.ReportMetric(float64(e.out.Len()), "bytes")
}
