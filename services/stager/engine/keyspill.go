package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// spilledKeys is a full set of keys in a file: the shards' tables one after another, as they were in memory. The filter
// rules out nearly every key that is not in the file. Invariant: it never rules out a key that is.
type spilledKeys struct {
	file   *os.File
	filter filter
	shards [keyShards]struct {
		offset int64 // of the table's first slot
		slots  int
	}
	width int // bytes per slot
}

// moreRoom is the advice when keys cannot be written to a file.
const moreRoom = "give the stager more memory or another temporary folder"

// spill moves the keys from memory to a file.
func (k *keys) spill() (err error) {
	file, err := os.CreateTemp(k.folder, "llac-keys-*")
	if err != nil {
		return fmt.Errorf("create a temporary file for %d keys: %w; "+moreRoom, k.n, err)
	}
	// Where the system allows it, an open file is removed at once, so that nothing remains after a crash. Elsewhere
	// close removes it.
	_ = os.Remove(file.Name())
	f := &spilledKeys{file: file, filter: newFilter(k.n), width: 16}
	k.spilled = append(k.spilled, f)
	if k.rows {
		f.width += 8
	}
	var offset int64
	var table []byte
	for i := range k.shards {
		s := &k.shards[i]
		f.shards[i].offset, f.shards[i].slots = offset, len(s.keys)
		table = table[:0]
		for at := range s.keys {
			table = append(table, s.keys[at][:]...)
			if k.rows {
				table = binary.LittleEndian.AppendUint64(table, s.rows[at])
			}
			if s.keys[at] != (digest{}) {
				f.filter.add(s.keys[at].hash())
			}
		}
		if _, err := file.Write(table); err != nil {
			return fmt.Errorf("write %d keys to a temporary file: %w; "+moreRoom, k.n, err)
		}
		offset += int64(len(table))
		clear(s.keys)
		s.n = 0
	}
	k.n = 0
	return nil
}

// close removes the files.
func (k *keys) close() {
	if k == nil {
		return
	}
	for _, f := range k.spilled {
		_ = f.file.Close()
		_ = os.Remove(f.file.Name()) // mostly removed already
	}
	k.spilled = nil
}

// find looks up a key in the file and returns the row hash stored with it.
func (f *spilledKeys) find(key *digest, hash uint64) (known bool, row uint64, err error) {
	s := &f.shards[hash%keyShards]
	if s.slots == 0 || !f.filter.mayContain(hash) {
		return false, 0, nil
	}
	var block [128 * 24]byte
	for at := slotOf(hash, s.slots); ; {
		n := min(128, s.slots-at)
		b := block[:n*f.width]
		if _, err := f.file.ReadAt(b, s.offset+int64(at*f.width)); err != nil && !errors.Is(err, io.EOF) {
			return false, 0, fmt.Errorf("read keys from a temporary file: %w", err)
		}
		for ; len(b) > 0; b = b[f.width:] {
			switch digest(b[:16]) {
			case *key:
				if f.width > 16 {
					row = binary.LittleEndian.Uint64(b[16:])
				}
				return true, row, nil
			case digest{}:
				return false, 0, nil
			}
		}
		if at += n; at == s.slots {
			at = 0
		}
	}
}

// filter is a Bloom filter that sets six bits per key within one block of 64 bytes. With twelve bits per key about one
// result in a hundred is a false positive.
type filter [][8]uint64

func newFilter(keys int) filter { return make(filter, keys*12/512+1) }

// block returns the block of a key and the number from which its bit positions are read, nine bits at a time.
func (f filter) block(hash uint64) (block *[8]uint64, bits uint64) {
	// The shard used the lowest bits of the hash and the slot the highest: mix the rest again.
	hash *= 0x9e3779b97f4a7c15
	return &f[slotOf(hash, len(f))], hash ^ hash>>29
}

func (f filter) add(hash uint64) {
	block, bits := f.block(hash)
	for range 6 {
		block[bits>>6&7] |= 1 << (bits & 63)
		bits >>= 9
	}
}

func (f filter) mayContain(hash uint64) bool {
	block, bits := f.block(hash)
	for range 6 {
		if block[bits>>6&7]&(1<<(bits&63)) == 0 {
			return false
		}
		bits >>= 9
	}
	return true
}
