// Package staging measures the job of issue 4, "JSON pages to typed, cleaned, deduplicated, partitioned Parquet with a
// quarantine", compared with the engines that people use for it. A Contestant is one program that stages a whole Set of
// pages.
//
// What must hold: all contestants do the same job, which is checked by comparing their outputs before anything is
// timed. Each is timed as a whole process, next to a run of llac, in an order that alternates from round to round.
// Outputs are removed, also when the benchmark is interrupted.
package staging
