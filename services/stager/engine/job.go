package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/arrowschema"
	"github.com/llac-project/llac/platform/lake"
)

// How many files a run may become: a partition column of free text would make one a row, and the footer of a file, which
// has an entry a column, is held until the file is committed.
const (
	maxPartitions = 10_000
	maxFooters    = 250_000 // columns of all files
)

// maxRivals bounds how many keys may be in conflict: beyond it the contract's key is none.
const maxRivals = 1 << 20

// Row groups. How many rows are held before some are written, is a constant and no part of the memory that a run is
// given: the files' bytes follow from it (invariant 6).
const (
	groupRows  = 128 << 10 // of one row group
	groupBytes = 16 << 20  // of one row group, as rowGroup.bytes counts them
	openBytes  = 40 << 20  // of all open row groups
)

// job is one run being staged, in a pass over all its pages. One goroutine takes the batches, in the order of the pages
// from the last to the first, and decides of every row what becomes of it. Walking backwards, the first row met of a key
// is the latest: it is kept, and those met later are duplicates.
type job struct {
	Input
	options Options
	plan    *plan
	files   *form
	refused *form
	rivals  map[digest]bool // keys whose rows differ, found in the first pass
	found   map[digest]bool // those found in this pass

	result       Result
	keys         *keys // nil before the first batch
	keep         []bool
	hashes       []uint64     // of the batch's keys
	dictionaries []dictionary // by column inside the files
	shared       int          // bytes of the dictionaries
	layout       *layout
	partitions   []*partition
	byPath       map[string]int
	ofWorker     []int // partition of each of the batch's worker's, + 1
	open         int   // bytes of open row groups
	quarantine   quarantine
	encoders     *encoders
}

// take decides about the rows of one batch.
func (j *job) take(b *batch) error {
	if b.err != nil {
		return b.err
	}
	j.result.RowsIn += b.rows
	if j.keys == nil {
		j.keys = newKeys(j.Contract.KeyConflict != contract.LatestWins, j.options.keyBytes(), j.expected(b), j.options.Temporary)
	}
	if err := j.settle(b); err != nil {
		return err
	}
	if len(j.found) > 0 {
		return nil // this pass only counts rivals any more: nothing of it will be kept
	}
	if err := j.refuse(b.bad); err != nil {
		return err
	}
	if err := j.store(b); err != nil {
		return err
	}
	return j.seal()
}

