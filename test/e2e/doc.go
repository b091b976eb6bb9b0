// Package e2e runs the whole of Llac in one process, from a misbehaving portal to the published snapshot, and checks
// what a reader of the lake sees. Each test covers one kind of input or failure.
package e2e
