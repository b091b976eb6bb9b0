package restore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
)

// Layers are what a replica holds, in the order in which they come back. The state, which readers look at, comes last and is not copied
// like the others. Never replicated, and so never here: landing, quarantine, dead letters.
var Layers = []string{"staging/", "marts/", "archive/", "quality/", "evidence/", "runs/"}

// atOnce bounds the copies at the same time; a copy holds a part of a large object in memory.
const atOnce = 8

// Options say how.
type Options struct {
	DryRun   bool       // look, and change nothing
	Progress func(Step) // nil: nobody looks. Called from several goroutines, one at a time
}

// Step is how far it is.
type Step struct {
	Doing string // "copy", "check"
	Done  int
	Total int
	Bytes int64 // copied so far
}

// Report is what came of it.
type Report struct {
	DryRun   bool      `json:"dry_run"`
	Copied   int       `json:"objects_copied"` // with DryRun: that would be
	Bytes    int64     `json:"bytes_copied"`
	There    int       `json:"objects_there"` // of the replica, that the lake had already
	Archived int       `json:"archived_pages_checked"`
	Missing  int       `json:"archived_pages_missing"` // that evidence names and the replica has not: archives with personal fields are not replicated
	Datasets []Outcome `json:"datasets"`
	Marts    *Outcome  `json:"marts,omitempty"`
	Problems []string  `json:"problems,omitempty"`
}

// Outcome is what became of one pointer.
type Outcome struct {
	Name     string `json:"name"`
	Snapshot string `json:"snapshot"`
	State    State  `json:"state"`
	Reason   string `json:"reason,omitempty"`
}

// State is what became of a pointer.
type State string

// The states of a pointer after a restore.
const (
	Restored State = "restored" // readers see the replica's snapshot now; with DryRun: they would
	Kept     State = "kept"     // the lake had this snapshot, or a later one
	Refused  State = "refused"  // the replica's is not whole; the lake is as it was
)

// Good says whether everything is as it should be.
func (r Report) Good() bool { return len(r.Problems) == 0 }

// named is an object as a document names it, but for its version.
type named struct{ key, sha256 string }

type restoring struct {
	from, to lake.Store
	options  Options
	report   Report
	mu       sync.Mutex
	step     Step
	checked  map[named]string // objects read back and found whole, with their version ids where they were read
}

// Restore copies what the replica has and the lake has not, checks it, and moves pointers. The report is good for what was done even where there is an error.
func Restore(ctx context.Context, from, to lake.Store, o Options) (Report, error) {
	r := &restoring{from: from, to: to, options: o, report: Report{DryRun: o.DryRun, Datasets: []Outcome{}}, checked: map[named]string{}}
	err := r.objects(ctx)
	if err == nil {
		err = r.state(ctx)
	}
	slices.Sort(r.report.Problems)
	return r.report, err
}

func (r *restoring) problem(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Problems = append(r.report.Problems, fmt.Sprintf(format, args...))
}

func (r *restoring) tell(change func(*Step)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.step)
	if r.options.Progress != nil {
		r.options.Progress(r.step)
	}
}

func sizes(ctx context.Context, s lake.Store, prefix string) (map[string]int64, error) {
	out := map[string]int64{}
	err := s.List(ctx, prefix, func(i lake.Info) bool {
		out[i.Key] = i.Size
		return true
	})
	return out, err
}

// objects copies the layers. What is there with another size is left, and told: whoever looks decides which is right.
func (r *restoring) objects(ctx context.Context) error {
	var missing []string
	for _, layer := range Layers {
		there, err := sizes(ctx, r.to, layer)
		if err != nil {
			return fmt.Errorf("list what the lake has of %s: %w", layer, err)
		}
		replica, err := sizes(ctx, r.from, layer)
		if err != nil {
			return fmt.Errorf("list what the replica has of %s: %w", layer, err)
		}
		for _, key := range slices.Sorted(maps.Keys(replica)) {
			size, is := there[key]
			switch {
			case !is:
				missing = append(missing, key)
				if r.options.DryRun {
					r.report.Copied++
					r.report.Bytes += replica[key]
				}
			case size != replica[key]:
				r.problem("%s is there with %d bytes and has %d in the replica; neither was changed", key, size, replica[key])
			default:
				r.report.There++
			}
		}
	}
	if r.options.DryRun {
		return nil
	}
	r.tell(func(s *Step) { *s = Step{Doing: "copy", Total: len(missing)} })
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, key := range missing {
		group.Go(func() error { return r.copy(ctx, key) })
	}
	return group.Wait()
}

func (r *restoring) copy(ctx context.Context, key string) error {
	body, info, err := r.from.Open(ctx, key)
	if err != nil {
		return fmt.Errorf("read %s of the replica: %w", key, err)
	}
	defer body.Close()
	counted := &counter{Reader: body}
	_, err = r.to.PutStream(ctx, key, counted, lake.Metadata(info.Metadata))
	if errors.Is(err, lake.ErrExists) {
		// Written since we looked, by a service that runs. Where it is what a pointer names, the check will tell.
		err = nil
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	r.tell(func(s *Step) { s.Done++; s.Bytes += counted.n })
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Copied++
	r.report.Bytes += counted.n
	return nil
}

type counter struct {
	io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

// where objects are checked: in the restored lake; a dry run looks at the replica.
func (r *restoring) where() lake.Store {
	if r.options.DryRun {
		return r.from
	}
	return r.to
}

// check reads an object of a store and holds it against how it is named.
func (r *restoring) check(ctx context.Context, store lake.Store, o events.Object) error {
	r.mu.Lock()
	_, known := r.checked[named{o.Key, o.SHA256}]
	r.mu.Unlock()
	if known && store == r.where() {
		return nil
	}
	body, info, err := store.Open(ctx, o.Key)
	if err != nil {
		return err
	}
	defer body.Close()
	digest := sha256.New()
	n, err := io.Copy(digest, body)
	if err != nil {
		return fmt.Errorf("read %s: %w", o.Key, err)
	}
	if sum := hex.EncodeToString(digest.Sum(nil)); n != o.Size || sum != o.SHA256 {
		return &lake.IntegrityError{Object: o, Got: fmt.Sprintf("%d bytes, sha256 %s", n, sum)}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if store == r.where() {
		r.checked[named{o.Key, o.SHA256}] = info.VersionID
	}
	return nil
}

// all checks objects where they are to be in the end.
func (r *restoring) all(ctx context.Context, objects []events.Object) error {
	return r.whole(ctx, r.where(), objects)
}

// whole checks objects, several at a time, and answers the first that is not what it should be.
func (r *restoring) whole(ctx context.Context, store lake.Store, objects []events.Object) error {
	r.tell(func(s *Step) { *s = Step{Doing: "check", Total: len(objects), Bytes: s.Bytes} })
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, o := range objects {
		group.Go(func() error {
			err := r.check(ctx, store, o)
			r.tell(func(s *Step) { s.Done++ })
			return err
		})
	}
	return group.Wait()
}

// version is the id that an object has in the restored lake; one that was not read keeps its own.
func (r *restoring) version(o events.Object) string {
	if v, ok := r.checked[named{o.Key, o.SHA256}]; ok {
		return v
	}
	return o.VersionID
}

// interrupted tells an end by Ctrl-C from an object that is not whole: nothing is judged by the first.
func interrupted(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// dataset of a key of the state: "" for the marts.
func dataset(key string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(key, "state/"), "/")
	return name
}
