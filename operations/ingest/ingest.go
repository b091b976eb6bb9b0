package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/portals"
)

// Unofficial is the source system of pages that nobody vouches for.
var Unofficial = string(lake.UnofficialOrigin("manual"))

// Largest is the largest page that is landed: one is read whole by every stage.
const Largest = 256 << 20

// Collection is what a person collected.
type Collection struct {
	Files   []string // the pages, in order
	Slice   string   // of a sliced dataset
	By      string   // who collected it
	Reason  string   // why the fetcher did not
	URL     string   // where the person says that it is from; may be empty
	Vouched bool     // the person says that the contract's portal sent exactly these bytes
}

// InputError says what is wrong with a collection, and what to do about it. Nothing was landed.
type InputError struct {
	Problem, Fix string
}

func (e *InputError) Error() string { return e.Problem }

func wrong(fix, format string, args ...any) error {
	return &InputError{fmt.Sprintf(format, args...), fix}
}

// Pages are a collection, read and checked against its contract.
type Pages struct {
	Collection
	contract *contract.Contract
	bodies   [][]byte
	rows     []int64
}

// Read reads the files of a collection. The error is an *InputError where a person can mend it.
func Read(c *contract.Contract, from Collection) (*Pages, error) {
	p := &Pages{Collection: from, contract: c}
	if err := p.check(); err != nil {
		return nil, err
	}
	seen := map[string]string{}
	for _, file := range from.Files {
		body, rows, err := page(c, file)
		if err != nil {
			return nil, err
		}
		sha := lake.SHA256(body)
		if other, ok := seen[sha]; ok {
			return nil, wrong("name each page once, in the order of the source", "%s and %s hold the same bytes", other, file)
		}
		seen[sha] = file
		p.bodies, p.rows = append(p.bodies, body), append(p.rows, rows)
	}
	return p, nil
}

func (p *Pages) check() error {
	c := p.contract
	official, err := url.Parse(c.Source.BaseURL)
	if err != nil {
		return fmt.Errorf("read the contract of %s: its source is %q: %w", c.Dataset, c.Source.BaseURL, err)
	}
	from, err := url.Parse(p.URL)
	switch {
	case len(p.Files) == 0:
		return wrong("name the pages, in order: --file page-1.json --file page-2.json", "no file is named")
	case strings.TrimSpace(p.Reason) == "":
		return wrong(`say why it was collected by hand: --reason "the portal is down, page saved on Monday"`, "no reason is given, and it stays with the data for good")
	case c.Slicing == nil && p.Slice != "":
		return wrong("leave --slice out", "%s has no slices", c.Dataset)
	case c.Slicing != nil && !slices.Contains(c.Slicing.Values, p.Slice):
		return wrong("--slice "+c.Slicing.Values[len(c.Slicing.Values)-1], "%s is fetched in slices, by %s, and %q is none of %s", c.Dataset, c.Slicing.Column, p.Slice, strings.Join(c.Slicing.Values, ", "))
	case err != nil, p.URL != "" && (from.Scheme != "https" && from.Scheme != "http" || from.Host == ""):
		return wrong("--url https://"+official.Host+"/…, or leave it out", "%q is no web address", p.URL)
	case p.Vouched && p.URL != "" && from.Host != official.Host:
		return wrong("leave --vouch out: then the rows say that they are unofficial", "the file is said to be from %s, and the source of %s is %s", from.Host, c.Dataset, official.Host)
	}
	return nil
}

// page reads one file and counts its rows as the fetcher's client does.
func page(c *contract.Contract, file string) ([]byte, int64, error) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return nil, 0, wrong("name a file that is there", "read the page: %v", err)
	case !info.Mode().IsRegular():
		return nil, 0, wrong("name each page by a --file of its own", "%s is no file", file)
	case info.Size() > Largest:
		return nil, 0, wrong("cut it into pages: several --file", "%s holds %d bytes, a page at most %d", file, info.Size(), int64(Largest))
	}
	body, err := os.ReadFile(file)
	if err != nil {
		return nil, 0, wrong("make it readable", "read the page: %v", err)
	}
	if bytes.HasPrefix(body, []byte{0x1f, 0x8b}) || bytes.HasPrefix(body, []byte{0x28, 0xb5, 0x2f, 0xfd}) {
		return nil, 0, wrong("unpack it first: gunzip or unzstd", "%s is packed", file)
	}
	rows := int64(0)
	err = portals.All.Rows(c.Source.Kind, body, func(source.Row) error { rows++; return nil })
	var malformed *source.PageError
	switch {
	case errors.As(err, &malformed):
		return nil, 0, wrong("save the answer of the portal's API as it is: JSON, not CSV or a web page; "+c.Source.BaseURL, "%s is no page of %s: %v", file, c.Source.Kind, malformed)
	case err != nil:
		return nil, 0, fmt.Errorf("read the page %s: %w", file, err)
	}
	return body, rows, nil
}

