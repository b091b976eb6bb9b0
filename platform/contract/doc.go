// Package contract reads dataset contracts: one file a dataset, datasets/<name>.odcs.yaml, in the Open Data
// Contract Standard 3.1. A contract is all that Llac knows of a dataset; adding a dataset is adding its file.
//
// A contract is addressed by the sha256 of its bytes. A run pins that digest when it is requested, and every
// stage of the run reads exactly those bytes, whatever has been deployed since.
package contract
