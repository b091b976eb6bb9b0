package runtime_test

import (
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/lake/laketest"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
)

func twoContracts(t *testing.T) (*contract.Contract, *contract.Contract) {
	return runtimetest.Parse(t, "things", runtimetest.Shape{}.Text()), runtimetest.Parse(t, "others", runtimetest.Shape{Dataset: "others"}.Text())
}

func TestContractsAreReadByDigest(t *testing.T) {
	t.Parallel()
	things, others := twoContracts(t)
	b := runtimetest.New(t, things, others)
	c, err := b.Ports.Contracts.Load(t.Context(), others.SHA256)
	if err != nil || c.Dataset != "others" {
		t.Fatalf("contract %+v, error %v", c, err)
	}
	reads := 0
	b.Config.Before = func(op, _ string) error { reads++; return nil }
	if _, err := b.Ports.Contracts.Load(t.Context(), others.SHA256); err != nil || reads != 0 {
		t.Errorf("a contract is immutable, and was read %d times more (%v)", reads, err)
	}
	current, err := b.Ports.Contracts.Current(t.Context())
	if err != nil || len(current) != 2 || current[0].Dataset != "things" {
		t.Errorf("in force: %v, error %v", current, err)
	}
}

func TestAContractChangedInPlaceIsRefused(t *testing.T) {
	t.Parallel()
	things, _ := twoContracts(t)
	b := runtimetest.New(t, things)
	b.Config.Corrupt(lake.ContractKey(things.SHA256), []byte(strings.Replace(string(things.Raw), "1.0.0", "1.0.1", 1)))
	if _, err := b.Ports.Contracts.Load(t.Context(), things.SHA256); !runtime.IsPermanent(err) || !strings.Contains(err.Error(), "changed it in place") {
		t.Errorf("error %v", err)
	}
}

// Invariant 5: a contract that cannot be used does not take the others with it.
func TestOneUnusableContractLeavesTheOthers(t *testing.T) {
	t.Parallel()
	things, others := twoContracts(t)
	for name, spoil := range map[string]func(config *laketest.Memory){
		"changed": func(m *laketest.Memory) { m.Corrupt(lake.ContractKey(things.SHA256), []byte("{}")) },
		"missing": func(m *laketest.Memory) { _ = m.Delete(t.Context(), lake.ContractKey(things.SHA256), "") },
	} {
		b := runtimetest.New(t, things, others)
		spoil(b.Config)
		current, err := b.Ports.Contracts.Current(t.Context())
		if len(current) != 1 || current[0].Dataset != "others" || err == nil || !strings.Contains(err.Error(), "things") {
			t.Errorf("%s: in force %v, error %v; want the usable one and an error that names the other's dataset", name, current, err)
		}
	}
}

func TestNoContractsDeployed(t *testing.T) {
	t.Parallel()
	config := &runtime.ConfigContracts{Store: laketest.NewMemory()}
	if _, err := config.Current(t.Context()); !runtime.IsPermanent(err) {
		t.Errorf("error %v, want a permanent one", err)
	}
}

func TestANewVersionKeepsTheOld(t *testing.T) {
	t.Parallel()
	old, _ := twoContracts(t)
	b := runtimetest.New(t, old)
	changed := runtimetest.Parse(t, "things", strings.Replace(string(old.Raw), "1.0.0", "1.1.0", 1))
	if err := runtime.DeployContracts(t.Context(), b.Config, []*contract.Contract{changed}); err != nil {
		t.Fatal(err)
	}
	current, err := b.Ports.Contracts.Current(t.Context())
	if err != nil || len(current) != 1 || current[0].SHA256 != changed.SHA256 {
		t.Errorf("in force: %v, error %v", current, err)
	}
	// A run that has begun goes on under the contract it began with.
	if c, err := b.Ports.Contracts.Load(t.Context(), old.SHA256); err != nil || c.Version != "1.0.0" {
		t.Errorf("the old one: %v, error %v", c, err)
	}
}

// Invariant 5: a run whose contract is slow to come keeps no other waiting for its own.
func TestASlowContractHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	things, others := twoContracts(t)
	b := runtimetest.New(t, things, others)
	asked, answer, loaded := make(chan struct{}), make(chan struct{}), make(chan error)
	b.Config.Before = func(_, key string) error {
		if key == lake.ContractKey(things.SHA256) {
			close(asked)
			<-answer
		}
		return nil
	}
	go func() {
		_, err := b.Ports.Contracts.Load(t.Context(), things.SHA256)
		loaded <- err
	}()
	<-asked
	if _, err := b.Ports.Contracts.Load(t.Context(), others.SHA256); err != nil { // would never return
		t.Error(err)
	}
	close(answer)
	if err := <-loaded; err != nil {
		t.Error(err)
	}
}
