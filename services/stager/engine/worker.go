package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/portals"
)

// worker parses pages, one at a time. What it learns about names and values in one page serves the next. Invariant: the
// result of a row depends only on the row, the contract and the conflicting keys, not on the worker.
type worker struct {
	plan        *plan
	reader      source.Reader
	textLimit   int             // limit of a batch's text in bytes
	validated   bool            // a page that cannot be read to its end fails the run
	conflicting map[digest]bool // keys whose rows differ; known in the second pass
	compare     bool            // rows with the same key are compared, so that every row is hashed
	files       []physical      // how the columns of plan.files are stored in a file
	memos       []memo          // by column
	memoSize    int             // bytes of all memos
	memoBytes   int             // limit of memoSize

	columnOf   []int    // by the reader's ID of a field name: the column, or one of unknownField to sharedField
	prefetched uint32   // keeps the compiler from removing the loads in prefetch
	waiting    []record // records that are read and not yet processed, in the page's order
	record              // the current one
	cells      []cell   // of the current row
	number     []uint32 // codes of the cells, as in batch.cells; 0 for null
	direct     []scratch
	refusals   []refusal    // of the current row
	repaired   []refusal    // cells of the current row that were repaired
	warnings   []*rejection // of the current row
	outcomes   []outcomes   // by row rule
	found      []found      // by match

	jobNumbers [][]uint32 // see batch; only the goroutine that processes batches uses it
	byPath     map[string]uint32
	folders    [][]lake.PartitionValue
	hashed     []byte
	path       []byte
}

// record is one record of a page as the worker reads it.
type record struct {
	source.Row // without Fields
	origin     uint8
	raw        [][]byte // by column, then the name of each match
	hashes     []uint32 // of the raw values, by column
}

// waitingRecords is the number of records whose entries in the memos are fetched together.
const waitingRecords = 16

// refusal is a refused cell of the current row.
type refusal struct {
	column int
	why    *rejection
}

// scratch holds the current row's cell of a column when no memo holds it.
type scratch struct{ payload, hashed []byte }

func newWorker(j *job) (*worker, error) {
	p := j.plan
	r, err := portals.All.NewReader(j.Contract.Source.Kind)
	if err != nil {
		return nil, err
	}
	for name := range p.bySource {
		r.Want(name)
	}
	n := len(p.columns)
	w := &worker{
		plan: p, reader: r, textLimit: maxBatchText, validated: j.Validated, conflicting: j.conflicting,
		compare: j.compares(), memoBytes: j.options.memoBytes(), files: j.files.columns, memos: make([]memo, n),
		cells: make([]cell, n), number: make([]uint32, n),
		direct: make([]scratch, n), found: make([]found, len(p.matches)),
		jobNumbers: make([][]uint32, len(p.files)), byPath: map[string]uint32{},
	}
	for range p.rules {
		w.outcomes = append(w.outcomes, outcomes{})
	}
	records := waitingRecords
	if len(p.matches) > 0 {
		records = 1 // the raw value of a match is in a buffer that the next record overwrites
	}
	w.waiting = make([]record, 0, records)
	for range records {
		w.waiting = append(w.waiting, record{raw: make([][]byte, p.raws), hashes: make([]uint32, n)})
	}
	w.waiting = w.waiting[:0]
	return w, nil
}

// read parses a page into b. Only an error that prevents staging the run becomes an error of the batch.
func (w *worker) read(ctx context.Context, b *batch, page *Page, body []byte) {
	w.disableMemos()
	b.bytes = int64(len(body))
	var next, after int // index of the next row, and end of the previous one
	w.waiting = w.waiting[:0]
	err := w.reader.Rows(body, func(rec source.Row) error {
		b.rows++
		next, after = rec.Index+1, rec.End
		w.assign(rec)
		if len(w.waiting) < cap(w.waiting) {
			return nil
		}
		if err := w.processWaiting(b, page); err != nil {
			return err
		}
		return ctx.Err()
	})
	if bad := w.processWaiting(b, page); err == nil || bad != nil {
		err = bad
	}
	var permanent *Fault
	var malformed *source.PageError
	switch {
	case errors.As(err, &malformed) && w.validated:
		b.err = fault(page.Key, "%w; nothing was staged, run the dataset again", malformed)
		return
	case errors.As(err, &malformed):
		// Invariant 5: unreadable bytes are counted too. They are one record, from the error to the end of the page.
		b.rows++
		w.record = record{Row: source.Row{Index: next, Start: recordStart(body, after, malformed.Offset), End: len(body)},
			raw: make([][]byte, w.plan.raws)}
		w.quarantine(b, &rejection{code: BadPage, message: fmt.Sprintf(
			"%v (byte %d); the rest of the page is lost: ask the source again", malformed.Err, malformed.Offset)})
	case errors.As(err, &permanent):
		b.err = permanent
		return
	case err != nil:
		b.err = fmt.Errorf("stage page %s: %w", page.Key, err)
		return
	}
	if page.Rows >= 0 && b.rows != page.Rows {
		b.err = fault(page.Key, "got %d rows, but the manifest counts %d; run the dataset again", b.rows, page.Rows)
		return
	}
	for _, at := range w.plan.files {
		b.memos = append(b.memos, w.memos[at])
	}
	b.folders, b.jobNumbers = w.folders, w.jobNumbers
}

