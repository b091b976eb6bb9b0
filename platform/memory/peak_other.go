//go:build !linux && !darwin

package memory

// Peak returns the maximum physical memory of the process so far, in bytes; 0 if the system does not report it.
func Peak() int64 { return 0 }
