package ckan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/jsonpage"
)

// client reads the datastore of a CKAN portal.
type client struct{ *source.Caller }

// target is a source.Target whose addresses can be composed.
type target struct {
	source.Place
	id      string
	filters string // JSON object, or empty
}

func (c *client) target(op string, t source.Target) (target, error) {
	at, err := c.Locate(op, t)
	if err != nil {
		return target{}, err
	}
	k := target{Place: at, id: t.ID}
	if len(t.Params) > 0 {
		f, err := json.Marshal(t.Params) // sorts the names: the same target has the same addresses
		if err != nil {
			return k, c.Refused(op, err)
		}
		k.filters = string(f)
	}
	return k, nil
}

// action returns the address of an API action. Open Data BCN serves CKAN under /data; for another portal, the base
// address contains the path.
func (k target) action(name string) string {
	b := k.Base.String()
	if k.Base.Path == "" {
		b += "/data"
	}
	return b + "/api/3/action/" + name + "?"
}

// page sorts by the row id: without it a datastore guarantees no order.
func (k target) page(offset, limit int64) string {
	q := []string{"resource_id", k.id, "limit", strconv.FormatInt(limit, 10), "offset", strconv.FormatInt(offset, 10), "sort", rowID}
	if k.filters != "" {
		q = append(q, "filters", k.filters)
	}
	return k.action("datastore_search") + source.Query(q...)
}

// resource is a resource's metadata. Either time may be missing.
type resource struct {
	ID               string `json:"id"`
	Name             string `json:"name"`
	PackageID        string `json:"package_id"`
	LastModified     string `json:"last_modified"`
	MetadataModified string `json:"metadata_modified"`
}

// readResource requests the resource's metadata. A portal that does not publish them gives the zero value.
func (c *client) readResource(ctx context.Context, op string, k target) (resource, error) {
	var d struct {
		Result resource `json:"result"`
	}
	_, err := c.Do(ctx,
		source.Request{Op: op, URL: k.action("resource_show") + source.Query("id", k.id), Check: func(r *source.Response) error {
			d.Result = resource{}
			if err := jsonpage.DecodeObject(r.Body, &d, "resource metadata"); err != nil {
				return err
			}
			return c.checkID(k, d.Result.ID)
		}})
	var refusal *source.PermanentError
	if errors.As(err, &refusal) && (refusal.Status == http.StatusNotFound || refusal.Status == http.StatusForbidden) {
		return resource{}, nil // the version is unknown
	}
	return d.Result, err
}

// checkID checks that an answer is about the target's resource, if it names one.
func (c *client) checkID(k target, id string) error {
	stated := source.NoIdentity()
	stated.Source = id
	return c.Kind.CheckSource(source.Target{ID: k.id}, source.Description{}, stated)
}

func (r resource) validators(total int64) events.Validators {
	// Rows can be written to a datastore without changing the times of its resource.
	v := events.Validators{LastModified: r.LastModified, UpdatedAt: r.MetadataModified, Rows: total, Weak: true}
	if v.UpdatedAt == "" {
		v.UpdatedAt = r.LastModified
	}
	if v.UpdatedAt != "" && strings.Contains(v.UpdatedAt, "T") && !strings.ContainsAny(v.UpdatedAt, "Z+") {
		v.UpdatedAt += "Z" // CKAN writes UTC without a time zone
	}
	return v
}

// schema is the part of a datastore answer that describes its records.
type schema struct {
	Result struct {
		ResourceID string          `json:"resource_id"`
		Total      json.RawMessage `json:"total"`
		Fields     []struct {
			ID   string `json:"id"`
			Type string `json:"type"`
		} `json:"fields"`
	} `json:"result"`
}

