package engine

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// encode encodes the columns of a row group in the order of the files' schema: first the contract's columns, then the
// lineage.
func (j *job) encode(e *encoder, g *rowGroup, values [][][]byte) error {
	e.reset()
	for i, col := range j.files.columns {
		var err error
		if i < j.layout.columns {
			err = j.encodeColumn(e, g, i, values[i])
		} else {
			err = j.encodeLineage(e, g, col)
		}
		if err != nil {
			return fmt.Errorf("write parquet: column %s: %w", col.name, err)
		}
	}
	return nil
}

func (j *job) encodeColumn(e *encoder, g *rowGroup, column int, values [][]byte) error {
	col := j.files.columns[column]
	from := g.plain[column]
	if from < 0 {
		return e.coded(col, g.column(e, column), len(values), func(code uint32) []byte { return values[code-1] })
	}
	return e.plain(col, g.rows, func(row int) ([]byte, bool) {
		switch cell := g.record(row)[column]; {
		case cell == 0:
			return nil, true
		case row < from:
			return values[cell-1], false
		default:
			return g.value(column, cell, col.width), false
		}
	})
}

// encodeLineage encodes one of arrowschema.LineageColumns.
func (j *job) encodeLineage(e *encoder, g *rowGroup, col physical) error {
	constant := func(text string) error {
		code := uint32(1)
		if text == "" && col.optional {
			code = 0
		}
		e.codes = append(e.codes[:0], slices.Repeat([]uint32{code}, g.rows)...)
		return e.coded(col, e.codes, 1, func(uint32) []byte { return []byte(text) })
	}
	// of encodes numbers that are derived from a word of the rows; most is the highest.
	of := func(word, most int, number func(word uint32) uint32, value func(number uint32) []byte) error {
		codes := g.column(e, j.layout.columns+word)
		for i := range codes {
			codes[i] = number(codes[i]) + 1
		}
		return e.coded(col, codes, most+1, func(code uint32) []byte { return value(code - 1) })
	}
	whole := func(n uint32) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(n)) }
	switch col.name {
	case "source_system": // Invariant 11: simulated rows are marked
		return constant(j.Lineage.SourceSystem)
	case "source_dataset_id":
		return constant(j.Contract.Source.ID)
	case "source_updated_at":
		return constant(j.Lineage.SourceUpdatedAt)
	case "ingested_process_at":
		return constant(j.Lineage.Slot)
	case "correlation_id":
		return constant(j.Lineage.RunID)
	case "data_origin":
		return of(marksWord, len(originNames), func(w uint32) uint32 { return uint32(marks(w).origin()) },
			func(origin uint32) []byte { return []byte(originNames[origin]) })
	case "source_page":
		return of(pageWord, len(j.Pages), func(w uint32) uint32 { return w }, whole)
	case rowColumn:
		return e.delta(col, g.column(e, j.layout.columns+rowWord))
	case "refused_cells":
		return of(marksWord, j.layout.columns, func(w uint32) uint32 { return uint32(marks(w).refused()) }, whole)
	case "is_repaired":
		return of(marksWord, 1, func(w uint32) uint32 { return marks(w).repaired() }, func(n uint32) []byte { return []byte{byte(n)} })
	}
	return &Fault{"write parquet", fmt.Errorf("the stager does not fill column %s; this is a bug in the stager", col.name)}
}
