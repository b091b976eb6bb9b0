package socrata_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/socrata"
	"github.com/llac-project/llac/platform/source/sourcetest"
)

func TestSocrataRequests(t *testing.T) {
	t.Parallel()
	f := newFakeSocrata(23)
	server := sourcetest.NewServer(t, f, false)
	c, _ := sourcetest.NewClient(t, socrata.Name)
	target := source.Target{Kind: socrata.Name, BaseURL: server.URL + "/", ID: f.id, PageSize: 10,
		Params: map[string]string{"municipi": "Vielha e Mijaran", "$where": "capacitat > '0' & x", "$select": "registre,capacitat"}}
	d := sourcetest.Describe(t, c, target)
	const filters = "&$where=capacitat+>+'0'+%26+x&municipi=Vielha+e+Mijaran"
	var asked []string
	for _, r := range server.Requests() {
		asked = append(asked, r.Path+"?"+r.Query)
	}
	first := "/resource/ivft-vegh.json?$order=:id&$limit=10&$offset=0&$select=registre,capacitat,:id" + escaped(filters)
	want := []string{first, "/api/views/ivft-vegh.json?", "/resource/ivft-vegh.json?$select=count(*)" + escaped(filters)}
	if !slices.Equal(asked, want) {
		t.Errorf("requests\n%s\nwant\n%s", strings.Join(asked, "\n"), strings.Join(want, "\n"))
	}
	if d.Pages[0].URL != server.URL+first || d.Pages[2].URL != strings.Replace(server.URL+first, "$offset=0", "$offset=20", 1) ||
		d.Pages[2].Rows != 3 {
		t.Errorf("pages planned: %+v", d.Pages)
	}
	if d.Title != "Registre d'entitats" || d.SourceText != "Departament de Drets Socials" || d.URL != server.URL+"/d/ivft-vegh" {
		t.Errorf("title %q, source %q, address %q", d.Title, d.SourceText, d.URL)
	}
	if d.Validators.LastModified != "Fri, 02 May 2025 14:30:13 GMT" || d.Validators.UpdatedAt != "2025-05-02T14:30:13Z" ||
		d.Validators.Rows != 23 {
		t.Errorf("validators %+v", d.Validators)
	}
	page, err := c.Page(t.Context(), target, d, 0)
	if err != nil || page.RequestID != "0123456789abcdef0123456789abcdef" || page.Validators.ETag != d.Validators.ETag {
		t.Errorf("page %+v, error %v", page, err)
	}
	server.Requests()
	if _, err := c.Describe(t.Context(), target, d.Validators); !errors.Is(err, source.ErrUnchanged) {
		t.Fatalf("describe again: %v", err)
	}
	conditional := server.Requests()[0].Header
	bare := strings.TrimSuffix(d.Validators.ETag, `"`)
	if got := conditional.Get("If-None-Match"); got != bare+`", `+bare+`--gzip"` {
		t.Errorf("If-None-Match %s, want the tag with and without its suffix of compression", got)
	}
	if got := conditional.Get("If-Modified-Since"); got != d.Validators.LastModified {
		t.Errorf("If-Modified-Since %q", got)
	}
}

// escaped encodes the characters that must be escaped in the readable query of a test.
func escaped(q string) string {
	return strings.NewReplacer(">", "%3E", "'", "%27").Replace(q)
}

func TestSocrataFields(t *testing.T) {
	t.Parallel()
	f := newFakeSocrata(3)
	server := sourcetest.NewServer(t, f, false)
	c, _ := sourcetest.NewClient(t, socrata.Name)
	target := source.Target{Kind: socrata.Name, BaseURL: server.URL, ID: f.id}
	if got := sourcetest.Describe(t, c, target).Fields; len(got) != 4 || got[3].Name != "telefon" || got[3].Type != "text" {
		t.Errorf("fields of the headers: %+v", got)
	}
	f.noFields = true
	if got := sourcetest.Describe(t, c, target).Fields; len(got) != 2 || got[1].Name != "capacitat" || got[1].Type != "number" {
		t.Errorf("fields of the metadata: %+v", got)
	}
	target.Params = map[string]string{"$select": "registre"}
	if got := sourcetest.Describe(t, c, target).Fields; got != nil {
		t.Errorf("fields with some columns requested and no schema in the headers: %+v, want none", got)
	}
}

