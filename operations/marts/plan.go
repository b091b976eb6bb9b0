package marts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
)

// The dataset whose superseded snapshots a model reads too, and that model: a day of the register is known only from
// the snapshot of that day.
const (
	dailyDataset = "social_services"
	dailyModel   = "fact_service_usage_daily"
)

// own is the source system of rows that come from the project itself: the calendar, the seeds.
const own = "llac"

// Plan is what a build reads, by the pointers.
type Plan struct {
	Project   string                   // sha256 of the dbt project
	Snapshots map[string]*lake.Pointer // by dataset: those that are published
	Missing   []string                 // datasets that have a contract and were never published
	Published *lake.MartsPointer       // what readers see now; nil: nothing
	Usable    []lake.Mart              // published marts that a build may go on from
	Daily     []*lake.Pointer          // snapshots of the daily dataset that its model has not yet, ascending
	Last      *lake.Pointer            // the one that it had last, where that still lies in the lake
	Notices   []string                 // what a person should know
	CheckedAt map[string]time.Time     // by dataset: when its source was last seen to be what is published

	contracts map[string]*contract.Contract
	etag      string
}

// MixedError says that a lake holds simulated and real datasets, of which no mart may be made together.
type MixedError struct{ Simulated, Real []string }

func (e *MixedError) Error() string {
	return fmt.Sprintf("this lake holds simulated data (%s) beside real data (%s), and no mart may be made of both", strings.Join(e.Simulated, ", "), strings.Join(e.Real, ", "))
}

// ErrNothingPublished is the answer where no dataset is published.
var ErrNothingPublished = errors.New("no dataset is published, so there is nothing to build marts of")

// ProjectError is the answer where the dbt project cannot be read.
type ProjectError struct {
	Folder string
	Err    error
}

func (e *ProjectError) Error() string {
	return fmt.Sprintf("%s holds no dbt project that can be read: %v", e.Folder, e.Err)
}

func (e *ProjectError) Unwrap() error { return e.Err }

// CheckProject says whether a folder holds a dbt project, by a *ProjectError.
func CheckProject(folder string) error {
	_, err := os.Stat(filepath.Join(folder, "dbt_project.yml"))
	if err != nil {
		return &ProjectError{folder, err}
	}
	return nil
}

