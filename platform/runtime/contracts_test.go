package runtime_test

import (
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/contracttest"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/lake/laketest"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
)

func twoContracts(t *testing.T) (*contract.Contract, *contract.Contract) {
	return runtimetest.Parse(t, "things", runtimetest.Shape{}.Text()),
		runtimetest.Parse(t, "others", runtimetest.Shape{Dataset: "others"}.Text())
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
		t.Errorf("%d more reads of a contract that was already read (%v); want none", reads, err)
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
	if _, err := b.Ports.Contracts.Load(t.Context(), things.SHA256); !runtime.IsPermanent(err) ||
		!strings.Contains(err.Error(), "changed in place") {
		t.Errorf("error %v", err)
	}
}

// Invariant 5: a contract that cannot be used does not affect the others.
func TestAnUnusableContractDoesNotAffectTheOthers(t *testing.T) {
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
			t.Errorf("%s: in force %v, error %v; want the usable contract and an error that names the dataset of the other",
				name, current, err)
		}
	}
}

func TestNoContractsDeployed(t *testing.T) {
	t.Parallel()
	config := &runtime.ConfigContracts{Store: laketest.NewMemory()}
	if _, err := config.Current(t.Context()); !runtime.IsPermanent(err) {
		t.Errorf("error %v, want a permanent error", err)
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
	// A run that has started keeps the contract with which it started.
	if c, err := b.Ports.Contracts.Load(t.Context(), old.SHA256); err != nil || c.Version != "1.0.0" {
		t.Errorf("old version: %v, error %v", c, err)
	}
}

// Invariant 5: a run whose contract is slow to read does not delay the other runs.
func TestASlowContractDoesNotDelayTheOthers(t *testing.T) {
	t.Parallel()
	things, others := twoContracts(t)
	b := runtimetest.New(t, things, others)
	requested, proceed, loaded := make(chan struct{}), make(chan struct{}), make(chan error)
	b.Config.Before = func(_, key string) error {
		if key == lake.ContractKey(things.SHA256) {
			close(requested)
			<-proceed
		}
		return nil
	}
	go func() {
		_, err := b.Ports.Contracts.Load(t.Context(), things.SHA256)
		loaded <- err
	}()
	<-requested
	if _, err := b.Ports.Contracts.Load(t.Context(), others.SHA256); err != nil { // it would never return if it waited for the first
		t.Error(err)
	}
	close(proceed)
	if err := <-loaded; err != nil {
		t.Error(err)
	}
}

// A run or a snapshot is pinned to a contract by digest, also to one in the forms of an earlier version of Llac.
func TestAPinnedContractMayHaveEarlierForms(t *testing.T) {
	t.Parallel()
	earlier, err := contract.ParsePinned("libraries.odcs.yaml", []byte(contracttest.Earlier))
	if err != nil {
		t.Fatal(err)
	}
	b := runtimetest.New(t, earlier)
	c, err := b.Ports.Contracts.Load(t.Context(), lake.SHA256([]byte(contracttest.Earlier)))
	if err != nil {
		t.Fatal(err)
	}
	want := contracttest.Parse(t, contracttest.Base)
	for i, f := range c.Fields {
		if w := want.Fields[i]; f.Name != w.Name || f.Source != w.Source || f.Format != w.Format && f.Staged || f.Staged != w.Staged ||
			f.Personal() != w.Personal() {
			t.Errorf("field %d is %+v, want %+v", i, f, w)
		}
	}
	if current, err := b.Ports.Contracts.Current(t.Context()); err != nil || len(current) != 1 {
		t.Errorf("in force: %v, %v", current, err)
	}
}
