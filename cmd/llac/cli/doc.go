// Package cli is the operator's tool: one file a verb, cmd_<verb>.go, each with its options and its run function.
//
// A command answers a reply: data for a program and text for a person. With --json the one envelope goes to standard
// output, and nothing else; without it the text goes to standard output, and errors and notices to standard error.
// Every error has a code, an exit status and, where a person can act, what to do next.
package cli
