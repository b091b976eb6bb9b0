// Package matching tests the matching of names against all municipalities of Catalonia: no wrong match in any spelling,
// and the share of names that each method matches.
package matching