func TestSocrataEmpty(t *testing.T) {
	t.Parallel()
	f := newFakeSocrata(0)
	server := sourcetest.NewServer(t, f, false)
	c, _ := sourcetest.NewClient(t, socrata.Name)
	target := source.Target{Kind: socrata.Name, BaseURL: server.URL, ID: f.id}
	d := sourcetest.Describe(t, c, target)
	if d.Rows != 0 || len(d.Pages) != 1 {
		t.Fatalf("%d rows, %d pages; want 0 and 1", d.Rows, len(d.Pages))
	}
	p, err := c.Page(t.Context(), target, d, 0)
	if err != nil || string(p.Body) != "[]\n" || p.Rows != 0 {
		t.Errorf("page %q, %d rows, error %v", p.Body, p.Rows, err)
	}
	if err := c.Verify(t.Context(), target, d); err != nil {
		t.Errorf("verify: %v", err)
	}
}

func TestSocrataPageSize(t *testing.T) {
	t.Parallel()
	f := newFakeSocrata(1)
	server := sourcetest.NewServer(t, f, false)
	c, _ := sourcetest.NewClient(t, socrata.Name)
	for size, want := range map[int]string{0: "$limit=10000&", 200: "$limit=200&", 90000: "$limit=50000&"} {
		d := sourcetest.Describe(t, c, source.Target{Kind: socrata.Name, BaseURL: server.URL, ID: f.id, PageSize: size})
		if !strings.Contains(d.Pages[0].URL, want) {
			t.Errorf("page size %d: %s", size, d.Pages[0].URL)
		}
	}
}

func TestSocrataTargetRefused(t *testing.T) {
	t.Parallel()
	server := sourcetest.NewServer(t, newFakeSocrata(1), false)
	c, _ := sourcetest.NewClient(t, socrata.Name)
	good := source.Target{Kind: socrata.Name, BaseURL: server.URL, ID: "ivft-vegh"}
	for _, param := range []string{"$limit", "$OFFSET", "$order", "$query", "$$app_token", "$group", "$having"} {
		bad := good
		bad.Params = map[string]string{param: "x"}
		_, err := c.Describe(t.Context(), bad, events.Validators{})
		sourcetest.WantPermanent(t, err, param)
	}
	for _, id := range []string{"", "ivft-veg", "../../x", "IVFT-VEGH", "ivft-vegh.json?x"} {
		bad := good
		bad.ID = id
		_, err := c.Describe(t.Context(), bad, events.Validators{})
		sourcetest.WantPermanent(t, err, "not a source id", "two groups of four characters")
	}
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// A source whose responses have no version is never reported as unchanged. A new version is detected by the date in the
// metadata.
func TestSocrataWithoutVersions(t *testing.T) {
	t.Parallel()
	f := newFakeSocrata(3)
	f.noVersions = true
	server := sourcetest.NewServer(t, f, false)
	c, _ := sourcetest.NewClient(t, socrata.Name)
	target := source.Target{Kind: socrata.Name, BaseURL: server.URL, ID: f.id}
	d := sourcetest.Describe(t, c, target)
	if _, err := c.Describe(t.Context(), target, d.Validators); err != nil {
		t.Errorf("describe without evidence: %v", err)
	}
	if err := c.Verify(t.Context(), target, d); err != nil {
		t.Errorf("verify: %v", err)
	}
	f.republish()
	if err := c.Verify(t.Context(), target, d); !errors.Is(err, source.ErrChanged) {
		t.Errorf("verify after a new version: %v, want changed", err)
	}
}

func TestSocrataCountChanged(t *testing.T) {
	t.Parallel()
	f := newFakeSocrata(3)
	server := sourcetest.NewServer(t, f, false)
	c, _ := sourcetest.NewClient(t, socrata.Name)
	target := source.Target{Kind: socrata.Name, BaseURL: server.URL, ID: f.id}
	d := sourcetest.Describe(t, c, target)
	f.mu.Lock()
	f.rows = f.rows[:2] // the version stays the same
	f.mu.Unlock()
	if err := c.Verify(t.Context(), target, d); !errors.Is(err, source.ErrChanged) || !strings.Contains(err.Error(), `"3" and is "2"`) {
		t.Errorf("verify: %v, want changed, with both counts", err)
	}
}

// If a source changes between the requests of one Describe, Describe starts again, a limited number of times.
func TestSocrataChangesWhileDescribed(t *testing.T) {
	t.Parallel()
	for times, works := range map[int]bool{1: true, 0: false} {
		f := newFakeSocrata(3)
		server := sourcetest.NewServer(t, f, false)
		c, _ := sourcetest.NewClient(t, socrata.Name)
		server.Inject(sourcetest.Fault{
			On:    func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/api/views/") },
			Times: times,
			Serve: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				f.republish()
				next.ServeHTTP(w, r)
			},
		})
		_, err := c.Describe(t.Context(), source.Target{Kind: socrata.Name, BaseURL: server.URL, ID: f.id}, events.Validators{})
		var transient *source.TransientError
		if works && err != nil || !works && !errors.As(err, &transient) {
			t.Errorf("changed %d times (0: always): %v", times, err)
		}
	}
}

