package idescat

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/source"
)

// maxURL is the longest address; longer filters go into the body of a POST.
const maxURL = 2000

// The parameters that are not dimensions.
const (
	langParameter = "lang"
	lastParameter = "_LAST_" // number of periods; never sent
)

// client reads the tables API v2. A page's size is counted in cells.
type client struct{ *source.Caller }

// target is a source.Target whose addresses can be composed.
type target struct {
	source.Place
	id      string
	lang    string
	filters map[string][]string // dimension id -> category codes
	last    int                 // only the last periods; 0: all
}

func (c *client) target(op string, t source.Target) (target, error) {
	at, err := c.Locate(op, t)
	if err != nil {
		return target{}, err
	}
	i := target{Place: at, id: t.ID, lang: "ca", filters: selection(t.Params)}
	if lang, ok := t.Params[langParameter]; ok {
		i.lang = lang
	}
	if value, ok := t.Params[lastParameter]; ok {
		if i.last, err = strconv.Atoi(value); err != nil || i.last < 1 {
			return target{}, c.Misconfigured(op, fmt.Errorf("source parameter _LAST_ is %.40q, want a number of periods", value))
		}
	}
	return i, nil
}

func (i target) table() string {
	b := i.Base.String()
	if i.Base.Path == "" {
		b += "/taules/v2"
	}
	return b + "/" + i.id
}

func (i target) metadata() string { return i.table() + "?" + source.Query(langParameter, i.lang) }

// readMetadata requests the table without its values.
func (c *client) readMetadata(ctx context.Context, op string, i target) (*cube, *source.Response, error) {
	var m *cube
	res, err := c.Do(ctx, source.Request{Op: op, URL: i.metadata(), Check: func(r *source.Response) (err error) {
		if m, err = readCube(r.Body); err != nil {
			return err
		}
		return c.Kind.CheckSource(source.Target{ID: i.id}, source.Description{SourceSystem: r.System}, m.identity())
	}})
	return m, res, err
}

// Describe reads the table's metadata, from which it plans the pages. The portal has no conditional requests. A table may be
// unchanged when its date, its dimensions and their categories are all the same as before.
func (c *client) Describe(ctx context.Context, t source.Target, since events.Validators) (source.Description, error) {
	op := "describe " + Name + " " + t.ID
	i, err := c.target(op, t)
	if err != nil {
		return source.Description{}, err
	}
	m, res, err := c.readMetadata(ctx, op, i)
	if err != nil {
		return source.Description{}, err
	}
	chosen, err := i.choose(m)
	if err != nil {
		return source.Description{}, c.Misconfigured(op, err)
	}
	version := i.version(m, chosen)
	d := source.Description{
		Unproved: version.UpdatedAt != "" && version.Same(since), Validators: version, Rows: version.Rows, Pages: i.plan(chosen),
		Title: source.Clip(m.label, source.MaxTitle), SourceText: source.Clip(m.source,
			source.MaxTitle), URL: m.href, SourceSystem: res.System,
	}
	if d.URL == "" {
		d.URL = i.table()
	}
	for _, dim := range m.dims {
		d.Fields = append(d.Fields, source.SourceField{Name: dim.id, Type: "category"},
			source.SourceField{Name: dim.id + labelSuffix, Type: "text"})
	}
	d.Fields = append(d.Fields, source.SourceField{Name: valueField, Type: "number"}, source.SourceField{Name: statusField, Type: "text"})
	d.Fields = append(d.Fields, m.roleFields()...)
	return d, nil
}

// version returns validators of the table's version and of the chosen part of it. The tag is computed here; the portal
// sends none.
func (i target) version(m *cube, chosen []choice) events.Validators {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s", m.updated, m.selection)
	rows := int64(1)
	for _, ch := range chosen {
		fmt.Fprintf(h, "%q %q\n", ch.id, ch.codes)
		rows *= int64(len(ch.codes))
	}
	// The table's date is a day: a correction on the same day has the same one.
	return events.Validators{ETag: "cube-" + hex.EncodeToString(h.Sum(nil)[:12]), UpdatedAt: m.updated, Rows: rows, Weak: true}
}

// choice is the requested part of one dimension.
type choice struct {
	id       string
	role     string
	codes    []string // in the portal's order
	filtered bool     // the request must list the codes
}

// choose applies the target's filters to the table's categories. The portal ignores an unknown filter and returns the whole
// table, so an unknown name or code must not reach it.
func (i target) choose(m *cube) ([]choice, error) {
	rest := maps.Clone(i.filters)
	var chosen []choice
	lastUsed := i.last == 0
	for _, dim := range m.dims {
		ch := choice{id: dim.id, role: dim.role}
		for _, g := range dim.categories {
			ch.codes = append(ch.codes, g.code)
		}
		if wanted, ok := rest[dim.id]; ok {
			delete(rest, dim.id)
			if dim.role == "time" && i.last > 0 {
				return nil, fmt.Errorf("source parameters _LAST_ and %s both choose periods: keep one of them", dim.id)
			}
			for _, code := range wanted {
				if !slices.Contains(ch.codes, code) {
					return nil, fmt.Errorf("dimension %s has no category %.40q (it has %s)", dim.id, code,
						source.Clip(strings.Join(ch.codes, ", "), 200))
				}
			}
			ch.codes = slices.DeleteFunc(ch.codes, func(code string) bool { return !slices.Contains(wanted, code) })
			ch.filtered = true
		} else if dim.role == "time" && !lastUsed {
			// _LAST_ is never sent; the codes that it selects are, so that pages keep their planned content.
			ch.codes = ch.codes[max(0, len(ch.codes)-i.last):]
			ch.filtered, lastUsed = true, true
		}
		chosen = append(chosen, ch)
	}
	if len(rest) > 0 {
		names := slices.Sorted(maps.Keys(rest))
		return nil, fmt.Errorf("the table has no dimension %.40q, which the source parameters filter by", names[0])
	}
	if !lastUsed {
		return nil, fmt.Errorf("source parameter _LAST_ is set, but the table has no time dimension")
	}
	cells := 1
	for _, ch := range chosen {
		cells = product(cells, len(ch.codes))
	}
	if cells/int(i.PageSize) >= source.MaxPages {
		return nil, fmt.Errorf("the parameters choose %d cells, more than %d pages of %d: choose fewer categories, or slice the "+
			"dataset", cells, source.MaxPages, int(i.PageSize))
	}
	return chosen, nil
}

