// Package fetcher reads a source and lands it: every page byte for byte under a key that holds its digest, then
// the manifest that lists them all.
//
// It asks the portal first whether the source has changed since the published snapshot, and ends the run when it has not. When
// the source is republished during the extraction, the fetcher starts a new attempt, so that a landing never mixes two versions.
// Near its deadline the fetcher hands the rest over to itself by an event.
package fetcher
