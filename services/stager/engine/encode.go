package engine

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
)

// encoder turns the columns of row groups into compressed Parquet pages. One goroutine owns it and reuses its buffers
// for one row group after another. Invariant: the same values in the same order give the same bytes (invariant 6).
//
// A column whose values repeat is written as a dictionary and numbers, any other as its values. Page headers and
// compression come from arrow-go. Its column writers are not used: they would hash again the dictionaries that the job
// has already built.
type encoder struct {
	out    bytes.Buffer // the encoded row group
	pages  file.PageWriter
	chunks []chunk

	codes  []uint32 // buffer for callers: the current column's codes, by row
	remap  []uint32 // from a number in the job's dictionary to the number in the row group's, plus 1
	values [][]byte // the row group's dictionary
	local  []uint32 // numbers in values, of the rows that are not null
	levels []uint32 // 0 where a row is null, else 1
	body   []byte   // the page's values
	page   []byte
	packed bytes.Buffer
}

// chunk is one encoded column of a row group. Offsets count from the beginning of the row group.
type chunk struct {
	info       metadata.ChunkMetaInfo
	dictionary bool
	encodings  metadata.EncodingStats
	statistics metadata.EncodedStatistics
}

// maxPage bounds a page of plain values in bytes, and so what a reader has to hold at once.
const maxPage = 1 << 20

func newEncoder(level int) (*encoder, error) {
	e := &encoder{}
	pages, err := file.NewPageWriter(e, compress.Codecs.Zstd, level, nil, 0, 0, memory.DefaultAllocator, false, nil, nil)
	e.pages = pages
	return e, err
}

// Tell implements the interface that arrow-go's page writer requires.
func (e *encoder) Tell() int64 { return e.offset() }

// offset returns the offset of the next byte.
func (e *encoder) offset() int64 { return int64(e.out.Len()) }

// Write implements io.Writer for arrow-go's page writer.
func (e *encoder) Write(b []byte) (int, error) { return e.out.Write(b) }

// reset discards the previous row group.
func (e *encoder) reset() {
	e.out.Reset()
	e.chunks = e.chunks[:0]
}

// coded encodes a column of numbers, one per row; 0 is null. value returns the value of a number, and no number exceeds
// most.
func (e *encoder) coded(col physical, codes []uint32, most int, value func(code uint32) []byte) error {
	e.gather(codes, most, value)
	if n := len(e.values); col.boolean || n == 0 || 3*n > 2*len(e.local) {
		next := 0
		return e.plain(col, len(codes), func(row int) ([]byte, bool) {
			if codes[row] == 0 {
				return nil, true
			}
			next++
			return e.values[e.local[next-1]], false
		})
	}
	c := e.chunk()
	e.page = e.page[:0]
	for _, v := range e.values {
		e.page = appendStored(e.page, v, col.width)
		col.updateStatistics(&c.statistics, v)
	}
	dictionary := file.NewDictionaryPage(memory.NewBufferBytes(e.page), int32(len(e.values)), parquet.Encodings.Plain)
	written, err := e.pages.WriteDictionaryPage(dictionary)
	if err != nil {
		return err
	}
	c.dictionary = true
	c.encodings.DictEncodingStats = map[parquet.Encoding]int32{parquet.Encodings.Plain: 1}
	c.info.DataPageOffset = e.offset()
	c.info.CompressedSize = written
	c.info.UncompressedSize = int64(len(e.page)) // without the header of about twenty bytes
	dictionary.Release()

	width := bitWidth(len(e.values))
	e.body = appendHybrid(append(e.body[:0], byte(width)), e.local, width)
	return e.flush(c, col, len(codes), parquet.Encodings.RLEDict)
}

// distinct encodes a column when it is not known how often its values repeat. An empty text is null if the column is
// optional.
func (e *encoder) distinct(col physical, rows int, value func(row int) []byte) error {
	numbers := make(map[string]uint32)
	var values [][]byte
	e.codes = e.codes[:0]
	for row := range rows {
		v := value(row)
		if len(v) == 0 && col.optional {
			e.codes = append(e.codes, 0)
			continue
		}
		n, ok := numbers[string(v)]
		if !ok {
			values = append(values, v)
			n = uint32(len(values))
			numbers[string(v)] = n
		}
		e.codes = append(e.codes, n)
	}
	return e.coded(col, e.codes, len(values), func(code uint32) []byte { return values[code-1] })
}

