package engine

import (
	"math"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
)

// partition holds the staged rows of one output file, column by column, in page and row order.
type partition struct {
	values  []lake.PartitionValue
	columns []cells // by plan.files
	pages   []uint32
	rows    []uint32 // source.Row.Index
	origins []uint8
	hashes  []digest
	dead    []bool // rows taken back
	live    int
}

// cells holds one column's values. Texts lie one after another; ends[i] is where text i ends.
type cells struct {
	kind  contract.Type
	nulls []bool
	whole []int64
	float []float64
	bytes []byte
	ends  []uint64
}

func newPartition(p *plan, values []lake.PartitionValue) *partition {
	part := &partition{values: append([]lake.PartitionValue(nil), values...), columns: make([]cells, len(p.files))}
	for i, at := range p.files {
		part.columns[i].kind = p.columns[at].field.Type
	}
	return part
}

func (c *cells) append(v value) {
	c.nulls = append(c.nulls, v.null)
	switch c.kind {
	case contract.Text, contract.JSON, contract.Decimal:
		c.bytes = append(c.bytes, v.text...)
		c.ends = append(c.ends, uint64(len(c.bytes)))
	case contract.Number:
		c.float = append(c.float, v.number)
	default:
		c.whole = append(c.whole, v.whole)
	}
}

func (c *cells) text(row int) []byte {
	var start uint64
	if row > 0 {
		start = c.ends[row-1]
	}
	return c.bytes[start:c.ends[row]]
}

// full says whether the partition can take no further row: rows are counted in 32 bits.
func (p *partition) full() bool { return len(p.rows) == math.MaxUint32 }

func (p *partition) append(plan *plan, r *row, here position, hash digest) {
	for i, at := range plan.files {
		p.columns[i].append(r.values[at])
	}
	p.pages = append(p.pages, here.page)
	p.rows = append(p.rows, here.row)
	p.origins = append(p.origins, r.origin)
	p.hashes = append(p.hashes, hash)
	p.dead = append(p.dead, false)
	p.live++
}

// takeBack removes a row that was staged too early.
func (p *partition) takeBack(row uint32) {
	if !p.dead[row] {
		p.dead[row] = true
		p.live--
	}
}

// liveRows lists the rows that stay.
func (p *partition) liveRows() []int {
	out := make([]int, 0, p.live)
	for row, dead := range p.dead {
		if !dead {
			out = append(out, row)
		}
	}
	return out
}
