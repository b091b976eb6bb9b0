// Package pipeline is Llac in one process: the local cloud, the simulator of the portals and the six services, wired
// by the same SDK clients as in the cloud with the endpoint changed.
//
// The nouns. A Cloud is the local cloud of a state directory, opened or, where another process owns it, joined. A
// Pipeline is the services at work over a Cloud. The observer is a queue that hears every topic, so that progress is
// told by the events and not by looking. The docket is the file of the requests that are not at their end: written
// before a request is published and shortened when it has ended, it is what an interrupted run is resumed from.
//
// What must hold: a request is in the docket before it is published, so that nobody's wish is lost by kill -9; a
// request is never decided here, only asked for and watched: what happened is read from the receipts.
package pipeline
