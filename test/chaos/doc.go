// Package chaos kills the real service binaries at chosen points and checks that the lake ends in the same state.
//
// Each test runs the whole pipeline as separate processes on the local cloud. One process kills itself (SIGKILL) at a
// named failpoint: between a stage's effects and its receipt, between the receipt and the publication of its events,
// between publication and acknowledgement, around the move of the pointer, around the deletes. It is started again, and
// the run must end as it does without a crash.
//
// One test runs the same binaries as Lambda functions behind event source mappings.
//
// What this proves: after any one of these crashes the published bytes, the pointer, the archive and the evidence are
// the same. Every event has one content, however often it is sent. No message ends in a dead-letter queue. After a
// sweep, no unreferenced object is left. What it does not prove: that two crashes at once are survived, nor anything
// about AWS itself. The queues are the local cloud's, and its own conformance suite compares them with AWS.
package chaos
