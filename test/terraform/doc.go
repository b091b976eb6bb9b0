// Package terraform holds terraform/ to account without an account: what is generated is fresh, every root is formatted and valid,
// the modules' tests pass against a mocked provider, and the policies keep their rules. test/aws applies the same files to moto.
package terraform
