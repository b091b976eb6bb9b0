// Package driver does what AWS does between our services on the resources that Terraform made: it fires the schedules, and polls the queues
// of the event source mappings and invokes their functions. It runs each service's own binary through the Lambda Runtime API.
//
// What must hold: the wiring is read back from the cloud's API and nothing is assumed: the queue and the input of a schedule, the queue and
// the batch size of a mapping, the function it invokes, and that function's environment and timeout. So a wrong ARN, filter, name or
// variable in Terraform stops the flow, and Missing reports where. A function gets exactly its environment, what Lambda sets itself, and
// Extra.
//
// What this does not show: roles (test/iam does), VPCs, throttling, more than one instance per function, and the arm64 code itself: the
// binaries are built from the same commit for this machine.
package driver
