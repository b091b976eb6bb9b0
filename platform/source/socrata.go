package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/llac-project/llac/events"
)

// Rows a page of Socrata: SODA 2.1 has no limit of its own, 2.0 and its documentation stop at 50,000.
const (
	socrataPage    = 1000
	socrataMaxPage = 50000
)

var fourByFour = regexp.MustCompile(`^[a-z0-9]{4}-[a-z0-9]{4}$`)

// socrataClient reads SODA 2.1.
type socrataClient struct{ *caller }

// socrataTarget is a target whose addresses can be written.
type socrataTarget struct {
	base    *url.URL
	id      string
	filters []string // names and values in turn, sorted by name
	columns string   // $select, where the contract asks for some columns only
	size    int64
}

// ours are the parameters that the client sets itself.
var ours = []string{"$limit", "$offset", "$order", "$query", "$$app_token", "$group", "$having"}

func (c *socrataClient) target(op string, t Target) (socrataTarget, error) {
	fail := func(err error) (socrataTarget, error) {
		return socrataTarget{}, c.permanent(request{op: op}, 0, err, "correct the source section of datasets/<dataset>.odcs.yaml")
	}
	b, err := base(t)
	if err != nil {
		return fail(err)
	}
	if !fourByFour.MatchString(t.ID) {
		return fail(fmt.Errorf("source id %.40q is not of the form abcd-1234", t.ID))
	}
	s := socrataTarget{base: b, id: t.ID, size: pageSize(t, socrataPage, socrataMaxPage)}
	for _, name := range slices.Sorted(maps.Keys(t.Params)) {
		switch {
		case slices.Contains(ours, strings.ToLower(name)):
			return fail(fmt.Errorf("source parameter %s is not for the contract to set", name))
		case name == "$select":
			s.columns = t.Params[name]
		default:
			s.filters = append(s.filters, name, t.Params[name])
		}
	}
	return s, nil
}

func (s socrataTarget) resource() string { return s.base.String() + "/resource/" + s.id + ".json?" }

// page always asks for `$order=:id`: without it rows come in no order at all, and edited ones move between pages.
func (s socrataTarget) page(offset, limit int64) string {
	q := []string{"$order", ":id", "$limit", strconv.FormatInt(limit, 10), "$offset", strconv.FormatInt(offset, 10)}
	if s.columns != "" {
		q = append(q, "$select", s.columns)
	}
	return s.resource() + query(append(q, s.filters...)...)
}

func (s socrataTarget) count() string {
	return s.resource() + query(append([]string{"$select", "count(*)"}, s.filters...)...)
}

func (s socrataTarget) view() string { return s.base.String() + "/api/views/" + s.id + ".json" }

// socrataVersion is what an answer says of the version it was made from.
func socrataVersion(h http.Header) events.Validators {
	v := events.Validators{ETag: plainETag(h.Get("ETag")), LastModified: h.Get("Last-Modified")}
	if v.LastModified == "" {
		v.LastModified = h.Get("X-SODA2-Truth-Last-Modified")
	}
	return v
}

// plainETag removes from an entity tag what depends on the encoding of one answer.
func plainETag(tag string) string {
	if t, ok := strings.CutSuffix(tag, `--gzip"`); ok {
		return t + `"`
	}
	return strings.TrimSuffix(tag, "--gzip")
}

func strongPart(tag string) string { return strings.TrimPrefix(plainETag(tag), "W/") }

// sameVersion compares two versions by the best evidence that both have. Known is false when they have none.
func sameVersion(a, b events.Validators) (same, known bool) {
	switch {
	case a.ETag != "" && b.ETag != "":
		return strongPart(a.ETag) == strongPart(b.ETag), true
	case a.LastModified != "" && b.LastModified != "":
		return a.LastModified == b.LastModified, true
	}
	return false, false
}

// conditions are the headers that ask for an answer only if the source is another version than v.
func conditions(v events.Validators) http.Header {
	h := http.Header{}
	if v.ETag != "" {
		tag := plainETag(v.ETag)
		if bare, ok := strings.CutSuffix(tag, `"`); ok {
			tag += ", " + bare + `--gzip"` // as a server that compresses writes it
		}
		h.Set("If-None-Match", tag)
	}
	if v.LastModified != "" {
		h.Set("If-Modified-Since", v.LastModified)
	}
	return h
}

