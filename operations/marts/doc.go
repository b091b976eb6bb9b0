// Package marts builds the marts: dbt makes and tests every model from the published snapshots, and one pointer move shows
// the whole build to readers.
//
// The nouns. A Plan lists what a build reads, found from the pointers alone: the snapshots, the published marts, and what is
// missing. An Accumulation is a model that keeps what it made of earlier snapshots. An Engine makes models; a Session is one
// build's use of it, on a work schema that starts from the published marts. A Record is what a build leaves under
// runs/marts, whether it published or failed. The package names no dataset and no mart: the dbt project declares them.
//
// What must hold: a build reads the snapshots of its plan and nothing else; every mart has a test that proves its key; the
// pointer moves once, by compare-and-swap, after every test has passed and every object and the record are written
// (invariants 2 and 3); a build that fails, is stopped or loses to another build leaves the published marts unchanged; the
// same input gives the same bytes (invariant 6); simulated and real data are never combined (invariant 11).
package marts
