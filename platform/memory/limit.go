package memory

import "runtime/debug"

// beside is what a process has in memory that the Go runtime does not count: its program and the kernel's pages for it.
const beside = 40 << 20

// Limit makes the Go runtime keep the process within the budget: it collects the more often the less room is left.
func Limit(budget int64) {
	debug.SetMemoryLimit(max(budget-beside, budget/2))
}
