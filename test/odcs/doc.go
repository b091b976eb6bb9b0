// Package odcs tests with datacontract-cli, a tool of the Open Data Contract Standard that knows nothing of Llac, that the
// project's contracts are valid and that the published files are what the contracts state.
package odcs
