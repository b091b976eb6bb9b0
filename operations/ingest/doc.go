// Package ingest lands files that a person collected, as the fetcher would have landed them.
//
// What must hold: the bytes are kept unchanged; the validator, the stager and the gate process the files exactly as they
// process what the fetcher landed; the rows name an unofficial source unless a person has vouched for the bytes, by name and
// with a reason (invariant 11).
package ingest
