// Package matching holds the matching of names against all municipalities of Catalonia: no wrong match, in any spelling, and
// how many are matched by which method.
package matching
