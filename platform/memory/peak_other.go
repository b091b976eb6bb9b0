//go:build !linux && !darwin

package memory

// Peak is the most physical memory the process has had so far, in bytes; 0: the system does not say.
func Peak() int64 { return 0 }
