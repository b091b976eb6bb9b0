// Package folder runs the stager's engine on a folder: pages in, Parquet files out, without a lake or a cloud.
//
// What must hold: the names of the pages alone decide their order (invariant 6); an output becomes visible only when it
// is complete, and an Output that is not published leaves no files behind (invariant 2).
package folder
