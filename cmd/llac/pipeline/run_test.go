package pipeline_test

import (
	"context"
	"testing"
	"time"

	"github.com/llac-project/llac/cmd/llac/ledger"
	"github.com/llac-project/llac/cmd/llac/pipeline"
	"github.com/llac-project/llac/platform/local/portal"
)

const contracts = "../../../datasets"

func simulator(t *testing.T) *portal.Portal {
	t.Helper()
	p := portal.New(portal.Options{RegisterRows: 300})
	if err := p.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestPublishesThenFindsUnchanged(t *testing.T) {
	t.Parallel()
	dir, sim := t.TempDir(), simulator(t)
	o := pipeline.Options{
		Settings:  pipeline.Settings{Dir: dir, Simulator: sim},
		Contracts: contracts, Datasets: []string{"municipalities"}, Timeout: time.Minute,
		Notice: func(s string) { t.Log(s) },
	}
	first, err := pipeline.Run(context.Background(), o)
	if err != nil || len(first.Datasets) != 1 {
		t.Fatalf("first run: %+v, %v", first, err)
	}
	got := first.Datasets[0]
	if got.State != ledger.Published || got.RowsFetched != 949 || !got.Simulated || got.Snapshot != got.Slot {
		t.Errorf("first run: %+v", got)
	}
	t.Logf("%+v", got)
	second, err := pipeline.Run(context.Background(), o)
	if err != nil || len(second.Datasets) != 1 {
		t.Fatalf("second run: %+v, %v", second, err)
	}
	if s := second.Datasets[0]; s.State != ledger.Unchanged || s.Snapshot != got.Snapshot || !s.Simulated {
		t.Errorf("second run: %+v", s)
	}
}
