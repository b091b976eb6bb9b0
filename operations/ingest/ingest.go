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
	"unicode"
	"unicode/utf8"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/portals"
)

// Unofficial is the source system of pages for which no person vouches.
var Unofficial = string(lake.UnofficialOrigin("manual"))

// Largest is the size of the largest page that is landed: every stage reads a page whole.
const Largest = 256 << 20

// Collection is what a person collected.
type Collection struct {
	Files   []string // the pages, in order
	Slice   string   // of a sliced dataset
	By      string   // who collected it
	Reason  string   // why the fetcher did not
	URL     string   // where they come from, according to the person; may be empty
	Vouched bool     // the person states that the contract's portal sent exactly these bytes
}

// InputError reports a problem of a collection, and what to do. Nothing was landed.
type InputError struct {
	Problem, Fix string
}

func (e *InputError) Error() string { return e.Problem }

// wrong returns an *InputError.
func wrong(fix, format string, args ...any) error {
	return &InputError{fmt.Sprintf(format, args...), fix}
}

// Pages are a collection, read and checked against its contract.
type Pages struct {
	Collection
	contract *contract.Contract
	pages    []source.Page
}

// Read reads the files of a collection. The error is an *InputError if a person can fix it.
func Read(c *contract.Contract, from Collection) (*Pages, error) {
	p := &Pages{Collection: from, contract: c}
	if err := p.check(); err != nil {
		return nil, err
	}
	kind, err := portals.All.Find(c.Source.Kind)
	if err != nil {
		return nil, fmt.Errorf("read the pages of %s: %w", c.Dataset, err)
	}
	set, seen := source.NewPageSet(), map[string]string{}
	for i, file := range from.Files {
		page, err := p.page(kind, i, file)
		if err != nil {
			return nil, err
		}
		sha := lake.SHA256(page.Body)
		if other, ok := seen[sha]; ok {
			return nil, wrong("name each page once, in the order of the source", "%s and %s have the same bytes", other, file)
		}
		seen[sha] = file
		if err := set.Add(page, sha); err != nil {
			return nil, wrong("name each page once, in the order of the source", "%s repeats rows of another file: %v", file, err)
		}
		p.pages = append(p.pages, page)
	}
	if err := kind.CheckCollected(c.Target(p.Slice), p.pages); err != nil {
		return nil, p.mismatch(err)
	}
	return p, nil
}

// mismatch returns the *InputError of pages that are not those of the dataset.
func (p *Pages) mismatch(err error) error {
	fix := "request the pages again with the parameters of the contract of " + p.contract.Dataset
	var m *source.MismatchError
	if errors.As(err, &m) && m.Fix != "" {
		fix = m.Fix
	}
	return wrong(fix, "the files are not the pages of %s: %v", p.contract.Dataset, err)
}

// check checks everything but the files.
func (p *Pages) check() error {
	c := p.contract
	official, err := url.Parse(c.Source.BaseURL)
	if err != nil {
		return fmt.Errorf("read the contract of %s: the address %q of its source: %w", c.Dataset, c.Source.BaseURL, err)
	}
	from, err := url.Parse(p.URL)
	switch {
	case len(p.Files) == 0:
		return wrong("name the pages, in order: --file page-1.json --file page-2.json", "no file is named")
	case strings.TrimSpace(p.Reason) == "":
		return wrong(`give the reason for collecting by hand: --reason "the portal is down, page saved on Monday"`,
			"no reason is given; it is kept with the data")
	case !isPlain(p.Reason) || slices.ContainsFunc(p.Files, func(f string) bool { return !isPlain(f) }):
		return wrong("write the reason and the names of the files without control characters",
			"the reason, or the name of a file, contains a control character; both are kept with the data")
	case c.Slicing == nil && p.Slice != "":
		return wrong("leave --slice out", "%s has no slices", c.Dataset)
	case c.Slicing != nil && !slices.Contains(c.Slicing.Values, p.Slice):
		return wrong("--slice "+c.Slicing.Values[len(c.Slicing.Values)-1], "%s is fetched in slices, by %s: unknown slice %q, "+
			"want one of %s",
			c.Dataset, c.Slicing.Column, p.Slice, strings.Join(c.Slicing.Values, ", "))
	case err != nil, p.URL != "" && (from.Scheme != "https" && from.Scheme != "http" || from.Host == ""):
		return wrong("--url https://"+official.Host+"/…, or leave it out", "%q is not a web address", p.URL)
	case p.Vouched && p.URL != "" && from.Host != official.Host:
		return wrong("leave --vouch out: the rows are then marked as unofficial", "--url names the host %s, and the source of %s is %s",
			from.Host, c.Dataset, official.Host)
	}
	return nil
}

// isPlain reports whether a text is UTF-8 without control characters.
func isPlain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// page reads one file as the fetcher's client reads a response, and checks what the page states of itself.
func (p *Pages) page(kind source.Kind, index int, file string) (source.Page, error) {
	body, err := read(file)
	if err != nil {
		return source.Page{}, err
	}
	reader, tally := kind.Reader(), kind.NewTally()
	err = reader.Rows(body, tally.Add)
	var malformed *source.PageError
	switch {
	case errors.As(err, &malformed):
		return source.Page{}, wrong(
			"save the response of the portal's API unchanged: JSON, not CSV or a web page; "+p.contract.Source.BaseURL,
			"%s is not a page of %s: %v", file, kind.Name, malformed)
	case err != nil:
		return source.Page{}, fmt.Errorf("read the page %s: %w", file, err)
	}
	page := tally.Page(index, body, reader.Identity())
	// Invariant 11: the bytes decide, whatever a person states.
	err = kind.CheckSource(p.contract.Target(p.Slice), source.Description{SourceSystem: p.system()}, page.Identity)
	switch {
	case err == nil:
		return page, nil
	case page.Identity.Simulated && p.Vouched:
		return page, wrong("leave --vouch out: the rows are then marked as unofficial",
			"%s has the mark of the portal simulator: no portal sent it", file)
	}
	return page, wrong("name the dataset whose page it is, or request the page of "+p.contract.Source.ID,
		"%s is not a page of %s: %v", file, p.contract.Dataset, err)
}

