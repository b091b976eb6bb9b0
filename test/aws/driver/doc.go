// Package driver acts out what AWS does between our services, on what Terraform made: the schedules, and the event source mappings that
// call the functions. It runs each service's own binary through the Lambda Runtime API.
//
// What must hold: everything about the wiring is read back from the cloud's API and nothing is known beforehand: which queue a schedule
// sends to and what, which queue a mapping reads, in what batches, which function it calls, with what environment and timeout. So a wrong
// ARN, filter, name or variable in Terraform ends the flow, and Missing says where. A function gets exactly its environment, what Lambda sets
// itself, and Extra.
//
// What it does not show: roles (test/iam does), VPCs, throttling, scaling beyond one instance a function, and the arm64 code itself: what
// runs is this machine's build of the same commit.
package driver
