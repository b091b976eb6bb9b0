package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
)

// ContractChange is what a publication changes for one dataset.
type ContractChange struct {
	Dataset string `json:"dataset"`
	Change  string `json:"change"` // "added", "changed", "removed", "same", or "kept": in force and not among the published contracts
	Version string `json:"version,omitempty"`
	Before  string `json:"version_before,omitempty"`
	SHA256  string `json:"sha256,omitempty"`
}

// ContractPlan lists what a publication of contracts would change in an environment.
type ContractPlan struct {
	Changes   []ContractChange
	store     lake.Store
	contracts []*contract.Contract
	index     runtime.ContractIndex
	etag      string
}

// Config returns the bucket with the contracts of an environment.
func (a Account) Config(env string) lake.Store {
	return lake.NewS3(a.AWS, a.configBucket(env), clock.System{})
}

// PlanContracts compares contracts with those in force. A dataset in force that is not among them is kept unless remove names
// it: a file missing from a folder must not end a dataset.
func PlanContracts(ctx context.Context, store lake.Store, contracts []*contract.Contract, remove []string) (*ContractPlan, error) {
	current, info, err := lake.ReadState[runtime.ContractIndex](ctx, store, lake.ContractIndexKey)
	if err != nil {
		return nil, fmt.Errorf("read the contracts in force: %w", err)
	}
	p := &ContractPlan{store: store, contracts: contracts, etag: info.ETag}
	if current == nil {
		current = &runtime.ContractIndex{}
	}
	for _, name := range remove {
		if !slices.ContainsFunc(current.Contracts, func(e runtime.ContractEntry) bool { return e.Dataset == name }) {
			return nil, fmt.Errorf("remove the contract of %s: it is not in force", name)
		}
		if slices.ContainsFunc(contracts, func(c *contract.Contract) bool { return c.Dataset == name }) {
			return nil, fmt.Errorf("remove the contract of %s: its file is still in the folder; delete the file first", name)
		}
	}
	for _, c := range contracts {
		change := ContractChange{Dataset: c.Dataset, Change: "added", Version: c.Version, SHA256: c.SHA256}
		if i := slices.IndexFunc(current.Contracts, func(e runtime.ContractEntry) bool { return e.Dataset == c.Dataset }); i >= 0 {
			change.Change, change.Before = "changed", current.Contracts[i].Version
			if current.Contracts[i].SHA256 == c.SHA256 {
				change.Change = "same"
			}
		}
		p.Changes = append(p.Changes, change)
		p.index.Contracts = append(p.index.Contracts, runtime.ContractEntry{Dataset: c.Dataset, Version: c.Version, SHA256: c.SHA256})
	}
	for _, e := range current.Contracts {
		switch {
		case slices.ContainsFunc(contracts, func(c *contract.Contract) bool { return c.Dataset == e.Dataset }):
		case slices.Contains(remove, e.Dataset):
			p.Changes = append(p.Changes, ContractChange{Dataset: e.Dataset, Change: "removed", Before: e.Version, SHA256: e.SHA256})
		default:
			p.Changes = append(p.Changes, ContractChange{Dataset: e.Dataset, Change: "kept", Version: e.Version, Before: e.Version,
				SHA256: e.SHA256})
			p.index.Contracts = append(p.index.Contracts, e)
		}
	}
	slices.SortFunc(p.Changes, func(a, b ContractChange) int { return strings.Compare(a.Dataset, b.Dataset) })
	slices.SortFunc(p.index.Contracts, func(a, b runtime.ContractEntry) int { return strings.Compare(a.Dataset, b.Dataset) })
	return p, nil
}

// Empty reports whether nothing would change.
func (p *ContractPlan) Empty() bool {
	return !slices.ContainsFunc(p.Changes, func(c ContractChange) bool { return c.Change != "same" && c.Change != "kept" })
}

// Publish writes the contracts to the bucket, each under its digest, and then puts all of them in force with one move. It
// fails if somebody else has published since the plan was made.
func (p *ContractPlan) Publish(ctx context.Context) error {
	for _, c := range p.contracts {
		if _, _, err := p.store.PutIfAbsent(ctx, lake.ContractKey(c.SHA256), c.Raw); err != nil {
			return fmt.Errorf("store the contract of %s: %w", c.Dataset, err)
		}
	}
	_, err := p.store.CompareAndSwap(ctx, lake.ContractIndexKey, lake.Encode(p.index), p.etag)
	if errors.Is(err, lake.ErrChanged) {
		return errors.New("put the contracts in force: somebody else has published contracts in the meantime; nothing was " +
			"changed: review the changes again")
	}
	if err != nil {
		return fmt.Errorf("put the contracts in force: %w", err)
	}
	return nil
}
