package runtime

import "time"

// Size is the size of a service as a Lambda function behind its queue. Terraform reads it from terraform/services.json, which is
// generated from these values.
type Size struct {
	// MemoryMiB is the memory of the function in MiB.
	MemoryMiB int
	// Timeout is the time for one batch. The queue's visibility timeout is six times as long.
	Timeout time.Duration
	// PerMessage is the time that one message may take; 0 means an equal share of Timeout. The messages of a batch share
	// processors and memory, so all of them together must fit into Timeout: a long message is alone in its batch.
	PerMessage time.Duration
	// BatchSize is the maximum number of messages per invocation. It is 1 for a service that asks for the port Portal, so that
	// MaximumConcurrency bounds how many runs read a portal.
	BatchSize int
	// MaximumConcurrency is the maximum number of concurrent invocations for the queue; at least 2 (AWS's minimum).
	MaximumConcurrency int
	// EphemeralStorageMiB is the size of /tmp in MiB. 0 means 512, which Lambda does not charge for.
	EphemeralStorageMiB int
}
