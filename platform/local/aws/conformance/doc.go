// Package conformance says what "like AWS" means to Llac: the behaviour of S3, SNS and SQS that the services stand on,
// as one suite over the plain SDK clients. It runs against the local cloud, against moto, and against a real account
// where one is offered, so that the emulator cannot drift into a dialect of its own.
//
// A Target says what the other side lacks; what is lacking is skipped by name, never silently.
package conformance