// disableMemos turns off the memos of columns whose values rarely repeat.
func (w *worker) disableMemos() {
	for i := range w.memos {
		if m := &w.memos[i]; !m.off && mostlyDistinct(int64(m.asked), int64(len(m.outcomes))) {
			w.memoSize -= m.size()
			*m = memo{off: true}
		}
	}
}

// recordStart returns where the record starts whose parsing failed at fault: after the white space and the one bracket
// or comma that separate it from the end of the previous record or the beginning of the page.
func recordStart(body []byte, after, fault int) int {
	skip := func(some string, most int) {
		for ; after < min(fault, len(body)) && most > 0 && strings.IndexByte(some, body[after]) >= 0; most-- {
			after++
		}
	}
	if after == 0 {
		skip("\xef\xbb\xbf", 3)
		skip(space, len(body))
		skip("[", 1)
	}
	skip(space, len(body))
	skip(",]", 1)
	skip(space, len(body))
	return after
}

// space is the white space of JSON.
const space = " \t\r\n"

// processWaiting processes the waiting records.
func (w *worker) processWaiting(b *batch, page *Page) error {
	w.prefetch()
	for i := range w.waiting {
		w.record = w.waiting[i]
		w.row(b)
		if len(b.text) > w.textLimit {
			return fault(page.Key, "its values exceed %d MiB; fetch the dataset in smaller pages", w.textLimit>>20)
		}
		if b.badBytes > maxBatchBad {
			return fault(page.Key, "its rejected rows, %d so far, exceed %d MiB; inspect the page, or fetch the dataset in smaller pages",
				len(b.bad), maxBatchBad>>20)
		}
	}
	w.waiting = w.waiting[:0]
	return nil
}

// row processes the current record and adds it to the valid or the rejected rows.
func (w *worker) row(b *batch) {
	if w.Bad != nil {
		w.quarantine(b, unreadable(w.Bad))
		return
	}
	w.refusals, w.repaired, w.warnings = w.refusals[:0], w.repaired[:0], w.warnings[:0]
	for i := range w.plan.columns {
		bad := w.cell(i)
		switch {
		case bad == nil:
		case w.plan.columns[i].field.Invalid == contract.RefuseCell:
			w.refuse(i, bad)
		default:
			w.quarantine(b, bad)
			return
		}
	}
	if len(w.plan.rules) > 0 {
		if bad := w.applyRules(); bad != nil {
			w.quarantine(b, bad)
			return
		}
	}
	if bad := w.plan.checkPlacement(w.cells); bad != nil {
		w.quarantine(b, bad)
		return
	}
	if len(w.plan.key) > 0 {
		key := w.key()
		if w.conflicting[key] {
			w.quarantine(b, w.plan.conflict())
			return
		}
		b.keys = append(b.keys, key)
	}
	w.keep(b)
}

// refuse makes the cell of a column null. The cell of a partition cannot be null: it becomes the default.
func (w *worker) refuse(column int, why *rejection) {
	w.refusals = append(w.refusals, refusal{column, why})
	if w.plan.columns[column].fallback != nil && slices.Contains(w.plan.partition, column) {
		raw := w.raw[column]
		w.raw[column] = nil
		_ = w.compute(column) // a contract's default is valid
		w.raw[column], w.cells[column].defaulted = raw, false
		return
	}
	s := &w.direct[column]
	// A refused value differs from null, so that rows whose refused values differ are in conflict.
	s.hashed = append(append(s.hashed[:0], refusedMark), w.raw[column]...)
	w.cells[column], w.number[column] = cell{null: true, hashed: s.hashed}, 0
	w.refuseNames(column)
}

