package iam

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// datasetFiles are the names of the project's datasets.
func datasetFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(repository, "datasets", "*.odcs.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range files {
		out = append(out, strings.TrimSuffix(filepath.Base(f), ".odcs.yaml"))
	}
	return out
}

// TestServices holds the policy of every service against what its program did.
func TestServices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	began := time.Now()
	w.happy()
	t.Logf("the happy run took %s", time.Since(began).Round(time.Millisecond))
	w.faults()
	t.Logf("with the faults %s", time.Since(began).Round(time.Millisecond))
	for _, problem := range w.recorder.Strange() {
		t.Error(problem)
	}
	for _, service := range services() {
		t.Run(service, func(t *testing.T) {
			words, err := here.ServiceWords(repository, service)
			if err != nil {
				t.Fatal(err)
			}
			p, err := Render(repository, service, words)
			if err != nil {
				t.Fatal(err)
			}
			needs := w.recorder.Needs(service)
			problems, err := Judge(p.Statements, needs)
			if err != nil {
				t.Fatal(err)
			}
			for _, problem := range problems {
				t.Errorf("terraform/policies/%s.json: %s", service, problem)
			}
			t.Logf("%d needs; %v", len(needs), w.recorder.Counts(service))
		})
	}
}
