// Package dbtsource generates the dbt source of a dataset contract: the columns of a staged dataset, its tests and its
// freshness.
//
// What must hold: the same contract gives the same text; a source contains nothing that is not in its contract; it names
// one relation per snapshot, so that a build reads exactly the snapshots it was given.
package dbtsource
