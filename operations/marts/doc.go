// Package marts builds the marts: it has dbt make and test every model over exactly the snapshots that are published,
// and lets readers see them all at once or not at all.
//
// The nouns. A Plan is what a build will read, found from the pointers alone: the snapshots, the published marts, what
// is not there. An Engine is where models are made; a Session is one build's use of it, over a work schema that starts
// from the published marts. A Record is what a build leaves under runs/marts, published or failed.
//
// What must hold: a build reads the snapshots of its plan and nothing else; the pointer moves once, by compare-and-swap,
// after every test has passed and every object and the record are written (invariants 2 and 3); a build that fails, is
// stopped or loses to another leaves the published marts as they were; the same input gives the same bytes (invariant
// 6); simulated and real data never meet (invariant 11).
package marts
