package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/arrowschema"
	"github.com/llac-project/llac/platform/lake"
)

// Limits on the number of files. A partition column of free text would give one file per row, and the footer of a file,
// which has an entry per column, stays in memory until the file is committed.
const (
	maxPartitions = 10_000
	maxFooters    = 250_000 // columns of all files together
)

// maxConflictingKeys bounds the keys in conflict. Beyond it, the contract's key does not identify rows.
const maxConflictingKeys = 1 << 20

// Limits of row groups. They are constants and not part of the run's memory limit, because the files' bytes depend on
// them (invariant 6).
const (
	groupRows  = 128 << 10 // rows of one row group
	groupBytes = 16 << 20  // bytes of one row group, as rowGroup.bytes counts them
	openBytes  = 40 << 20  // bytes of all open row groups
)

// job is one pass over all pages of a run. One goroutine processes the batches, from the last page to the first, and
// decides which rows are kept. Because it walks backwards, the first row of a key that it meets is the latest: that row
// is kept, and later ones are duplicates.
type job struct {
	Input
	options          Options
	plan             *plan
	files            *format
	quarantineFormat *format
	conflicting      map[digest]bool // keys whose rows differ, found in the first pass
	newConflicts     map[digest]bool // keys whose rows differ, found in this pass

	result       Result
	keys         *keys // nil before the first batch
	keep         []bool
	hashes       []uint64     // of the batch's keys
	dictionaries []dictionary // by column inside the files
	shared       int          // bytes of all dictionaries
	layout       *layout
	partitions   []*partition
	byPath       map[string]int
	partitionOf  []int // by index in the batch's folders: index in partitions + 1
	open         int   // bytes of open row groups
	quarantine   quarantine
	cells        []lake.Cells // of the kept rows, by column
	refused      int64        // refused cells, as the rows count them
	encoders     *encoders
}

// process stages the rows of one batch.
func (j *job) process(b *batch) error {
	if b.err != nil {
		return b.err
	}
	j.result.RowsIn += b.rows
	if j.keys == nil {
		j.keys = newKeys(j.compares(), j.options.keyBytes(), j.expected(b), j.options.Temporary)
	}
	if err := j.markDuplicates(b); err != nil {
		return err
	}
	if len(j.newConflicts) > 0 {
		return nil // nothing of this pass is kept: from here on it only collects conflicting keys
	}
	if err := j.addRejected(b.bad); err != nil {
		return err
	}
	if err := j.store(b); err != nil {
		return err
	}
	return j.seal()
}

