package ckan_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/ckan"
	"github.com/llac-project/llac/platform/source/sourcetest"
)

func TestCKANRequests(t *testing.T) {
	t.Parallel()
	f := newFakeCKAN(7)
	server := sourcetest.NewServer(t, f, false)
	c, _ := sourcetest.NewClient(t, ckan.Name)
	target := source.Target{Kind: ckan.Name, BaseURL: server.URL, ID: f.id, PageSize: 5,
		Params: map[string]string{"Barri": "Provençals del Poblenou"}}
	d := sourcetest.Describe(t, c, target)
	want := server.URL + "/data/api/3/action/datastore_search?resource_id=" + f.id +
		"&limit=5&offset=5&sort=_id&filters=%7B%22Barri%22:%22Proven%C3%A7als+del+Poblenou%22%7D"
	if len(d.Pages) != 2 || d.Pages[1].URL != want || d.Pages[1].Rows != 2 {
		t.Errorf("pages %+v, want the second as %s", d.Pages, want)
	}
	if d.Validators.UpdatedAt != "2025-09-23T11:13:22.804661Z" || d.Title != "piezometres.csv" || len(d.Fields) != 3 ||
		d.URL != server.URL+"/data/dataset/e7a90d92/resource/"+f.id {
		t.Errorf("described %+v", d)
	}
	target.Params = map[string]string{"Carrer": "x"}
	_, err := c.Describe(t.Context(), target, events.Validators{})
	sourcetest.WantPermanent(t, err, "409 Validation Error", "source parameters")
	target.Params, target.ID = nil, "a/../b"
	_, err = c.Describe(t.Context(), target, events.Validators{})
	sourcetest.WantPermanent(t, err, "not a source id", "UUID")
}

// The base address of another portal contains the path of its API.
func TestCKANBasePath(t *testing.T) {
	t.Parallel()
	f := newFakeCKAN(2)
	server := sourcetest.NewServer(t, http.StripPrefix("/elsewhere", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = "/data" + r.URL.Path
		f.ServeHTTP(w, r)
	})), false)
	c, _ := sourcetest.NewClient(t, ckan.Name)
	d := sourcetest.Describe(t, c, source.Target{Kind: ckan.Name, BaseURL: server.URL + "/elsewhere", ID: f.id})
	if !strings.HasPrefix(d.Pages[0].URL, server.URL+"/elsewhere/api/3/action/") {
		t.Errorf("page %s", d.Pages[0].URL)
	}
}

// The times of a resource are weak. A resource without times is never taken for unchanged. A resource with the same times and
// another total has changed.
func TestCKANUnchangedNeedsEvidence(t *testing.T) {
	t.Parallel()
	f := newFakeCKAN(4)
	server := sourcetest.NewServer(t, f, false)
	c, _ := sourcetest.NewClient(t, ckan.Name)
	target := source.Target{Kind: ckan.Name, BaseURL: server.URL, ID: f.id}
	d := sourcetest.Describe(t, c, target)
	f.mu.Lock()
	f.rows = f.rows[:3] // the times stay the same
	f.mu.Unlock()
	if now, err := c.Describe(t.Context(), target, d.Validators); err != nil || now.Unproved {
		t.Errorf("another total at the same time: %v, unproved %v", err, now.Unproved)
	}
	if _, err := c.Page(t.Context(), target, d, 0); !errors.Is(err, source.ErrChanged) {
		t.Errorf("page with another total: %v, want changed", err)
	}
	if err := c.Verify(t.Context(), target, d); !errors.Is(err, source.ErrChanged) {
		t.Errorf("verify with another total: %v, want changed", err)
	}
	f.noTimes = true
	d = sourcetest.Describe(t, c, target)
	if now, err := c.Describe(t.Context(), target, d.Validators); err != nil || now.Unproved {
		t.Errorf("the same total without times: %v, unproved %v", err, now.Unproved)
	}
	if err := c.Verify(t.Context(), target, d); err != nil {
		t.Errorf("verify without times: %v", err)
	}
}

// If a portal serves fewer rows per page than requested, rows between the planned offsets would be omitted.
func TestCKANLowerLimit(t *testing.T) {
	t.Parallel()
	f := newFakeCKAN(7)
	f.most = 2
	server := sourcetest.NewServer(t, f, false)
	c, _ := sourcetest.NewClient(t, ckan.Name)
	target := source.Target{Kind: ckan.Name, BaseURL: server.URL, ID: f.id, PageSize: 5}
	_, err := c.Page(t.Context(), target, sourcetest.Describe(t, c, target), 0)
	sourcetest.WantPermanent(t, err, "serves at most 2 rows per page", "set llacPageSize to 2", "set a smaller page size")
}

// An answer that states another offset than the requested one is refused, and one that states other fields too.
func TestCKANAnotherPart(t *testing.T) {
	t.Parallel()
	f := newFakeCKAN(7)
	server := sourcetest.NewServer(t, f, false)
	c, _ := sourcetest.NewClient(t, ckan.Name)
	target := source.Target{Kind: ckan.Name, BaseURL: server.URL, ID: f.id, PageSize: 3}
	d := sourcetest.Describe(t, c, target)
	f.moved = 1
	var transient *source.TransientError
	if _, err := c.Page(t.Context(), target, d, 1); !errors.As(err, &transient) ||
		!strings.Contains(err.Error(), "starts at row 2, but row 3 was requested") {
		t.Errorf("another offset: %v", err)
	}
	f.moved = 0
	server.Inject(sourcetest.Fault{On: sourcetest.IsPage(d), Serve: sourcetest.Rewrite(func(b []byte) []byte {
		return []byte(strings.Replace(string(b), `{"id":"Barri","type":"text"},`, "", 1))
	})})
	if _, err := c.Page(t.Context(), target, d, 1); !errors.As(err, &transient) ||
		!strings.Contains(err.Error(), "2 fields, which are not the 3 fields that the source described") {
		t.Errorf("other fields: %v", err)
	}
}