// keep adds the current row to the valid rows of the batch.
func (w *worker) keep(b *batch) {
	if w.compare {
		w.hashed = w.hashed[:0]
		for i := range w.cells {
			w.hashed = append(w.hashed, w.cells[i].hashed...)
		}
		b.hashes = append(b.hashes, maphash.Bytes(seed, w.hashed))
	}
	if len(w.refusals)+len(w.repaired)+len(w.warnings) > 0 {
		w.markCells(b)
	}
	if len(w.plan.fallbacks) > 0 {
		var defaults uint64
		for k, at := range w.plan.fallbacks {
			if w.cells[at].defaulted {
				defaults |= 1 << k
			}
		}
		b.defaults = append(b.defaults, defaults)
	}
	b.positions = append(b.positions, position{row: uint32(w.Index), marks: newMarks(w.origin, len(w.refusals), len(w.repaired) > 0)})
	b.partitions = append(b.partitions, w.partition())
	for i, at := range w.plan.files {
		number := w.number[at]
		if number == directCell {
			number |= uint32(len(b.text))
			b.text = appendStored(b.text, w.cells[at].payload, w.files[i].width)
		}
		b.cells = append(b.cells, number)
	}
	b.good++
}

// assign adds a record to the waiting ones: its raw values by column, and its origin.
func (w *worker) assign(rec source.Row) {
	w.waiting = w.waiting[:len(w.waiting)+1]
	r := &w.waiting[len(w.waiting)-1]
	r.Row = rec
	r.Fields = nil
	clear(r.raw)
	var origin []byte
	raw, columnOf := r.raw, w.columnOf
	for i := range rec.Fields {
		f := &rec.Fields[i]
		column := unknownField
		if uint(f.ID) < uint(len(columnOf)) {
			column = columnOf[f.ID]
		}
		if column == unknownField {
			column = w.resolveField(f)
			columnOf = w.columnOf
		}
		switch {
		case column >= 0:
			raw[column] = f.Raw
		case column == originField:
			origin = f.Raw
		case column == sharedField:
			for _, at := range w.plan.bySource[f.Name] {
				raw[at] = f.Raw
			}
			if f.Name == source.Origin {
				origin = f.Raw
			}
		}
	}
	for i := range w.plan.matches {
		w.joinMatch(i, raw)
	}
	w.copyNames(raw)
	r.origin = w.plan.originOf(origin)
}

// What a field name stands for if it is not exactly one column.
const (
	unknownField = -1 - iota // not resolved yet
	otherField               // not staged
	originField              // the pseudo-field with the row's origin
	sharedField              // several columns use it
)

// resolveField determines what a field name stands for and caches it by the reader's ID.
func (w *worker) resolveField(f *source.Value) int {
	column := otherField
	switch columns := w.plan.bySource[f.Name]; {
	case len(columns) > 1, len(columns) == 1 && f.Name == source.Origin:
		column = sharedField
	case len(columns) == 1:
		column = columns[0]
	case f.Name == source.Origin:
		column = originField
	}
	if f.ID >= 0 {
		for f.ID >= len(w.columnOf) {
			w.columnOf = append(w.columnOf, unknownField)
		}
		w.columnOf[f.ID] = column
	}
	return column
}

// prefetch hashes the values of the waiting records and reads their entries in the memos, for all of them together, so that
// the processor fetches the memory in parallel instead of waiting value by value.
func (w *worker) prefetch() {
	for k := range w.waiting {
		r := &w.waiting[k]
		for i := range w.memos {
			if m := &w.memos[i]; !m.off && len(r.raw[i]) <= maxMemoValue {
				r.hashes[i] = uint32(maphash.Bytes(seed, r.raw[i]))
				w.prefetched ^= m.first(r.hashes[i])
			}
		}
	}
	for k := range w.waiting {
		r := &w.waiting[k]
		for i := range w.memos {
			m := &w.memos[i]
			if n := m.first(r.hashes[i]); n != 0 {
				w.prefetched ^= m.outcomes[n-1].at
			}
		}
	}
	for k := range w.waiting {
		r := &w.waiting[k]
		for i := range w.memos {
			m := &w.memos[i]
			if n := m.first(r.hashes[i]); n != 0 && int(m.outcomes[n-1].at) < len(m.data) {
				w.prefetched ^= uint32(m.data[m.outcomes[n-1].at])
			}
		}
	}
}

