// Package restore brings a lake back from its replica.
//
// What must hold: nothing that is there is overwritten; what readers see is moved last, and only to a snapshot whose every object was read
// back from the restored lake and is what the pointer names (invariants 2 and 3); a pointer only moves forward (invariant 10). A dataset that
// cannot be brought back does not stop the others (invariant 5), and what was not brought back is told. Given again, it goes on.
//
// Objects get other version ids in another bucket. Those by which the landing-janitor deletes one day are written anew into pointers and their
// history; all else names objects by key and digest, and is copied byte for byte.
package restore
