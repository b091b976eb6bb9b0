package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// Settings of every file. Changing any of them changes the bytes of all files (invariant 6).
const (
	createdBy     = "llac version 1.1.0 (build stager)" // the format that Parquet readers parse; without build or date
	maxStatistics = 256                                 // bytes of a minimum or maximum; longer ones are omitted
	magic         = "PAR1"
	rowColumn     = "source_row"
)

const maxPrecision = 38

// decimalWidth returns the number of bytes that hold every decimal of the precision.
func decimalWidth(precision int) int {
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(precision)), nil)
	return limit.BitLen()/8 + 1 // plus one bit for the sign
}

// metadatum is one key and value in a file's footer.
type metadatum struct{ key, value string }

// format is what all files of one schema have in common.
type format struct {
	schema     *schema.Schema
	columns    []physical
	properties *parquet.WriterProperties
}

func newFormat(s *arrow.Schema) (*format, error) {
	f := &format{properties: parquet.NewWriterProperties(
		parquet.WithCreatedBy(createdBy), parquet.WithRootName("schema"), parquet.WithCompression(compress.Codecs.Zstd),
		parquet.WithEncodingFor(rowColumn, parquet.Encodings.DeltaBinaryPacked), parquet.WithDictionaryFor(rowColumn, false),
	)}
	var nodes schema.FieldList
	for _, field := range s.Fields() {
		n, col, err := node(field)
		if err != nil {
			return nil, err
		}
		nodes, f.columns = append(nodes, n), append(f.columns, col)
	}
	root, err := schema.NewGroupNode("schema", parquet.Repetitions.Required, nodes, -1)
	if err != nil {
		return nil, err
	}
	f.schema = schema.NewSchema(root)
	return f, nil
}

// parquetFile is a file being written. Several goroutines encode its row groups and write them in order: a goroutine
// that has encoded one waits for its turn.
type parquetFile struct {
	format *format
	out    File
	footer *metadata.FileMetaDataBuilder
	size   int64
	rows   int64

	mu     sync.Mutex
	turn   *sync.Cond
	next   int // number of the row group to write next
	err    error
	closed bool // committed or aborted
}

func newParquetFile(ctx context.Context, f *format, out Sink, o Output) (*parquetFile, error) {
	w, err := out.Create(ctx, o)
	if err != nil {
		return nil, err
	}
	p := &parquetFile{format: f, out: w, footer: metadata.NewFileMetadataBuilder(f.schema, f.properties, nil)}
	p.turn = sync.NewCond(&p.mu)
	return p, nil
}

// append writes the row group in e, with the given number, once those before it are written.
func (p *parquetFile) append(e *encoder, number, rows int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.next != number && p.err == nil {
		p.turn.Wait()
	}
	if p.err == nil {
		p.err = p.write(e, rows)
	}
	p.next++
	p.turn.Broadcast()
	return p.err
}

// fail wakes the goroutines that wait for a row group that will never be written.
func (p *parquetFile) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
	p.turn.Broadcast()
}

func (p *parquetFile) write(e *encoder, rows int) error {
	if len(e.chunks) != len(p.format.columns) {
		return fmt.Errorf("write parquet: %d columns of %d; this is a bug in the stager", len(e.chunks), len(p.format.columns))
	}
	if p.next > math.MaxInt16 {
		return &Fault{"write parquet", fmt.Errorf("more than %d row groups in one file; partition or slice the dataset", math.MaxInt16)}
	}
	if p.size == 0 {
		if err := p.put([]byte(magic)); err != nil {
			return err
		}
	}
	group := p.footer.AppendRowGroup()
	group.SetNumRows(rows)
	for i := range e.chunks {
		c, builder := &e.chunks[i], group.NextColumnChunk()
		c.info.DataPageOffset += p.size
		if c.info.DictPageOffset += p.size; !c.dictionary {
			c.info.DictPageOffset = 0
		}
		c.statistics.ApplyStatSizeLimits(maxStatistics)
		builder.SetStats(c.statistics)
		if err := builder.Finish(c.info, c.dictionary, false, c.encodings); err != nil {
			return fmt.Errorf("write parquet: column %s: %w", p.format.columns[i].name, err)
		}
	}
	if err := group.Finish(int64(e.out.Len()), int16(p.next)); err != nil {
		return fmt.Errorf("write parquet: %w", err)
	}
	p.rows += int64(rows)
	return p.put(e.out.Bytes())
}

// await blocks until the given number of row groups is written.
func (p *parquetFile) await(groups int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.next < groups && p.err == nil {
		p.turn.Wait()
	}
	return p.err
}

// commit writes the footer and commits the file.
func (p *parquetFile) commit(ctx context.Context, about []metadatum) error {
	if err := p.close(about); err != nil {
		return err
	}
	p.closed = true
	return p.out.Commit(ctx)
}

// abort discards the file unless it is committed.
func (p *parquetFile) abort() {
	if !p.closed {
		p.closed = true
		p.out.Abort()
	}
}

// close writes the footer.
func (p *parquetFile) close(about []metadatum) error {
	for _, m := range about {
		if err := p.footer.AppendKeyValueMetadata(m.key, m.value); err != nil {
			return fmt.Errorf("write parquet: %w", err)
		}
	}
	var b bytes.Buffer
	footer, err := p.footer.Finish()
	p.footer = nil // the job keeps the file, but thousands of footers take much memory
	if err != nil {
		return fmt.Errorf("write parquet: %w", err)
	}
	n, err := footer.WriteTo(&b, nil)
	if err != nil {
		return fmt.Errorf("write parquet: %w", err)
	}
	b.Write(binary.LittleEndian.AppendUint32(nil, uint32(n)))
	b.WriteString(magic)
	return p.put(b.Bytes())
}

func (p *parquetFile) put(b []byte) error {
	n, err := p.out.Write(b)
	p.size += int64(n)
	return err
}
