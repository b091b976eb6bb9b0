package marts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
)

// Plan is what a build reads, found from the pointers.
type Plan struct {
	Project       string                   // sha256 of the dbt project
	Snapshots     map[string]*lake.Pointer // the published snapshots, by dataset
	Missing       []string                 // datasets that have a contract and were never published
	Published     *lake.MartsPointer       // what readers see now; nil if none
	Usable        []lake.Mart              // published marts that a build may read and add to
	Accumulations []*Accumulation          // by model
	Notices       []string                 // what a person should know
	CheckedAt     map[string]time.Time     // by dataset: when the published snapshot was last known to be current

	contracts map[string]*contract.Contract
	etag      string // of the published pointer
}

// MixedError reports that a lake holds simulated and real datasets. No mart may combine them.
type MixedError struct{ Simulated, Real []string }

func (e *MixedError) Error() string {
	return fmt.Sprintf("this lake holds simulated data (%s) and real data (%s), and no mart may combine them",
		strings.Join(e.Simulated, ", "), strings.Join(e.Real, ", "))
}

// ErrNothingPublished reports that there is no dataset to build marts from.
var ErrNothingPublished = errors.New("no dataset is published, so there is nothing to build marts from")

// ReadPlan reads the pointers and the project's declarations. The error is *ProjectError, ErrNothingPublished or
// *MixedError, or names what could not be read.
func ReadPlan(ctx context.Context, store lake.Store, contracts []*contract.Contract, project string, fullRefresh bool) (*Plan, error) {
	if err := CheckProject(project); err != nil {
		return nil, err
	}
	sha, err := projectHash(project)
	if err != nil {
		return nil, err
	}
	declarations, err := ReadDeclarations(project)
	if err != nil {
		return nil, err
	}
	p := &Plan{
		Project: sha, Snapshots: map[string]*lake.Pointer{}, CheckedAt: map[string]time.Time{}, contracts: map[string]*contract.Contract{},
	}
	if err := p.readDatasets(ctx, store, contracts); err != nil {
		return nil, err
	}
	if err := p.checkUnmixed(); err != nil {
		return nil, err
	}
	if p.Published, p.etag, err = lake.ReadMartsPointer(ctx, store); err != nil {
		return nil, err
	}
	if err := p.findUsable(ctx, store); err != nil {
		return nil, err
	}
	return p, p.accumulate(ctx, store, declarations, fullRefresh)
}

// readDatasets reads the pointer of every dataset that has a contract.
func (p *Plan) readDatasets(ctx context.Context, store lake.Store, contracts []*contract.Contract) error {
	for _, c := range contracts {
		pointer, _, err := lake.ReadPointer(ctx, store, c.Dataset)
		if err != nil {
			return err
		}
		if pointer == nil {
			p.Missing = append(p.Missing, c.Dataset)
			continue
		}
		p.contracts[c.Dataset], p.Snapshots[c.Dataset], p.CheckedAt[c.Dataset] = c, pointer, pointer.PublishedAt
		cursor, err := lake.ReadCursor(ctx, store, c.Dataset)
		if err != nil {
			return err
		}
		if cursor != nil && cursor.LastSuccess.After(pointer.PublishedAt) {
			p.CheckedAt[c.Dataset] = cursor.LastSuccess
		}
	}
	if len(p.Snapshots) == 0 {
		return ErrNothingPublished
	}
	return nil
}

// checkUnmixed reports, as a *MixedError, that simulated and real datasets are published together.
func (p *Plan) checkUnmixed() error {
	e := &MixedError{}
	for _, dataset := range slices.Sorted(maps.Keys(p.Snapshots)) {
		if p.Snapshots[dataset].Origin().Simulated() {
			e.Simulated = append(e.Simulated, dataset)
		} else {
			e.Real = append(e.Real, dataset)
		}
	}
	if len(e.Simulated) > 0 && len(e.Real) > 0 {
		return e // Invariant 11
	}
	return nil
}

// Simulated reports whether the datasets of the plan are simulated. Either all of them are, or none.
func (p *Plan) Simulated() bool { return p.origin().Simulated() }

// origin returns the origin of one of the plan's datasets, to which those of all others are alike; empty if there are none.
func (p *Plan) origin() lake.Origin {
	for _, s := range p.Snapshots {
		return s.Origin()
	}
	return ""
}

// findUsable finds the published marts that the build may read and add to.
func (p *Plan) findUsable(ctx context.Context, store lake.Store) error {
	if p.Published == nil {
		return nil
	}
	for _, m := range p.Published.Models {
		if origin := lake.Origin(m.SourceSystem); origin != "" && !origin.Alike(p.origin()) {
			// Invariant 11: marts of simulated data are no basis for real ones, nor the other way round.
			p.notice("The published marts are of %s data and the datasets are not: all marts are rebuilt, and their history starts again.",
				kind(!p.Simulated()))
			p.Usable = nil
			return nil
		}
		gone, err := firstMissing(ctx, store, m.Objects)
		if err != nil {
			return err
		}
		if gone != "" {
			p.notice("The published file %s is gone: %s is rebuilt without it.", gone, m.Name)
			continue
		}
		p.Usable = append(p.Usable, m)
	}
	return nil
}

func kind(simulated bool) string {
	if simulated {
		return "simulated"
	}
	return "real"
}

func (p *Plan) notice(format string, args ...any) {
	p.Notices = append(p.Notices, fmt.Sprintf(format, args...))
}

// firstMissing returns the key of the first object that does not exist; "" if all do.
func firstMissing(ctx context.Context, store lake.Store, objects []events.Object) (string, error) {
	for _, o := range objects {
		body, _, err := store.Open(ctx, o.Key)
		if errors.Is(err, lake.ErrNotFound) {
			return o.Key, nil
		}
		if err != nil {
			return "", err
		}
		body.Close() // nothing was read
	}
	return "", nil
}

// mart returns a published mart that the build may read and add to, or nil.
func (p *Plan) mart(name string) *lake.Mart {
	for i := range p.Usable {
		if p.Usable[i].Name == name {
			return &p.Usable[i]
		}
	}
	return nil
}

// Current reports whether a build would make the published marts again: they are of the same snapshots, project and version
// of llac, and all their files exist.
func (p *Plan) Current(code string) bool {
	return p.Published != nil && p.Published.Project == p.Project && p.Published.Code == code &&
		len(p.Usable) == len(p.Published.Models) && maps.Equal(p.Published.Snapshots, p.ids())
}

func (p *Plan) ids() map[string]string {
	out := map[string]string{}
	for dataset, s := range p.Snapshots {
		out[dataset] = s.Snapshot
	}
	return out
}
