// Package engine turns the raw pages of a run into partitioned Parquet and a quarantine.
//
// A page holds records as the source sent them. A record that satisfies its contract is staged: cleaned, cast and
// written. A record whose key was staged already is a duplicate. Any other is quarantined, with its position and the
// reason, so that a bad row never stops a good one.
//
// What must hold: rows in = staged + duplicates + quarantined (invariant 5); the same pages under the same contract
// give the same bytes (invariant 6); no value of a personal field, and no value of a field the contract does not
// know, leaves the page it came in (invariant 8).
//
// The package knows neither queues nor object stores: it reads pages by function and writes through a Sink, so the
// same engine serves the Lambda, the laptop and a folder of files.
package engine
