// Package scheduler decides what runs when. A tick requests the slots that are due by the contracts, a person's request
// requests a run now, and a publication releases the datasets that waited for it. The scheduler also watches freshness: a
// dataset whose source was last read successfully longer ago than its contract allows is reported as stale, once, until it
// recovers.
//
// What must hold: one slot is requested once, however many ticks find it due. A request is never lost, because the record that
// makes it unique names the event that caused it, so a redelivery of that event requests it again.
package scheduler
