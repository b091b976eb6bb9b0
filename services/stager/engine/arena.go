package engine

// arena keeps small byte slices for as long as it lives itself. Invariant: what keep has answered never moves or changes.
type arena struct {
	free []byte
	size int // bytes kept
}

const arenaChunk = 64 << 10

// keep copies b.
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
