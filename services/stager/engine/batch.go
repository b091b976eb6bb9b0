package engine

import (
	"fmt"

	"github.com/llac-project/llac/platform/lake"
)

// batch is one page as a worker prepared it: the valid rows, as columns and numbers, and the rejected rows. Invariant:
// a batch refers to the worker's memos, which only grow, and never to the page, whose buffer is reused.
type batch struct {
	page  int
	err   error // why the page cannot be staged; the other fields are then meaningless
	rows  int64 // records in the page
	bytes int64

	good       int      // number of valid rows
	cells      []uint32 // row by row, one per column inside the files; see directCell
	text       []byte   // values that no memo holds, encoded as in rowGroup.text
	hashes     []uint64 // hashes of the rows; empty unless rows with the same key are compared
	keys       []digest // key digests; empty when the contract has no key
	positions  []position
	defaults   []uint64 // bits by index in plan.fallbacks; empty when no column has a default
	marked     []marked // refused cells of the valid rows, in the rows' order
	partitions []uint32 // indexes into folders

	memos      []memo                  // the worker's memos, by column inside the files
	folders    [][]lake.PartitionValue // the worker's partitions
	jobNumbers [][]uint32              // by column: the value's number in the job's dictionary, indexed by outcome number - 1
	bad        []quarantined
	badBytes   int // memory that bad and marked take
}

// position is what a valid row has besides its cells: its index in the page, and its marks.
type position struct {
	row   uint32
	marks marks
}

// marks are the origin of a row in the lowest bits; above them, whether it is repaired; above that, its number of refused cells.
type marks uint32

const (
	originBits  = 2
	repairedBit = 1 << originBits
	refusedAt   = originBits + 1
)

func newMarks(origin uint8, refused int, repaired bool) marks {
	m := marks(refused)<<refusedAt | marks(origin)
	if repaired {
		m |= repairedBit
	}
	return m
}

func (m marks) origin() uint8 { return uint8(m & (repairedBit - 1)) }
func (m marks) refused() int  { return int(m >> refusedAt) }

// repaired returns 1 for a repaired row and 0 otherwise.
func (m marks) repaired() uint32 { return uint32(m & repairedBit >> originBits) }

// marked is what the quarantine holds about a cell of a valid row, given by its number in the batch.
type marked struct {
	row int
	quarantined
}

// directCell marks a cell whose value is in text. A cell of a batch is 0 for null, the number of an outcome in the
// memo, or directCell plus the value's offset in text.
const directCell = 1 << 31

// maxBatchText bounds text. It is well below the largest offset that a cell can hold.
const maxBatchText = 1 << 30

// maxBatchBad bounds the memory of the rejected rows of one page.
const maxBatchBad = 64 << 20

func (b *batch) reset(page int) {
	*b = batch{
		page: page, cells: b.cells[:0], text: b.text[:0], hashes: b.hashes[:0], keys: b.keys[:0], positions: b.positions[:0],
		defaults: b.defaults[:0], marked: b.marked[:0], partitions: b.partitions[:0], memos: b.memos[:0], bad: b.bad[:0],
	}
}

// jobNumber returns the number that an outcome has in the job's dictionary, or 0 if it is not known yet.
func (b *batch) jobNumber(column int, number uint32) uint32 {
	if jobNumbers := b.jobNumbers[column]; int(number) <= len(jobNumbers) {
		return jobNumbers[number-1]
	}
	return 0
}

// setJobNumber records the number that an outcome has in the job's dictionary, for all batches of the worker.
func (b *batch) setJobNumber(column int, number, inDictionary uint32) {
	if have := b.jobNumbers[column]; int(number) > len(have) {
		b.jobNumbers[column] = append(have, make([]uint32, len(b.memos[column].outcomes)-len(have))...)
	}
	b.jobNumbers[column][number-1] = inDictionary
}

// payload returns the value of a cell that is not null.
func (b *batch) payload(column int, cell uint32, width int) []byte {
	if cell&directCell == 0 {
		return b.memos[column].payload(cell)
	}
	return stored(b.text[cell&^directCell:], width)
}

// fault returns a permanent error about a page.
func fault(key, format string, a ...any) error {
	return &Fault{"stage page " + key, fmt.Errorf(format, a...)}
}