func TestSocrataCountForms(t *testing.T) {
	t.Parallel()
	isCount := func(r *http.Request) bool { return strings.HasPrefix(r.URL.Query().Get("$select"), "count") }
	for body, works := range map[string]bool{
		`[{"count":"24622"}]`: true, `[{"total":"24622"}]`: true, `[{"count_1":24622}]`: true,
		`[]`: false, `[{}]`: false, `[{"count":"many"}]`: false, `[{"count":"-1"}]`: false, `[{"a":"1","b":"2"}]`: false,
		`{"count":"24622"}`: false, `[24622]`: false,
		"[{\"count\":\"24622\",\"x\":\"\xff\"}]": false,
		`[{"count":"1"},{"count":"2"}]`:          false,
	} {
		f := newFakeSocrata(3)
		server := sourcetest.NewServer(t, f, false)
		c, _ := sourcetest.NewClient(t, socrata.Name)
		server.Inject(sourcetest.Fault{On: isCount, Serve: sourcetest.Answer(200, body)})
		d, err := c.Describe(t.Context(), source.Target{Kind: socrata.Name, BaseURL: server.URL, ID: f.id}, events.Validators{})
		if !works {
			sourcetest.WantPermanent(t, err)
		} else if err != nil || d.Rows != 24622 || len(d.Pages) != 3 {
			t.Errorf("count %s: %d rows, %d pages, error %v", body, d.Rows, len(d.Pages), err)
		}
	}
}