// addRejected adds rows to the quarantine and writes it one row group at a time.
func (j *job) addRejected(rows []quarantined) error {
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

// markDuplicates decides which rows of a batch are kept.
func (j *job) markDuplicates(b *batch) error {
	j.keep = slices.Grow(j.keep[:0], b.good)[:b.good]
	j.hashes = j.keys.prefetch(j.hashes[:0], b.keys)
	for row := b.good - 1; row >= 0; row-- {
		j.keep[row] = true
		if len(b.keys) == 0 {
			continue
		}
		var content uint64
		if len(b.hashes) > 0 {
			content = b.hashes[row]
		}
		known, same, err := j.keys.insert(&b.keys[row], j.hashes[row], content)
		if err != nil {
			return fmt.Errorf("stage %s: %w", j.Contract.Dataset, err)
		}
		if !known {
			continue
		}
		j.keep[row] = false
		j.result.Duplicates++
		if !same && j.compares() {
			j.newConflicts[b.keys[row]] = true
			if len(j.newConflicts) > maxConflictingKeys {
				return j.fault("more than %d keys have rows that differ: %s does not identify a row; correct the key in the contract",
					maxConflictingKeys, strings.Join(j.Contract.Key, ","))
			}
		}
	}
	return nil
}

// compares reports whether rows with the same key are compared: those that differ are in conflict.
func (j *job) compares() bool {
	return len(j.Contract.Key) > 0 && j.Contract.KeyConflict != contract.LatestWins
}

// store adds the kept rows to the open row groups, and the refused cells of these rows to the quarantine.
func (j *job) store(b *batch) error {
	j.partitionOf = slices.Grow(j.partitionOf[:0], len(b.folders))[:len(b.folders)]
	clear(j.partitionOf)
	columns := j.layout.columns
	open := b.marked
	for row := range b.good {
		cells := 0
		for cells < len(open) && open[cells].row == row {
			cells++
		}
		var of []marked
		of, open = open[:cells], open[cells:]
		if !j.keep[row] {
			continue
		}
		if err := j.count(b, row, of); err != nil {
			return err
		}
		folder := b.partitions[row]
		if j.partitionOf[folder] == 0 {
			n, err := j.partition(b.folders[folder])
			if err != nil {
				return err
			}
			j.partitionOf[folder] = n + 1
		}
		p := j.partitions[j.partitionOf[folder]-1]
		if p.open == nil {
			p.open = j.layout.newGroup(j.dictionaries)
		}
		before := p.open.bytes
		record := p.open.next()
		for i, cell := range b.cells[row*columns : (row+1)*columns] {
			record[i] = j.cell(b, p.open, i, cell)
		}
		at := b.positions[row]
		record[columns+pageWord], record[columns+rowWord], record[columns+marksWord] = uint32(b.page), at.row, uint32(at.marks)
		j.open += p.open.bytes - before
		p.rows++
		p.origin[at.marks.origin()]++
		j.result.Staged++
		if p.open.rows == groupRows || p.open.bytes >= groupBytes {
			if err := j.sealPartition(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// cell returns the code that a record stores for a cell of a batch.
func (j *job) cell(b *batch, g *rowGroup, column int, cell uint32) uint32 {
	if cell == 0 {
		return 0
	}
	d := &j.dictionaries[column]
	if cell&directCell == 0 && !d.plain {
		if n := b.jobNumber(column, cell); n != 0 {
			return n
		}
	}
	width := j.files.columns[column].width
	payload := b.payload(column, cell, width)
	if !d.plain {
		if n := d.number(payload, j.result.Staged, &j.shared); n != 0 {
			if cell&directCell == 0 {
				b.setJobNumber(column, cell, n)
			}
			return n
		}
		j.dropDictionary(column, g)
	}
	return g.keep(column, payload, width)
}

// dropDictionary stops using a column's dictionary: from the row that is being added to current, rows store their
// values.
func (j *job) dropDictionary(column int, current *rowGroup) {
	j.dictionaries[column].plain = true
	for _, p := range j.partitions {
		if g := p.open; g != nil {
			g.plain[column] = g.rows
		}
	}
	current.plain[column] = current.rows - 1
}

// partition returns the index of a partition and creates it if needed.
func (j *job) partition(values []lake.PartitionValue) (int, error) {
	path := partitionPath(values)
	at, ok := j.byPath[path]
	if !ok {
		if most := min(maxPartitions, maxFooters/len(j.files.columns)); len(j.partitions) == most {
			return 0, j.fault("more than %d partitions of %d columns; partition by a column with fewer values", most, len(j.files.columns))
		}
		at = len(j.partitions)
		j.partitions = append(j.partitions, &partition{values: values})
		j.byPath[path] = at
	}
	return at, nil
}

// partitionPath returns a unique string for the values, which never contain '/'.
func partitionPath(values []lake.PartitionValue) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = v.Value
	}
	return strings.Join(parts, "/")
}

// seal submits the largest row groups to the encoders, full or not, while too many bytes are open.
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
	return j.encoders.submit(&p.outputFile, j.files, Output{Partition: p.values}, g.rows, g.bytes, func(e *encoder) error {
		defer g.release()
		return j.encode(e, g, values)
	})
}

func (j *job) sealQuarantine() error {
	q := &j.quarantine
	rows, bytes := q.open, q.bytes
	q.open, q.bytes = nil, 0
	return j.encoders.submit(&q.outputFile, j.quarantineFormat, Output{Quarantine: true}, len(rows), bytes, func(e *encoder) error {
		return q.encode(e, j.quarantineFormat, rows, j.Pages)
	})
}

// count counts the cells of a kept row and adds its refused cells to the quarantine.
func (j *job) count(b *batch, row int, of []marked) error {
	if len(b.defaults) > 0 && b.defaults[row] != 0 {
		for k, at := range j.plan.fallbacks {
			if b.defaults[row]&(1<<k) != 0 {
				j.cells[at].Defaulted++
			}
		}
	}
	j.refused += int64(b.positions[row].marks.refused())
	for i := range of {
		switch of[i].action {
		case actionCell:
			j.cells[of[i].column].Refused++
		case actionRepair:
			j.cells[of[i].column].Repaired++
		}
		if err := j.addRejected([]quarantined{of[i].quarantined}); err != nil {
			return err
		}
	}
	return nil
}

// check checks the counts before anything is committed.
func (j *job) check() error {
	r, q := &j.result, &j.quarantine
	r.Quarantined, r.ByReason, r.CellReasons = q.counts[actionRow], q.reasons[actionRow], q.reasons[actionCell]
	r.Warnings = q.reasons[actionWarn]
	for i, cells := range j.cells {
		if cells == (lake.Cells{}) {
			continue
		}
		if r.Cells == nil {
			r.Cells = map[string]lake.Cells{}
		}
		r.Cells[j.plan.columns[i].field.Name] = cells
	}
	// Invariant 5, for cells: the refused cells that the rows count are those in the quarantine.
	if j.refused != q.counts[actionCell] || j.refused != r.Refused() {
		return j.fault("the rows count %d refused cells, the quarantine has %d; this is a bug in the stager, please report it",
			j.refused, q.counts[actionCell])
	}
	// Invariant 5: rows in = staged + duplicates + quarantined. Otherwise rows were lost here, and the run fails.
	if r.RowsIn != r.Staged+r.Duplicates+r.Quarantined {
		return j.fault("%d rows in, but %d staged + %d duplicates + %d quarantined; this is a bug in the stager, please report it",
			r.RowsIn, r.Staged, r.Duplicates, r.Quarantined)
	}
	return nil
}

// finish writes the open row groups and commits the files: one per partition, in partition order, and the quarantine if
// it has rows.
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
	if q := &j.quarantine; q.rows() > 0 {
		if len(q.open) > 0 {
			if err := j.sealQuarantine(); err != nil {
				return err
			}
		}
		end(&q.outputFile, Output{Quarantine: true}, q.rows(), "")
	}
	err := j.encoders.wait()
	for i, f := range files {
		j.result.Files[i].Bytes = f.size
	}
	return err
}

// newJob prepares a pass.
func newJob(in Input, o Options, conflicting map[digest]bool) (*job, error) {
	p, err := newPlan(in.Contract, in.Slice, in.Finders)
	if err != nil {
		return nil, err
	}
	if err := p.addRules(in.Contract, in.Lineage.Slot); err != nil {
		return nil, err
	}
	p.simulated = lake.Origin(in.Lineage.SourceSystem).Simulated()
	schema := arrowschema.Schema(in.Contract)
	for _, col := range p.columns {
		if fields, ok := schema.FieldsByName(col.field.Name); ok && !fields[0].Nullable {
			col.required = true // the files cannot store null in this column
		}
	}
	j := &job{
		Input: in, options: o, plan: p, conflicting: conflicting, newConflicts: map[digest]bool{}, byPath: map[string]int{},
		dictionaries: make([]dictionary, len(p.files)), layout: newLayout(len(p.files)), cells: make([]lake.Cells, len(p.columns)),
	}
	if j.files, err = newFormat(schema); err != nil {
		return nil, err
	}
	if j.quarantineFormat, err = newFormat(arrowschema.QuarantineSchema()); err != nil {
		return nil, err
	}
	return j, nil
}

// fault returns a permanent error about the run.
func (j *job) fault(format string, a ...any) error {
	return &Fault{"stage " + j.Contract.Dataset, fmt.Errorf(format, a...)}
}

// expected estimates the number of rows from the pages' sizes and the first batch; -1 if unknown.
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
