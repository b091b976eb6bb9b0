// Package messagingtest proves platform/messaging and platform/runtime against the local cloud, over HTTP: watermill's
// universal suite, a poison message among good ones, redelivery, dead letters, the topology, and a service's built
// binary as a consumer and as a Lambda function. It holds tests alone; it lives here because the platform must not
// depend on the local cloud.
//
// What it does not prove: that SQS and SNS behave as the local cloud does. The conformance suite of
// platform/local/aws is for that.
package messagingtest
