// Package e2e runs the whole of Llac in one process, from a portal that misbehaves to the published snapshot, and looks
// at what a reader of the lake would see. Each test is one thing that the world does to a data pipeline.
package e2e
