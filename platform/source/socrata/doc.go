// Package socrata is the portal kind "socrata": SODA 2.1, as analisi.transparenciacatalunya.cat serves it.
//
// The client requests pages in the order of :id, uses entity tags and dates to detect a new version, and reads the schema
// from the response headers where they are short enough.
package socrata
