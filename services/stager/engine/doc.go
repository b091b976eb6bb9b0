// Package engine turns the raw pages of a run into partitioned Parquet files and a quarantine file.
//
// A page holds records as the source sent them. A record that satisfies its contract is staged: cleaned, cast and
// written. A record whose key was already staged is a duplicate. Any other record is quarantined, with its position and
// the reason, so that a bad row never stops a good one.
//
// What must hold: rows in = staged + duplicates + quarantined (invariant 5). The same pages under the same contract
// give the same bytes (invariant 6). No value of a personal field, and no value of a field that the contract does not
// name, leaves its page (invariant 8).
//
// The package depends on neither queues nor object stores: it reads pages by calling a function and writes through a
// Sink, so that the same engine serves the Lambda function, the laptop and a folder of files.
package engine
