// Package cache stores files on this machine that take long to make and can be made again: virtual environments and benchmark data.
// They are in the repository's .cache or, outside a checkout, in the user's cache folder. Deleting them is always safe.
//
// What must hold: one process at a time makes an entry. An entry that Keep returns is complete, and was made for the requested
// stamp. An incomplete entry is made again.
package cache
