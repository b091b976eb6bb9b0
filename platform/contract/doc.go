// Package contract reads dataset contracts: one file per dataset, datasets/<name>.odcs.yaml, in the Open Data Contract
// Standard 3.1. A contract is everything that Llac knows about a dataset: to add a dataset is to add its file.
//
// A contract is identified by the sha256 of its bytes. A run records that digest when it is requested, and every stage of
// the run reads exactly those bytes, whatever has been deployed since.
package contract
