// Package lake is the layout of the data lake and the port to the object store that holds it.
//
// The nouns:
//   - A landing is a run's raw pages and their manifest.
//   - A candidate is a staged snapshot that readers cannot see yet. A snapshot is a published one.
//   - The pointer, state/<dataset>/current.json, names the snapshot that readers see. Nothing else does.
//   - A verdict is the quality gate's decision on one candidate.
//   - A receipt is a stage's create-only record that its effects are done, with the events that it emits. It makes a
//     redelivery harmless (invariant 1).
//   - Evidence is the record of what is about to be deleted, why, and where the bytes are archived, if they are.
//
// What must hold: no stage lists a prefix to find out what belongs to a run. Manifests and receipts name every object by key,
// version, size and sha256, and every reader checks the object against them.
package lake
