package socrata

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/jsonpage"
)

// describeTries is how often Describe starts again when the source changes between its own requests.
const describeTries = 3

// client reads SODA 2.1.
type client struct{ *source.Caller }

// target is a source.Target whose addresses can be composed.
type target struct {
	source.Place
	id      string
	filters []string // names and values in turn, sorted by name
	columns string   // $select, where the contract requests some columns only
}

// reserved are the parameters that the client sets itself.
var reserved = []string{"$limit", "$offset", "$order", "$query", "$$app_token", "$group", "$having"}

func (c *client) target(op string, t source.Target) (target, error) {
	at, err := c.Locate(op, t)
	if err != nil {
		return target{}, err
	}
	s := target{Place: at, id: t.ID}
	for _, name := range slices.Sorted(maps.Keys(t.Params)) {
		switch {
		case slices.Contains(reserved, strings.ToLower(name)):
			return target{}, c.Misconfigured(op, fmt.Errorf("a contract cannot set the source parameter %s: the client sets it", name))
		case name == "$select":
			s.columns = t.Params[name]
		default:
			s.filters = append(s.filters, name, t.Params[name])
		}
	}
	return s, nil
}

func (s target) resource() string { return s.Base.String() + "/resource/" + s.id + ".json?" }

// page always requests `$order=:id`: without it rows have no order, and edited rows move between pages.
func (s target) page(offset, limit int64) string {
	q := []string{
		"$order", rowID, "$limit", strconv.FormatInt(limit, 10), "$offset", strconv.FormatInt(offset, 10), "$select", s.selection(),
	}
	return s.resource() + source.Query(append(q, s.filters...)...)
}

// selection returns the columns to request: those of the contract and the row's id, by which overlapping pages are detected.
// SoQL accepts a star only at the beginning of the list. Rows that a function or "distinct" makes have no id.
func (s target) selection() string {
	list := strings.ToLower(strings.TrimSpace(s.columns))
	switch {
	case list == "":
		return "*," + rowID
	case strings.HasPrefix(list, "distinct ") || strings.Contains(list, "("):
		return s.columns
	}
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name == rowID || name == ":*" {
			return s.columns
		}
	}
	return s.columns + "," + rowID
}

// asked returns the offset and the limit of a planned request.
func asked(p source.PageRequest) (source.Identity, error) {
	id := source.NoIdentity()
	u, err := url.Parse(p.URL)
	if err != nil {
		return id, fmt.Errorf("parse the planned request: %w", err)
	}
	source.Numbers(u.Query(), map[string]*int64{"$offset": &id.Offset, "$limit": &id.Limit})
	return id, nil
}

func (s target) count() string {
	return s.resource() + source.Query(append([]string{"$select", "count(*)"}, s.filters...)...)
}

func (s target) view() string { return s.Base.String() + "/api/views/" + s.id + ".json" }

// versionOf returns the version that an answer's headers state.
func versionOf(h http.Header) events.Validators {
	v := events.Validators{ETag: plainETag(h.Get("ETag")), LastModified: h.Get("Last-Modified")}
	if v.LastModified == "" {
		v.LastModified = h.Get("X-SODA2-Truth-Last-Modified")
	}
	// The portal makes tag and time from the dataset's version. A weak tag alone does not identify the bytes (RFC 9110).
	v.Weak = v.LastModified == "" && strings.HasPrefix(v.ETag, "W/")
	return v
}

// plainETag removes the part of an entity tag that depends on the encoding of one answer.
func plainETag(tag string) string {
	if t, ok := strings.CutSuffix(tag, `--gzip"`); ok {
		return t + `"`
	}
	return strings.TrimSuffix(tag, "--gzip")
}

func strongPart(tag string) string { return strings.TrimPrefix(plainETag(tag), "W/") }

// sameVersion compares two versions by the best evidence that both have; known is false if they have none.
func sameVersion(a, b events.Validators) (same, known bool) {
	switch {
	case a.ETag != "" && b.ETag != "":
		return strongPart(a.ETag) == strongPart(b.ETag), true
	case a.LastModified != "" && b.LastModified != "":
		return a.LastModified == b.LastModified, true
	}
	return false, false
}

