package marts

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
)

// CleanOptions are what Clean goes by.
type CleanOptions struct {
	Store  lake.Store
	Forget func(ctx context.Context, mart, build string) error // takes a build's table away; nil: there are none
	Now    time.Time
	Keep   time.Duration // how long after its last day with readers a file stays
	Code   string        // build of llac
	By     string
	DryRun bool // nothing is written, nothing deleted
}

// Cleaned is runs/marts/<when>.cleaned.json: which files of the marts were deleted and why that was right. It is written
// before the first of them is.
type Cleaned struct {
	At        time.Time   `json:"at"`
	By        string      `json:"by"`
	Code      string      `json:"code"`
	Before    time.Time   `json:"before"`          // no reader has seen the files since
	Published string      `json:"published_build"` // that readers saw then
	Kept      int         `json:"kept"`            // files that stay
	Files     []CleanFile `json:"files"`
}

// CleanFile is a file that was deleted. A build that was published has its digest too.
type CleanFile struct {
	events.Object
	Mart      string `json:"mart"`
	Build     string `json:"build"`
	Published bool   `json:"published"` // the record of its build says that all tests had passed; else the build failed, was stopped or was killed
}

// Bytes are those of all files.
func (c Cleaned) Bytes() int64 {
	var n int64
	for _, f := range c.Files {
		n += f.Size
	}
	return n
}

// Builds counts the builds that wrote the files.
func (c Cleaned) Builds() int {
	builds := map[string]bool{}
	for _, f := range c.Files {
		builds[f.Build] = true
	}
	return len(builds)
}

// LeastKeep is the shortest time that a file stays: longer than any build takes, so that what one is about to publish, or
// has begun from, is never old enough.
const LeastKeep = 24 * time.Hour

var martFile = regexp.MustCompile(`^marts/[^/]+/([^/]+)/build=([0-9]{8}T[0-9]{6})/[^/]+$`)

// Clean deletes files of the marts that no reader has seen for the time of Keep: of builds that others have followed, and of
// builds that published nothing. What readers see, and saw within that time, stays; so do all records.
//
// The error is ErrNoMarts where no mart was ever published; with any other nothing, or some of the files in the answer,
// are deleted, and to clean again goes on.
func Clean(ctx context.Context, o CleanOptions) (Cleaned, error) {
	if o.Keep < LeastKeep {
		return Cleaned{}, fmt.Errorf("files of marts stay for at least %s", LeastKeep)
	}
	pointer, _, err := lake.ReadMartsPointer(ctx, o.Store)
	if err != nil {
		return Cleaned{}, err
	}
	if pointer == nil {
		return Cleaned{}, ErrNoMarts
	}
	c := Cleaned{At: o.Now.UTC(), By: o.By, Code: o.Code, Before: o.Now.UTC().Add(-o.Keep), Published: pointer.Build, Files: []CleanFile{}}
	seen, err := seenSince(ctx, o.Store, pointer, c.Before)
	if err != nil {
		return Cleaned{}, err
	}
	var old []lake.Info
	err = o.Store.List(ctx, "marts/", func(i lake.Info) bool {
		m := martFile.FindStringSubmatch(i.Key)
		built := time.Time{}
		if m != nil {
			built, _ = time.Parse(lake.SlotLayout, m[2]) // one that is no time is nobody's build, and stays
		}
		if seen[i.Key] || built.IsZero() || !built.Before(c.Before) || !i.Modified.IsZero() && !i.Modified.Before(c.Before) {
			c.Kept++
		} else {
			old = append(old, i)
		}
		return true
	})
	if err != nil {
		return Cleaned{}, fmt.Errorf("list the files of the marts: %w", err)
	}
	records := map[string]*Record{}
	for _, i := range old {
		f, err := cleanFile(ctx, o.Store, i, records)
		if err != nil {
			return Cleaned{}, err
		}
		c.Files = append(c.Files, f)
	}
	if o.DryRun || len(c.Files) == 0 {
		return c, nil
	}
	return c, c.delete(ctx, o)
}

// ErrNoMarts is the answer where no mart was ever published.
var ErrNoMarts = errors.New("there are no marts here yet")

// seenSince are the files that readers see, or saw after a time. It follows the pointer's builds back to the first that was
// followed by another before that time.
func seenSince(ctx context.Context, store lake.Store, pointer *lake.MartsPointer, since time.Time) (map[string]bool, error) {
	seen := map[string]bool{}
	add := func(marts []lake.Mart) {
		for _, m := range marts {
			for _, object := range m.Objects {
				seen[object.Key] = true
			}
		}
	}
	add(pointer.Models)
	followed, previous := pointer.PublishedAt, pointer.Previous
	for previous != "" && !followed.Before(since) {
		r, _, err := lake.ReadState[Record](ctx, store, lake.MartsRecordKey(previous))
		if err == nil && r == nil {
			err = fmt.Errorf("the record of build %s is gone, so that nobody can tell what readers saw: nothing is deleted", previous)
		}
		if err != nil {
			return nil, err
		}
		add(r.Marts)
		followed, previous = r.FinishedAt, r.Previous
	}
	return seen, nil
}

// cleanFile is what is known of a file, from the record of its build or else from the file itself.
func cleanFile(ctx context.Context, store lake.Store, i lake.Info, records map[string]*Record) (CleanFile, error) {
	m := martFile.FindStringSubmatch(i.Key)
	f := CleanFile{Object: i.Object(), Mart: m[1], Build: m[2]}
	r, known := records[f.Build]
	if !known {
		var err error
		if r, _, err = lake.ReadState[Record](ctx, store, lake.MartsRecordKey(f.Build)); err != nil {
			return f, err
		}
		records[f.Build] = r
	}
	if r != nil {
		for _, mart := range r.Marts {
			if at := slices.IndexFunc(mart.Objects, func(o events.Object) bool { return o.Key == i.Key }); at >= 0 {
				f.Object, f.Published = mart.Objects[at], true
				return f, nil
			}
		}
	}
	body, info, err := store.Open(ctx, i.Key) // a listing does not tell versions
	if err != nil {
		return f, err
	}
	f.VersionID = info.VersionID
	return f, body.Close()
}

// delete writes down what is deleted, takes the tables away, and deletes, in this order (invariant 4).
func (c Cleaned) delete(ctx context.Context, o CleanOptions) error {
	for at := c.At.Truncate(time.Second); ; at = at.Add(time.Second) {
		_, _, err := o.Store.PutIfAbsent(ctx, lake.MartsCleanedKey(lake.Slot(at)), lake.Encode(c))
		if errors.Is(err, lake.ErrExists) {
			continue
		}
		if err != nil {
			return fmt.Errorf("write down what is deleted: %w", err)
		}
		break
	}
	if o.Forget != nil {
		forgotten := map[string]bool{}
		for _, f := range c.Files {
			if name := strings.Join([]string{f.Mart, f.Build}, " "); !forgotten[name] {
				forgotten[name] = true
				if err := o.Forget(ctx, f.Mart, f.Build); err != nil {
					return err
				}
			}
		}
	}
	for _, f := range c.Files {
		if err := o.Store.Delete(ctx, f.Key, f.VersionID); err != nil {
			return fmt.Errorf("delete %s: %w", f.Key, err)
		}
	}
	return nil
}
