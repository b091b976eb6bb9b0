//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package timed

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// interval is the sampling interval.
const interval = 20 * time.Millisecond

// watchTree samples the memory of all descendants of a process until the returned function is called, which returns the
// maximum.
func watchTree(pid int) func() int64 {
	stop, most := make(chan struct{}), make(chan int64)
	go func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		var seen int64
		for {
			select {
			case <-tick.C:
				seen = max(seen, treeRSS(pid))
			case <-stop:
				most <- seen
				return
			}
		}
	}()
	return func() int64 { close(stop); return <-most }
}

// treeRSS returns the resident memory of the descendants of a process; 0 if the system does not report it.
func treeRSS(pid int) int64 {
	var total int64
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is well-formed
	for _, file := range tasks {
		children, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		for field := range strings.FieldsSeq(string(children)) {
			var child int
			if _, err := fmt.Sscan(field, &child); err == nil {
				total += processRSS(child) + treeRSS(child)
			}
		}
	}
	return total
}

func processRSS(pid int) int64 {
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
