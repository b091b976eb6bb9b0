// Package document writes the documents of the event catalogue from its Go types: the JSON Schemas, the AsyncAPI document
// and the example events. It also compares a schema with its released version.
//
// `go generate ./events/...` writes the documents; the tests fail when one is stale. The package is a module of its own, so
// that the events module depends on the standard library alone.
package document