// refuse puts rows into the quarantine, a row group at a time.
func (j *job) refuse(rows []quarantined) error {
	for len(rows) > 0 {
		n := j.quarantine.add(rows)
		rows = rows[n:]
		if j.quarantine.full() {
			if err := j.sealQuarantine(); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle finds out which rows of a batch stay.
func (j *job) settle(b *batch) error {
	j.keep = slices.Grow(j.keep[:0], b.good)[:b.good]
	j.hashes = j.keys.touch(j.hashes[:0], b.keys)
	for row := b.good - 1; row >= 0; row-- {
		j.keep[row] = true
		if len(b.keys) == 0 {
			continue
		}
		known, same, err := j.keys.meet(&b.keys[row], j.hashes[row], b.hashes[row].beginning())
		if err != nil {
			return fmt.Errorf("stage %s: %w", j.Contract.Dataset, err)
		}
		if !known {
			continue
		}
		j.keep[row] = false
		j.result.Duplicates++
		if !same && j.Contract.KeyConflict != contract.LatestWins {
			j.found[b.keys[row]] = true
			if len(j.found) > maxRivals {
				return &Fault{"stage " + j.Contract.Dataset, fmt.Errorf("more than %d keys have rows that differ: %s is no key of these rows; correct the contract", maxRivals, strings.Join(j.Contract.Key, ","))}
			}
		}
	}
	return nil
}

// store puts the rows that stay into the open row groups.
func (j *job) store(b *batch) error {
	j.ofWorker = slices.Grow(j.ofWorker[:0], len(b.folders))[:len(b.folders)]
	clear(j.ofWorker)
	columns := j.layout.columns
	for row := range b.good {
		if !j.keep[row] {
			continue
		}
		at := b.partitions[row]
		if j.ofWorker[at] == 0 {
			n, err := j.partition(b.folders[at])
			if err != nil {
				return err
			}
			j.ofWorker[at] = n + 1
		}
		p := j.partitions[j.ofWorker[at]-1]
		if p.open == nil {
			p.open = j.layout.newGroup(j.dictionaries)
		}
		before := p.open.bytes
		record := p.open.next()
		for i, cell := range b.cells[row*columns : (row+1)*columns] {
			record[i] = j.cell(b, p.open, i, cell)
		}
		record[columns] = uint32(b.page)<<originBits | uint32(b.origins[row])
		b.hashes[row].words(record[columns+1:])
		j.open += p.open.bytes - before
		p.rows++
		p.origin[b.origins[row]]++
		j.result.Staged++
		if p.open.rows == groupRows || p.open.bytes >= groupBytes {
			if err := j.sealPartition(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// cell answers what a record holds for a cell of a batch.
func (j *job) cell(b *batch, g *rowGroup, column int, cell uint32) uint32 {
	if cell == 0 {
		return 0
	}
	d := &j.dictionaries[column]
	if cell&directCell == 0 && !d.plain {
		if n := b.known(column, cell); n != 0 {
			return n
		}
	}
	width := j.files.columns[column].width
	payload := b.payload(column, cell, width)
	if !d.plain {
		if n := d.number(payload, j.result.Staged, &j.shared); n != 0 {
			if cell&directCell == 0 {
				b.learn(column, cell, n)
			}
			return n
		}
		j.giveUp(column, g)
	}
	return g.keep(column, payload, width)
}

// giveUp ends a column's dictionary: from the row on that is being put into current, rows hold their values.
func (j *job) giveUp(column int, current *rowGroup) {
	j.dictionaries[column].plain = true
	for _, p := range j.partitions {
		if g := p.open; g != nil {
			g.plain[column] = g.rows
		}
	}
	current.plain[column] = current.rows - 1
}

// partition finds or opens a partition.
func (j *job) partition(values []lake.PartitionValue) (int, error) {
	path := partitionPath(values)
	at, ok := j.byPath[path]
	if !ok {
		if most := min(maxPartitions, maxFooters/len(j.files.columns)); len(j.partitions) == most {
			return 0, &Fault{"stage " + j.Contract.Dataset, fmt.Errorf("more than %d partitions of %d columns; partition by a column of fewer values", most, len(j.files.columns))}
		}
		at = len(j.partitions)
		j.partitions = append(j.partitions, &partition{values: values})
		j.byPath[path] = at
	}
	return at, nil
}

// partitionPath is unique for the values, which hold no '/'.
func partitionPath(values []lake.PartitionValue) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = v.Value
	}
	return strings.Join(parts, "/")
}

// seal hands row groups to the encoders that need not be full: while too many rows are held, the largest.
func (j *job) seal() error {
	for j.open > openBytes {
		largest := j.partitions[0]
		for _, p := range j.partitions {
			if p.open != nil && (largest.open == nil || p.open.bytes > largest.open.bytes) {
				largest = p
			}
		}
		if err := j.sealPartition(largest); err != nil {
			return err
		}
	}
	return nil
}

func (j *job) sealPartition(p *partition) error {
	g := p.open
	p.open = nil
	j.open -= g.bytes
	values := make([][][]byte, len(j.dictionaries))
	for i := range values {
		values[i] = j.dictionaries[i].values
	}
	return j.encoders.do(&p.outputFile, j.files, Output{Partition: p.values}, g.rows, g.bytes, func(e *encoder) error {
		defer g.release()
		return j.encode(e, g, values)
	})
}

func (j *job) sealQuarantine() error {
	q := &j.quarantine
	rows, bytes := q.open, q.bytes
	q.open, q.bytes = nil, 0
	return j.encoders.do(&q.outputFile, j.refused, Output{Quarantine: true}, len(rows), bytes, func(e *encoder) error {
		return q.encode(e, j.refused, rows, j.Pages)
	})
}

// count takes stock before anything is committed.
func (j *job) count() error {
	r := &j.result
	r.Quarantined, r.ByReason = j.quarantine.rows, j.quarantine.byReason
	// Invariant 5: rows in = staged + duplicates + quarantined. If not, rows were lost here, and nothing is told.
	if r.RowsIn != r.Staged+r.Duplicates+r.Quarantined {
		return &Fault{"stage " + j.Contract.Dataset, fmt.Errorf("%d rows in, but %d staged + %d duplicates + %d quarantined; this is a fault of the stager, report it",
			r.RowsIn, r.Staged, r.Duplicates, r.Quarantined)}
	}
	return nil
}

// finish writes what is still open, and commits the files: one a partition, in the order of the partitions, and the
// quarantine when there is one.
func (j *job) finish() error {
	slices.SortFunc(j.partitions, func(a, b *partition) int {
		return slices.CompareFunc(a.values, b.values, func(x, y lake.PartitionValue) int { return strings.Compare(x.Value, y.Value) })
	})
	var files []*parquetFile
	end := func(f *outputFile, o Output, rows int64, origins string) {
		j.encoders.finish(f, j.metadata(origins))
		files = append(files, f.file)
		j.result.Files = append(j.result.Files, FileResult{Output: o, Rows: rows})
	}
	for _, p := range j.partitions {
		if p.open != nil {
			if err := j.sealPartition(p); err != nil {
				return err
			}
		}
		end(&p.outputFile, Output{Partition: p.values}, p.rows, p.origins())
	}
	if q := &j.quarantine; q.rows > 0 {
		if len(q.open) > 0 {
			if err := j.sealQuarantine(); err != nil {
				return err
			}
		}
		end(&q.outputFile, Output{Quarantine: true}, q.rows, "")
	}
	err := j.encoders.wait()
	for i, f := range files {
		j.result.Files[i].Bytes = f.size
	}
	return err
}

// newJob prepares a pass.
func newJob(in Input, o Options, rivals map[digest]bool) (*job, error) {
	p, err := newPlan(in.Contract, in.Slice, in.Finders)
	if err != nil {
		return nil, err
	}
	p.simulated = Simulated(in.Lineage.SourceSystem)
	schema := arrowschema.Schema(in.Contract)
	for _, col := range p.columns {
		if fields, ok := schema.FieldsByName(col.field.Name); ok && !fields[0].Nullable {
			col.required = true // what the files cannot hold as null must not be null
		}
	}
	j := &job{
		Input: in, options: o, plan: p, rivals: rivals, found: map[digest]bool{}, byPath: map[string]int{},
		dictionaries: make([]dictionary, len(p.files)), layout: newLayout(len(p.files)),
	}
	if j.files, err = newForm(schema); err != nil {
		return nil, err
	}
	if j.refused, err = newForm(arrowschema.QuarantineSchema()); err != nil {
		return nil, err
	}
	return j, nil
}

// expected guesses how many rows there are, by the pages' sizes and the first batch; -1: not known.
func (j *job) expected(first *batch) int64 {
	var rows, bytes int64
	for _, p := range j.Pages {
		if p.Rows < 0 && p.Size == 0 {
			return -1
		}
		rows, bytes = rows+max(p.Rows, 0), bytes+p.Size
	}
	if rows > 0 || first.bytes == 0 {
		return rows
	}
	return int64(float64(bytes) / float64(first.bytes) * float64(first.rows))
}
