// Package messaging implements watermill's Publisher and Subscriber over SNS and SQS. watermill-aws publishes. The consumer is
// Llac's own, because one message that cannot be handled must not delay or lose others of its batch
// (docs/adr/20261123-own-consumer.md).
//
// The nouns:
//
//   - A delivery is one receive of a message from a queue, with the attributes that SQS reports for it.
//   - A message is acknowledged (deleted), released (returned to the queue at once, because the service is
//     stopping), retried (returned to the queue after a backoff) or rejected (retrying cannot succeed).
//   - A dead letter is a rejected message in its service's dead-letter queue. It has the original body and attributes, and
//     the reason in attributes of its own.
//
// What must hold:
//
//   - Delivery is at least once. A message is deleted only after its handler acknowledged it, or after SQS accepted its dead
//     letter.
//   - Messages of one batch share nothing but the call that received them (invariant 5).
//   - While a handler works on a message, its visibility timeout is extended.
//   - Close always returns.
package messaging
