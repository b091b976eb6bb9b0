// Package scheduler decides what runs when. A tick finds the due slots of the contracts' cadence, a request asks for
// a run now, and a publication releases the datasets that waited for it. It also watches freshness: a
// dataset whose last successful look at its source is older than its contract allows is stale, once, until it recovers.
//
// What must hold: one slot is requested once, however many ticks see it due; and a request is never lost, because
// the record that makes it unique names the event that made it, so a redelivery of that event asks again.
package scheduler
