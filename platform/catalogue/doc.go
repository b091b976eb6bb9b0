// Package catalogue keeps the query engine's tables at what the pointers of the lake say.
//
// The nouns. The catalogue is a Glue database: what Athena, and dbt in it, can be asked about by name. A snapshot's table,
// <dataset>__<snapshot>, reads exactly the objects of one published snapshot and is never changed: a build of the marts
// that names it is pinned. The public table, <dataset>, is what people ask; it is a view of one snapshot's table.
//
// What must hold: the public table moves from one snapshot to the next in a single call (invariant 2). That is why it is a
// view: the partitions of a Glue table are no part of its definition, so that a table with partitions could only be moved
// by several calls, between which a reader would see some of both. It never moves back (invariant 10): it is changed only
// as long as nobody else has changed it since, and the pointer is read after that. Whatever dies in between, to follow
// again ends at the pointer.
//
// The marts have a database of their own, kept likewise at their one pointer: a table for each build that wrote a mart,
// <mart>__<build>, and the mart's public view.
package catalogue
