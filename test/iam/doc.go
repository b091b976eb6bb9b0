// Package iam holds what the roles may do against what their programs do, both ways.
//
// The nouns:
//
//   - A Recorder stands between programs and the cloud. Each program has an access key of its own, so that every signed
//     request tells whose it is; one that tells nobody's fails the test.
//   - An Operation is one request read as AWS reads it: service, operation, and the resources that it is of.
//   - actions.json is the first table: an operation's IAM actions and what each is of, every line with AWS's document.
//   - A Need is one action on one resource that an operation asks of its role's policy.
//   - performed.json is the second table: what AWS performs on a role. The policies' statements with "by" are exactly it.
//   - A Judgement is where policy and needs differ: a need that no statement allows, and an action on a resource pattern (or a
//     value of a condition) without which every need would still be allowed.
//
// What must hold: the statements of terraform/policies/<service>.json without "by" are the least that the happy run and
// the fault suite need. Adding or removing any statement, action, resource pattern or value of a condition fails.
//
// For another role: give its program the recorder's address and an access key id, render its policies (Environment.Role),
// and hold the recording against them (Refused), and the statements that it is to need all of against the recording
// (JudgePart). test/deploy does.
//
// What it does not prove: that a pattern could not be narrower (terraform's TestLayers holds the layers), or that AWS asks
// for what its documents say. The first run in a real account is that proof.
package iam