func (c *client) readSchema(ctx context.Context, op string, k target) (schema, int64, *source.Response, error) {
	var d schema
	var total int64
	res, err := c.Do(ctx, source.Request{Op: op, URL: k.page(0, 0), Check: func(r *source.Response) error {
		d = schema{}
		if err := jsonpage.DecodeObject(r.Body, &d, "a datastore answer"); err != nil {
			return err
		}
		if err := c.checkID(k, d.Result.ResourceID); err != nil {
			return err
		}
		var err error
		if total, err = jsonpage.WholeNumber(d.Result.Total); err != nil {
			return &source.PageError{Index: -1, Err: fmt.Errorf("%w: the datastore answer has no total", source.ErrForm)}
		}
		return nil
	}})
	return d, total, res, err
}

// Describe requests the resource's times, schema and total. Equal times and totals do not prove that the source is unchanged.
func (c *client) Describe(ctx context.Context, t source.Target, since events.Validators) (source.Description, error) {
	op := "describe " + Name + " " + t.ID
	k, err := c.target(op, t)
	if err != nil {
		return source.Description{}, err
	}
	resource, err := c.readResource(ctx, op, k)
	if err != nil {
		return source.Description{}, err
	}
	schema, total, res, err := c.readSchema(ctx, op, k)
	if err != nil {
		return source.Description{}, err
	}
	version := resource.validators(total)
	pages, err := source.PlanOffsets(op, total, k.PageSize, k.page)
	if err != nil {
		return source.Description{}, err
	}
	d := source.Description{
		Validators: version, Unproved: version.UpdatedAt != "" && version.Same(since), Rows: total, Pages: pages, AtOnce: c.Kind.AtOnce,
		Title:        source.Clip(resource.Name, source.MaxTitle),
		URL:          strings.TrimSuffix(k.action("datastore_search")+source.Query("resource_id", k.id), "?"),
		SourceSystem: res.System,
	}
	if resource.PackageID != "" {
		d.URL = strings.TrimSuffix(k.action(""), "/api/3/action/?") + "/dataset/" + url.PathEscape(resource.PackageID) + "/resource/" + k.id
	}
	for _, f := range schema.Result.Fields {
		d.Fields = append(d.Fields, source.SourceField{Name: f.ID, Type: f.Type})
	}
	return d, nil
}

// Page fetches one page; its total must be the one that the extraction started with.
func (c *client) Page(ctx context.Context, t source.Target, d source.Description, index int) (source.Page, error) {
	page, err := c.FetchPage(ctx, t, d, index, func(op string, _ *source.Response, p source.Page) error {
		if total := p.Identity.Total; total >= 0 && total != d.Rows {
			return source.ChangedError(op, "the total", strconv.FormatInt(d.Rows, 10), strconv.FormatInt(total, 10))
		}
		return nil
	})
	page.Validators = events.Validators{Rows: page.Identity.Total}
	return page, err
}

// asked returns the offset and the limit of a planned request.
func asked(p source.PageRequest) (source.Identity, error) {
	id := source.NoIdentity()
	u, err := url.Parse(p.URL)
	if err != nil {
		return id, fmt.Errorf("parse the planned request: %w", err)
	}
	source.Numbers(u.Query(), map[string]*int64{"offset": &id.Offset, "limit": &id.Limit})
	return id, nil
}

// Verify requests the times and the total again.
func (c *client) Verify(ctx context.Context, t source.Target, d source.Description) error {
	op := "verify " + Name + " " + t.ID
	k, err := c.target(op, t)
	if err != nil {
		return err
	}
	resource, err := c.readResource(ctx, op, k)
	if err != nil {
		return err
	}
	_, total, res, err := c.readSchema(ctx, op, k)
	if err != nil {
		return err
	}
	if err := source.SameSystem(op, d, res); err != nil {
		return err
	}
	if now := resource.validators(total); !now.Same(d.Validators) {
		return source.ChangedError(op, "the version", describeVersion(d.Validators), describeVersion(now))
	}
	return nil
}

func describeVersion(v events.Validators) string {
	return fmt.Sprintf("%s %s, %d rows", v.LastModified, v.UpdatedAt, v.Rows)
}
