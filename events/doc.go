// Package events is the catalogue of what Llac's services say to each other.
//
// An event is a CloudEvents 1.0 document in structured JSON mode. Its type names a fact that has
// happened ("cat.llac.landing.written.v1"), its subject is the dataset, its correlation id is the run.
// Payloads carry keys, counts and digests, never rows of data, so that an event may be logged, kept in
// a dead-letter queue or shown on a screen without showing anybody's personal data (invariant 8).
//
// A published version never changes. Decoders ignore fields they do not know, so a producer may add
// optional fields within a version; anything else is a new version. The golden files in testdata pin
// every released version.
//
// The package imports the standard library alone. Package document writes the schemas and the AsyncAPI document from its types.
//
//go:generate go test ./document -run Generated|Golden|Released -update
package events
