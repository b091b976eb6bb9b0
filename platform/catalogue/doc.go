// Package catalogue updates the query engine's tables to match the pointers of the lake.
//
// The nouns:
//   - The catalogue is a Glue database. Athena, and dbt on Athena, query its tables by name.
//   - A snapshot's table, <dataset>__<snapshot>, reads exactly the objects of one published snapshot and never changes. A
//     build of the marts that names it is pinned to that snapshot.
//   - The public table, <dataset>, is the one that people query. It is a view of one snapshot's table.
//   - The marts have a database of their own, with one pointer: a table per build that wrote a mart, <mart>__<build>, and
//     the mart's public view.
//
// What must hold:
//   - The public table moves from one snapshot to the next in a single call (invariant 2). That is why it is a view: the
//     partitions of a Glue table are not part of its definition, so that moving a partitioned table takes several calls, and
//     between them a reader would see rows of both snapshots.
//   - The public table never moves back (invariant 10). It is changed only if no other process has changed it since it was
//     read, and the pointer is read after the table.
//   - After a crash at any point, following again updates the tables to match the pointer.
package catalogue
