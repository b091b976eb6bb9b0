//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package aws

import (
	"errors"
	"os"
)

// lockFile returns an error: without flock(2), two processes could write to one journal.
func lockFile(*os.File) (bool, error) {
	return false, errors.New("this operating system has no flock(2); run in a Linux or macOS environment")
}
