// Package messaging is watermill's Publisher and Subscriber over SNS and SQS: watermill-aws publishes, our own
// consumer receives, because a poison message must not harm its neighbours (docs/adr).
//
// A message is received in batches of ten, its visibility is prolonged while it is worked on, an acknowledgement
// deletes it, a refusal puts it back with a backoff, and a permanent failure sends it to the dead-letter queue
// with its reason before it is deleted. At least once, never lost.
package messaging
