package engine

import (
	"encoding/binary"
	"slices"
	"sync"

	"github.com/llac-project/llac/platform/lake"
)

// partition is one output file while it is being written.
type partition struct {
	outputFile
	values []lake.PartitionValue
	open   *rowGroup // rows not yet submitted to an encoder
	rows   int64     // rows submitted and open
	origin [len(originNames)]int64
}

// rowGroup holds staged rows until they are encoded. A row is a record of 32-bit words: one per column inside the files
// (0: null; else the value's number in the column's dictionary or, from row plain[column] on, its place in text plus
// 1), and one each for its page, its index in the page, and its marks.
type rowGroup struct {
	layout *layout
	rows   int
	words  [][]uint32
	text   [][][]byte // by column
	plain  []int      // by column: first row that stores its value; -1: all rows store numbers
	bytes  int        // size of the rows, the measure of their memory
}

// layout is what all row groups of a job have in common.
type layout struct {
	columns  int
	record   int // words per row
	perChunk int // rows per chunk of words
	pool     pool
}

const (
	chunkWords = 1 << 10
	textShift  = 14  // a chunk of text is 16 KiB; a longer value gets a chunk of its own
	firstText  = 256 // bytes of a column's first chunk
)

// Words of a row after its columns.
const (
	pageWord = iota
	rowWord
	marksWord
	overheadWords
)

func newLayout(columns int) *layout {
	record := columns + overheadWords
	return &layout{columns: columns, record: record, perChunk: max(1, chunkWords/record)}
}

// newGroup returns an empty row group. It starts without numbers in the columns whose dictionary was dropped.
func (l *layout) newGroup(given []dictionary) *rowGroup {
	g := &rowGroup{layout: l, plain: make([]int, l.columns), text: make([][][]byte, l.columns)}
	for i := range g.plain {
		g.plain[i] = -1
		if given[i].plain {
			g.plain[i] = 0
		}
	}
	return g
}

// next adds a row and returns its record.
func (g *rowGroup) next() []uint32 {
	at := g.rows % g.layout.perChunk
	if at == 0 {
		g.words = append(g.words, g.layout.pool.words(g.layout.perChunk*g.layout.record))
	}
	g.rows++
	g.bytes += 4 * g.layout.record
	from := at * g.layout.record
	return g.words[len(g.words)-1][from : from+g.layout.record]
}

// record returns the record of a row.
func (g *rowGroup) record(row int) []uint32 {
	from := row % g.layout.perChunk * g.layout.record
	return g.words[row/g.layout.perChunk][from : from+g.layout.record]
}

// column collects the cells of a column, or of a word after the last column, in the encoder's buffer.
func (g *rowGroup) column(e *encoder, column int) []uint32 {
	codes := e.codes[:0]
	record := g.layout.record
	for rows, chunk := g.rows, 0; rows > 0; chunk++ {
		words := g.words[chunk][:min(rows, g.layout.perChunk)*record]
		for at := column; at < len(words); at += record {
			codes = append(codes, words[at])
		}
		rows -= g.layout.perChunk
	}
	e.codes = codes
	return codes
}

// keep appends a value to the column's text and returns its cell.
func (g *rowGroup) keep(column int, payload []byte, width int) uint32 {
	text := g.text[column]
	last := len(text) - 1
	if last < 0 || len(text[last])+len(payload)+4 > cap(text[last]) {
		text = append(text, g.layout.pool.bytes(len(payload)+4, len(text)))
		g.text[column] = text
		last++
	}
	place := last<<textShift + len(text[last])
	text[last] = appendStored(text[last], payload, width)
	g.bytes += len(payload) + 4
	return uint32(place) + 1
}

// value returns the value of a cell that keep returned.
func (g *rowGroup) value(column int, cell uint32, width int) []byte {
	place := int(cell - 1)
	return stored(g.text[column][place>>textShift][place&(1<<textShift-1):], width)
}

// release returns the chunks to the pool.
func (g *rowGroup) release() {
	g.layout.pool.put(g.words, slices.Concat(g.text...))
	g.words, g.text = nil, nil
}

// appendStored appends a value so that stored finds its end: a text with its length, any other value as width bytes.
func appendStored(b, payload []byte, width int) []byte {
	if width == 0 {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	}
	return append(b, payload...)
}

func stored(b []byte, width int) []byte {
	if width > 0 {
		return b[:width]
	}
	return b[4 : 4+binary.LittleEndian.Uint32(b)]
}

// pool keeps chunks for the next row groups. It is safe for concurrent use.
type pool struct {
	mu   sync.Mutex
	word [][]uint32
	text [][]byte
}

func (p *pool) words(n int) []uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if last := len(p.word) - 1; last >= 0 {
		w := p.word[last]
		p.word = p.word[:last]
		return w
	}
	return make([]uint32, n)
}

// bytes returns an empty chunk of text for a column that already has the given number of chunks. The first chunks are
// small and double in size, because the columns of many small partitions need no more.
func (p *pool) bytes(atLeast, have int) []byte {
	size := max(atLeast, min(firstText<<min(have, textShift), 1<<textShift))
	if size != 1<<textShift {
		return make([]byte, 0, size)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if last := len(p.text) - 1; last >= 0 {
		b := p.text[last]
		p.text = p.text[:last]
		return b[:0]
	}
	return make([]byte, 0, 1<<textShift)
}

func (p *pool) put(words [][]uint32, text [][]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.word = append(p.word, words...)
	p.text = append(p.text, slices.DeleteFunc(text, func(b []byte) bool { return cap(b) != 1<<textShift })...)
}
