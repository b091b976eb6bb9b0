// Package conformance defines what "like AWS" means to Llac: the behaviour of S3, SNS and SQS that the services depend on. It is
// one suite over the plain SDK clients. The suite runs against the local cloud, against moto and, on request, against a real
// account, so that the local cloud cannot diverge from AWS.
//
// A Target lists the features that it has. A case that needs another feature is skipped, with the feature's name.
package conformance
