package memory

import "syscall"

// Peak returns the maximum physical memory of the process so far, in bytes; 0 if the system does not report it.
func Peak() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Maxrss // bytes on macOS, KiB on other systems
}
