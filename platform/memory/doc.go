// Package memory limits and measures the memory of a process. It parses amounts as people write them, sets the limit of the Go
// runtime, and reads the peak usage.
//
// What must hold: an amount means the same in a flag and in the environment. MiB is 1024 * 1024 bytes, MB is a million bytes.
package memory
