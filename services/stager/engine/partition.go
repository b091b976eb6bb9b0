package engine

import (
	"encoding/binary"
	"slices"
	"sync"

	"github.com/llac-project/llac/platform/lake"
)

// partition is one output file while it is being made.
type partition struct {
	outputFile
	values []lake.PartitionValue
	open   *rowGroup // rows not yet handed to an encoder
	rows   int64     // handed over, and open
	origin [len(originNames)]int64
}

// rowGroup holds staged rows until they are encoded. A row is a record of so many words, one a column inside the files
// (0: null; else the number of a value in the column's dictionary or, from row plain[column] on, one more than the place
// of the value in text), one for page and origin, and four for the row's hash.
type rowGroup struct {
	layout *layout
	rows   int
	words  [][]uint32
	text   [][][]byte // by column
	plain  []int      // by column; -1: all rows hold numbers
	bytes  int        // of the rows: what the memory they take is counted by
}

// layout is what all row groups of a job have in common.
type layout struct {
	columns  int
	record   int // words of a row
	perChunk int // rows of a chunk of words
	pool     pool
}

const (
	chunkWords = 1 << 10
	textShift  = 14  // a chunk of text is 16 KiB; a longer value has a chunk of its own
	firstText  = 256 // bytes of a column's first chunk
)

// Beside its columns a row holds its page and origin in one word, and its hash in four.
const (
	originBits = 2
	hashWords  = 4
	moreWords  = 1 + hashWords
)

func newLayout(columns int) *layout {
	record := columns + moreWords
	return &layout{columns: columns, record: record, perChunk: max(1, chunkWords/record)}
}

// newGroup makes an empty row group. plain says by column whether its dictionary has been given up.
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

// next answers the record of one more row.
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

// record answers the record of a row.
func (g *rowGroup) record(row int) []uint32 {
	from := row % g.layout.perChunk * g.layout.record
	return g.words[row/g.layout.perChunk][from : from+g.layout.record]
}

// column gathers the cells of a column, or of the word behind the last one, into the encoder's buffer.
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

// keep puts a value into the column's text and answers its cell.
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

// kept answers the value of a cell that keep has answered.
func (g *rowGroup) kept(column int, cell uint32, width int) []byte {
	place := int(cell - 1)
	return stored(g.text[column][place>>textShift][place&(1<<textShift-1):], width)
}

// release gives the chunks back.
func (g *rowGroup) release() {
	g.layout.pool.put(g.words, slices.Concat(g.text...))
	g.words, g.text = nil, nil
}

// appendStored writes a value so that stored finds its end: texts with their length, all others are width bytes.
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

// words writes a digest into a record.
func (d *digest) words(record []uint32) {
	for i := range hashWords {
		record[i] = binary.LittleEndian.Uint32(d[4*i:])
	}
}

// digestOf reads a digest from a record.
func digestOf(record []uint32) (d digest) {
	for i := range hashWords {
		binary.LittleEndian.PutUint32(d[4*i:], record[i])
	}
	return d
}

// pool keeps chunks for the next row groups. Several goroutines use it.
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

// bytes answers an empty chunk of text for a column that has so many: small ones to begin with, each twice the one before,
// since the columns of many small partitions need no more.
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