// projectHash is the sha256 of the project's files. What dbt leaves in a folder by itself does not count.
func projectHash(folder string) (string, error) {
	digest := sha256.New()
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{"target", "logs", "dbt_packages"}, d.Name()), d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != folder:
			return filepath.SkipDir
		case d.IsDir(), strings.HasPrefix(d.Name(), "."), strings.HasSuffix(d.Name(), ".md"):
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(digest, "%s\x00%d\x00", filepath.ToSlash(name), len(b))
		digest.Write(b)
		return nil
	})
	if err != nil {
		return "", &ProjectError{folder, err}
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

// ReadPlan reads the pointers. The error is *ProjectError, ErrNothingPublished or *MixedError, or says what could not be
// read.
func ReadPlan(ctx context.Context, store lake.Store, contracts []*contract.Contract, project string, fullRefresh bool) (*Plan, error) {
	if err := CheckProject(project); err != nil {
		return nil, err
	}
	sha, err := projectHash(project)
	if err != nil {
		return nil, err
	}
	p := &Plan{
		Project: sha, Snapshots: map[string]*lake.Pointer{}, CheckedAt: map[string]time.Time{}, contracts: map[string]*contract.Contract{},
	}
	for _, c := range contracts {
		pointer, _, err := lake.ReadPointer(ctx, store, c.Dataset)
		if err != nil {
			return nil, err
		}
		if pointer == nil {
			p.Missing = append(p.Missing, c.Dataset)
			continue
		}
		p.contracts[c.Dataset], p.Snapshots[c.Dataset], p.CheckedAt[c.Dataset] = c, pointer, pointer.PublishedAt
		cursor, err := lake.ReadCursor(ctx, store, c.Dataset)
		if err != nil {
			return nil, err
		}
		if cursor != nil && cursor.LastSuccess.After(pointer.PublishedAt) {
			p.CheckedAt[c.Dataset] = cursor.LastSuccess
		}
	}
	if len(p.Snapshots) == 0 {
		return nil, ErrNothingPublished
	}
	if err := p.unmixed(); err != nil {
		return nil, err
	}
	if p.Published, p.etag, err = lake.ReadMartsPointer(ctx, store); err != nil {
		return nil, err
	}
	if err := p.usable(ctx, store); err != nil {
		return nil, err
	}
	return p, p.daily(ctx, store, fullRefresh)
}

// unmixed refuses simulated datasets beside real ones.
func (p *Plan) unmixed() error {
	e := &MixedError{}
	for _, dataset := range slices.Sorted(maps.Keys(p.Snapshots)) {
		if ledger.Simulated(p.Snapshots[dataset].SourceSystem) {
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

// Simulated says whether the datasets of the plan are. All of them are, or none.
func (p *Plan) Simulated() bool {
	for _, s := range p.Snapshots {
		return ledger.Simulated(s.SourceSystem)
	}
	return false
}

// usable finds the published marts that a build may read and go on from.
func (p *Plan) usable(ctx context.Context, store lake.Store) error {
	if p.Published == nil {
		return nil
	}
	for _, m := range p.Published.Models {
		if m.SourceSystem != "" && ledger.Simulated(m.SourceSystem) != p.Simulated() {
			// Invariant 11: what was built of the others is no beginning for these.
			p.notice("The published marts are of %s data and the datasets are not: all marts are made anew, and their history begins anew.", kind(!p.Simulated()))
			p.Usable = nil
			return nil
		}
		gone, err := missing(ctx, store, m.Objects)
		if err != nil {
			return err
		}
		if gone != "" {
			p.notice("The published file %s is gone: %s is made anew without it.", gone, m.Name)
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

// missing answers the first object that is not there; "" when all are.
func missing(ctx context.Context, store lake.Store, objects []events.Object) (string, error) {
	for _, o := range objects {
		body, _, err := store.Open(ctx, o.Key)
		if errors.Is(err, lake.ErrNotFound) {
			return o.Key, nil
		}
		if err != nil {
			return "", err
		}
		body.Close() // only looked for
	}
	return "", nil
}

// objects are those of a snapshot.
func objects(p *lake.Pointer) []events.Object {
	var out []events.Object
	for _, part := range p.Parts {
		for _, o := range part.Objects {
			out = append(out, o.Object)
		}
	}
	return out
}

// daily finds the snapshots that the daily model has not yet.
func (p *Plan) daily(ctx context.Context, store lake.Store, fullRefresh bool) error {
	current := p.Snapshots[dailyDataset]
	if current == nil {
		return nil
	}
	last := ""
	if m := p.mart(dailyModel); m != nil && !fullRefresh {
		last = m.Snapshots[dailyDataset]
	}
	if last > current.Snapshot {
		p.notice("%s was taken back from snapshot %s to %s: %s is made anew, without what came after.", dailyDataset, last, current.Snapshot, dailyModel)
		p.Usable = slices.DeleteFunc(p.Usable, func(m lake.Mart) bool { return m.Name == dailyModel })
		last = ""
	}
	if last == current.Snapshot {
		p.Last = current
		return nil
	}
	var slots []string
	prefix := lake.HistoryPrefix(dailyDataset)
	if err := store.List(ctx, prefix, func(i lake.Info) bool {
		slots = append(slots, strings.TrimSuffix(strings.TrimPrefix(i.Key, prefix), ".json"))
		return true
	}); err != nil {
		return fmt.Errorf("list the superseded snapshots of %s: %w", dailyDataset, err)
	}
	slices.Sort(slots)
	var swept []string
	for _, slot := range slots {
		if slot < last || slot >= current.Snapshot {
			continue
		}
		old, err := lake.ReadHistory(ctx, store, dailyDataset, slot)
		if err != nil {
			return err
		}
		if old == nil || ledger.Simulated(old.SourceSystem) != p.Simulated() {
			continue // Invariant 11
		}
		gone := !old.SweptAt.IsZero()
		if !gone {
			key, err := missing(ctx, store, objects(old))
			if err != nil {
				return err
			}
			gone = key != ""
		}
		switch {
		case gone && slot == last:
		case gone:
			swept = append(swept, slot)
		case slot == last:
			p.Last = old
		default:
			p.Daily = append(p.Daily, old)
		}
	}
	if len(swept) > 0 && last != "" {
		p.notice("Of %s, snapshots %s are no longer kept and %s never had them: it has no rows of those days.", dailyDataset, strings.Join(swept, ", "), dailyModel)
	}
	p.Daily = append(p.Daily, current)
	return nil
}

// mart is a published mart that the build may go on from, or nil.
func (p *Plan) mart(name string) *lake.Mart {
	for i := range p.Usable {
		if p.Usable[i].Name == name {
			return &p.Usable[i]
		}
	}
	return nil
}

// Current says whether the published marts are what a build would make: of the same snapshots, by the same project and
// the same code, and with all their files there.
func (p *Plan) Current(code string) bool {
	return p.Published != nil && p.Published.Project == p.Project && p.Published.Code == code && len(p.Usable) == len(p.Published.Models) &&
		maps.Equal(p.Published.Snapshots, p.ids())
}

func (p *Plan) ids() map[string]string {
	out := map[string]string{}
	for dataset, s := range p.Snapshots {
		out[dataset] = s.Snapshot
	}
	return out
}

// relation names the relation of a snapshot.
func relation(dataset, snapshot string) string { return dataset + "__" + strings.ToLower(snapshot) }

// relations are what the models read.
func (p *Plan) relations() []Relation {
	var out []Relation
	add := func(s *lake.Pointer) {
		r := Relation{Schema: stagingSchema, Name: relation(s.Dataset, s.Snapshot), Snapshot: s, Contract: p.contracts[s.Dataset]}
		if !slices.ContainsFunc(out, func(o Relation) bool { return o.Name == r.Name }) {
			out = append(out, r)
		}
	}
	for _, dataset := range slices.Sorted(maps.Keys(p.Snapshots)) {
		add(p.Snapshots[dataset])
	}
	for _, s := range p.Daily {
		add(s)
	}
	if p.Last != nil {
		add(p.Last)
	}
	for i := range p.Usable {
		out = append(out, Relation{Schema: publishedSchema, Name: p.Usable[i].Name, Mart: &p.Usable[i]})
	}
	return out
}

// reads are the objects of all that the models read.
func (p *Plan) reads() []events.Object {
	var out []events.Object
	for _, r := range p.relations() {
		if r.Snapshot != nil {
			out = append(out, objects(r.Snapshot)...)
		} else {
			out = append(out, r.Mart.Objects...)
		}
	}
	return out
}

// variables are the dbt project's.
func (p *Plan) variables(now time.Time) map[string]any {
	checked := map[string]string{}
	for dataset, at := range p.CheckedAt {
		checked[dataset] = at.UTC().Format("2006-01-02T15:04:05Z")
	}
	published, daily := []string{}, []string{}
	for _, m := range p.Usable {
		published = append(published, m.Name)
	}
	for _, s := range p.Daily {
		daily = append(daily, s.Snapshot)
	}
	vars := map[string]any{
		"snapshots": p.ids(), "staging_schema": stagingSchema, "published_schema": publishedSchema, "published_models": published,
		"checked_at": checked, "build_date": now.UTC().Format(time.DateOnly), "service_snapshots": daily,
	}
	if p.Last != nil && p.mart(dailyModel) != nil {
		vars["previous_service_snapshot"] = p.Last.Snapshot
	}
	return vars
}
