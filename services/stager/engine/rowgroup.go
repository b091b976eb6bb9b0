package engine

import (
	"encoding/hex"
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
	byPage := func(text func(page int) string) error {
		codes := g.column(e, j.layout.columns)
		for i := range codes {
			codes[i] = codes[i]>>originBits + 1
		}
		return e.coded(col, codes, len(j.Pages), func(code uint32) []byte { return []byte(text(int(code - 1))) })
	}
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
	case "source_url":
		return byPage(j.url)
	case "landing_object_key":
		return byPage(func(page int) string { return j.Pages[page].Key })
	case "data_origin":
		codes := g.column(e, j.layout.columns)
		for i := range codes {
			codes[i] = codes[i]&(1<<originBits-1) + 1
		}
		return e.coded(col, codes, len(originNames), func(code uint32) []byte { return []byte(originNames[code-1]) })
	case hashColumn:
		return e.fixed(col, g.rows, 2*len(digest{}), func(b []byte, row int) []byte {
			d := digestOf(g.record(row)[j.layout.columns+1:])
			return hex.AppendEncode(b, d[:])
		})
	}
	return &Fault{"write parquet", fmt.Errorf("the stager does not fill column %s; this is a bug in the stager", col.name)}
}

// url returns the URL of a page.
func (j *job) url(page int) string {
	if u := j.Pages[page].URL; u != "" {
		return u
	}
	return j.Lineage.SourceURL
}
