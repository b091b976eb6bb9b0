//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package aws

import (
	"errors"
	"os"
	"syscall"
)

// lockFile takes an exclusive advisory lock without waiting. It returns false if another process has it.
func lockFile(f *os.File) (bool, error) {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		}
		return false, err
	}
}
