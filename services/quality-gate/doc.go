// Package gate is the quality gate: it decides what is published. It audits a candidate against its contract's quality rules
// and against the published snapshot, writes the verdict, and then moves the pointer. A candidate that fails changes nothing
// that readers see: stale beats wrong.
//
// What must hold:
//   - The pointer names only objects for which a passing verdict names the same bytes (invariant 3).
//   - The pointer moves by compare-and-swap, and only to a later slot (invariant 10).
//   - Simulated data are never mistaken for real data (invariant 11).
//
// The metrics are in platform/quality. This package does not know any of them by name.
package gate
