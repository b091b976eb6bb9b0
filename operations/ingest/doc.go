// Package ingest lands files that a person collected, as the fetcher would have landed them.
//
// What must hold: the bytes are kept as they are; whatever a file is, the validator, the stager and the gate see it exactly
// as they see what the fetcher landed; and nobody takes it for what a portal sent unless somebody has vouched for it, by
// name and with a reason (invariant 11).
package ingest
