package socrata_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/socrata"
	"github.com/llac-project/llac/platform/source/sourcetest"
)

// An impossibly large count is an error: no pages are planned.
func TestCountIsTooLarge(t *testing.T) {
	t.Parallel()
	server := sourcetest.NewServer(t, newFakeSocrata(3), false)
	c, _ := sourcetest.NewClient(t, socrata.Name)
	server.Inject(sourcetest.Fault{
		On:    func(r *http.Request) bool { return strings.HasPrefix(r.URL.Query().Get("$select"), "count") },
		Serve: sourcetest.Answer(200, `[{"count":"9223372036854775807"}]`),
	})
	_, err := c.Describe(t.Context(), source.Target{Kind: socrata.Name, BaseURL: server.URL, ID: "ivft-vegh"}, events.Validators{})
	sourcetest.WantPermanent(t, err, "9223372036854775807 rows", "larger page size")
}

// After a redirect, the source system is the host that sent the response (invariant 11).
func TestSourceSystemAfterRedirect(t *testing.T) {
	t.Parallel()
	f := newFakeSocrata(3)
	transport := sourcetest.RoundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host == "mirror.example" {
			res, err := sourcetest.Serve(f)(r)
			res.Request = r // as a transport does
			return res, err
		}
		w := httptest.NewRecorder()
		http.Redirect(w, r, "https://mirror.example"+r.URL.RequestURI(), http.StatusTemporaryRedirect)
		return w.Result(), nil
	})
	const portal = "analisi.transparenciacatalunya.cat"
	c, _ := sourcetest.NewClient(t, socrata.Name,
		func(o *source.Options) { o.Transport, o.Allow = transport, []string{portal, "mirror.example"} })
	if d := sourcetest.Describe(t, c,
		source.Target{Kind: socrata.Name, BaseURL: "https://" + portal, ID: f.id}); d.SourceSystem != "unofficial:mirror.example" {
		t.Errorf("the source system is %q", d.SourceSystem)
	}
}

// A portal's title and attribution of a dataset are stored in every file, so they are shortened.
func TestLongDescriptionsAreShortened(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("à", 1<<20)
	server := sourcetest.NewServer(t, newFakeSocrata(3), false)
	server.Inject(sourcetest.Fault{
		On:    func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/api/views/") },
		Serve: sourcetest.Answer(200, `{"name":"`+long+`","attribution":"`+long+`"}`),
	})
	c, _ := sourcetest.NewClient(t, socrata.Name)
	d := sourcetest.Describe(t, c, source.Target{Kind: socrata.Name, BaseURL: server.URL, ID: "ivft-vegh"})
	if len(d.Title) > 1<<10 || len(d.SourceText) > 1<<10 || d.Title == "" {
		t.Errorf("title of %d bytes, source text of %d bytes", len(d.Title), len(d.SourceText))
	}
}