// Run names the run that a collection becomes, at a slot.
func (p *Pages) Run(slot string) events.Run {
	r := events.Run{Dataset: p.contract.Dataset, Slot: slot, Slice: p.Slice, ContractSHA256: p.contract.SHA256, Trigger: "manual"}
	prefix := ""
	if p.contract.Slicing != nil {
		// Only this slice is new; the gate carries the others on.
		prefix, r.Slices = p.contract.Slicing.Prefix, []string{p.Slice}
	}
	r.RunID = lake.NewRunID(slot, prefix, p.Slice).String()
	return r
}

// system is whose data the pages are, in words that stay with every row.
func (p *Pages) system() string {
	if !p.Vouched {
		return Unofficial
	}
	return string(lake.OfficialOrigin(p.contract.Source.BaseURL))
}

// Land writes the pages and their manifest and answers the event that tells of them. Nothing is told by it.
func (p *Pages) Land(ctx context.Context, store lake.Store, slot, attempt string, now time.Time) (events.LandingWritten, error) {
	run := p.Run(slot)
	from := p.contract.Source
	m := lake.Manifest{
		Run: run, Attempt: attempt, StartedAt: now, FinishedAt: now,
		Source:      source.Target{Kind: from.Kind, BaseURL: from.BaseURL, ID: from.ID, PageSize: from.PageSize, Params: map[string]string{}},
		Description: source.Description{Rows: -1, URL: p.URL, SourceSystem: p.system()},
		Manual:      &lake.Manual{By: p.By, Reason: p.Reason, URL: p.URL, Vouched: p.Vouched},
	}
	for i, body := range p.bodies {
		sha := lake.SHA256(body)
		info, _, err := store.PutIfAbsent(ctx, lake.LandingPageKey(run.Dataset, run.RunID, i, sha), body)
		if err != nil {
			return events.LandingWritten{}, fmt.Errorf("land %s: %w", p.Files[i], err)
		}
		info.SHA256 = sha
		m.Pages = append(m.Pages, lake.ManifestPage{Object: info.Object(), Index: i, Rows: p.rows[i], URL: p.URL, FetchedAt: now})
		m.Description.Pages = append(m.Description.Pages, source.PageRequest{Index: i, URL: p.URL, Rows: p.rows[i]})
		m.Manual.Files = append(m.Manual.Files, filepath.Base(p.Files[i]))
		m.Rows += p.rows[i]
		m.Bytes += int64(len(body))
	}
	body := lake.Encode(m)
	info, _, err := store.PutIfAbsent(ctx, lake.ManifestKey(run.Dataset, run.RunID, attempt, 0), body)
	if err != nil {
		return events.LandingWritten{}, fmt.Errorf("write the manifest of what was collected: %w", err)
	}
	info.SHA256 = lake.SHA256(body)
	return events.LandingWritten{
		Run: run, Attempt: attempt, Manifest: info.Object(), Pages: len(m.Pages), Rows: m.Rows, Bytes: m.Bytes,
		SourceRows: -1, SourceSystem: m.Description.SourceSystem,
	}, nil
}

// Event is the envelope of what was landed, from the operator.
func Event(p events.LandingWritten, now time.Time) events.Event {
	e := events.New(p)
	e.ID = p.Dataset + "/" + p.RunID + "/" + events.Operator + "/1"
	e.Source, e.Time = "/llac/"+events.Operator, now.UTC()
	return e
}

// Receipt records in the run's history that it was landed, in the fetcher's place: as long as it is there the janitor knows
// whose the pages are. It is written before the event is published (invariant 1), and again does no harm.
func Receipt(ctx context.Context, store lake.Store, e events.Event, build string) error {
	p, err := events.As[events.LandingWritten](e)
	if err != nil {
		return err
	}
	r := lake.Receipt{
		Service: events.Operator, Build: build, EventID: p.Dataset + "/" + p.RunID + "/" + events.Operator, StartedAt: e.Time, FinishedAt: e.Time, Events: []events.Event{e},
	}
	_, _, err = store.PutIfAbsent(ctx, lake.ReceiptKey(p.Dataset, p.RunID, "fetcher", 0), lake.Encode(r))
	if errors.Is(err, lake.ErrExists) {
		return nil
	}
	return err
}
