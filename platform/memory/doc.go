// Package memory is the memory a process is to stay within: an amount as people write it, the limit that makes the Go
// runtime keep to it, and the most the process has really had.
//
// What must hold: an amount means the same wherever it is read, in a flag as in the environment; MiB is 1024 times 1024
// bytes, MB is a million.
package memory
