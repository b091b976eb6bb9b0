// Package chaos kills the real service binaries at chosen points and sees that the lake comes out the same.
//
// Each test runs the whole pipeline as separate processes on the local cloud. One process kills itself (SIGKILL) at a
// named failpoint: between a stage's effects and its receipt, between the receipt and the publication of its events, between
// publication and acknowledgement, around the move of the pointer, around the deletes. It is started again, and the run
// must end as it ends undisturbed.
//
// One test runs the same binaries as Lambda functions behind event source mappings instead.
//
// What this proves: after any one of these deaths the published bytes, the pointer, the archive and the evidence are the
// same, every event has one content however often it is sent, no message ends in a dead-letter queue and, after a sweep,
// nothing is left that nobody names. What it does not prove: that two deaths at once are survived, nor anything of AWS
// itself: the queues are the local cloud's, whose likeness its own conformance suite shows.
package chaos
