// Package jsonpage reads the JSON pages of portals: a scanner that finds values without building them, a reader for
// arrays of records, and a table that numbers field names.
//
// What must hold: everything accepted is JSON to encoding/json too; an error names the byte offset and never quotes the
// page (invariant 8); a record that cannot be read does not damage the records after it (invariant 5).
package jsonpage
