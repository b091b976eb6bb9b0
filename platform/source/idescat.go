package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/llac-project/llac/events"
)

// Cells a page of Idescat. An answer of 20,000 is refused, never clipped; large ones below that time out at the
// portal's gateway now and then, so the default stays well below.
const (
	idescatPage    = 10000
	idescatMaxPage = 19999
)

// maxURL is the length from which filters go into the body of a POST.
const maxURL = 2000

var tablePath = regexp.MustCompile(`^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+){3}$`)

// idescatClient reads the tables API v2.
type idescatClient struct{ *caller }

type idescatTarget struct {
	base    *url.URL
	id      string
	lang    string
	filters map[string][]string // dimension id -> category codes
	last    int                 // the last periods only; 0: not asked
	cells   int                 // of a page at the most
}

func (c *idescatClient) target(op string, t Target) (idescatTarget, error) {
	fail := func(err error) (idescatTarget, error) { return idescatTarget{}, c.misconfigured(op, err) }
	b, err := base(t)
	if err != nil {
		return fail(err)
	}
	if !tablePath.MatchString(t.ID) {
		return fail(fmt.Errorf("source id %.80q is not of the form statistics/node/table/geo", t.ID))
	}
	i := idescatTarget{base: b, id: t.ID, lang: "ca", filters: map[string][]string{}, cells: int(pageSize(t, idescatPage, idescatMaxPage))}
	for name, value := range t.Params {
		switch name {
		case "lang":
			i.lang = value
		case "_LAST_":
			if i.last, err = strconv.Atoi(value); err != nil || i.last < 1 {
				return fail(fmt.Errorf("source parameter _LAST_ is %.40q, want a number of periods", value))
			}
		default:
			for code := range strings.SplitSeq(value, ",") {
				i.filters[name] = append(i.filters[name], strings.TrimSpace(code))
			}
		}
	}
	return i, nil
}

func (c *idescatClient) misconfigured(op string, err error) error {
	return c.permanent(request{op: op}, 0, err, "correct the source section of datasets/<dataset>.odcs.yaml")
}

func (i idescatTarget) table() string {
	b := i.base.String()
	if i.base.Path == "" {
		b += "/taules/v2"
	}
	return b + "/" + i.id
}

func (i idescatTarget) metadata() string { return i.table() + "?" + query("lang", i.lang) }

// metadata asks for the table without its values.
func (c *idescatClient) metadata(ctx context.Context, op string, i idescatTarget) (*cube, *response, error) {
	var m *cube
	res, err := c.do(ctx, request{op: op, url: i.metadata(), check: func(r *response) (err error) {
		m, err = readCube(r.body)
		return err
	}})
	return m, res, err
}

// Describe reads the table's metadata, from which the pages are planned. The portal has no conditional requests:
// a table is unchanged when its date, its dimensions and their categories are all what they were.
func (c *idescatClient) Describe(ctx context.Context, t Target, since events.Validators) (Description, error) {
	op := "describe " + Idescat + " " + t.ID
	i, err := c.target(op, t)
	if err != nil {
		return Description{}, err
	}
	m, res, err := c.metadata(ctx, op, i)
	if err != nil {
		return Description{}, err
	}
	chosen, err := i.choose(m)
	if err != nil {
		return Description{}, c.misconfigured(op, err)
	}
	version := i.version(m, chosen)
	if version.UpdatedAt != "" && version == since {
		return Description{}, ErrUnchanged
	}
	d := Description{
		Validators: version, Rows: version.Rows, Pages: i.plan(chosen),
		Title: clip(m.label, maxTitle), SourceText: clip(m.source, maxTitle), URL: m.href, SourceSystem: res.system,
	}
	if d.URL == "" {
		d.URL = i.table()
	}
	for _, dim := range m.dims {
		d.Fields = append(d.Fields, SourceField{Name: dim.id, Type: "category"}, SourceField{Name: dim.id + ".label", Type: "text"})
	}
	d.Fields = append(d.Fields, SourceField{Name: "value", Type: "number"}, SourceField{Name: "status", Type: "text"})
	d.Fields = append(d.Fields, m.roleFields()...)
	return d, nil
}

