package memory

import "syscall"

// Peak is the most physical memory the process has had so far, in bytes; 0: the system does not say.
func Peak() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Maxrss // bytes here, unlike elsewhere
}
