package engine

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestKeyDigest checks that different keys, short and long, have different digests, and that no digest is all zeros.
func TestKeyDigest(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 3))
	seen := map[digest]string{}
	insert := func(key []byte) {
		d := keyDigest(key)
		if other, ok := seen[d]; d == (digest{}) || ok && other != string(key) {
			t.Errorf("%x and %x have the digest %x", key, other, d)
		}
		if long := d[15]&0x80 != 0; long != (len(key) >= len(d)) {
			t.Errorf("the digest of %d bytes ends with %x", len(key), d[15])
		}
		seen[d] = string(key)
	}
	for length := 1; length < 40; length++ {
		key := make([]byte, length)
		insert(key) // zeros
		for range 2000 {
			for i := range key {
				key[i] = byte(r.UintN(4)) // similar to each other and to zeros
			}
			insert(key)
		}
	}
}

// TestFilter checks that the filter contains every key that was added, and about one in a hundred of the others.
func TestFilter(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(4, 4))
	for _, n := range []int{1, 64, 1000, 100_000} {
		f := newFilter(n)
		there := make([]uint64, n)
		for i := range there {
			there[i] = r.Uint64()
			f.add(there[i])
		}
		for _, hash := range there {
			if !f.mayContain(hash) {
				t.Fatalf("%d keys: %x was added but not found", n, hash)
			}
		}
		const tries = 100_000
		wrong := 0
		for range tries {
			if f.mayContain(r.Uint64()) {
				wrong++
			}
		}
		if n >= 1000 && (wrong > tries/50 || wrong < tries/1000) || wrong > tries/10 {
			t.Errorf("%d keys: the filter errs %d times in %d, want about one in a hundred", n, wrong, tries)
		}
	}
}

// TestKeysBehaveLikeAMap checks that insert returns what a map would, however few keys fit into memory.
func TestKeysBehaveLikeAMap(t *testing.T) {
	t.Parallel()
	for _, rows := range []bool{false, true} {
		for _, expected := range []int64{-1, 0, 300, 1 << 20} {
			for _, bytes := range []int64{0, 9000, 64 << 20} {
				name := fmt.Sprintf("rows %t, %d keys expected, %d bytes", rows, expected, bytes)
				r := rand.New(rand.NewPCG(5, 5))
				k := newKeys(rows, bytes, expected, t.TempDir())
				defer k.close()
				known := map[digest]uint64{}
				for range 300 {
					batch := make([]digest, 100)
					for i := range batch {
						batch[i] = keyDigest(fmt.Appendf(nil, "%d", r.IntN(20_000)))
					}
					hashes := k.prefetch(nil, batch)
					for i := range batch {
						row := r.Uint64N(2)
						before, want := known[batch[i]]
						got, same, err := k.insert(&batch[i], hashes[i], row)
						if err != nil || got != want || rows && want && same != (before == row) {
							t.Fatalf("%s: key %x, row %d: known %t, same %t (%v), want known %t with row %d", name, batch[i],
								row, got, same, err, want, before)
						}
						if !want {
							known[batch[i]] = row
						}
					}
				}
				if spilled := len(k.spilled) > 0; spilled != (bytes < 1<<20) || k.n > k.limit {
					t.Errorf("%s: %d files, %d of %d keys in memory", name, len(k.spilled), k.n, k.limit)
				}
				inMemory := map[digest]bool{}
				for i := range k.shards {
					for _, key := range k.shards[i].keys {
						if key != (digest{}) {
							inMemory[key] = true
						}
					}
				}
				if len(inMemory) != k.n || slices.ContainsFunc(slices.Collect(maps.Keys(inMemory)),
					func(d digest) bool { _, ok := known[d]; return !ok }) {
					t.Errorf("%s: the tables hold %d keys, want %d", name, len(inMemory), k.n)
				}
			}
		}
	}
}

// TestNoRoomForKeys checks that the run fails if keys cannot be written to a file.
func TestNoRoomForKeys(t *testing.T) {
	t.Parallel()
	k := newKeys(false, 0, -1, t.TempDir()+"/nowhere")
	var err error
	for i := range 100 {
		key := keyDigest(fmt.Appendf(nil, "%d", i))
		if _, _, err = k.insert(&key, key.hash(), 0); err != nil {
			break
		}
	}
	if err == nil || k.n != k.limit {
		t.Errorf("got %v with %d of %d keys in memory", err, k.n, k.limit)
	}
}
