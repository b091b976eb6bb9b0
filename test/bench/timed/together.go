//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package timed

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// interval is how often processes are looked at.
const interval = 20 * time.Millisecond

// watchBelow looks at what all processes below one hold together, until it is asked for the most that it saw.
func watchBelow(pid int) func() int64 {
	stop, most := make(chan struct{}), make(chan int64)
	go func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		var seen int64
		for {
			select {
			case <-tick.C:
				seen = max(seen, heldBelow(pid))
			case <-stop:
				most <- seen
				return
			}
		}
	}()
	return func() int64 { close(stop); return <-most }
}

// heldBelow is what the children of a process hold, and theirs; 0 where the system does not tell.
func heldBelow(pid int) int64 {
	var held int64
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is well-formed
	for _, file := range tasks {
		children, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		for field := range strings.FieldsSeq(string(children)) {
			var child int
			if _, err := fmt.Sscan(field, &child); err == nil {
				held += heldBy(child) + heldBelow(child)
			}
		}
	}
	return held
}

func heldBy(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	var size, resident int64
	if err != nil {
		return 0
	}
	if _, err := fmt.Sscan(string(b), &size, &resident); err != nil {
		return 0
	}
	return resident * int64(os.Getpagesize())
}
