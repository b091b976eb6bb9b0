// Package lake is the layout of the data lake and the port to the object store that holds it.
//
// The nouns. A landing is a run's raw pages and their manifest. A candidate is a staged snapshot nobody can see
// yet; a snapshot is a published one. The pointer, state/<dataset>/current.json, names the snapshot that readers
// see, and nothing else does. A receipt is a stage's create-only record that its effects are done and which events
// it emits; it makes a redelivery harmless (invariant 1). Evidence is the document that proves a deletion.
//
// What must hold: nobody lists a prefix to learn what belongs to a run. Manifests and receipts name every
// object by key, version, size and sha256, and who reads an object checks it against that.
package lake
