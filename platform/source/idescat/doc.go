// Package idescat is the portal kind "idescat": the tables API v2 of api.idescat.cat, in JSON-stat 2.0.
//
// A table is a cube: dimensions, each with categories, and one value per combination of categories (a cell). The client
// divides a cube into pages below the portal's cell limit and sends every filter as explicit codes, because the portal
// ignores filters it does not know. The reader yields one row per cell.
package idescat
