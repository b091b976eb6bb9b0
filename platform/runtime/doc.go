// Package runtime runs a service: the same handler as a Lambda function behind an SQS event source mapping, or as
// a long-running consumer of the same queue.
//
// A service is one value of Service. Its handler is a function from one event to the events that follow from it. The handler
// receives the ports that the service asks for. It never calls a queue, never sleeps, and never reads the environment or the
// wall clock. The runtime does what every service needs:
//
//   - It parses the envelope and checks the type. An event that the service does not consume is acknowledged, counted and logged.
//   - The receipt makes a redelivery harmless (invariant 1).
//   - It refuses events that the service does not declare to emit. It stamps the others and publishes them before it
//     acknowledges the message.
//   - It retries transient errors with backoff. Permanent errors go to the dead-letter queue with their reason.
//   - Spans, logs and metrics carry the run (invariant 7).
package runtime
