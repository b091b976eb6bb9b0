// Package events is the catalogue of the events that Llac's services emit and consume.
//
// An event is a CloudEvents 1.0 document in structured JSON mode. Its type names a fact ("cat.llac.landing.written.v1"), its
// subject is the dataset, its correlation id is the run. Payloads contain keys, counts and digests, never rows of data. An
// event may therefore be logged, kept in a dead-letter queue or displayed without exposing personal data (invariant 8).
//
// A released version changes only by new optional fields, because decoders ignore unknown fields. Any other change needs a
// new version. The golden files in testdata pin every released version.
//
// The package imports the standard library alone. Package document writes the schemas and the AsyncAPI document from its types.
//
//go:generate go test ./document -run Generated|Golden|Released -update
package events
