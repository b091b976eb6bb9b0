// Package iam compares what the roles may do with what their programs do, in both directions.
//
// The nouns:
//
//   - A Recorder stands between programs and the cloud. Each program has an access key of its own, so that every signed
//     request identifies its program; an unknown one fails the test.
//   - An Operation is one request, parsed as AWS parses it: service, operation, and the resources that it is about.
//   - actions.json is the first table: the IAM actions of an operation and their resources, every line with AWS's document.
//   - A Need is one action on one resource that an operation requires of its role's policy.
//   - performed.json is the second table: what AWS performs with a role. The policies' statements with "by" are exactly it.
//   - A judgement is where policy and needs differ: a need that no statement allows, and an action on a resource pattern (or a
//     value of a condition) without which every need would still be allowed.
//
// What must hold: the statements of a service's role without "by" (terraform/policies/<service>.json and common.json) are the
// minimum that the happy run and the fault suite need. Adding or removing any statement, action, resource pattern or value of a
// condition fails.
//
// For another role: give its program the recorder's address and an access key id, render its policies (Environment.Role),
// and check the recording against them (Refused), and the statements that it needs completely against the recording
// (JudgePart). test/deploy does.
//
// What it does not prove: that a pattern could not be narrower (terraform's TestLayers checks the layers), or that AWS requires
// what its documents state. The first run in a real account is that proof.
package iam
