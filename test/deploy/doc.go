// Package deploy shows how a service gets into the cloud: make package and make deploy as they stand in the Makefile, with
// moto for AWS and a program in Terraform's place that writes down what it was told. That Terraform then does it, test/aws
// shows.
package deploy
