package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
)

// ContractIndex is contracts/index.json in the config bucket. It lists the contracts in force by digest.
type ContractIndex struct {
	Contracts []ContractEntry `json:"contracts"`
}

// ContractEntry identifies one contract in force.
type ContractEntry struct {
	Dataset string `json:"dataset"`
	Version string `json:"version"`
	SHA256  string `json:"sha256"`
}

// ConfigContracts reads contracts from the config bucket. A contract never changes under its digest, so each is read once per
// process.
type ConfigContracts struct {
	Store lake.Store

	mu     sync.Mutex
	parsed map[string]*contract.Contract
}

var _ Contracts = (*ConfigContracts)(nil)

// Load returns the contract with this digest. It returns a permanent error when the bytes have another digest.
func (c *ConfigContracts) Load(ctx context.Context, sha256 string) (*contract.Contract, error) {
	c.mu.Lock()
	cached := c.parsed[sha256]
	c.mu.Unlock()
	if cached != nil {
		return cached, nil
	}
	// Invariant 5: read without the lock, so that a slow read does not delay other runs.
	key := lake.ContractKey(sha256)
	b, _, err := c.Store.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	if got := lake.SHA256(b); got != sha256 {
		return nil, Permanent(fmt.Errorf("load contract %s: its digest is %s, so it was changed in place; deploy it again", key, got))
	}
	p, err := contract.ParsePinned(key, b)
	if err != nil {
		return nil, Permanent(fmt.Errorf("parse contract %s with this build: %w", key, err))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.parsed == nil {
		c.parsed = map[string]*contract.Contract{}
	}
	c.parsed[sha256] = p
	return p, nil
}

// ErrNoContracts reports that the index of contracts is missing: no contract was deployed, or the index was deleted.
var ErrNoContracts = errors.New("no contracts are deployed (" + lake.ContractIndexKey + " is missing in the config bucket)")

// Current returns the contracts in force, in the order of the index. Invariant 5: a contract that cannot be used does not affect
// the others; Current returns them together with an error that names the unusable contract.
func (c *ConfigContracts) Current(ctx context.Context) ([]*contract.Contract, error) {
	b, _, err := c.Store.Get(ctx, lake.ContractIndexKey)
	if errors.Is(err, lake.ErrNotFound) {
		return nil, Permanent(ErrNoContracts)
	}
	if err != nil {
		return nil, err
	}
	var index ContractIndex
	if err := json.Unmarshal(b, &index); err != nil {
		return nil, Permanent(fmt.Errorf("decode %s: %w", lake.ContractIndexKey, err))
	}
	out := make([]*contract.Contract, 0, len(index.Contracts))
	var failed error
	for _, e := range index.Contracts {
		p, err := c.Load(ctx, e.SHA256)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("contract of %s: %w", e.Dataset, err))
			continue
		}
		out = append(out, p)
	}
	return out, failed
}

// DeployContracts writes contracts into the config bucket and then puts all of them in force with one write.
func DeployContracts(ctx context.Context, store lake.Store, contracts []*contract.Contract) error {
	var index ContractIndex
	for _, c := range contracts {
		if _, _, err := store.PutIfAbsent(ctx, lake.ContractKey(c.SHA256), c.Raw); err != nil {
			return err
		}
		index.Contracts = append(index.Contracts, ContractEntry{Dataset: c.Dataset, Version: c.Version, SHA256: c.SHA256})
	}
	_, err := store.Put(ctx, lake.ContractIndexKey, lake.Encode(index))
	return err
}
