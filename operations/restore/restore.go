package restore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/llac-project/llac/platform/lake"
)

// Layers lists what a replica holds, in the order in which it is copied. The state, which readers see, follows at the end and
// is not copied like the others. Landing, quarantine and dead letters are never replicated.
var Layers = []string{"staging/", "marts/", "archive/", "quality/", "evidence/", "runs/"}

// Options of a restore.
type Options struct {
	DryRun   bool       // report what a restore would do, and change nothing
	Progress func(Step) // nil: not reported. Called from several goroutines, one at a time
}

// Step is the progress of a restore.
type Step struct {
	Doing string // "copy", "check"
	Done  int
	Total int
	Bytes int64 // copied so far
}

// Report is the result of a restore.
type Report struct {
	DryRun   bool  `json:"dry_run"`
	Copied   int   `json:"objects_copied"` // in a dry run: objects to copy
	Bytes    int64 `json:"bytes_copied"`
	There    int   `json:"objects_there"` // of the replica that the lake already had
	Archived int   `json:"archived_pages_checked"`
	// Missing counts pages that evidence names and the replica lacks: archives with personal fields are not replicated.
	Missing  int       `json:"archived_pages_missing"`
	Datasets []Outcome `json:"datasets"`
	Marts    *Outcome  `json:"marts,omitempty"`
	Problems []string  `json:"problems,omitempty"`
}

// Outcome is the result for one pointer.
type Outcome struct {
	Name     string `json:"name"`
	Snapshot string `json:"snapshot"`
	State    State  `json:"state"`
	Reason   string `json:"reason,omitempty"`
}

// State is what happened to a pointer.
type State string

// The states of a pointer after a restore.
const (
	Restored State = "restored" // readers see the replica's snapshot now; in a dry run: they would
	Kept     State = "kept"     // the lake had this snapshot or a later one
	Refused  State = "refused"  // the replica's snapshot is incomplete; the lake is unchanged
)

// Good reports whether the restore found no problem.
func (r Report) Good() bool { return len(r.Problems) == 0 }

type restoring struct {
	from, to lake.Store
	options  Options
	report   Report
	mu       sync.Mutex
	step     Step
	checked  map[objectID]string // version ids of the objects that were checked in the store of where
}

// Restore copies the objects that the replica has and the lake lacks, checks them, and moves the pointers. If there is an
// error, the report holds what was done until then.
func Restore(ctx context.Context, from, to lake.Store, o Options) (Report, error) {
	r := &restoring{
		from: from, to: to, options: o, report: Report{DryRun: o.DryRun, Datasets: []Outcome{}}, checked: map[objectID]string{},
	}
	err := r.copyLayers(ctx)
	if err == nil {
		err = r.restoreState(ctx)
	}
	slices.Sort(r.report.Problems)
	return r.report, err
}

// martsName is the folder of the state that belongs to the marts and to no dataset.
const martsName = "marts"

// restoreState restores the state of each dataset, and then that of the marts.
func (r *restoring) restoreState(ctx context.Context) error {
	keys := map[string][]string{} // by folder of the state
	if err := r.from.List(ctx, "state/", func(i lake.Info) bool {
		name, _, _ := strings.Cut(strings.TrimPrefix(i.Key, "state/"), "/")
		keys[name] = append(keys[name], i.Key)
		return true
	}); err != nil {
		return fmt.Errorf("list the state in the replica: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		if name == martsName {
			continue
		}
		if err := r.restoreDataset(ctx, name, keys[name]); err != nil {
			return err
		}
	}
	if len(keys[martsName]) == 0 {
		return nil
	}
	outcome, err := r.restoreMarts(ctx)
	r.report.Marts = outcome
	return err
}

func (r *restoring) problem(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Problems = append(r.report.Problems, fmt.Sprintf(format, args...))
}

func (r *restoring) progress(change func(*Step)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.step)
	if r.options.Progress != nil {
		r.options.Progress(r.step)
	}
}

// stopped returns the cause why ctx ended, or nil. An interruption is not a finding about an object.
func stopped(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}