// cell sets cells[i] and number[i] for column i, from the memo if possible, or returns why the value is rejected.
func (w *worker) cell(i int) *rejection {
	raw, m := w.raw[i], &w.memos[i]
	if m.off || len(raw) > maxMemoValue {
		return w.compute(i)
	}
	m.asked++
	hash := w.hashes[i]
	number := m.find(raw, hash)
	if number == 0 {
		bad := w.compute(i)
		if len(m.outcomes) < maxMemoOutcomes && w.memoSize < w.memoBytes {
			before := m.size()
			if n := m.add(raw, &w.cells[i], bad, hash); n != 0 && w.number[i] != 0 {
				w.number[i] = n
			}
			w.memoSize += m.size() - before
		}
		return bad
	}
	c, o := &w.cells[i], &m.outcomes[number-1]
	if o.failed {
		return m.bad[number]
	}
	m.recall(number, c)
	w.number[i] = number
	if o.null {
		w.number[i] = 0
	}
	if w.plan.columns[i].folder {
		c.folder = m.folders[number]
	}
	return nil
}

// compute sets cells[i] and number[i] for column i without a memo.
func (w *worker) compute(i int) *rejection {
	col, c, s := w.plan.columns[i], &w.cells[i], &w.direct[i]
	w.number[i] = 0
	v, bad := w.value(i)
	if bad != nil {
		return bad
	}
	s.payload, s.hashed = s.payload[:0], s.hashed[:0]
	if w.compare || col.inKey {
		s.hashed = appendHashed(s.hashed, col.field.Type, v)
	}
	if !v.null {
		s.payload = appendPayload(s.payload, col.field.Type, v)
		w.number[i] = directCell
	}
	*c = cell{null: v.null, defaulted: v.defaulted, payload: s.payload, hashed: s.hashed}
	if col.folder && !v.null {
		c.folder.name = col.partitionText(v)
		c.folder.safe = pathSafe(c.folder.name)
	}
	return nil
}

// key returns the digest of the row's key.
func (w *worker) key() digest {
	if len(w.plan.key) == 1 {
		return keyDigest(w.cells[w.plan.key[0]].hashed)
	}
	w.path = w.path[:0]
	for _, at := range w.plan.key {
		w.path = append(w.path, w.cells[at].hashed...)
	}
	return keyDigest(w.path)
}

// partition returns the worker's number of the row's partition and assigns one to a new partition.
func (w *worker) partition() uint32 {
	w.path = w.path[:0]
	for _, at := range w.plan.partition {
		w.path = append(append(w.path, w.cells[at].folder.name...), '/') // '/' never occurs in a folder name
	}
	if n, ok := w.byPath[string(w.path)]; ok {
		return n
	}
	n := uint32(len(w.folders))
	values := make([]lake.PartitionValue, len(w.plan.partition))
	for i, at := range w.plan.partition {
		values[i] = lake.PartitionValue{Column: w.plan.columns[at].field.Name, Value: w.cells[at].folder.name}
	}
	w.folders = append(w.folders, values)
	w.byPath[string(w.path)] = n
	return n
}

// quarantine adds the current record to the rejected rows of the batch.
func (w *worker) quarantine(b *batch, why *rejection) {
	b.bad = append(b.bad, quarantined{
		page: b.page, row: w.Index, start: w.Start, end: w.End, action: actionRow, rejection: *why, json: w.plan.show(w.raw),
	})
	b.badBytes += b.bad[len(b.bad)-1].size()
}

// markCells adds what the quarantine records about the next valid row of the batch: its refused and repaired cells, and the rules
// that warn about it.
func (w *worker) markCells(b *batch) {
	json := w.plan.show(w.raw)
	b.badBytes += len(json)
	mark := func(action action, column int, why *rejection) {
		q := quarantined{
			page: b.page, row: w.Index, start: w.Start, end: w.End, action: action, rejection: *why, column: column, json: json,
		}
		if column >= 0 {
			q.field = w.plan.columns[column].field.Name // the reason may be about the name that a match looks up
			if at := w.plan.shown[column]; at >= 0 && w.raw[at] != nil {
				q.value = bytes.Clone(shorten(w.raw[at]))
			}
		}
		b.marked = append(b.marked, marked{b.good, q})
		b.badBytes += q.size() - len(json)
	}
	for _, r := range w.refusals {
		mark(actionCell, r.column, r.why)
	}
	for _, r := range w.repaired {
		mark(actionRepair, r.column, r.why)
	}
	for _, why := range w.warnings {
		mark(actionWarn, -1, why)
	}
}

// unreadable returns the rejection of a record that the page reader could not parse.
func unreadable(err error) *rejection {
	switch {
	case errors.Is(err, source.ErrNotUTF8):
		return &notUTF8
	case errors.Is(err, source.ErrRepeatedName):
		return &repeatedName
	}
	return &notObject
}

var (
	notUTF8      = rejection{code: BadText, message: "want UTF-8"}
	notObject    = rejection{code: BadRow, message: "want an object"}
	repeatedName = rejection{code: RepeatedName, message: "want each name once; which of the values is true is not known"}
)