// plan divides the chosen cube into pages below the cell limit: by time first, then by the other dimensions in the table's
// order, by geography last, because listing municipalities makes long requests.
func (i target) plan(chosen []choice) []source.PageRequest {
	order := make([]int, len(chosen))
	for k := range order {
		order[k] = k
	}
	rank := map[string]int{"time": 0, "geo": 2}
	slices.SortStableFunc(order, func(a, b int) int {
		return rankOf(rank, chosen[a].role) - rankOf(rank, chosen[b].role)
	})
	pages := []source.PageRequest{}
	i.split(chosen, order, func(part []choice, cells int64) {
		p := source.PageRequest{Index: len(pages), Rows: cells}
		p.URL, p.Method, p.Body = i.data(part)
		pages = append(pages, p)
	})
	return pages
}

func rankOf(rank map[string]int, role string) int {
	if r, ok := rank[role]; ok {
		return r
	}
	return 1
}

// split divides the cube along the dimensions in the given order, into as few parts as that order allows.
func (i target) split(chosen []choice, order []int, emit func([]choice, int64)) {
	cells := 1
	for _, ch := range chosen {
		cells *= len(ch.codes)
	}
	if cells <= int(i.PageSize) || len(order) == 0 {
		emit(chosen, int64(cells))
		return
	}
	k := order[0]
	codes := chosen[k].codes
	size := max(1, int(i.PageSize)/(cells/len(codes)))
	for from := 0; from < len(codes); from += size {
		part := slices.Clone(chosen)
		part[k].codes = codes[from:min(from+size, len(codes))]
		part[k].filtered = part[k].filtered || len(codes) > size
		i.split(part, order[1:], emit)
	}
}

// data returns the request for a part of the cube.
func (i target) data(part []choice) (address, method, body string) {
	var pairs []string
	for _, ch := range part {
		if ch.filtered {
			pairs = append(pairs, ch.id, strings.Join(ch.codes, ","))
		}
	}
	plain := i.table() + "/data?" + source.Query(langParameter, i.lang)
	if len(pairs) == 0 {
		return plain, "", ""
	}
	filters := source.Query(pairs...)
	if address = plain + "&" + filters; len(address) <= maxURL {
		return address, "", ""
	}
	return plain, "POST", filters
}

// Page fetches one part of the cube and checks that it is the requested part of the described table.
func (c *client) Page(ctx context.Context, t source.Target, d source.Description, index int) (source.Page, error) {
	page, err := c.FetchPage(ctx, t, d, index, func(op string, _ *source.Response, p source.Page) error {
		if p.Identity.Version != d.Validators.UpdatedAt {
			return source.ChangedError(op, "the table's date", d.Validators.UpdatedAt, p.Identity.Version)
		}
		return nil
	})
	page.Validators = events.Validators{UpdatedAt: page.Identity.Version}
	return page, err
}

// asked returns the categories that a planned request lists.
func asked(p source.PageRequest) (source.Identity, error) {
	id := source.NoIdentity()
	u, err := url.Parse(p.URL)
	if err != nil {
		return id, fmt.Errorf("parse the planned request: %w", err)
	}
	body, err := url.ParseQuery(p.Body)
	if err != nil {
		return id, fmt.Errorf("parse the planned request: %w", err)
	}
	id.Codes = map[string][]string{}
	for _, query := range []url.Values{u.Query(), body} {
		for name := range query {
			if name != langParameter {
				id.Codes[name] = strings.Split(query.Get(name), ",")
			}
		}
	}
	return id, nil
}

// selection returns the categories that the parameters of a contract select.
func selection(params map[string]string) map[string][]string {
	out := map[string][]string{}
	for name, value := range params {
		if name == langParameter || name == lastParameter {
			continue
		}
		for code := range strings.SplitSeq(value, ",") {
			out[name] = append(out[name], strings.TrimSpace(code))
		}
	}
	return out
}

// Verify reads the metadata again.
func (c *client) Verify(ctx context.Context, t source.Target, d source.Description) error {
	op := "verify " + Name + " " + t.ID
	i, err := c.target(op, t)
	if err != nil {
		return err
	}
	m, res, err := c.readMetadata(ctx, op, i)
	if err != nil {
		return err
	}
	if err := source.SameSystem(op, d, res); err != nil {
		return err
	}
	chosen, err := i.choose(m)
	if err != nil {
		return source.ChangedError(op, "the table", "as described", err.Error())
	}
	if now := i.version(m, chosen); !now.Same(d.Validators) {
		return source.ChangedError(op, "the table", tableVersion(d.Validators), tableVersion(now))
	}
	return nil
}

func tableVersion(v events.Validators) string {
	return fmt.Sprintf("%s, %d cells, %s", v.UpdatedAt, v.Rows, v.ETag)
}
