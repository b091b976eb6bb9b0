package marts

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
)

// CleanOptions select what Clean deletes.
type CleanOptions struct {
	Store  lake.Store
	Forget func(ctx context.Context, mart, build string) error // removes a build's table; nil: there are no tables
	Now    time.Time
	Keep   time.Duration // how long a file is kept after readers last saw it
	Code   string        // version of llac
	By     string
	DryRun bool // nothing is written, nothing deleted
}

// Cleaned is runs/marts/<when>.cleaned.json: the evidence for the deletion of files of marts. It is written before the first
// file is deleted.
type Cleaned struct {
	At        time.Time   `json:"at"`
	By        string      `json:"by"`
	Code      string      `json:"code"`
	Before    time.Time   `json:"before"`          // no reader has seen the files since then
	Published string      `json:"published_build"` // the build that readers saw then
	Kept      int         `json:"kept"`            // number of files that were kept
	Files     []CleanFile `json:"files"`
}

// CleanFile is a file that was deleted, with its digest if its build was published.
type CleanFile struct {
	events.Object
	Mart      string `json:"mart"`
	Build     string `json:"build"`
	Published bool   `json:"published"` // all tests of its build had passed; false: the build failed, was stopped or was killed
}

// Bytes returns the size of all files.
func (c Cleaned) Bytes() int64 {
	var n int64
	for _, f := range c.Files {
		n += f.Size
	}
	return n
}

// Builds returns the number of builds that wrote the files.
func (c Cleaned) Builds() int {
	builds := map[string]bool{}
	for _, f := range c.Files {
		builds[f.Build] = true
	}
	return len(builds)
}

// LeastKeep is the minimum of CleanOptions.Keep. It is longer than any build takes, so that files that a running build reads
// or is about to publish are never old enough.
const LeastKeep = 24 * time.Hour

var martFile = regexp.MustCompile(`^marts/[^/]+/([^/]+)/build=([0-9]{8}T[0-9]{6})/[^/]+$`)

// Clean deletes files of marts that no reader has seen for the time of Keep: files of superseded builds, and of builds that
// published nothing. It keeps the files that readers see, or saw within that time, and all records.
//
// The error is ErrNoMarts if no mart was ever published. After any other error none or some of the returned files are
// deleted; call Clean again to continue.
func Clean(ctx context.Context, o CleanOptions) (Cleaned, error) {
	if o.Keep < LeastKeep {
		return Cleaned{}, fmt.Errorf("clean the marts: files are kept for at least %s", LeastKeep)
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
	old, kept, err := oldFiles(ctx, o.Store, seen, c.Before)
	if err != nil {
		return Cleaned{}, err
	}
	c.Kept = kept
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

// ErrNoMarts reports that no mart was ever published.
var ErrNoMarts = errors.New("no marts are published yet")

// oldFiles lists the files of marts that were written before a time and that no reader has seen since, and counts the others.
func oldFiles(ctx context.Context, store lake.Store, seen map[string]bool, before time.Time) (old []lake.Info, kept int, err error) {
	err = store.List(ctx, "marts/", func(i lake.Info) bool {
		var built time.Time
		if m := martFile.FindStringSubmatch(i.Key); m != nil {
			built, _ = lake.ParseSlot(m[2]) // a file whose build is not a time was not written by a build
		}
		isRecent := !built.Before(before) || !i.Modified.IsZero() && !i.Modified.Before(before)
		if seen[i.Key] || built.IsZero() || isRecent {
			kept++
		} else {
			old = append(old, i)
		}
		return true
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list the files of the marts: %w", err)
	}
	return old, kept, nil
}

// seenSince returns the keys of the files that readers see, or saw after a time. It follows the builds back from the pointer
// to the first one that was superseded before that time.
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
	superseded, previous := pointer.PublishedAt, pointer.Previous
	for previous != "" && !superseded.Before(since) {
		r, _, err := lake.ReadState[Record](ctx, store, lake.MartsRecordKey(previous))
		if err == nil && r == nil {
			err = fmt.Errorf("the record of build %s is gone, so it is unknown what readers saw: nothing is deleted", previous)
		}
		if err != nil {
			return nil, err
		}
		add(r.Marts)
		superseded, previous = r.FinishedAt, r.Previous
	}
	return seen, nil
}

// cleanFile describes a file, from the record of its build or else from the file itself.
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
	body, info, err := store.Open(ctx, i.Key) // a listing has no versions
	if err != nil {
		return f, err
	}
	f.VersionID = info.VersionID
	return f, body.Close()
}

// delete writes the evidence, removes the tables, and deletes the files, in this order (invariant 4).
func (c Cleaned) delete(ctx context.Context, o CleanOptions) error {
	for at := c.At.Truncate(time.Second); ; at = at.Add(time.Second) {
		_, _, err := o.Store.PutIfAbsent(ctx, lake.MartsCleanedKey(lake.Slot(at)), lake.Encode(c))
		if errors.Is(err, lake.ErrExists) {
			continue
		}
		if err != nil {
			return fmt.Errorf("write the evidence of the deletion: %w", err)
		}
		break
	}
	if o.Forget != nil {
		type table struct{ mart, build string }
		forgotten := map[table]bool{}
		for _, f := range c.Files {
			if t := (table{f.Mart, f.Build}); !forgotten[t] {
				forgotten[t] = true
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
