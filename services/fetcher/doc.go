// Package fetcher reads a source and lands it: every page byte for byte under a key that holds its digest, then
// the manifest that lists them all.
//
// It asks first whether the source has changed since the published snapshot, and ends the run when it has not.
// When the source is re-published during the extraction it starts again as a new attempt, so that a landing never mixes
// two versions. Near its deadline it hands on to itself by an event, never by failing.
package fetcher