// gather builds the row group's own dictionary, in the order of the values' first rows.
func (e *encoder) gather(codes []uint32, most int, value func(uint32) []byte) {
	if most >= len(e.remap) {
		e.remap = make([]uint32, most+most/2+1)
	}
	e.local, e.values, e.levels = e.local[:0], e.values[:0], e.levels[:0]
	for _, code := range codes {
		if code == 0 {
			e.levels = append(e.levels, 0)
			continue
		}
		n := e.remap[code]
		if n == 0 {
			e.values = append(e.values, value(code))
			n = uint32(len(e.values))
			e.remap[code] = n
		}
		e.local = append(e.local, n-1)
		e.levels = append(e.levels, 1)
	}
	for _, code := range codes {
		e.remap[code] = 0
	}
}

// plain encodes a column without a dictionary.
func (e *encoder) plain(col physical, rows int, value func(row int) (payload []byte, null bool)) error {
	c := e.chunk()
	e.levels, e.body = e.levels[:0], e.body[:0]
	for row := range rows {
		v, null := value(row)
		if null {
			e.levels = append(e.levels, 0)
		} else {
			e.levels = append(e.levels, 1)
			e.body = appendStored(e.body, v, col.width)
			col.updateStatistics(&c.statistics, v)
		}
		if len(e.body) >= maxPage || row == rows-1 {
			if col.boolean {
				e.body = packBooleans(e.body)
			}
			if err := e.flush(c, col, len(e.levels), parquet.Encodings.Plain); err != nil {
				return err
			}
			e.levels, e.body = e.levels[:0], e.body[:0]
		}
	}
	return nil
}

// delta encodes a column of 64-bit integers that mostly ascend, such as positions.
func (e *encoder) delta(col physical, values []uint32) error {
	c := e.chunk()
	for _, v := range []uint32{slices.Min(values), slices.Max(values)} {
		col.updateStatistics(&c.statistics, binary.LittleEndian.AppendUint64(nil, uint64(v)))
	}
	e.body = appendDelta(e.body[:0], values)
	return e.flush(c, col, len(values), parquet.Encodings.DeltaBinaryPacked)
}

// chunk starts a column.
func (e *encoder) chunk() *chunk {
	at := e.offset()
	e.chunks = append(e.chunks, chunk{info: metadata.ChunkMetaInfo{DictPageOffset: at, DataPageOffset: at, IndexPageOffset: -1}})
	c := &e.chunks[len(e.chunks)-1]
	c.statistics.SetNullCount(0)
	return c
}

// flush writes a page from the values in body and the levels of its rows.
func (e *encoder) flush(c *chunk, col physical, rows int, encoding parquet.Encoding) error {
	e.page = e.page[:0]
	if col.optional {
		e.page = binary.LittleEndian.AppendUint32(e.page, 0)
		e.page = appendHybrid(e.page, e.levels, 1)
		binary.LittleEndian.PutUint32(e.page, uint32(len(e.page)-4))
		for _, l := range e.levels {
			c.statistics.NullCount += int64(1 - l)
		}
	}
	e.page = append(e.page, e.body...)
	e.packed.Reset()
	packed := e.pages.Compress(&e.packed, e.page)
	levels := parquet.Encodings.RLE
	page := file.NewDataPageV1(memory.NewBufferBytes(packed), int32(rows), encoding, levels, levels, int32(len(e.page)))
	written, err := e.pages.WriteDataPage(page)
	if err != nil {
		return err
	}
	page.Release()
	c.info.NumValues += int64(rows)
	c.info.CompressedSize += written
	c.info.UncompressedSize += int64(len(e.page)) + written - int64(len(packed))
	if c.encodings.DataEncodingStats == nil {
		c.encodings.DataEncodingStats = map[parquet.Encoding]int32{}
	}
	c.encodings.DataEncodingStats[encoding]++
	return nil
}

// packBooleans packs bytes of 0 and 1 into bits, the lowest bit first.
func packBooleans(values []byte) []byte {
	packed := values[:0]
	for i := 0; i < len(values); i += 8 {
		var b byte
		for k, v := range values[i:min(i+8, len(values))] {
			b |= v << k
		}
		packed = append(packed, b)
	}
	return packed
}
