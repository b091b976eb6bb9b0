package engine

import (
	"crypto/sha256"
	"hash/maphash"
	"math/bits"
)

// digest identifies a key: 128 bits, enough for two different keys of one lake never to share a digest.
type digest [16]byte

// keyDigest returns the key itself, with its length as the last byte, when it fits into fifteen bytes, and otherwise
// 127 bits of its SHA-256. Invariant: a digest is never all zeros, and a short key never equals the digest of a long
// one.
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

// keys is the set of the keys seen so far. It can store the hash of the row with each key, to distinguish a repeated row from a
// conflicting one. Up to limit keys are in memory; the others are in files. A filter in memory avoids most lookups in the
// files. Invariant: the result of insert does not depend on where a key is stored.
type keys struct {
	rows       bool // row hashes are stored
	limit      int
	n          int // number of keys in memory
	shards     [keyShards]keyShard
	spilled    []*spilledKeys
	folder     string // folder of the files
	prefetched byte   // keeps the compiler from removing the loads in prefetch
}

// keyShards is the number of tables that share the keys. Growing one table at a time takes little more memory than the
// keys.
const keyShards = 64

// keyShard is an open-addressing table. A key of all zeros marks a free slot.
type keyShard struct {
	keys []digest
	rows []uint64 // nil unless row hashes are stored
	n    int
}

// newKeys returns a set that stays within the given bytes of memory and expects n keys; n < 0: unknown.
func newKeys(rows bool, bytes, n int64, folder string) *keys {
	each := int64(16)
	if rows {
		each += 8
	}
	k := &keys{rows: rows, folder: folder, limit: int(max(bytes/(2*each), keyShards))} // a table that has just grown is half empty
	if n > 0 {
		per := int(min(n, int64(k.limit)))/keyShards + 1
		for i := range k.shards {
			k.shards[i].grow(per+per/2+16, rows) // 24 bytes per key
		}
	}
	return k
}

// hash returns the hash that assigns a key to a shard and a slot.
func (d *digest) hash() uint64 { return maphash.Bytes(seed, d[:]) }

// prefetch returns the hashes of keys that are inserted next. It reads their slots all at once, so that the processor
// fetches the memory in parallel instead of waiting for one slot after another.
func (k *keys) prefetch(hashes []uint64, all []digest) []uint64 {
	for i := range all {
		hashes = append(hashes, all[i].hash())
	}
	for _, hash := range hashes {
		if s := &k.shards[hash%keyShards]; len(s.keys) > 0 {
			k.prefetched ^= s.keys[slotOf(hash, len(s.keys))][0]
		}
	}
	return hashes
}

// insert adds a key, whose hash is given, unless the set contains it. same reports whether the known key came with the
// same row hash.
func (k *keys) insert(key *digest, hash, row uint64) (known, same bool, err error) {
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

// slotOf returns the first slot to search for a key in a table of n slots.
func slotOf(hash uint64, n int) int {
	hi, _ := bits.Mul64(hash, uint64(n))
	return int(hi)
}

// find returns the slot that holds the key, or the free slot for it.
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
