package deploy_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/llac-project/llac/operations/deploy"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/lake/laketest"
	"github.com/llac-project/llac/platform/runtime"
)

func TestPublishContracts(t *testing.T) {
	t.Parallel()
	all, err := contract.LoadDir(filepath.Join("..", "..", "datasets"))
	if err != nil {
		t.Fatal(err)
	}
	store := laketest.NewMemory()
	plan := func(contracts []*contract.Contract, remove ...string) *deploy.ContractPlan {
		t.Helper()
		p, err := deploy.PlanContracts(t.Context(), store, contracts, remove)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	changes := func(p *deploy.ContractPlan) string {
		var out []string
		for _, c := range p.Changes {
			if c.Change != "same" {
				out = append(out, c.Dataset+" "+c.Change)
			}
		}
		return strings.Join(out, ", ")
	}
	inForce := func() int {
		t.Helper()
		got, err := (&runtime.ConfigContracts{Store: store}).Current(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(got)
	}
	first := plan(all[:3])
	if first.Empty() || strings.Count(changes(first), "added") != 3 {
		t.Errorf("first: %s", changes(first))
	}
	late := plan(all[:1]) // planned before the first is published
	if err := first.Publish(t.Context()); err != nil || inForce() != 3 {
		t.Fatal(err)
	}
	if err := late.Publish(t.Context()); err == nil || !strings.Contains(err.Error(), "in the meantime") || inForce() != 3 {
		t.Errorf("two at once: %v, %d in force", err, inForce())
	}
	if again := plan(all[:3]); !again.Empty() {
		t.Errorf("again: %s", changes(again))
	}
	// A file missing from the folder ends no dataset; naming the dataset does.
	fewer := plan(all[:2])
	if !fewer.Empty() || changes(fewer) != all[2].Dataset+" kept" {
		t.Errorf("fewer: %s", changes(fewer))
	}
	gone := plan(all[:2], all[2].Dataset)
	if err := gone.Publish(t.Context()); err != nil || inForce() != 2 || changes(gone) != all[2].Dataset+" removed" {
		t.Errorf("removed: %v, %s", err, changes(gone))
	}
	for _, name := range []string{"nothing", all[0].Dataset} {
		if _, err := deploy.PlanContracts(t.Context(), store, all[:2], []string{name}); err == nil {
			t.Errorf("%s was accepted for removal", name)
		}
	}
	changed := *all[0]
	changed.SHA256 = lake.SHA256([]byte("other"))
	if p := plan([]*contract.Contract{&changed, all[1]}); changes(p) != all[0].Dataset+" changed" {
		t.Errorf("changed: %s", changes(p))
	}
}
