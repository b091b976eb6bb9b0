// Package cli is the command line of Llac: one file per command, cmd_<name>.go, with its options struct, its flags and its
// run function. A run function calls operations and returns a reply; it decides nothing itself. Each command is registered
// by one line in cmd_root.go.
//
// A reply holds data for programs and text for people. With --json, one envelope is written to standard output and nothing
// else. Without it, the text is written to standard output, and errors and notices to standard error. Every error has a
// code, an exit status and, if a person can act, what to do next.
package cli
