package source_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/sourcetest"
)

// Idescat's table pmh/1180/8078 by municipality has 2.6 million cells: its metadata may say so, and the parameters
// choose what is asked for.
func TestIdescatTableLargerThanAnyPage(t *testing.T) {
	t.Parallel()
	f := newFakeIdescat()
	f.dims = []fakeDimension{
		{"YEAR", "time", codes("2", 9)},
		{"MUN", "geo", append(codes("08", 947), "TOTAL")},
		{"AGE", "", append(codes("Y", 101), "TOTAL")},
		{"SEX", "", []string{"F", "M", "TOTAL"}},
		{"CONCEPT", "metric", []string{"POP"}},
	}
	server := sourcetest.NewServer(t, f, false)
	c, _ := newClient(t, source.Idescat)
	d := describe(t, c, idescatTarget(server.URL, 10000, map[string]string{"YEAR": "2008", "AGE": "TOTAL"}))
	if d.Rows != 948*3 || len(d.Pages) != 1 {
		t.Errorf("%d cells in %d pages, want %d in one", d.Rows, len(d.Pages), 948*3)
	}
	if d = describe(t, c, idescatTarget(server.URL, 10000, nil)); d.Rows != 9*948*102*3 {
		t.Errorf("the whole table has %d cells", d.Rows)
	}
}

// Sizes whose product no integer holds are many cells, not few.
func TestIdescatSizesThatOverflow(t *testing.T) {
	t.Parallel()
	f := newFakeIdescat()
	f.dims = nil
	for k := range 8 {
		f.dims = append(f.dims, fakeDimension{"D" + strconv.Itoa(k), "", codes("c", 256)}) // 2^64 cells
	}
	server := sourcetest.NewServer(t, f, false)
	c, _ := newClient(t, source.Idescat)
	_, err := c.Describe(t.Context(), idescatTarget(server.URL, 0, nil), events.Validators{})
	wantPermanent(t, err, "slice the dataset")
}

// A count that no portal could serve plans no pages.
func TestACountBeyondAllPages(t *testing.T) {
	t.Parallel()
	server := sourcetest.NewServer(t, newFakeSocrata(3), false)
	c, _ := newClient(t, source.Socrata)
	server.Inject(sourcetest.Fault{
		On:    func(r *http.Request) bool { return strings.HasPrefix(r.URL.Query().Get("$select"), "count") },
		Serve: sourcetest.Answer(200, `[{"count":"9223372036854775807"}]`),
	})
	_, err := c.Describe(t.Context(), source.Target{Kind: source.Socrata, BaseURL: server.URL, ID: "ivft-vegh"}, events.Validators{})
	wantPermanent(t, err, "9223372036854775807 rows", "larger page size")
}

// A cube that tells one thing twice leaves open which of the two is true.
func TestCubesThatSayAThingTwice(t *testing.T) {
	t.Parallel()
	const cube = `{"class":"dataset","id":["X"],"size":[2],"dimension":{"X":{"category":{"index":["a","b"],"label":%s}}},"value":%s,"status":%s}`
	const labels = `{"a":"A","b":"B"}`
	for name, page := range map[string]string{
		"value":          fmt.Sprintf(cube, labels, `{"0":5,"0":7}`, `null`),
		"value, padded":  fmt.Sprintf(cube, labels, `{"0":5,"00":7}`, `null`),
		"value, signed":  fmt.Sprintf(cube, labels, `{"1":5,"+1":7}`, `null`),
		"status":         fmt.Sprintf(cube, labels, `[5,7]`, `{"1":"p","1":".."}`),
		"label":          fmt.Sprintf(cube, `{"a":"A","a":"B"}`, `[5,7]`, `null`),
		"the values":     fmt.Sprintf(cube, labels, `[5,7],"value":[7,5]`, `null`),
		"the dimensions": fmt.Sprintf(cube, labels, `[5,7],"id":["X"]`, `null`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows := 0
			err := source.Rows(source.Idescat, []byte(page), func(source.Row) error { rows++; return nil })
			var bad *source.PageError
			if !errors.As(err, &bad) || rows != 0 {
				t.Errorf("%d rows, error %v; want a page error before any row", rows, err)
			}
		})
	}
}

// An answer is of the host that gave it, not of the one that sent us there (invariant 11).
func TestARedirectedAnswerIsOfWhoGaveIt(t *testing.T) {
	t.Parallel()
	f := newFakeSocrata(3)
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host == "mirror.example" {
			res, err := serve(f)(r)
			res.Request = r // as a transport does
			return res, err
		}
		w := httptest.NewRecorder()
		http.Redirect(w, r, "https://mirror.example"+r.URL.RequestURI(), http.StatusTemporaryRedirect)
		return w.Result(), nil
	})
	const portal = "analisi.transparenciacatalunya.cat"
	c, _ := newClient(t, source.Socrata, func(o *source.Options) { o.Transport, o.Allow = transport, []string{portal, "mirror.example"} })
	if d := describe(t, c, source.Target{Kind: source.Socrata, BaseURL: "https://" + portal, ID: f.id}); d.SourceSystem != "unofficial:mirror.example" {
		t.Errorf("the source system is %q", d.SourceSystem)
	}
}

// What a portal says of a dataset goes into every file: it is kept short, and a date is a date.
func TestPortalsThatTalkTooMuch(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("à", 1<<20)
	server := sourcetest.NewServer(t, newFakeSocrata(3), false)
	server.Inject(sourcetest.Fault{
		On:    func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/api/views/") },
		Serve: sourcetest.Answer(200, `{"name":"`+long+`","attribution":"`+long+`"}`),
	})
	c, _ := newClient(t, source.Socrata)
	d := describe(t, c, source.Target{Kind: source.Socrata, BaseURL: server.URL, ID: "ivft-vegh"})
	if len(d.Title) > 1<<10 || len(d.SourceText) > 1<<10 || d.Title == "" {
		t.Errorf("a title of %d bytes, a source of %d", len(d.Title), len(d.SourceText))
	}
	page := `{"class":"dataset","updated":"` + long + `","id":["X"],"size":[1],"dimension":{"X":{"category":{"index":["a"]}}},"value":[1]}`
	var bad *source.PageError
	if err := source.Rows(source.Idescat, []byte(page), func(source.Row) error { return nil }); !errors.As(err, &bad) {
		t.Errorf("a date of 2 MB: %v, want a page error", err)
	}
}
