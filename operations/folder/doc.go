// Package folder lets the stager's engine work on a folder: pages in, Parquet files out, no lake and no cloud.
//
// What must hold: the order of the pages is that of their names and of nothing else (invariant 6); no output is visible
// before all of it is there, and what an Output holds that is not published leaves nothing behind (invariant 2).
package folder
