//go:build linux || darwin

package checks

import "syscall"

// freeBytes is the room that the file system of dir has for us.
func freeBytes(dir string) (uint64, bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return s.Bavail * uint64(s.Bsize), true
}
