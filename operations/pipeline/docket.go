package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/platform/lake"
)

// Pending is one unfinished request.
type Pending struct {
	Dataset string `json:"dataset"`
	Slot    string `json:"slot"`
	Why     string `json:"why"`    // why it was requested, for a person
	Portal  string `json:"portal"` // the --portal that it started with
	// the run.requested, or the landing.written of pages collected by hand, to be published again unchanged
	Event events.Event `json:"event"`
}

// Request returns the name of the request.
func (p Pending) Request() ledger.Request { return ledger.Request{Dataset: p.Dataset, Slot: p.Slot} }

// docket is <dir>/unfinished.json.
type docket struct {
	path string
	mu   sync.Mutex
	list []Pending
}

type docketFile struct {
	Requests []Pending `json:"requests"`
}

func docketPath(dir string) string { return filepath.Join(dir, "unfinished.json") }

func readDocket(dir string) (*docket, error) {
	d := &docket{path: docketPath(dir)}
	b, err := os.ReadFile(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return d, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the unfinished requests: %w", err)
	}
	var f docketFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("read the unfinished requests: %s: %w; remove the file to forget them (the queues still have the "+
			"work)", d.path,
			err)
	}
	d.list = f.Requests
	return d, nil
}

// Unfinished returns the requests that an earlier `llac run` in dir left unfinished.
func Unfinished(dir string) ([]Pending, error) {
	d, err := readDocket(dir)
	if err != nil {
		return nil, err
	}
	return d.list, nil
}

// add records requests before they are published.
func (d *docket) add(requests ...Pending) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, requests...)
	return d.write()
}

// strike removes a request that has ended.
func (d *docket) strike(r ledger.Request) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := len(d.list)
	d.list = slices.DeleteFunc(d.list, func(p Pending) bool { return p.Request() == r })
	if len(d.list) == before {
		return nil
	}
	return d.write()
}

func (d *docket) write() error {
	if len(d.list) == 0 {
		err := os.Remove(d.path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return writeFile(d.path, lake.Encode(docketFile{d.list}))
}
