// Package ledger reports, from what the services left in the lake, what happened to a dataset: its requests, the runs they
// led to, and the state of each.
//
// The nouns. A request is one slot of one dataset: one run, or one run per slice. An account is what is known of
// a request from its events, wherever they come from (a queue, the receipts) and in any order. A summary is an account with the times of
// the receipts. A hop is the processing of one event of a run by one stage; the hops in order are the run's timeline.
//
// The ledger only reads. It lists receipts, which a tool may do and a stage may not.
package ledger
