// Package dbtsource writes the dbt source of a dataset contract: what dbt knows of a staged dataset, its columns, what
// must hold for it and how old it may get.
//
// What must hold: a contract gives one text, always the same; a source says nothing that its contract does not say; it
// names a relation for each snapshot, so that a build reads exactly the snapshots it was given.
package dbtsource