// Unreadable rows are counted like all others. A page with bytes that are not UTF-8 is requested again first, because the
// transfer may have damaged it.
func TestSocrataBadRows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body     string
		rows     int64
		requests int
	}{
		"no objects":    {`[null,["Secreta Persona"],{"registre":"S00001"}]`, 3, 1},
		"not UTF-8":     {"[{\"registre\":\"S00001\"},{\"registre\":\"\xff\"}]", 2, 3},
		"nothing wrong": {`[{"registre":"S00001"}]`, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeSocrata(int(c.rows))
			server := sourcetest.NewServer(t, f, false)
			var outcomes []string
			client, _ := sourcetest.NewClient(t, socrata.Name, func(o *source.Options) {
				o.OnRequest = func(i source.RequestInfo) { outcomes = append(outcomes, i.Outcome) }
			})
			target := source.Target{Kind: socrata.Name, BaseURL: server.URL, ID: f.id}
			d := sourcetest.Describe(t, client, target)
			server.Inject(sourcetest.Fault{On: sourcetest.IsPage(d), Serve: sourcetest.Answer(200, c.body)})
			server.Requests()
			outcomes = nil
			p, err := client.Page(t.Context(), target, d, 0)
			if err != nil || p.Rows != c.rows || string(p.Body) != c.body {
				t.Errorf("%d rows, body %q, error %v; want %d rows", p.Rows, p.Body, err, c.rows)
			}
			if n := len(server.Requests()); n != c.requests || outcomes[n-1] != source.OutcomeOK || n > 1 &&
				outcomes[0] != source.OutcomeRetried {
				t.Errorf("%d requests, %q; want %d, the last ok", n, outcomes, c.requests)
			}
		})
	}
}

// Every page requests the row's id, except where rows are made by a function and have none.
func TestSocrataRowIDs(t *testing.T) {
	t.Parallel()
	server := sourcetest.NewServer(t, newFakeSocrata(3), false)
	c, _ := sourcetest.NewClient(t, socrata.Name)
	for columns, want := range map[string]string{
		"": "*,:id", "tipologia": "tipologia,:id", "tipologia, nom as n": "tipologia, nom as n,:id", "nom,:id": "nom,:id", ":*,*": ":*,*",
		"distinct tipologia": "distinct tipologia", "max(capacitat)": "max(capacitat)",
	} {
		target := source.Target{Kind: socrata.Name, BaseURL: server.URL, ID: "ivft-vegh", Params: map[string]string{"$select": columns}}
		if columns == "" {
			target.Params = nil
		}
		u, err := url.Parse(sourcetest.Describe(t, c, target).Pages[0].URL)
		if err != nil || u.Query().Get("$select") != want {
			t.Errorf("columns %q: requested %q, want %q", columns, u.Query().Get("$select"), want)
		}
	}
}

// A portal that serves fewer rows per page than requested, and does not state it, would omit the rows between the planned
// offsets.
func TestSocrataLowerLimit(t *testing.T) {
	t.Parallel()
	f := newFakeSocrata(23)
	f.most = 5
	server := sourcetest.NewServer(t, f, false)
	c, _ := sourcetest.NewClient(t, socrata.Name)
	target := source.Target{Kind: socrata.Name, BaseURL: server.URL, ID: f.id, PageSize: 10}
	d := sourcetest.Describe(t, c, target)
	server.Requests()
	_, err := c.Page(t.Context(), target, d, 1)
	sourcetest.WantPermanent(t, err, "the page has 5 rows, 10 were requested",
		"if the portal serves at most 5 rows per page, set llacPageSize to 5")
	if n := len(server.Requests()); n != 3 {
		t.Errorf("%d requests, want 3: the page may have been cut short by chance", n)
	}
	f.most = 0
	server.Inject(sourcetest.Fault{On: sourcetest.IsPage(d), Times: 1, Serve: sourcetest.Answer(200, "[]\n")})
	if p, err := c.Page(t.Context(), target, d, 1); err != nil || p.Rows != 10 {
		t.Errorf("an empty page before the end, once: %d rows, %v", p.Rows, err)
	}
}