// conditions returns the headers that request an answer only if the source is another version than v.
func conditions(v events.Validators) http.Header {
	h := http.Header{}
	if v.ETag != "" {
		tag := plainETag(v.ETag)
		if bare, ok := strings.CutSuffix(tag, `"`); ok {
			tag += ", " + bare + `--gzip"` // the form that a compressing server uses
		}
		h.Set("If-None-Match", tag)
	}
	if v.LastModified != "" {
		h.Set("If-Modified-Since", v.LastModified)
	}
	return h
}

// Describe requests the first page on condition that it changed, and only then schema and count.
func (c *client) Describe(ctx context.Context, t source.Target, since events.Validators) (source.Description, error) {
	op := "describe " + Name + " " + t.ID
	s, err := c.target(op, t)
	if err != nil {
		return source.Description{}, err
	}
	for range describeTries {
		var d source.Description
		if d, err = c.describe(ctx, op, s, since); !errors.Is(err, source.ErrChanged) {
			return d, err
		}
	}
	return source.Description{}, &source.TransientError{Op: op, Err: fmt.Errorf("the source kept changing while it was described: %w", err)}
}

func (c *client) describe(ctx context.Context, op string, s target, since events.Validators) (source.Description, error) {
	probe, err := c.Do(ctx, source.Request{Op: op, URL: s.page(0, s.PageSize), Header: conditions(since), HeadersOnly: true})
	if err != nil {
		return source.Description{}, err
	}
	version := versionOf(probe.Header)
	if same, known := sameVersion(version, since); probe.Status == http.StatusNotModified || known && same {
		if !version.Weak && !since.Weak {
			return source.Description{}, source.ErrUnchanged
		}
		d, err := c.describe(ctx, op, s, events.Validators{})
		d.Unproved = err == nil && strongPart(d.Validators.ETag) == strongPart(since.ETag)
		return d, err
	}
	view, err := c.readView(ctx, op, s)
	if err != nil {
		return source.Description{}, err
	}
	total, counted, err := c.count(ctx, op, s)
	if err != nil {
		return source.Description{}, err
	}
	// The count's entity tag belongs to another query; only its date can be compared.
	if same, known := sameVersion(events.Validators{LastModified: version.LastModified},
		events.Validators{LastModified: counted.LastModified}); known && !same {
		return source.Description{}, source.ChangedError(op, "Last-Modified", version.LastModified, counted.LastModified)
	}
	pages, err := source.PlanOffsets(op, total, s.PageSize, s.page)
	if err != nil {
		return source.Description{}, err
	}
	version.Rows = total
	if view.RowsUpdatedAt > 0 {
		version.UpdatedAt = time.Unix(view.RowsUpdatedAt, 0).UTC().Format(time.RFC3339)
	}
	fields := headerFields(probe.Header)
	if fields == nil && s.columns == "" {
		fields = view.fields()
	}
	return source.Description{
		Validators: version, Rows: total, Pages: pages, AtOnce: c.Kind.AtOnce, Fields: fields,
		Title: source.Clip(view.Name, source.MaxTitle), SourceText: source.Clip(view.Attribution,
			source.MaxTitle), URL: s.Base.String() + "/d/" + s.id, SourceSystem: probe.System,
	}, nil
}

// view is the part of a dataset's metadata that is used.
type view struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	Attribution   string `json:"attribution"`
	RowsUpdatedAt int64  `json:"rowsUpdatedAt"` // seconds since 1970
	Columns       []struct {
		FieldName    string `json:"fieldName"`
		DataTypeName string `json:"dataTypeName"`
	} `json:"columns"`
}

func (v view) fields() []source.SourceField {
	var out []source.SourceField
	for _, col := range v.Columns {
		out = append(out, source.SourceField{Name: col.FieldName, Type: col.DataTypeName})
	}
	return out
}

func (c *client) readView(ctx context.Context, op string, s target) (view, error) {
	var v view
	_, err := c.Do(ctx, source.Request{Op: op, URL: s.view(), Check: func(r *source.Response) error {
		v = view{}
		if err := jsonpage.DecodeObject(r.Body, &v, "dataset metadata"); err != nil {
			return err
		}
		id := source.NoIdentity()
		id.Source = v.ID
		return c.Kind.CheckSource(source.Target{ID: s.id}, source.Description{}, id)
	}})
	return v, err
}

