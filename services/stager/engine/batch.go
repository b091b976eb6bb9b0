package engine

import (
	"fmt"

	"github.com/llac-project/llac/platform/lake"
)

// batch is one page made ready by a worker: the rows that have passed, in columns and numbers, and those that have not.
// Invariant: it points into the worker's memos, which only grow, and never into the page, whose buffer is used again.
type batch struct {
	page  int
	err   error // the page cannot be staged; nothing else counts
	rows  int64 // records of the page
	bytes int64

	good       int      // rows that have passed
	cells      []uint32 // row by row, one for each column inside the files: see directCell
	text       []byte   // values that no memo holds, each as rowGroup.text holds it
	hashes     []digest // of rows
	keys       []digest // of their keys; empty when the contract has none
	origins    []uint8
	partitions []uint32 // which of folders

	memos    []memo                  // by column inside the files: what the worker's memo held
	folders  [][]lake.PartitionValue // the worker's partitions
	learnt   [][]uint32              // by column: numbers in the job's dictionaries, by number of the outcome - 1
	bad      []quarantined
	badBytes int // that they take
}

// A cell of a batch is 0 for null, the number of an outcome, or directCell and the place of its value in text.
const directCell = 1 << 31

// maxBatchText is the most that text may hold: well below what the place of a cell can say.
const maxBatchText = 1 << 30

// maxBatchBad is the most memory that the refused rows of one page may take.
const maxBatchBad = 64 << 20

func (b *batch) reset(page int) {
	*b = batch{
		page: page, cells: b.cells[:0], text: b.text[:0], hashes: b.hashes[:0], keys: b.keys[:0], origins: b.origins[:0],
		partitions: b.partitions[:0], memos: b.memos[:0], bad: b.bad[:0],
	}
}

// known answers the number in the job's dictionary of an outcome; 0: not learnt yet.
func (b *batch) known(column int, number uint32) uint32 {
	if learnt := b.learnt[column]; int(number) <= len(learnt) {
		return learnt[number-1]
	}
	return 0
}

// learn notes the number in the job's dictionary of an outcome, for all batches of the worker.
func (b *batch) learn(column int, number, inDictionary uint32) {
	if have := b.learnt[column]; int(number) > len(have) {
		b.learnt[column] = append(have, make([]uint32, len(b.memos[column].outcomes)-len(have))...)
	}
	b.learnt[column][number-1] = inDictionary
}

// payload answers the value of a cell that is not null.
func (b *batch) payload(column int, cell uint32, width int) []byte {
	if cell&directCell == 0 {
		return b.memos[column].payload(cell)
	}
	return stored(b.text[cell&^directCell:], width)
}

// fault is a permanent error about the batch's page.
func fault(key, format string, a ...any) error {
	return &Fault{"stage page " + key, fmt.Errorf(format, a...)}
}
