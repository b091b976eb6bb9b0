package engine

// arena copies small byte slices into large chunks. Invariant: a slice that keep returned never moves and never
// changes.
type arena struct {
	free []byte
	size int // bytes copied
}

const arenaChunk = 64 << 10

// keep copies b into the arena and returns the copy.
func (a *arena) keep(b []byte) []byte {
	if len(b) > len(a.free) {
		a.free = make([]byte, max(arenaChunk, len(b)))
	}
	kept := a.free[:len(b):len(b)]
	a.free = a.free[len(b):]
	copy(kept, b)
	a.size += len(b)
	return kept
}
