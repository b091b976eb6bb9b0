// Package staging times the job of issue 4, "JSON pages to typed, cleaned, deduplicated, partitioned Parquet with a
// quarantine", beside the engines that people use for it. A Contestant is one program that does a whole Set of pages.
//
// What must hold: all contestants do the same job, which is checked by content before anything is timed; each is timed as
// a whole process, next to a run of ours, in an order that turns from round to round; what they write is removed, also
// when the bench is interrupted.
package staging
