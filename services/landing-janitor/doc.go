// Package janitor removes what is no longer needed, and can prove each removal. After a publication it archives the
// run's raw pages, reads the archive back, writes the evidence, and only then deletes exactly the landing objects that
// the run's manifest names. Its daily sweep removes what abandoned attempts left behind and snapshots that were
// superseded long ago, and keeps dead letters in the lake before their queue forgets them.
//
// What must hold: no object is deleted before durable evidence names it (invariant 4), and no landing object without a
// passing verdict on what was made from it (invariant 3). Deleting again is harmless.
package janitor
