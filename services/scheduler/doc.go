// Package scheduler decides which runs start, and when. A tick requests the latest due slot of each dataset, by the
// contract's cadence. A person's request starts a run now. A publication releases the held runs of the datasets that refer to it.
//
// The scheduler also checks freshness. A dataset is stale when it was last published, or found unchanged, longer ago
// than its contract allows. The scheduler reports a stale dataset once, and its recovery once.
//
// What must hold: a slot is requested once, however many ticks find it due. A request is never lost: the record that
// makes a request unique names the event that caused it, so a redelivery of that event emits the request again.
package scheduler
