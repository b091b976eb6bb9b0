// Package deploy deploys one service at a time without harm to the others.
//
// The nouns. A package is the zip archive of one service, as Lambda takes it: the same build gives the same bytes, and its
// digest is its name in the artifacts bucket. A Release describes a package: its build, and the event types that it consumes
// and emits. Recorded is what runs in an environment: each service's Terraform root records it in SSM parameters.
//
// What must hold: no service emits an event that a running neighbour cannot consume, and no service stops consuming one that
// a neighbour still emits. So a consumer supports a new version of an event before its producer emits it, and drops the old
// version after.
package deploy
