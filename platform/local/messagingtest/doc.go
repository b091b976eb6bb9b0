// Package messagingtest tests platform/messaging and platform/runtime against the local cloud, over HTTP. It covers watermill's
// universal suite, a poison message among good ones, redelivery, dead letters, the topology, and a service's binary as a
// consumer and as a Lambda function. It contains tests only. It is here because the platform must not depend on the local cloud.
//
// What it does not test: that SQS and SNS behave like the local cloud. The conformance suite of platform/local/aws does.
package messagingtest
