package engine

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"

	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/source"
)

// worker makes pages ready, one at a time. What it has learnt of one page's names and values serves the next. Invariant:
// what becomes of a row follows from the row, the contract and the rivals alone, whoever works on it.
type worker struct {
	plan      *plan
	reader    *source.Reader
	textLimit int             // bytes of a batch's text
	validated bool            // a page that cannot be read to its end fails the run
	rivals    map[digest]bool // keys whose rows differ: known in a second pass
	files     []physical      // how the columns of plan.files lie in a file
	memos     []memo          // by column
	memoSize  int             // bytes of all memos
	memoBytes int             // that they may take

	columnOf []int    // by the reader's ID of a name: the column made of it, or what else it stands for
	hashes   []uint32 // of the raw values
	touched  uint32   // keeps fetch from being left out by the compiler
	raw      [][]byte // of the row at hand: by column, then the name of each match
	cells    []cell   // of the row at hand
	number   []uint32 // of the cells, as a batch holds them; 0 where the cell is null
	direct   []scratch
	found    []found // by match

	learnt  [][]uint32 // see batch; only who takes the batches touches it
	byPath  map[string]uint32
	folders [][]lake.PartitionValue
	hashed  []byte
	path    []byte
}

// scratch is where a cell lies that no memo holds, until its row is kept.
type scratch struct{ payload, hashed []byte }

func newWorker(j *job) (*worker, error) {
	p := j.plan
	r, err := source.NewReader(j.Contract.Source.Kind)
	if err != nil {
		return nil, err
	}
	for name := range p.bySource {
		r.Want(name)
	}
	n := len(p.columns)
	return &worker{
		plan: p, reader: r, textLimit: maxBatchText, validated: j.Validated, rivals: j.rivals, memoBytes: j.options.memoBytes(), files: j.files.columns,
		memos: make([]memo, n), raw: make([][]byte, p.raws), hashes: make([]uint32, n), cells: make([]cell, n), number: make([]uint32, n),
		direct: make([]scratch, n), found: make([]found, len(p.matches)), learnt: make([][]uint32, len(p.files)), byPath: map[string]uint32{},
	}, nil
}

// read makes the page ready. Only what forbids to stage the run at all is an error of the batch.
func (w *worker) read(ctx context.Context, b *batch, page *Page, body []byte) {
	for i := range w.memos {
		if m := &w.memos[i]; !m.off && hardlyRepeats(int64(m.asked), int64(len(m.outcomes))) {
			w.memoSize -= m.size()
			*m = memo{off: true}
		}
	}
	b.bytes = int64(len(body))
	var next, after int // the row being read, and where the one before it ended
	err := w.reader.Rows(body, func(rec source.Row) error {
		b.rows++
		next, after = rec.Index+1, rec.End
		w.row(b, rec)
		if len(b.text) > w.textLimit {
			return fault(page.Key, "its values take more than %d MiB; fetch the dataset in smaller pages", w.textLimit>>20)
		}
		if b.badBytes > maxBatchBad {
			return fault(page.Key, "its refused rows, %d so far, take more than %d MiB; look at what it holds, or fetch the dataset in smaller pages", len(b.bad), maxBatchBad>>20)
		}
		return ctx.Err()
	})
	var permanent *Fault
	var malformed *source.PageError
	switch {
	case errors.As(err, &malformed) && w.validated:
		b.err = fault(page.Key, "%w; nothing was staged, run the dataset again", malformed)
		return
	case errors.As(err, &malformed):
		// Invariant 5: what cannot be read is told, too: from the fault to the end of the page is one record.
		b.rows++
		clear(w.raw)
		w.quarantine(b, source.Row{Index: next, Start: beginning(body, after, malformed.Offset), End: len(body)},
			&rejection{code: BadPage, message: malformed.Err.Error() + fmt.Sprintf(" (byte %d); the rest of the page is lost: ask the source again", malformed.Offset)})
	case errors.As(err, &permanent):
		b.err = permanent
		return
	case err != nil:
		b.err = fmt.Errorf("stage page %s: %w", page.Key, err)
		return
	}
	if page.Rows >= 0 && b.rows != page.Rows {
		b.err = fault(page.Key, "%d rows, but its manifest counts %d; run the dataset again", b.rows, page.Rows)
		return
	}
	for _, at := range w.plan.files {
		b.memos = append(b.memos, w.memos[at])
	}
	b.folders, b.learnt = w.folders, w.learnt
}