// Pages that start a few rows too early have as many rows as requested. Their rows show that they overlap.
func TestSocrataOverlappingPages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		without string // removed from the rows
		moved   int
		want    string
	}{
		"one row":                         {"", 1, "page 1 repeats rows of page 0"},
		"many rows, without ids":          {`,":id":"row-`, 18, "page 1 repeats rows of page 0"},
		"one row, which may be a version": {`,":id":"row-`, 1, "<nil>"},
	} {
		f := newFakeSocrata(45)
		for i, row := range f.rows {
			if before, _, found := strings.Cut(row, c.without); found && c.without != "" {
				f.rows[i] = before + "}"
			}
		}
		server := sourcetest.NewServer(t, f, false)
		client, _ := sourcetest.NewClient(t, socrata.Name)
		target := source.Target{Kind: socrata.Name, BaseURL: server.URL, ID: f.id, PageSize: 20}
		d := sourcetest.Describe(t, client, target)
		f.moved = c.moved
		pages := source.NewPageSet()
		var refused error
		for k := 0; k < 2 && refused == nil; k++ {
			p, err := client.Page(t.Context(), target, d, k)
			if err != nil {
				t.Fatal(err)
			}
			refused = pages.Add(p, strconv.Itoa(k))
		}
		var mismatch *source.MismatchError
		if fmt.Sprint(refused) != c.want || refused != nil && (!errors.As(refused, &mismatch) || !mismatch.Repeated) {
			t.Errorf("%s: error %v, want %s", name, refused, c.want)
		}
	}
}

// The last page of an extraction is smaller than requested: it shows where the source ends.
func TestSocrataEndIsSeen(t *testing.T) {
	t.Parallel()
	f := newFakeSocrata(20)
	server := sourcetest.NewServer(t, f, false)
	c, _ := sourcetest.NewClient(t, socrata.Name)
	target := source.Target{Kind: socrata.Name, BaseURL: server.URL, ID: f.id, PageSize: 10}
	server.Inject(sourcetest.Fault{
		On:    func(r *http.Request) bool { return strings.HasPrefix(r.URL.Query().Get("$select"), "count") },
		Serve: sourcetest.Answer(200, `[{"count":"10"}]`),
	})
	d := sourcetest.Describe(t, c, target)
	if len(d.Pages) != 2 || d.Pages[1].Rows != 0 {
		t.Fatalf("pages %+v, want a second one that must be empty", d.Pages)
	}
	if p, err := c.Page(t.Context(), target, d, 1); err != nil || p.Rows != 10 {
		t.Errorf("%d rows (%v), want the rows that the source did not count", p.Rows, err)
	}
}

// A strong entity tag and a time of modification prove that a source is unchanged; a weak tag alone does not (RFC 9110).
func TestSocrataStrength(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		weakTag, time bool
		unproved      bool
	}{
		"a strong tag": {false, true, false}, "a strong tag alone": {false, false, false},
		"a weak tag and a time": {true, true, false}, "a weak tag alone": {true, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeSocrata(3)
			server := sourcetest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				answer := httptest.NewRecorder()
				r.Header.Set("If-None-Match", strings.ReplaceAll(r.Header.Get("If-None-Match"), "W/", ""))
				f.ServeHTTP(answer, r)
				for name, values := range answer.Header() {
					w.Header()[name] = values
				}
				if tag := w.Header().Get("ETag"); c.weakTag && tag != "" {
					w.Header().Set("ETag", "W/"+tag)
				}
				if !c.time {
					w.Header().Del("Last-Modified")
				}
				w.WriteHeader(answer.Code)
				_, _ = w.Write(answer.Body.Bytes())
			}), false)
			client, _ := sourcetest.NewClient(t, socrata.Name)
			target := source.Target{Kind: socrata.Name, BaseURL: server.URL, ID: f.id}
			d := sourcetest.Describe(t, client, target)
			now, err := client.Describe(t.Context(), target, d.Validators)
			if now.Unproved != c.unproved || d.Validators.Weak != c.unproved || !c.unproved && !errors.Is(err, source.ErrUnchanged) ||
				c.unproved && (err != nil || len(now.Pages) != 1) {
				t.Errorf("validators %+v: error %v, unproved %v", d.Validators, err, now.Unproved)
			}
			f.republish()
			if now, err := client.Describe(t.Context(), target, d.Validators); err != nil || now.Unproved {
				t.Errorf("a new version: %v, unproved %v", err, now.Unproved)
			}
		})
	}
}
