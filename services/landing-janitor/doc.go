// Package janitor deletes objects that are not needed any more and keeps evidence of each deletion. After a publication it
// archives the run's raw pages, reads the archive back, writes the evidence, and then deletes exactly the landing objects
// that the run's manifest names. Its daily sweep deletes the objects of abandoned attempts and of snapshots that were
// superseded long ago. The sweep also copies dead letters to the lake before their queue drops them.
//
// What must hold: no object is deleted before durable evidence names it (invariant 4). No landing object is deleted without
// a passing verdict on the candidate that was made from it, except objects of abandoned attempts, which are deleted by age
// (invariant 3). Repeating a deletion changes nothing.
package janitor