// version condenses what the metadata say of the table's version and of what is chosen from it. The tag is ours,
// not the portal's.
func (i idescatTarget) version(m *cube, chosen []choice) events.Validators {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s", m.updated, m.selection)
	rows := int64(1)
	for _, ch := range chosen {
		fmt.Fprintf(h, "%q %q\n", ch.id, ch.codes)
		rows *= int64(len(ch.codes))
	}
	return events.Validators{ETag: "cube-" + hex.EncodeToString(h.Sum(nil)[:12]), UpdatedAt: m.updated, Rows: rows}
}

// choice is what is asked of one dimension.
type choice struct {
	id       string
	role     string
	codes    []string // in the portal's order
	filtered bool     // the codes must be named in the request
}

// choose applies the target's filters to the table's categories. The portal ignores a filter it does not know
// and answers with the whole table, so an unknown name or code must not reach it.
func (i idescatTarget) choose(m *cube) ([]choice, error) {
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
				return nil, fmt.Errorf("source parameters _LAST_ and %s both choose periods: keep one", dim.id)
			}
			for _, code := range wanted {
				if !slices.Contains(ch.codes, code) {
					return nil, fmt.Errorf("dimension %s has no category %.40q (it has %s)", dim.id, code, clip(strings.Join(ch.codes, ", "), 200))
				}
			}
			ch.codes = slices.DeleteFunc(ch.codes, func(code string) bool { return !slices.Contains(wanted, code) })
			ch.filtered = true
		} else if dim.role == "time" && !lastUsed {
			// _LAST_ is never sent: the codes it stands for are, and so pages stay what they were planned to be.
			ch.codes = ch.codes[max(0, len(ch.codes)-i.last):]
			ch.filtered, lastUsed = true, true
		}
		chosen = append(chosen, ch)
	}
	if len(rest) > 0 {
		names := slices.Sorted(maps.Keys(rest))
		return nil, fmt.Errorf("the table has no dimension %.40q to filter by", names[0])
	}
	if !lastUsed {
		return nil, fmt.Errorf("source parameter _LAST_ is set, but the table has no time dimension")
	}
	cells := 1
	for _, ch := range chosen {
		cells = product(cells, len(ch.codes))
	}
	if cells/i.cells >= maxPages {
		return nil, fmt.Errorf("the parameters choose %d cells, more than %d pages of %d: choose fewer categories, or slice the dataset", cells, maxPages, i.cells)
	}
	return chosen, nil
}

