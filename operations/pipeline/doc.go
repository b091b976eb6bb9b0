// Package pipeline is Llac in one process: the local cloud, the simulator of the portals and the six services, wired
// by the same SDK clients as in the cloud with the endpoint changed.
//
// The nouns. A Cloud is the local cloud of a state directory, opened or, if another process owns it, joined. A Pipeline is
// the running services of a Cloud. The observer is a queue that receives the events of every topic, so that progress is
// reported by events and not by polling. The docket is the file of the unfinished requests: a request is added before it
// is published and removed when it has ended. An interrupted run is resumed from it.
//
// What must hold: a request is in the docket before it is published, so that kill -9 loses no request; the outcome of a
// request is never decided here, only read from the receipts.
package pipeline
