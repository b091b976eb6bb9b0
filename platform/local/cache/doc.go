// Package cache keeps, on this machine, what is slow to make and can be made again: virtual environments, bench data.
// It lies in the repository's .cache, or in the user's cache folder outside a checkout; deleting it is always safe.
//
// What must hold: an entry is made by one process at a time; what Keep answers is whole and was made for the stamp that
// was asked for; what was left half-made is made anew.
package cache