// Describe asks for the first page on condition that it changed, and only then for schema and count.
func (c *socrataClient) Describe(ctx context.Context, t Target, since events.Validators) (Description, error) {
	op := "describe " + Socrata + " " + t.ID
	s, err := c.target(op, t)
	if err != nil {
		return Description{}, err
	}
	for range describeTries {
		var d Description
		if d, err = c.describe(ctx, op, s, since); !errors.Is(err, ErrChanged) {
			return d, err
		}
	}
	return Description{}, &TransientError{Op: op, Err: fmt.Errorf("the source kept changing while it was asked about: %w", err)}
}

func (c *socrataClient) describe(ctx context.Context, op string, s socrataTarget, since events.Validators) (Description, error) {
	probe, err := c.do(ctx, request{op: op, url: s.page(0, s.size), header: conditions(since), headersOnly: true})
	if err != nil {
		return Description{}, err
	}
	version := socrataVersion(probe.header)
	if same, known := sameVersion(version, since); probe.status == http.StatusNotModified || known && same {
		return Description{}, ErrUnchanged
	}
	view, err := c.readView(ctx, op, s)
	if err != nil {
		return Description{}, err
	}
	total, counted, err := c.count(ctx, op, s)
	if err != nil {
		return Description{}, err
	}
	// The count's entity tag is of another query; only its date can be compared.
	if same, known := sameVersion(events.Validators{LastModified: version.LastModified}, events.Validators{LastModified: counted.LastModified}); known && !same {
		return Description{}, changedError(op, "Last-Modified", version.LastModified, counted.LastModified)
	}
	pages, err := planOffsets(op, total, s.size, s.page)
	if err != nil {
		return Description{}, err
	}
	version.Rows = total
	if view.RowsUpdatedAt > 0 {
		version.UpdatedAt = time.Unix(view.RowsUpdatedAt, 0).UTC().Format(time.RFC3339)
	}
	fields := headerFields(probe.header)
	if fields == nil && s.columns == "" {
		fields = view.fields()
	}
	return Description{
		Validators: version, Rows: total, Pages: pages, Fields: fields,
		Title: clip(view.Name, maxTitle), SourceText: clip(view.Attribution, maxTitle), URL: s.base.String() + "/d/" + s.id, SourceSystem: probe.system,
	}, nil
}

// socrataView is the part of a dataset's metadata that is used.
type socrataView struct {
	Name          string `json:"name"`
	Attribution   string `json:"attribution"`
	RowsUpdatedAt int64  `json:"rowsUpdatedAt"` // seconds since 1970
	Columns       []struct {
		FieldName    string `json:"fieldName"`
		DataTypeName string `json:"dataTypeName"`
	} `json:"columns"`
}

func (v socrataView) fields() []SourceField {
	var out []SourceField
	for _, col := range v.Columns {
		out = append(out, SourceField{Name: col.FieldName, Type: col.DataTypeName})
	}
	return out
}

func (c *socrataClient) readView(ctx context.Context, op string, s socrataTarget) (socrataView, error) {
	var v socrataView
	_, err := c.do(ctx, request{op: op, url: s.view(), check: func(r *response) error {
		v = socrataView{}
		return decodeObject(r.body, &v, "dataset metadata")
	}})
	return v, err
}

// decodeObject decodes a small document that must be an object.
func decodeObject(body []byte, into any, what string) error {
	s := newScanner(body)
	if err := s.want('{', what+" must be an object"); err != nil {
		return err
	}
	start, end, err := s.value()
	if err != nil {
		return err
	}
	if err := s.end(); err != nil {
		return err
	}
	if err := json.Unmarshal(body[start:end], into); err != nil {
		return s.fail(start, fmt.Errorf("%w: %s cannot be read: %w", errForm, what, err))
	}
	return nil
}

// count asks how many rows there are. The number comes as text, under whichever name the server gives it.
func (c *socrataClient) count(ctx context.Context, op string, s socrataTarget) (int64, events.Validators, error) {
	total := int64(-1)
	res, err := c.do(ctx, request{op: op, url: s.count(), check: func(r *response) error {
		total = -1
		rows := 0
		err := Rows(Socrata, r.body, func(row Row) error {
			if rows++; row.Bad != nil || len(row.Fields) != 1 {
				return errNoCount
			}
			n, err := wholeNumber(row.Fields[0].Raw)
			if err != nil {
				return errNoCount
			}
			total = n
			return nil
		})
		if err == nil && rows != 1 {
			err = errNoCount
		}
		if errors.Is(err, errNoCount) {
			return &PageError{Index: -1, Err: fmt.Errorf("%w: %w", errForm, errNoCount)}
		}
		return err
	}})
	if err != nil {
		return -1, events.Validators{}, err
	}
	return total, socrataVersion(res.header), nil
}

