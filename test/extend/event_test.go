//go:build slow

package extend

import "testing"

// A new event is one struct, one entry of the catalogue, and the flow entries of who emits and who consumes it. The rest is
// generated.
func TestAddEvent(t *testing.T) {
	t.Parallel()
	dir := Copy(t)
	Write(t, dir, "events/scratch.go", `package events

// DatasetRenamed reports that a dataset has a new name.
type DatasetRenamed struct {
	Dataset string `+"`json:\"dataset\"`"+`
	Name    string `+"`json:\"name\"`"+` // the new name
}

// EventType returns the type of the event.
func (DatasetRenamed) EventType() string { return "cat.llac.dataset.renamed.v1" }

// About returns the dataset; the event belongs to no run.
func (p DatasetRenamed) About() (dataset, run string) { return p.Dataset, "" }
`)
	Edit(t, dir, "events/catalogue.go", "\tIncidentOpened{}, IncidentClosed{},\n",
		"\tIncidentOpened{}, IncidentClosed{}, DatasetRenamed{},\n")
	mustFail(t, dir, []string{"dataset.renamed"}, "go", "test", "./events/...")

	Edit(t, dir, "events/flow.go", "ExtractionRequested{}, DatasetStale{}, ", "ExtractionRequested{}, DatasetRenamed{}, DatasetStale{}, ")
	Edit(t, dir, "events/flow.go", "StagingPublished{}, SweepTicked{}", "StagingPublished{}, SweepTicked{}, DatasetRenamed{}")
	Run(t, dir, "go", "generate", "./events/...")
	Run(t, dir, "go", "test", "./events/...")
	mustFail(t, dir, []string{"services.json"}, "go", "test", "./operations/services")
	Run(t, dir, "go", "generate", "./operations/services")
	Run(t, dir, "go", "test", "./operations/services", "./platform/runtime")
}