// read reads one file.
func read(file string) ([]byte, error) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return nil, wrong("name an existing file", "read the page: %v", err)
	case !info.Mode().IsRegular():
		return nil, wrong("give each page its own --file", "%s is not a file", file)
	case info.Size() > Largest:
		return nil, wrong("split it into pages, each with its own --file", "%s has %d bytes, a page may have at most %d",
			file, info.Size(),
			int64(Largest))
	}
	body, err := os.ReadFile(file)
	if err != nil {
		return nil, wrong("make it readable", "read the page: %v", err)
	}
	if bytes.HasPrefix(body, []byte{0x1f, 0x8b}) || bytes.HasPrefix(body, []byte{0x28, 0xb5, 0x2f, 0xfd}) {
		return nil, wrong("decompress it first: gunzip or unzstd", "%s is compressed", file)
	}
	return body, nil
}

// Run returns the run of a collection at a slot.
func (p *Pages) Run(slot string) events.Run {
	r := events.Run{Dataset: p.contract.Dataset, Slot: slot, Slice: p.Slice, ContractSHA256: p.contract.SHA256, Trigger: "manual"}
	prefix := ""
	if p.contract.Slicing != nil {
		// Only this slice is new; the gate keeps the published ones.
		prefix, r.Slices = p.contract.Slicing.Prefix, []string{p.Slice}
	}
	r.RunID = lake.NewRunID(slot, prefix, p.Slice).String()
	return r
}

// system returns the source system of the pages, which every row names.
func (p *Pages) system() string {
	if !p.Vouched {
		return Unofficial
	}
	return string(lake.OfficialOrigin(p.contract.Source.BaseURL))
}

// Land writes the pages and their manifest and returns the event of their landing. It does not publish the event.
func (p *Pages) Land(ctx context.Context, store lake.Store, slot, attempt string, now time.Time) (events.LandingWritten, error) {
	run := p.Run(slot)
	m := lake.Manifest{
		Run: run, Attempt: attempt, StartedAt: now, FinishedAt: now, Source: p.contract.Target(p.Slice),
		Description: source.Description{Rows: -1, URL: p.URL, SourceSystem: p.system()},
		Manual:      &lake.Manual{By: p.By, Reason: p.Reason, URL: p.URL, Vouched: p.Vouched},
	}
	for i, page := range p.pages {
		sha := lake.SHA256(page.Body)
		info, _, err := store.PutIfAbsent(ctx, lake.LandingPageKey(run.Dataset, run.RunID, i, sha), page.Body)
		if err != nil {
			return events.LandingWritten{}, fmt.Errorf("land %s: %w", p.Files[i], err)
		}
		info.SHA256 = sha
		m.Pages = append(m.Pages, lake.ManifestPage{Object: info.Object(), Index: i, Rows: page.Rows, URL: p.URL, FetchedAt: now})
		m.Description.Pages = append(m.Description.Pages, source.PageRequest{Index: i, URL: p.URL, Rows: page.Rows})
		m.Manual.Files = append(m.Manual.Files, filepath.Base(p.Files[i]))
		m.Rows += page.Rows
		m.Bytes += int64(len(page.Body))
	}
	body := lake.Encode(m)
	info, _, err := store.PutIfAbsent(ctx, lake.ManifestKey(run.Dataset, run.RunID, attempt, 0), body)
	if err != nil {
		return events.LandingWritten{}, fmt.Errorf("write the manifest of the collected pages: %w", err)
	}
	info.SHA256 = lake.SHA256(body)
	return events.LandingWritten{
		Run: run, Attempt: attempt, Manifest: info.Object(), Pages: len(m.Pages), Rows: m.Rows, Bytes: m.Bytes,
		SourceRows: -1, SourceSystem: m.Description.SourceSystem,
	}, nil
}

// Event returns the event of a landing, emitted by the operator.
func Event(p events.LandingWritten, now time.Time) events.Event {
	e := events.New(p)
	e.ID = p.Dataset + "/" + p.RunID + "/" + events.Operator + "/1"
	e.Source, e.Time = "/llac/"+events.Operator, now.UTC()
	return e
}

// Receipt writes a receipt of the landing in the fetcher's place. As long as it exists, the janitor knows to which run the
// pages belong. It is written before the event is published (invariant 1). Writing it again does no harm.
func Receipt(ctx context.Context, store lake.Store, e events.Event, build string) error {
	p, err := events.As[events.LandingWritten](e)
	if err != nil {
		return err
	}
	r := lake.Receipt{
		Service: events.Operator, Build: build, EventID: p.Dataset + "/" + p.RunID + "/" + events.Operator, StartedAt: e.Time,
		FinishedAt: e.Time, Events: []events.Event{e},
	}
	_, _, err = store.PutIfAbsent(ctx, lake.ReceiptKey(p.Dataset, p.RunID, "fetcher", 0), lake.Encode(r))
	if errors.Is(err, lake.ErrExists) {
		return nil
	}
	return err
}
