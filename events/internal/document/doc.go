// Package document makes what people and other programs read about the events out of the Go types: the JSON Schemas, the
// AsyncAPI document, and examples with every field filled. It also says whether a schema may replace a released one.
package document
