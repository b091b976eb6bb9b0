// Package restore restores a lake from its replica.
//
// What must hold: no existing object is overwritten; a pointer is moved last, and only to a snapshot whose every object was
// read back from the restored lake and has the digest that the pointer names (invariants 2 and 3); a pointer only moves
// forward (invariant 10). A dataset that cannot be restored does not stop the others (invariant 5), and everything that was
// not restored is reported. Restore is idempotent: run it again to continue.
//
// Objects get other version ids in another bucket. The landing-janitor deletes by the version ids in pointers and their
// history, so those are rewritten. All other documents name objects by key and digest and are copied byte for byte.
package restore
