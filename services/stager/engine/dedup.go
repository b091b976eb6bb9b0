package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
)

// digest identifies rows and keys. 128 bits of sha256: two different rows of one lake do not share one.
type digest [16]byte

// keyDigest is a key that fits into fifteen bytes, with its length behind it, or 127 bits of its sha256. Invariant: it is
// never all zeros, and no short key is like a long one's digest.
func keyDigest(key []byte) (d digest) {
	if len(key) < len(d) {
		copy(d[:], key)
		d[15] = byte(len(key))
		return d
	}
	sum := sha256.Sum256(key)
	d = digest(sum[:16])
	d[15] |= 0x80
	return d
}

// keys is the set of the keys met so far. With each may go the beginning of its row's hash, so that a row that repeats
// another can be told from one that contradicts it. Up to limit keys are in memory; the others lie in files, which a
// filter in memory saves from being asked in vain. Invariant: what meet answers does not depend on where a key lies.
type keys struct {
	rows    bool // row hashes are kept
	limit   int
	n       int // keys in memory
	shards  [keyShards]keyShard
	spilled []*spilledKeys
	folder  string // of the files
	touched byte   // keeps touch from being left out by the compiler
}

// keyShards is how many tables share the keys: growing one at a time takes little more memory than the keys themselves.
const keyShards = 64

// keyShard is an open-addressing table. A key of zeros is none.
type keyShard struct {
	keys []digest
	rows []uint64 // nil unless row hashes are kept
	n    int
}

// newKeys makes a set that keeps within the given bytes of memory and expects n keys; n < 0: not known.
func newKeys(rows bool, bytes, n int64, folder string) *keys {
	each := int64(16)
	if rows {
		each += 8
	}
	k := &keys{rows: rows, folder: folder, limit: int(max(bytes/(2*each), keyShards))} // a table that has just grown is half empty
	if n > 0 {
		per := int(min(n, int64(k.limit)))/keyShards + 1
		for i := range k.shards {
			k.shards[i].grow(per+per/2+16, rows) // 24 bytes a key
		}
	}
	return k
}

// hash spreads a key over shards and slots.
func (d *digest) hash() uint64 { return maphash.Bytes(seed, d[:]) }

// beginning is the part of a row's hash that goes with its key.
func (d *digest) beginning() uint64 { return binary.LittleEndian.Uint64(d[:8]) }

// touch answers the hashes of keys that are about to be met, and makes the processor fetch the slots where they will be
// looked for all at once: one after another, each would be waited for.
func (k *keys) touch(hashes []uint64, all []digest) []uint64 {
	for i := range all {
		hashes = append(hashes, all[i].hash())
	}
	for _, hash := range hashes {
		if s := &k.shards[hash%keyShards]; len(s.keys) > 0 {
			k.touched ^= s.keys[slotOf(hash, len(s.keys))][0]
		}
	}
	return hashes
}

// meet puts a key, whose hash is given, into the set unless it is there. same says whether the row it came with then had
// the same hash.
func (k *keys) meet(key *digest, hash, row uint64) (known, same bool, err error) {
	s := &k.shards[hash%keyShards]
	at, known := s.find(key, hash)
	if known {
		return true, s.rows != nil && s.rows[at] == row, nil
	}
	for _, f := range k.spilled {
		known, there, err := f.find(key, hash)
		if err != nil || known {
			return known, there == row, err
		}
	}
	if k.n == k.limit {
		if err := k.spill(); err != nil {
			return false, false, err
		}
	}
	if s.n*5 >= len(s.keys)*4 {
		s.grow(len(s.keys)+len(s.keys)/2+64, k.rows)
	}
	at, _ = s.find(key, hash)
	s.put(at, key, row)
	k.n++
	return false, false, nil
}

// slotOf is where a key is looked for first in a table of n slots.
func slotOf(hash uint64, n int) int {
	hi, _ := bits.Mul64(hash, uint64(n))
	return int(hi)
}

// find answers the slot that holds the key, or the free one that would.
func (s *keyShard) find(key *digest, hash uint64) (at int, known bool) {
	if len(s.keys) == 0 {
		return 0, false
	}
	for at = slotOf(hash, len(s.keys)); ; {
		switch s.keys[at] {
		case *key:
			return at, true
		case digest{}:
			return at, false
		}
		if at++; at == len(s.keys) {
			at = 0
		}
	}
}

func (s *keyShard) put(at int, key *digest, row uint64) {
	s.keys[at] = *key
	if s.rows != nil {
		s.rows[at] = row
	}
	s.n++
}

func (s *keyShard) grow(slots int, rows bool) {
	old := *s
	*s = keyShard{keys: make([]digest, slots)}
	if rows {
		s.rows = make([]uint64, slots)
	}
	for i := range old.keys {
		if key := &old.keys[i]; *key != (digest{}) {
			at, _ := s.find(key, key.hash())
			var row uint64
			if rows {
				row = old.rows[i]
			}
			s.put(at, key, row)
		}
	}
}
