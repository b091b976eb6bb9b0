package runtime

import "time"

// Size states what a service needs as a Lambda function behind its queue. Terraform reads it from terraform/services.json,
// which is generated from these values; nothing else states it.
type Size struct {
	MemoryMiB int
	// Timeout is the time for one batch. The queue's visibility timeout is six times as long.
	Timeout time.Duration
	// BatchSize is the maximum number of messages per invocation.
	BatchSize int
	// MaximumConcurrency is the maximum number of functions that the queue starts at once; at least 2 (AWS's minimum).
	MaximumConcurrency int
	// EphemeralStorageMiB is the size of /tmp. 0 means 512, which Lambda gives without charge.
	EphemeralStorageMiB int
}