var errNoCount = errors.New("the answer to count(*) is not one number")

// headerFields reads the schema from the answer's headers: exact for the query, but left out when it is long.
func headerFields(h http.Header) []SourceField {
	var names, types []string
	if json.Unmarshal([]byte(h.Get("X-SODA2-Fields")), &names) != nil ||
		json.Unmarshal([]byte(h.Get("X-SODA2-Types")), &types) != nil || len(names) != len(types) {
		return nil
	}
	var out []SourceField
	for k, n := range names {
		out = append(out, SourceField{Name: n, Type: types[k]})
	}
	return out
}

// Page fetches one page and checks that it is of the version the extraction began with.
func (c *socrataClient) Page(ctx context.Context, t Target, d Description, index int) (Page, error) {
	op := fmt.Sprintf("fetch page %d of %s %s", index, Socrata, t.ID)
	s, err := c.target(op, t)
	if err != nil {
		return Page{}, err
	}
	p, err := plannedPage(op, d, index)
	if err != nil {
		return Page{}, err
	}
	address, err := rebase(s.base, p.URL)
	if err != nil {
		return Page{}, c.refused(request{op: op}, err)
	}
	var count tally
	res, err := c.do(ctx, request{op: op, url: address, check: func(r *response) error {
		count = tally{}
		if err := Rows(Socrata, r.body, count.add); err != nil {
			return err
		}
		return count.doubt()
	}})
	if err != nil {
		return Page{}, err
	}
	if err := sameSystem(op, d, res); err != nil {
		return Page{}, err
	}
	got, began := socrataVersion(res.header), d.Validators
	if index != 0 {
		began.ETag = "" // it is the first page's
	}
	if same, known := sameVersion(began, got); known && !same {
		return Page{}, changedError(op, "the version", began.ETag+began.LastModified, got.ETag+got.LastModified)
	}
	return Page{
		Index: index, Body: res.body, Rows: count.rows, Validators: got, URL: address, RequestID: requestID(res.header),
	}, nil
}

// Verify asks for the first page on condition that it changed, and for the count.
func (c *socrataClient) Verify(ctx context.Context, t Target, d Description) error {
	op := "verify " + Socrata + " " + t.ID
	s, err := c.target(op, t)
	if err != nil {
		return err
	}
	only := d.Validators
	if only.ETag != "" {
		only.LastModified = "" // the tag is the finer of the two
	}
	probe, err := c.do(ctx, request{op: op, url: s.page(0, s.size), header: conditions(only), headersOnly: true})
	if err != nil {
		return err
	}
	if err := sameSystem(op, d, probe); err != nil {
		return err
	}
	if probe.status == http.StatusOK {
		now := socrataVersion(probe.header)
		same, known := sameVersion(d.Validators, now)
		if known && !same {
			return changedError(op, "the version", d.Validators.ETag+d.Validators.LastModified, now.ETag+now.LastModified)
		}
		if !known {
			if err := c.verifyView(ctx, op, s, d); err != nil {
				return err
			}
		}
	}
	total, _, err := c.count(ctx, op, s)
	if err != nil {
		return err
	}
	if total != d.Rows {
		return changedError(op, "the count of rows", strconv.FormatInt(d.Rows, 10), strconv.FormatInt(total, 10))
	}
	return nil
}

// verifyView compares the metadata's date, for a server whose answers carry no version.
func (c *socrataClient) verifyView(ctx context.Context, op string, s socrataTarget, d Description) error {
	view, err := c.readView(ctx, op, s)
	if err != nil {
		return err
	}
	if now := time.Unix(view.RowsUpdatedAt, 0).UTC().Format(time.RFC3339); d.Validators.UpdatedAt != "" && now != d.Validators.UpdatedAt {
		return changedError(op, "rowsUpdatedAt", d.Validators.UpdatedAt, now)
	}
	return nil
}