// beginning answers where the record begins whose reading failed at fault: behind the white space and the one bracket or
// comma that stand between it and the end of the record before, or the beginning of the page.
func beginning(body []byte, after, fault int) int {
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

// space is JSON's white space.
const space = " \t\r\n"

// row makes one record ready and puts it among the good or the bad.
func (w *worker) row(b *batch, rec source.Row) {
	origin := w.spread(rec)
	if rec.Bad != nil {
		w.quarantine(b, rec, unreadable(rec.Bad))
		return
	}
	w.fetch()
	for i := range w.plan.columns {
		if bad := w.cell(i); bad != nil {
			w.quarantine(b, rec, bad)
			return
		}
	}
	if bad := w.plan.belongs(w.cells); bad != nil {
		w.quarantine(b, rec, bad)
		return
	}
	w.hashed = w.hashed[:0]
	for i := range w.cells {
		w.hashed = append(w.hashed, w.cells[i].hashed...)
	}
	sum := sha256.Sum256(w.hashed)
	if len(w.plan.key) > 0 {
		key := w.key()
		if w.rivals[key] {
			w.quarantine(b, rec, w.plan.conflict())
			return
		}
		b.keys = append(b.keys, key)
	}
	b.hashes = append(b.hashes, digest(sum[:16]))
	b.origins = append(b.origins, origin)
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

// spread lays the record's values out by column and answers its origin. A name may repeat: the last one counts.
func (w *worker) spread(rec source.Row) uint8 {
	clear(w.raw)
	var origin []byte
	raw, columnOf := w.raw, w.columnOf
	for i := range rec.Fields {
		f := &rec.Fields[i]
		column := unknownField
		if uint(f.ID) < uint(len(columnOf)) {
			column = columnOf[f.ID]
		}
		if column == unknownField {
			column = w.learn(f)
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
		w.join(i)
	}
	return w.plan.originOf(origin)
}

// What a name stands for where that is not one column.
const (
	unknownField = -1 - iota // not yet met
	otherField               // not staged
	originField              // the pseudo-field that says where a row comes from
	sharedField              // several things are made of it
)

// learn finds out what a field's name stands for, and remembers it by the reader's ID.
func (w *worker) learn(f *source.Value) int {
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

// fetch hashes the row's values and touches where the memos hold them, all columns together, so that the processor waits
// for memory once and not column by column.
func (w *worker) fetch() {
	for i := range w.memos {
		if m := &w.memos[i]; !m.off && len(w.raw[i]) <= memoLarge {
			w.hashes[i] = uint32(maphash.Bytes(seed, w.raw[i]))
			w.touched ^= m.first(w.hashes[i])
		}
	}
	for i := range w.memos {
		m := &w.memos[i]
		if n := m.first(w.hashes[i]); n != 0 {
			w.touched ^= m.outcomes[n-1].at
		}
	}
}

// cell makes the value of column i ready, or answers what is wrong with it.
func (w *worker) cell(i int) *rejection {
	raw, m := w.raw[i], &w.memos[i]
	if m.off || len(raw) > memoLarge {
		return w.directly(i)
	}
	m.asked++
	hash := w.hashes[i]
	number := m.find(raw, hash)
	if number == 0 {
		bad := w.directly(i)
		if len(m.outcomes) < memoMost && w.memoSize < w.memoBytes {
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

// directly makes the value of column i ready without a memo.
func (w *worker) directly(i int) *rejection {
	col, c, s := w.plan.columns[i], &w.cells[i], &w.direct[i]
	w.number[i] = 0
	v, bad := w.value(i)
	if bad != nil {
		return bad
	}
	s.payload, s.hashed = s.payload[:0], appendHashed(s.hashed[:0], col.field.Type, v)
	if !v.null {
		s.payload = appendPayload(s.payload, col.field.Type, v)
		w.number[i] = directCell
	}
	*c = cell{null: v.null, payload: s.payload, hashed: s.hashed}
	if col.folder && !v.null {
		c.folder.name = col.partitionText(v)
		c.folder.safe = pathSafe(c.folder.name)
	}
	return nil
}

// key digests the row's key. One of up to fifteen bytes stands for itself.
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

// partition finds or opens the worker's number of the row's partition.
func (w *worker) partition() uint32 {
	w.path = w.path[:0]
	for _, at := range w.plan.partition {
		w.path = append(append(w.path, w.cells[at].folder.name...), '/') // which no folder's name holds
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

func (w *worker) quarantine(b *batch, rec source.Row, why *rejection) {
	b.bad = append(b.bad, quarantined{
		page: b.page, row: rec.Index, start: rec.Start, end: rec.End, rejection: *why, json: w.plan.show(w.raw),
	})
	b.badBytes += b.bad[len(b.bad)-1].size()
}

// unreadable is the reason of a record that its page's reader could not read.
func unreadable(err error) *rejection {
	if errors.Is(err, source.ErrNotUTF8) {
		return &notUTF8
	}
	return &notObject
}

var (
	notUTF8   = rejection{code: BadText, message: "want UTF-8"}
	notObject = rejection{code: BadRow, message: "want an object"}
)
