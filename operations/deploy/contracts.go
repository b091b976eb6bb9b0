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

// ContractChange is what a publication does with one dataset.
type ContractChange struct {
	Dataset string `json:"dataset"`
	Change  string `json:"change"` // "added", "changed", "removed", "same", or "kept": in force, and not among those published
	Version string `json:"version,omitempty"`
	Before  string `json:"version_before,omitempty"`
	SHA256  string `json:"sha256,omitempty"`
}

// ContractPlan is what a publication of contracts would change in an environment.
type ContractPlan struct {
	Changes   []ContractChange
	store     lake.Store
	contracts []*contract.Contract
	index     runtime.ContractIndex
	etag      string
}

// Config is the bucket of contracts of an environment.
func (a Account) Config(env string) lake.Store {
	return lake.NewS3(a.AWS, a.configBucket(env), clock.System{})
}

// PlanContracts compares contracts with those in force. A dataset that is in force and is not among them stays, unless remove names it: a
// folder that lacks a file must not end a dataset.
func PlanContracts(ctx context.Context, store lake.Store, contracts []*contract.Contract, remove []string) (*ContractPlan, error) {
	there, info, err := lake.ReadState[runtime.ContractIndex](ctx, store, lake.ContractIndexKey)
	if err != nil {
		return nil, fmt.Errorf("read the contracts in force: %w", err)
	}
	p := &ContractPlan{store: store, contracts: contracts, etag: info.ETag}
	if there == nil {
		there = &runtime.ContractIndex{}
	}
	for _, name := range remove {
		if !slices.ContainsFunc(there.Contracts, func(e runtime.ContractEntry) bool { return e.Dataset == name }) {
			return nil, fmt.Errorf("%s is not in force, so that it cannot be removed", name)
		}
		if slices.ContainsFunc(contracts, func(c *contract.Contract) bool { return c.Dataset == name }) {
			return nil, fmt.Errorf("%s is to be removed, and its file is still in the folder: take it out first", name)
		}
	}
	for _, c := range contracts {
		change := ContractChange{Dataset: c.Dataset, Change: "added", Version: c.Version, SHA256: c.SHA256}
		if i := slices.IndexFunc(there.Contracts, func(e runtime.ContractEntry) bool { return e.Dataset == c.Dataset }); i >= 0 {
			change.Change, change.Before = "changed", there.Contracts[i].Version
			if there.Contracts[i].SHA256 == c.SHA256 {
				change.Change = "same"
			}
		}
		p.Changes = append(p.Changes, change)
		p.index.Contracts = append(p.index.Contracts, runtime.ContractEntry{Dataset: c.Dataset, Version: c.Version, SHA256: c.SHA256})
	}
	for _, e := range there.Contracts {
		switch {
		case slices.ContainsFunc(contracts, func(c *contract.Contract) bool { return c.Dataset == e.Dataset }):
		case slices.Contains(remove, e.Dataset):
			p.Changes = append(p.Changes, ContractChange{Dataset: e.Dataset, Change: "removed", Before: e.Version, SHA256: e.SHA256})
		default:
			p.Changes = append(p.Changes, ContractChange{Dataset: e.Dataset, Change: "kept", Version: e.Version, Before: e.Version, SHA256: e.SHA256})
			p.index.Contracts = append(p.index.Contracts, e)
		}
	}
	slices.SortFunc(p.Changes, func(a, b ContractChange) int { return strings.Compare(a.Dataset, b.Dataset) })
	slices.SortFunc(p.index.Contracts, func(a, b runtime.ContractEntry) int { return strings.Compare(a.Dataset, b.Dataset) })
	return p, nil
}

// Empty says whether nothing would change.
func (p *ContractPlan) Empty() bool {
	return !slices.ContainsFunc(p.Changes, func(c ContractChange) bool { return c.Change != "same" && c.Change != "kept" })
}

// Publish puts the contracts into the bucket, each under its digest, and then all of them in force by one move. Somebody who published
// since the plan was made is not overruled.
func (p *ContractPlan) Publish(ctx context.Context) error {
	for _, c := range p.contracts {
		if _, _, err := p.store.PutIfAbsent(ctx, lake.ContractKey(c.SHA256), c.Raw); err != nil {
			return fmt.Errorf("store the contract of %s: %w", c.Dataset, err)
		}
	}
	_, err := p.store.CompareAndSwap(ctx, lake.ContractIndexKey, lake.Encode(p.index), p.etag)
	if errors.Is(err, lake.ErrChanged) {
		return errors.New("somebody has published contracts meanwhile; nothing was put in force: look at the changes again")
	}
	if err != nil {
		return fmt.Errorf("put the contracts in force: %w", err)
	}
	return nil
}