// count requests the number of rows. It comes as text, under a name that the server chooses.
func (c *client) count(ctx context.Context, op string, s target) (int64, events.Validators, error) {
	total := int64(-1)
	res, err := c.Do(ctx, source.Request{Op: op, URL: s.count(), Check: func(r *source.Response) error {
		total = -1
		rows := 0
		err := newReader().Rows(r.Body, func(row source.Row) error {
			if rows++; row.Bad != nil || len(row.Fields) != 1 {
				return errNoCount
			}
			n, err := jsonpage.WholeNumber(row.Fields[0].Raw)
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
			return &source.PageError{Index: -1, Err: fmt.Errorf("%w: %w", source.ErrForm, errNoCount)}
		}
		return err
	}})
	if err != nil {
		return -1, events.Validators{}, err
	}
	return total, versionOf(res.Header), nil
}

var errNoCount = errors.New("the answer to count(*) is not a single number")

// headerFields reads the schema from the answer's headers: exact for the query, but omitted when it is long.
func headerFields(h http.Header) []source.SourceField {
	var names, types []string
	if json.Unmarshal([]byte(h.Get("X-SODA2-Fields")), &names) != nil ||
		json.Unmarshal([]byte(h.Get("X-SODA2-Types")), &types) != nil || len(names) != len(types) {
		return nil
	}
	var out []source.SourceField
	for k, n := range names {
		out = append(out, source.SourceField{Name: n, Type: types[k]})
	}
	return out
}

// Page fetches one page and checks that it belongs to the version that the extraction started with.
func (c *client) Page(ctx context.Context, t source.Target, d source.Description, index int) (source.Page, error) {
	began, got := d.Validators, events.Validators{}
	if index != 0 {
		began.ETag = "" // the first page's
	}
	page, err := c.FetchPage(ctx, t, d, index, func(op string, res *source.Response, _ source.Page) error {
		// The headers state the fields of the answer, which its bytes do not.
		stated := source.NoIdentity()
		for _, f := range headerFields(res.Header) {
			stated.Fields = append(stated.Fields, f.Name)
		}
		got = versionOf(res.Header)
		if same, known := sameVersion(began, got); known && !same {
			return source.ChangedError(op, "the version", began.ETag+began.LastModified, got.ETag+got.LastModified)
		}
		return c.Kind.CheckSource(t, d, stated)
	})
	page.Validators = got
	return page, err
}

// Verify requests the first page on condition that it changed, and the count.
func (c *client) Verify(ctx context.Context, t source.Target, d source.Description) error {
	op := "verify " + Name + " " + t.ID
	s, err := c.target(op, t)
	if err != nil {
		return err
	}
	only := d.Validators
	if only.ETag != "" {
		only.LastModified = "" // the tag is more precise
	}
	probe, err := c.Do(ctx, source.Request{Op: op, URL: s.page(0, s.PageSize), Header: conditions(only), HeadersOnly: true})
	if err != nil {
		return err
	}
	if err := source.SameSystem(op, d, probe); err != nil {
		return err
	}
	if probe.Status == http.StatusOK {
		now := versionOf(probe.Header)
		same, known := sameVersion(d.Validators, now)
		if known && !same {
			return source.ChangedError(op, "the version", d.Validators.ETag+d.Validators.LastModified, now.ETag+now.LastModified)
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
		return source.ChangedError(op, "the count of rows", strconv.FormatInt(d.Rows, 10), strconv.FormatInt(total, 10))
	}
	return nil
}

// verifyView compares the metadata's date, for a server whose responses have no version.
func (c *client) verifyView(ctx context.Context, op string, s target, d source.Description) error {
	view, err := c.readView(ctx, op, s)
	if err != nil {
		return err
	}
	if now := time.Unix(view.RowsUpdatedAt, 0).UTC().Format(time.RFC3339); d.Validators.UpdatedAt != "" && now != d.Validators.UpdatedAt {
		return source.ChangedError(op, "rowsUpdatedAt", d.Validators.UpdatedAt, now)
	}
	return nil
}
