// Package runtime runs a service: the same handler as a Lambda function behind an SQS event source mapping, or as
// a long-running consumer of the same queue.
//
// A handler is a function from one event to the events that follow from it, over ports. It never talks to a queue,
// never sleeps, never reads the environment or the wall clock. What is true of every stage is done here, once:
// the envelope is parsed and its type checked, the receipt makes a redelivery harmless (invariant 1), events are
// stamped and published before the message is acknowledged, transient errors are retried with backoff, permanent ones
// go to the dead-letter queue with their reason, and spans, logs and metrics carry the run (invariant 7).
package runtime
