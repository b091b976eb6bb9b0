// Package gate decides what is published. It audits a candidate against its contract's quality rules and against the
// snapshot that is published, writes the verdict, and only then moves the pointer. A candidate that does not pass
// changes nothing that a reader can see: stale beats wrong.
//
// What must hold: the pointer names only objects for which a passing verdict names the very same bytes (invariant 3), it
// moves by compare-and-swap and only to a later slot (invariant 10), and simulated data is never mistaken for real
// (invariant 11).
package gate
