package main

import (
	"slices"
	"testing"
)

func TestPackageDirs(t *testing.T) {
	t.Parallel()
	goDirs := []string{"platform/lake", "services/stager/engine", "test/docs"}
	got := packageDirs([]string{
		"platform/lake/store.go", "services/stager/engine/testdata/cases/a.txt", "docs/sql.md",
		"terraform/stacks/storage/main.tf", "Makefile",
	}, func(dir string) bool { return slices.Contains(goDirs, dir) })
	if want := []string{"platform/lake", "services/stager/engine", "test/docs", "test/language"}; !slices.Equal(got, want) {
		t.Errorf("packages of the changed files: %v, want %v", got, want)
	}
	if got := packageDirs(nil, nil); len(got) != 0 {
		t.Errorf("nothing changed, and %v are to be tested", got)
	}
}

func TestAffectedBy(t *testing.T) {
	t.Parallel()
	packages := []goPackage{
		{"x/events", "events", nil}, {"x/lake", "lake", []string{"x/events"}}, {"x/gate", "gate", []string{"x/lake"}},
		{"x/other", "other", nil},
	}
	changed, affected := affectedBy([]string{"lake"}, packages)
	if !slices.Equal(changed, []string{"x/lake"}) || !slices.Equal(affected, []string{"x/lake", "x/gate"}) {
		t.Errorf("changed %v, affected %v", changed, affected)
	}
}
