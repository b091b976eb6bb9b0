// Package lambdatest acts out Lambda around a function's built binary: the Runtime API that the binary asks for
// invocations, and the SQS event source mapping that makes them.
//
// What must hold of the event source, from AWS's documentation ("Using Lambda with Amazon SQS", "partial batch
// responses"): a batch's messages are deleted but for those reported in batchItemFailures; when the function fails, or
// its answer cannot be read or names an unknown message, the whole batch stays. It changes no visibility.
package lambdatest
