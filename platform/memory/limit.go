package memory

import "runtime/debug"

// overhead is the memory that the Go runtime does not count: the program and the kernel's pages for it.
const overhead = 40 << 20

// Limit sets the Go runtime's memory limit for a process with this budget: garbage is collected more often near the limit.
func Limit(budget int64) {
	debug.SetMemoryLimit(max(budget-overhead, budget/2))
}
