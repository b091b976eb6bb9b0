// Package deploy tests make package and make deploy as they stand in the Makefile, with moto in place of AWS and a program in place of
// Terraform that records its calls. test/aws tests that Terraform then does it.
package deploy
