// Package runtime runs a service: the same handler as a Lambda function behind an SQS event source mapping, or as
// a long-running consumer of the same queue.
//
// A service is one value of Service. Its handler is a function that takes one event and returns the events that follow from
// it. The handler receives only the ports that the service asks for. It reaches queues and other external systems only
// through ports, never sleeps, and never reads the environment or the wall clock. The runtime does what every service needs:
//
//   - It parses the envelope and checks the type. An event that the service does not consume is acknowledged, counted and logged.
//   - It writes a receipt of each event for which the service names a receipt key, so that a redelivery has no further effect
//     (invariant 1).
//   - It rejects events that the service does not declare in Emits. It completes the envelopes of the others and emits them
//     before it acknowledges the message.
//   - It retries transient errors with backoff. A message whose error is permanent, or that failed on its last try, goes
//     to the dead-letter queue with the reason.
//   - It adds the run to spans, logs and metrics (invariant 7).
package runtime
