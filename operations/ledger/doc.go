// Package ledger tells, from what the services left in the lake, what happened to a dataset: its requests, the runs
// they led to, and how far each came.
//
// The nouns. A request is one slot of one dataset: one run, or one a slice. An account is what is known of a
// request from its events alone, wherever they come from (a queue, the receipts) and in whatever order. A summary is
// an account with the receipts' times. A hop is one stage's dealing with one event of a run; the hops in order are
// the run's timeline.
//
// The ledger only reads. It lists receipts, which a tool may do and a stage may not.
package ledger
