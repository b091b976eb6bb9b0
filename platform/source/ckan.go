package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/llac-project/llac/events"
)

// Rows a page of CKAN: its datastore serves 32,000 at the most unless its operator says otherwise.
const (
	ckanPageSize = 1000
	ckanMaxPage  = 32000
)

var resourceID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$`)

// ckanClient reads the datastore of a CKAN portal.
type ckanClient struct{ *caller }

type ckanTarget struct {
	base    *url.URL
	id      string
	filters string // JSON object, or empty
	size    int64
}

func (c *ckanClient) target(op string, t Target) (ckanTarget, error) {
	b, err := base(t)
	if err == nil && !resourceID.MatchString(t.ID) {
		err = fmt.Errorf("source id %.40q is no resource id", t.ID)
	}
	if err != nil {
		return ckanTarget{}, c.permanent(request{op: op}, 0, err, "correct the source section of datasets/<dataset>.odcs.yaml")
	}
	k := ckanTarget{base: b, id: t.ID, size: pageSize(t, ckanPageSize, ckanMaxPage)}
	if len(t.Params) > 0 {
		f, err := json.Marshal(t.Params) // names come out sorted: the same target has the same addresses
		if err != nil {
			return k, c.refused(request{op: op}, err)
		}
		k.filters = string(f)
	}
	return k, nil
}

// action is the address of an API action. Open Data BCN keeps its CKAN under /data; a base address with a path of
// its own says where another portal does.
func (k ckanTarget) action(name string) string {
	b := k.base.String()
	if k.base.Path == "" {
		b += "/data"
	}
	return b + "/api/3/action/" + name + "?"
}

// page sorts by the row id: a datastore promises no order otherwise.
func (k ckanTarget) page(offset, limit int64) string {
	q := []string{"resource_id", k.id, "limit", strconv.FormatInt(limit, 10), "offset", strconv.FormatInt(offset, 10), "sort", "_id"}
	if k.filters != "" {
		q = append(q, "filters", k.filters)
	}
	return k.action("datastore_search") + query(q...)
}

// ckanResource is what the portal says of a resource beside its rows. Either time may be missing.
type ckanResource struct {
	Name             string `json:"name"`
	PackageID        string `json:"package_id"`
	LastModified     string `json:"last_modified"`
	MetadataModified string `json:"metadata_modified"`
}

// resource reads the resource's metadata; a portal that does not tell them answers the zero value.
func (c *ckanClient) resource(ctx context.Context, op string, k ckanTarget) (ckanResource, error) {
	var d struct {
		Result ckanResource `json:"result"`
	}
	_, err := c.do(ctx, request{op: op, url: k.action("resource_show") + query("id", k.id), check: func(r *response) error {
		d.Result = ckanResource{}
		return decodeObject(r.body, &d, "resource metadata")
	}})
	var refusal *PermanentError
	if errors.As(err, &refusal) && (refusal.Status == http.StatusNotFound || refusal.Status == http.StatusForbidden) {
		return ckanResource{}, nil // then nothing is known of its version
	}
	return d.Result, err
}

func (r ckanResource) validators(total int64) events.Validators {
	v := events.Validators{LastModified: r.LastModified, UpdatedAt: r.MetadataModified, Rows: total}
	if v.UpdatedAt == "" {
		v.UpdatedAt = r.LastModified
	}
	if v.UpdatedAt != "" && strings.Contains(v.UpdatedAt, "T") && !strings.ContainsAny(v.UpdatedAt, "Z+") {
		v.UpdatedAt += "Z" // CKAN writes UTC without saying so
	}
	return v
}

// ckanSchema is the head of a datastore answer.
type ckanSchema struct {
	Result struct {
		Total  json.RawMessage `json:"total"`
		Fields []struct {
			ID   string `json:"id"`
			Type string `json:"type"`
		} `json:"fields"`
	} `json:"result"`
}

func (c *ckanClient) schema(ctx context.Context, op string, k ckanTarget) (ckanSchema, int64, *response, error) {
	var d ckanSchema
	var total int64
	res, err := c.do(ctx, request{op: op, url: k.page(0, 0), check: func(r *response) error {
		d = ckanSchema{}
		if err := decodeObject(r.body, &d, "a datastore answer"); err != nil {
			return err
		}
		var err error
		if total, err = wholeNumber(d.Result.Total); err != nil {
			return &PageError{Index: -1, Err: fmt.Errorf("%w: the datastore gives no total", errForm)}
		}
		return nil
	}})
	return d, total, res, err
}

// Describe asks for the resource's times and for schema and total. Only times and total that are all the same as
// before are evidence enough to call the source unchanged: rows can be written without touching the times.
func (c *ckanClient) Describe(ctx context.Context, t Target, since events.Validators) (Description, error) {
	op := "describe " + CKAN + " " + t.ID
	k, err := c.target(op, t)
	if err != nil {
		return Description{}, err
	}
	resource, err := c.resource(ctx, op, k)
	if err != nil {
		return Description{}, err
	}
	schema, total, res, err := c.schema(ctx, op, k)
	if err != nil {
		return Description{}, err
	}
	version := resource.validators(total)
	if version.UpdatedAt != "" && version == since {
		return Description{}, ErrUnchanged
	}
	pages, err := planOffsets(op, total, k.size, k.page)
	if err != nil {
		return Description{}, err
	}
	d := Description{
		Validators: version, Rows: total, Pages: pages, Title: clip(resource.Name, maxTitle),
		URL: strings.TrimSuffix(k.action("datastore_search")+query("resource_id", k.id), "?"), SourceSystem: res.system,
	}
	if resource.PackageID != "" {
		d.URL = strings.TrimSuffix(k.action(""), "/api/3/action/?") + "/dataset/" + url.PathEscape(resource.PackageID) + "/resource/" + k.id
	}
	for _, f := range schema.Result.Fields {
		d.Fields = append(d.Fields, SourceField{Name: f.ID, Type: f.Type})
	}
	return d, nil
}

// Page fetches one page; its total must be the one the extraction began with.
func (c *ckanClient) Page(ctx context.Context, t Target, d Description, index int) (Page, error) {
	op := fmt.Sprintf("fetch page %d of %s %s", index, CKAN, t.ID)
	k, err := c.target(op, t)
	if err != nil {
		return Page{}, err
	}
	p, err := plannedPage(op, d, index)
	if err != nil {
		return Page{}, err
	}
	address, err := rebase(k.base, p.URL)
	if err != nil {
		return Page{}, c.refused(request{op: op}, err)
	}
	var count tally
	var head ckanPage
	reader, err := NewReader(CKAN)
	if err != nil {
		return Page{}, err
	}
	res, err := c.do(ctx, request{op: op, url: address, check: func(r *response) (err error) {
		count = tally{}
		if head, err = reader.ckanRows(r.body, count.add); err != nil {
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
	if head.total >= 0 && head.total != d.Rows {
		return Page{}, changedError(op, "the total", strconv.FormatInt(d.Rows, 10), strconv.FormatInt(head.total, 10))
	}
	if head.limit >= 0 && head.limit < p.Rows {
		// Offsets were planned for larger pages: going on would leave rows out.
		return Page{}, c.permanent(request{op: op}, res.status,
			fmt.Errorf("the portal serves %d rows a page at the most, %d were asked for", head.limit, p.Rows),
			"set a smaller page size in datasets/<dataset>.odcs.yaml")
	}
	return Page{
		Index: index, Body: res.body, Rows: count.rows, URL: address, RequestID: requestID(res.header),
		Validators: events.Validators{Rows: head.total},
	}, nil
}

// Verify asks again for times and total.
func (c *ckanClient) Verify(ctx context.Context, t Target, d Description) error {
	op := "verify " + CKAN + " " + t.ID
	k, err := c.target(op, t)
	if err != nil {
		return err
	}
	resource, err := c.resource(ctx, op, k)
	if err != nil {
		return err
	}
	_, total, res, err := c.schema(ctx, op, k)
	if err != nil {
		return err
	}
	if err := sameSystem(op, d, res); err != nil {
		return err
	}
	if now := resource.validators(total); now != d.Validators {
		return changedError(op, "the version", describeVersion(d.Validators), describeVersion(now))
	}
	return nil
}

func describeVersion(v events.Validators) string {
	return fmt.Sprintf("%s %s, %d rows", v.LastModified, v.UpdatedAt, v.Rows)
}
