// Package lambdatest simulates Lambda for the built binary of a function: the Runtime API from which the binary gets its
// invocations, and the SQS event source mapping that creates them.
//
// The event source follows AWS's documentation ("Using Lambda with Amazon SQS", "partial batch responses"):
//
//   - It deletes the messages of a batch, except those that the function reports in batchItemFailures.
//   - The whole batch stays in the queue when the function fails, or when its response is invalid or names an unknown message.
//   - It does not change the visibility of messages.
package lambdatest