// plan cuts the chosen cube into pages below the cell limit: by time first, then by the other dimensions in the
// table's order, by geography last, since naming municipalities makes long requests.
func (i idescatTarget) plan(chosen []choice) []PageRequest {
	order := make([]int, len(chosen))
	for k := range order {
		order[k] = k
	}
	rank := map[string]int{"time": 0, "geo": 2}
	slices.SortStableFunc(order, func(a, b int) int {
		return rankOf(rank, chosen[a].role) - rankOf(rank, chosen[b].role)
	})
	pages := []PageRequest{}
	i.split(chosen, order, func(part []choice, cells int64) {
		p := PageRequest{Index: len(pages), Rows: cells}
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

// split cuts along the dimensions in the given order, into as few parts as that order allows.
func (i idescatTarget) split(chosen []choice, order []int, emit func([]choice, int64)) {
	cells := 1
	for _, ch := range chosen {
		cells *= len(ch.codes)
	}
	if cells <= i.cells || len(order) == 0 {
		emit(chosen, int64(cells))
		return
	}
	k := order[0]
	codes := chosen[k].codes
	size := max(1, i.cells/(cells/len(codes)))
	for from := 0; from < len(codes); from += size {
		part := slices.Clone(chosen)
		part[k].codes = codes[from:min(from+size, len(codes))]
		part[k].filtered = part[k].filtered || len(codes) > size
		i.split(part, order[1:], emit)
	}
}

// data is the request for a part of the cube.
func (i idescatTarget) data(part []choice) (address, method, body string) {
	var pairs []string
	for _, ch := range part {
		if ch.filtered {
			pairs = append(pairs, ch.id, strings.Join(ch.codes, ","))
		}
	}
	plain := i.table() + "/data?" + query("lang", i.lang)
	if len(pairs) == 0 {
		return plain, "", ""
	}
	filters := query(pairs...)
	if address = plain + "&" + filters; len(address) <= maxURL {
		return address, "", ""
	}
	return plain, "POST", filters
}

// Page fetches one part of the cube and checks that it is the part that was asked for.
func (c *idescatClient) Page(ctx context.Context, t Target, d Description, index int) (Page, error) {
	op := fmt.Sprintf("fetch page %d of %s %s", index, Idescat, t.ID)
	i, err := c.target(op, t)
	if err != nil {
		return Page{}, err
	}
	p, err := plannedPage(op, d, index)
	if err != nil {
		return Page{}, err
	}
	address, err := rebase(i.base, p.URL)
	if err != nil {
		return Page{}, c.refused(request{op: op}, err)
	}
	var m *cube
	res, err := c.do(ctx, request{op: op, url: address, method: p.Method, body: p.Body, check: func(r *response) (err error) {
		if m, err = readCube(r.body); err != nil {
			return err
		}
		return m.rows(r.body, newNameTable(), nil, func(Row) error { return nil })
	}})
	if err != nil {
		return Page{}, err
	}
	if err := sameSystem(op, d, res); err != nil {
		return Page{}, err
	}
	if m.updated != d.Validators.UpdatedAt {
		return Page{}, changedError(op, "the table's date", d.Validators.UpdatedAt, m.updated)
	}
	if err := asAsked(m, p); err != nil {
		return Page{}, c.permanent(request{op: op}, res.status, err,
			"the portal ignores filters it does not know: check the source parameters against the table's dimensions")
	}
	return Page{
		Index: index, Body: res.body, Rows: int64(m.cells), URL: address, RequestID: requestID(res.header),
		Validators: events.Validators{UpdatedAt: m.updated},
	}, nil
}

// asAsked compares the categories of an answer with those that its request named.
func asAsked(m *cube, p PageRequest) error {
	u, err := url.Parse(p.URL)
	if err != nil {
		return fmt.Errorf("read the planned request: %w", err)
	}
	asked := u.Query()
	body, err := url.ParseQuery(p.Body)
	if err != nil {
		return fmt.Errorf("read the planned request: %w", err)
	}
	for name, v := range body {
		asked[name] = v
	}
	asked.Del("lang")
	for _, dim := range m.dims {
		if !asked.Has(dim.id) {
			continue
		}
		codes := strings.Split(asked.Get(dim.id), ",")
		asked.Del(dim.id)
		same := len(codes) == len(dim.categories)
		for _, g := range dim.categories {
			same = same && slices.Contains(codes, g.code)
		}
		if !same {
			return fmt.Errorf("%w: dimension %s came with %d categories, not with the %d asked for", errForm, dim.id, len(dim.categories), len(codes))
		}
	}
	for name := range asked {
		return fmt.Errorf("%w: the table has no dimension %.40q, by which was filtered", errForm, name)
	}
	if p.Rows >= 0 && int64(m.cells) != p.Rows {
		return fmt.Errorf("%w: %d cells came, %d were asked for", errForm, m.cells, p.Rows)
	}
	return nil
}

// Verify reads the metadata again.
func (c *idescatClient) Verify(ctx context.Context, t Target, d Description) error {
	op := "verify " + Idescat + " " + t.ID
	i, err := c.target(op, t)
	if err != nil {
		return err
	}
	m, res, err := c.metadata(ctx, op, i)
	if err != nil {
		return err
	}
	if err := sameSystem(op, d, res); err != nil {
		return err
	}
	chosen, err := i.choose(m)
	if err != nil {
		return changedError(op, "the table", "as described", err.Error())
	}
	if now := i.version(m, chosen); now != d.Validators {
		return changedError(op, "the table", tableVersion(d.Validators), tableVersion(now))
	}
	return nil
}

func tableVersion(v events.Validators) string {
	return fmt.Sprintf("%s, %d cells, %s", v.UpdatedAt, v.Rows, v.ETag)
}
