package sourcetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/portals"
)

// Portal is a server of one portal kind, created for each test.
type Portal struct {
	Handler http.Handler
	Target  source.Target // without BaseURL; PageSize makes it three pages or more
	Rows    int64         // what the target selects
	System  string        // the source system to expect; "": "unofficial:" and the address
	// Republish publishes another version of the data. It may change rows, not their shape.
	Republish func()
	// Key identifies a row; nil if rows may repeat.
	Key func(source.Row) string
}

// fixture is the portal, server and client of one test.
type fixture struct {
	Portal
	server *Server
	clock  *Clock
	client source.Client
	tries  int
}

func start(t *testing.T, make func(*testing.T) Portal, options ...func(*source.Options)) *fixture {
	t.Helper()
	w := &fixture{Portal: make(t), clock: NewClock(), tries: 3}
	w.server = NewServer(t, w.Handler, false)
	w.Target.BaseURL = w.server.URL
	w.client = w.newClient(t, options...)
	return w
}

func (w *fixture) newClient(t *testing.T, options ...func(*source.Options)) source.Client {
	t.Helper()
	o := source.Options{Clock: w.clock, Limits: source.NewLimits(), MaxTries: w.tries, Jitter: func() float64 { return 0.5 }}
	for _, set := range options {
		set(&o)
	}
	c, err := portals.All.NewClient(w.Target.Kind, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// kind returns the portal's kind.
func (w *fixture) kind(t *testing.T) source.Kind {
	t.Helper()
	k, err := portals.All.Find(w.Target.Kind)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (w *fixture) describe(t *testing.T) source.Description {
	t.Helper()
	d, err := w.client.Describe(t.Context(), w.Target, events.Validators{})
	if err != nil {
		t.Fatalf("describe: %v", err)
	}
	return d
}

func (w *fixture) page(t *testing.T, d source.Description, index int) source.Page {
	t.Helper()
	p, err := w.client.Page(t.Context(), w.Target, d, index)
	if err != nil {
		t.Fatalf("page %d: %v", index, err)
	}
	return p
}

// describesAsUnchanged checks that the portal has the version of the validators: strong ones prove it, weak ones do not.
func (w *fixture) describesAsUnchanged(t *testing.T, v events.Validators) {
	t.Helper()
	d, err := w.client.Describe(t.Context(), w.Target, v)
	if v.Weak && (err != nil || !d.Unproved || !d.Validators.Same(v) || len(d.Pages) == 0) {
		t.Fatalf("described with weak validators: %v, %+v; want a description that is unproved", err, d)
	}
	if !v.Weak && !errors.Is(err, source.ErrUnchanged) {
		t.Fatalf("described with strong validators: %v, want unchanged", err)
	}
}

// IsPage returns a function that reports whether a request is for one of the description's pages.
func IsPage(d source.Description) func(*http.Request) bool {
	pages := map[string]bool{}
	for _, p := range d.Pages {
		if u, err := url.Parse(p.URL); err == nil {
			pages[u.RequestURI()] = true
		}
	}
	return func(r *http.Request) bool { return pages[r.URL.RequestURI()] }
}

// Run checks everything that the clients of all portal kinds have in common.
func Run(t *testing.T, newPortal func(*testing.T) Portal) {
	for name, test := range map[string]func(*testing.T, func(*testing.T) Portal){
		"paging": paging, "another page": anotherPage, "another source": anotherSource,
		"another process": anotherProcess, "compressed": compressedPages,
		"unchanged": unchanged, "republished": republished, "another server": anotherServer,
		"passing troubles": passingTroubles, "lasting troubles": lastingTroubles, "retry after": retryAfter,
		"refusals": refusals, "wrong form": wrongForm, "malformed": malformed, "too large": tooLarge,
		"allow-list": allowList, "stopped": stopped, "rate": rate, "token": token, "reported": reported, "by role": byRole,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newPortal)
		})
	}
}

// paging checks that every row is received once and that pages, requested in a stable order, are the bytes sent.
func paging(t *testing.T, newPortal func(*testing.T) Portal) {
	w := start(t, newPortal)
	d := w.describe(t)
	if d.Rows != w.Rows || len(d.Pages) < 3 {
		t.Fatalf("described %d rows in %d pages, want %d rows in three pages or more", d.Rows, len(d.Pages), w.Rows)
	}
	system := w.System
	if system == "" {
		system = "unofficial:" + strings.TrimPrefix(w.server.URL, "http://")
	}
	if d.SourceSystem != system {
		t.Errorf("source system %q, want %q", d.SourceSystem, system)
	}
	var total int64
	seen := map[string]int{}
	for k, planned := range d.Pages {
		p := w.page(t, d, k)
		if p.Index != k || p.URL == "" || planned.Rows != p.Rows {
			t.Errorf("page %d: index %d, %d rows planned, %d received from %q", k, p.Index, planned.Rows, p.Rows, p.URL)
		}
		if again := w.page(t, d, k); !bytes.Equal(again.Body, p.Body) {
			t.Errorf("page %d has other bytes when requested again", k)
		}
		var rows int64
		err := portals.All.Rows(w.Target.Kind, p.Body, func(r source.Row) error {
			if r.Index != int(rows) || r.Start > r.End || r.End > len(p.Body) {
				t.Errorf("page %d row %d: index %d, bytes %d to %d of %d", k, rows, r.Index, r.Start, r.End, len(p.Body))
			}
			rows++
			if w.Key != nil {
				key := w.Key(r)
				if before, twice := seen[key]; twice {
					t.Errorf("row %s is in page %d and in page %d", key, before, k)
				}
				seen[key] = k
			}
			return nil
		})
		if err != nil || rows != p.Rows {
			t.Errorf("page %d: %d rows read, %d counted, error %v", k, rows, p.Rows, err)
		}
		total += rows
	}
	if total != w.Rows {
		t.Errorf("received %d rows, want %d", total, w.Rows)
	}
	if err := w.client.Verify(t.Context(), w.Target, d); err != nil {
		t.Errorf("verify: %v", err)
	}
	var permanent *source.PermanentError
	for _, k := range []int{-1, len(d.Pages)} {
		if _, err := w.client.Page(t.Context(), w.Target, d, k); !errors.As(err, &permanent) {
			t.Errorf("page %d, which is not planned: %v", k, err)
		}
	}
}

// anotherPage checks that a page that was requested is never accepted with the content of another page: either the client
// refuses it, or the comparison with the attempt's other pages does.
func anotherPage(t *testing.T, newPortal func(*testing.T) Portal) {
	for name, times := range map[string]int{"once": 1, "always": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t, newPortal)
			d := w.describe(t)
			first, want := w.page(t, d, 0), w.page(t, d, 1)
			asked := IsPage(source.Description{Pages: d.Pages[1:2]})
			w.server.Inject(Fault{On: asked, Times: times, Serve: func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
				next.ServeHTTP(rw, replan(t, r, d.Pages[0]))
			}})
			pages := source.NewPageSet()
			if err := pages.Add(first, "digest of page 0"); err != nil {
				t.Fatal(err)
			}
			var refused *source.MismatchError
			for range 2 {
				got, err := w.client.Page(t.Context(), w.Target, d, 1)
				if err == nil {
					digest := "digest of page 1"
					if bytes.Equal(got.Body, first.Body) {
						digest = "digest of page 0"
					}
					err = pages.Add(got, digest)
				}
				if err == nil {
					if times == 0 || !bytes.Equal(got.Body, want.Body) {
						t.Errorf("page 1 was accepted as %q", got.Body)
					}
					return
				}
				if !errors.As(err, &refused) {
					t.Fatalf("error %v, want a mismatch", err)
				}
			}
			if times == 1 {
				t.Errorf("the right page was refused: %v", refused)
			}
		})
	}
}

// replan returns the request with the address and the body of another page.
func replan(t *testing.T, r *http.Request, p source.PageRequest) *http.Request {
	t.Helper()
	u, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	other := r.Clone(r.Context())
	other.URL.RawQuery = u.RawQuery
	other.Body = io.NopCloser(strings.NewReader(p.Body))
	other.ContentLength = int64(len(p.Body))
	return other
}

// anotherSource checks that a page that states another source is requested again, and then refused.
func anotherSource(t *testing.T, newPortal func(*testing.T) Portal) {
	w := start(t, newPortal)
	d := w.describe(t)
	want := w.page(t, d, 1)
	id := w.Target.ID
	if !bytes.Contains(want.Body, []byte(id)) {
		return // pages of the kind do not state their source
	}
	other := []byte(strings.NewReplacer("4", "5", "1", "7").Replace(id))
	lie := Rewrite(func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(id), other) })
	w.server.Inject(Fault{On: IsPage(d), Times: 1, Serve: lie})
	if got := w.page(t, d, 1); !bytes.Equal(got.Body, want.Body) {
		t.Error("the page has other bytes after another source was refused once")
	}
	w.server.Inject(Fault{Serve: lie})
	w.server.Requests()
	_, err := w.client.Page(t.Context(), w.Target, d, 1)
	var mismatch *source.MismatchError
	if p := WantPermanent(t, err, id, string(other)); !errors.As(err, &mismatch) || p.Hint == "" {
		t.Errorf("error %v, want a mismatch with a hint", err)
	}
	if n := len(w.server.Requests()); n != w.tries {
		t.Errorf("%d requests, want %d", n, w.tries)
	}
	if _, err := w.client.Describe(t.Context(), w.Target, events.Validators{}); !errors.As(err, &mismatch) {
		t.Errorf("describe: %v, want a mismatch", err)
	}
}

// byRole checks that a dimension described by its role is in every row if it is wanted, and in no row otherwise.
func byRole(t *testing.T, newPortal func(*testing.T) Portal) {
	w := start(t, newPortal)
	d := w.describe(t)
	body := w.page(t, d, 1).Body
	of := map[string][]string{}
	for _, f := range d.Fields {
		if strings.HasPrefix(f.Name, source.RolePrefix) {
			of[f.Name] = f.Of
		}
	}
	if kind := w.kind(t); (len(kind.Roles) > 0) != (len(of) > 0) {
		t.Errorf("%s describes %d dimensions by their role", kind.Name, len(of))
	}
	for _, wants := range []bool{false, true} {
		reader, err := portals.All.NewReader(w.Target.Kind)
		if err != nil {
			t.Fatal(err)
		}
		if wants {
			reader.Want(slices.Collect(maps.Keys(of))...)
		}
		err = reader.Rows(body, func(r source.Row) error {
			row := map[string]string{}
			for _, f := range r.Fields {
				row[f.Name] = string(f.Raw)
				if !wants && strings.HasPrefix(f.Name, source.RolePrefix) {
					t.Errorf("row %d has %s, which is not wanted", r.Index, f.Name)
				}
			}
			for name, ids := range of {
				var values []string
				for _, id := range ids {
					if strings.HasSuffix(name, ".label") {
						id += ".label"
					}
					values = append(values, strings.Trim(row[id], `"`))
				}
				got, separator := strings.Trim(row[name], `"`), "/"
				if strings.HasSuffix(name, ".label") {
					separator = ", "
				}
				if want := strings.Join(values, separator); wants && got != want {
					t.Errorf("row %d: %s is %s, the dimensions %v give %s", r.Index, name, got, ids, want)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// anotherProcess checks that another client can continue from a stored description alone.
func anotherProcess(t *testing.T, newPortal func(*testing.T) Portal) {
	w := start(t, newPortal)
	d := w.describe(t)
	stored, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var read source.Description
	if err := json.Unmarshal(stored, &read); err != nil {
		t.Fatal(err)
	}
	want := w.page(t, d, 1)
	w.client = w.newClient(t)
	if got := w.page(t, read, 1); !bytes.Equal(got.Body, want.Body) {
		t.Error("the page has other bytes")
	}
	if err := w.client.Verify(t.Context(), w.Target, read); err != nil {
		t.Errorf("verify: %v", err)
	}
	w.describesAsUnchanged(t, read.Validators)
}

// compressedPages checks that gzip changes neither pages nor versions.
func compressedPages(t *testing.T, newPortal func(*testing.T) Portal) {
	w := start(t, newPortal)
	plain := w.page(t, w.describe(t), 0)
	w.server = NewServer(t, w.Handler, true)
	w.Target.BaseURL = w.server.URL
	d := w.describe(t)
	if p := w.page(t, d, 0); !bytes.Equal(p.Body, plain.Body) {
		t.Error("the compressed page has other bytes")
	}
	if strings.Contains(d.Validators.ETag, "gzip") {
		t.Errorf("entity tag %s depends on the encoding", d.Validators.ETag)
	}
	if err := w.client.Verify(t.Context(), w.Target, d); err != nil {
		t.Errorf("verify: %v", err)
	}
	w.describesAsUnchanged(t, d.Validators)
}

// unchanged checks that the same version is reported as unchanged if that is proved, after one request, and that another version
// is not.
func unchanged(t *testing.T, newPortal func(*testing.T) Portal) {
	w := start(t, newPortal)
	d := w.describe(t)
	w.server.Requests()
	w.describesAsUnchanged(t, d.Validators)
	requests := w.server.Requests()
	if slices.ContainsFunc(requests, func(r Request) bool { return r.Status == http.StatusNotModified }) && len(requests) > 1 {
		t.Errorf("%d requests, want the conditional one only", len(requests))
	}
	if now, err := w.client.Describe(t.Context(), w.Target, events.Validators{Rows: d.Rows}); err != nil || now.Unproved {
		t.Errorf("the same count alone is not evidence, but describe returned %v, unproved %v", err, now.Unproved)
	}
	w.Republish()
	now, err := w.client.Describe(t.Context(), w.Target, d.Validators)
	if err != nil {
		t.Fatalf("describe after a new version: %v", err)
	}
	if now.Validators == d.Validators || now.Unproved {
		t.Error("the new version has the validators of the old")
	}
}

// republished checks that a new version during an extraction is detected by the next page, or at the latest by Verify.
func republished(t *testing.T, newPortal func(*testing.T) Portal) {
	w := start(t, newPortal)
	d := w.describe(t)
	w.page(t, d, 0)
	w.Republish()
	_, pageErr := w.client.Page(t.Context(), w.Target, d, 1)
	if !errors.Is(pageErr, source.ErrChanged) {
		t.Errorf("page of the new version: %v, want changed", pageErr)
	}
	if err := w.client.Verify(t.Context(), w.Target, d); !errors.Is(err, source.ErrChanged) {
		t.Errorf("verify: %v, want changed", err)
	}
	w.page(t, w.describe(t), 1) // a new extraction works
}

// anotherServer checks that pages of another source system do not complete an extraction (invariant 11).
func anotherServer(t *testing.T, newPortal func(*testing.T) Portal) {
	w := start(t, newPortal)
	d := w.describe(t)
	other := start(t, newPortal)
	w.Target.BaseURL = other.server.URL
	w.server.Requests()
	_, err := w.client.Page(t.Context(), w.Target, d, 0)
	if w.System == "" && !errors.Is(err, source.ErrChanged) {
		t.Errorf("page of another unofficial server: %v, want changed", err)
	}
	if len(w.server.Requests()) > 0 || len(other.server.Requests()) == 0 {
		t.Error("the page was not requested from the target's own address")
	}
	other.server.Inject(Fault{Serve: func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if w.System == "simulator" {
			next.ServeHTTP(&dropHeader{rw, "X-Llac-Source-System"}, r)
			return
		}
		rw.Header().Set("X-Llac-Source-System", "simulator")
		next.ServeHTTP(rw, r)
	}})
	if _, err := w.client.Page(t.Context(), w.Target, d, 0); !errors.Is(err, source.ErrChanged) {
		t.Errorf("page of an unknown server: %v, want changed", err)
	}
	if err := w.client.Verify(t.Context(), w.Target, d); !errors.Is(err, source.ErrChanged) {
		t.Errorf("verify at an unknown server: %v, want changed", err)
	}
}

// dropHeader removes one header from a response.
type dropHeader struct {
	http.ResponseWriter
	name string
}

func (d *dropHeader) WriteHeader(status int) {
	d.Header().Del(d.name)
	d.ResponseWriter.WriteHeader(status)
}

func (d *dropHeader) Write(b []byte) (int, error) {
	d.Header().Del(d.name)
	return d.ResponseWriter.Write(b)
}

// passingTroubles checks that retries overcome a failure that occurs twice.
func passingTroubles(t *testing.T, newPortal func(*testing.T) Portal) {
	for name, serve := range map[string]func(http.ResponseWriter, *http.Request, http.Handler){
		"202":          Answer(202, ""),
		"408":          Answer(408, `{"errorCode":"request-timeout","message":"slow"}`),
		"429":          Answer(429, `{"errorCode":"too-many-requests","message":"slow down"}`),
		"500":          Answer(500, `{"errorCode":"internal-error","message":"oops"}`),
		"502 HTML":     HTML(502),
		"503":          Answer(503, `{"message":"busy","errorCode":"service-unavailable","data":{}}`),
		"504 HTML":     HTML(504),
		"200 HTML":     HTML(200),
		"200 no body":  Answer(200, ""),
		"cut short":    CutShort,
		"half a body":  Rewrite(func(b []byte) []byte { return b[:len(b)/2] }),
		"not UTF-8":    Rewrite(func(b []byte) []byte { return bytes.Replace(b, []byte(`"`), []byte("\"\xff"), 1) }),
		"stray byte":   Rewrite(func(b []byte) []byte { return append(b, '}') }),
		"bad gzip":     Answer(200, "\x1f\x8b\x08", "Content-Encoding", "gzip"),
		"not compress": Answer(200, "[]", "Content-Encoding", "gzip"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t, newPortal)
			d := w.describe(t)
			want := w.page(t, d, 1)
			w.server.Inject(Fault{On: IsPage(d), Times: 2, Serve: serve})
			w.server.Requests()
			if got := w.page(t, d, 1); !bytes.Equal(got.Body, want.Body) {
				t.Error("the page has other bytes after the failure")
			}
			if n := len(w.server.Requests()); n != 3 {
				t.Errorf("%d requests, want 3", n)
			}
		})
	}
}

// lastingTroubles checks that the number of tries is limited, waits grow, and the error is transient.
func lastingTroubles(t *testing.T, newPortal func(*testing.T) Portal) {
	w := start(t, newPortal)
	d := w.describe(t)
	w.server.Inject(Fault{Serve: HTML(503)})
	w.server.Requests()
	before := len(w.clock.Slept())
	_, pageErr := w.client.Page(t.Context(), w.Target, d, 0)
	_, describeErr := w.client.Describe(t.Context(), w.Target, d.Validators)
	for _, err := range []error{pageErr, describeErr, w.client.Verify(t.Context(), w.Target, d)} {
		var transient *source.TransientError
		if !errors.As(err, &transient) || !strings.Contains(err.Error(), w.Target.ID) || !strings.Contains(err.Error(), "503") {
			t.Errorf("error %v, want a transient one that names the dataset and the status", err)
		}
	}
	if n := len(w.server.Requests()); n != 3*w.tries {
		t.Errorf("%d requests, want %d for each of three calls", n, w.tries)
	}
	var waits []time.Duration
	waits = append(waits, w.clock.Slept()[before:]...)
	if len(waits) < 2 {
		t.Errorf("waits %v, want at least one between two tries", waits)
	}
	w.server.Heal()
	w.page(t, d, 0)
}

// retryAfter checks that both forms of the header are obeyed in full: the client waits, or returns until when not to request.
func retryAfter(t *testing.T, newPortal func(*testing.T) Portal) {
	for name, c := range map[string]struct {
		value string
		least time.Duration
		most  time.Duration
	}{
		"seconds":  {"7", 7 * time.Second, 9 * time.Second},
		"date":     {NewClock().Now().Add(30 * time.Second).Format(http.TimeFormat), 20 * time.Second, 32 * time.Second},
		"nonsense": {"soon", 0, 5 * time.Second},
		"past":     {"Mon, 01 Jan 2001 00:00:00 GMT", 0, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t, newPortal, func(o *source.Options) { o.RequestsPerSecond = 1 })
			d := w.describe(t)
			w.server.Inject(Fault{Times: 1, Serve: Answer(429, "", "Retry-After", c.value)})
			before := w.clock.Now()
			w.page(t, d, 0)
			if waited := w.clock.Now().Sub(before); waited < c.least || waited > c.most {
				t.Errorf("waited %v, want %v to %v", waited, c.least, c.most)
			}
		})
	}
	for name, value := range map[string]string{"ten minutes": "600", "a day": "86400"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t, newPortal, func(o *source.Options) { o.RequestsPerSecond = 1e6 })
			d := w.describe(t)
			w.server.Inject(Fault{Times: 1, Serve: Answer(429, "", "Retry-After", value)})
			w.server.Requests()
			asked, err := time.ParseDuration(value + "s")
			if err != nil {
				t.Fatal(err)
			}
			want := w.clock.Now().Add(asked)
			// The second call must not reach the portal either, nor a call of another kind.
			_, first := w.client.Page(t.Context(), w.Target, d, 0)
			_, second := w.client.Page(t.Context(), w.Target, d, 1)
			for _, err := range []error{first, second, w.client.Verify(t.Context(), w.Target, d)} {
				var wait *source.WaitError
				if !errors.As(err, &wait) || wait.NotBefore().Before(want) || wait.NotBefore().After(want.Add(2*time.Second)) {
					t.Errorf("error %v, want one that asks for no request before %v", err, want)
				}
			}
			if n := len(w.server.Requests()); n != 1 {
				t.Errorf("%d requests, want 1: the portal asked to wait", n)
			}
			if err := w.clock.Sleep(t.Context(), asked+time.Second); err != nil {
				t.Fatal(err)
			}
			w.page(t, d, 0)
		})
	}
	t.Run("in every try", func(t *testing.T) {
		t.Parallel()
		w := start(t, newPortal, func(o *source.Options) { o.RequestsPerSecond = 1e6 })
		d := w.describe(t)
		w.server.Inject(Fault{Serve: Answer(503, "", "Retry-After", "20")})
		w.server.Requests()
		_, err := w.client.Page(t.Context(), w.Target, d, 0)
		var wait *source.WaitError
		if !errors.As(err, &wait) || wait.NotBefore().Sub(w.clock.Now()) < 20*time.Second || len(w.server.Requests()) != w.tries {
			t.Errorf("error %v, want one that asks for 20 s after the last try", err)
		}
	})
	t.Run("beyond the deadline", func(t *testing.T) {
		t.Parallel()
		w := start(t, newPortal, func(o *source.Options) { o.RequestsPerSecond = 1e6 })
		d := w.describe(t)
		w.server.Inject(Fault{Times: 1, Serve: Answer(429, "", "Retry-After", "30")})
		_, err := w.client.Page(deadline{t.Context(), w.clock.Now().Add(10 * time.Second)}, w.Target, d, 0)
		var wait *source.WaitError
		if !errors.As(err, &wait) {
			t.Errorf("error %v, want one that asks to wait", err)
		}
	})
}

// deadline is a context with a deadline by the test's clock; it starts no timer.
type deadline struct {
	context.Context
	at time.Time
}

func (d deadline) Deadline() (time.Time, bool) { return d.at, true }

// refusals checks that a rejected request is not retried, and that the error contains the portal's message.
func refusals(t *testing.T, newPortal func(*testing.T) Portal) {
	long := `{"code":"x","error":true,"message":"` + strings.Repeat("à", 5000) + `"}`
	for name, c := range map[string]struct {
		status int
		body   string
		text   string
	}{
		"front end": {404, `{ "code" : "not_found", "error" : true, "message" : "Not found", "data" : { "id" : "xxxx-yyyy" } }`,
			"not_found: Not found"},
		"coordinator": {400, `{"message":"No such column: adreca","errorCode":"query.soql.no-such-column",` +
			`"data":{"column":"adreca"}}`, "the column adreca was renamed or removed upstream"},
		"idescat": {416, `{"version":"2.0","class":"error","status":"416","id":"05","label":"Nombre màxim de dades superat."}`,
			"Nombre màxim de dades superat."},
		"idescat 200": {200, `{"version":"2.0","class":"error","status":"400","id":"03","label":"Taula desconeguda."}`,
			"400 error 03: Taula desconeguda."},
		"ckan": {404, `{"help":"h","success":false,"error":{"message":"Not found: Resource was not found.",` +
			`"__type":"Not Found Error"}}`, "Not Found Error"},
		"ckan 200": {200, `{"help":"h","success":false,"error":{"message":"no","__type":"Authorization Error"}}`,
			"Authorization Error: no"},
		"core 200":  {200, `{"code":"permission_denied","error":true,"message":"no"}`, "permission_denied"},
		"401":       {401, "", "401 Unauthorized"},
		"403 HTML":  {403, "<html>go away</html>", "an HTML page"},
		"long body": {400, long, "400 x: à"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t, newPortal)
			d := w.describe(t)
			w.server.Inject(Fault{On: IsPage(d), Serve: Answer(c.status, c.body)})
			w.server.Requests()
			_, err := w.client.Page(t.Context(), w.Target, d, 0)
			var permanent *source.PermanentError
			if !errors.As(err, &permanent) {
				t.Fatalf("error %v, want a permanent one", err)
			}
			if !strings.Contains(err.Error(), c.text) || permanent.Hint == "" {
				t.Errorf("error %q (hint %q), want it to contain %q", err, permanent.Hint, c.text)
			}
			if permanent.Status < 400 && c.status >= 400 {
				t.Errorf("status %d, want %d", permanent.Status, c.status)
			}
			if len(permanent.Body) > 2048 || !strings.HasPrefix(c.body, strings.TrimRight(permanent.Body, "\uFFFD")) ||
				permanent.Body == "" && c.body != "" {
				t.Errorf("body %q, want the first 2 KiB of %q", permanent.Body, c.body)
			}
			if n := len(w.server.Requests()); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}
}

// wrongForm checks that complete JSON that is not a page of the kind is a permanent error. The error quotes none of it,
// because it may contain personal data (invariant 8).
func wrongForm(t *testing.T, newPortal func(*testing.T) Portal) {
	for name, body := range map[string]string{
		"object": `{"nom":"Secreta Persona"}`, "text": `"Secreta Persona"`, "null": "null", "number": "7",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t, newPortal)
			d := w.describe(t)
			w.server.Inject(Fault{On: IsPage(d), Serve: Answer(200, body)})
			w.server.Requests()
			_, err := w.client.Page(t.Context(), w.Target, d, 0)
			var permanent *source.PermanentError
			if !errors.As(err, &permanent) {
				t.Fatalf("error %v, want a permanent one", err)
			}
			if strings.Contains(fmt.Sprintf("%v %s", err, permanent.Body), "Persona") {
				t.Errorf("the error repeats the page: %v", err)
			}
			if n := len(w.server.Requests()); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}
}

// malformed checks that a page malformed in every try is a permanent error with an offset, and a truncated one transient.
func malformed(t *testing.T, newPortal func(*testing.T) Portal) {
	w := start(t, newPortal)
	d := w.describe(t)
	w.server.Inject(Fault{On: IsPage(d), Serve: Rewrite(func(b []byte) []byte { return append(b, "}}"...) })})
	_, err := w.client.Page(t.Context(), w.Target, d, 0)
	var permanent *source.PermanentError
	var page *source.PageError
	if !errors.As(err, &permanent) || !errors.As(err, &page) || page.Offset == 0 {
		t.Errorf("malformed in every try: %v, want a permanent error with an offset", err)
	}
	w.server.Heal()
	w.server.Inject(Fault{On: IsPage(d), Serve: CutShort})
	_, err = w.client.Page(t.Context(), w.Target, d, 0)
	var transient *source.TransientError
	if !errors.As(err, &transient) {
		t.Errorf("truncated in every try: %v, want a transient error", err)
	}
}

// tooLarge checks that a response above the size limit is rejected, also if it is small when compressed.
func tooLarge(t *testing.T, newPortal func(*testing.T) Portal) {
	w := start(t, newPortal)
	d := w.describe(t)
	w.server = NewServer(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = rw.Write(bytes.Repeat([]byte(" "), 1<<20))
	}), true)
	w.Target.BaseURL = w.server.URL
	w.client = w.newClient(t, func(o *source.Options) { o.MaxBody = 100 << 10 })
	_, err := w.client.Page(t.Context(), w.Target, d, 0)
	var permanent *source.PermanentError
	if !errors.As(err, &permanent) || !strings.Contains(err.Error(), "larger than 102400 bytes") {
		t.Errorf("error %v, want a permanent one that names the size", err)
	}
}

// allowList checks that nothing is sent to an address that is not permitted, neither directly nor by a redirect.
func allowList(t *testing.T, newPortal func(*testing.T) Portal) {
	for _, base := range []string{
		"http://analisi.transparenciacatalunya.cat", "http://example.org", "https://example.org", "ftp://127.0.0.1",
		"https://user:secret@api.idescat.cat", "https://api.idescat.cat:8443", "https://api.idescat.cat.example.org", "", "https://",
	} {
		sent := false
		w := start(t, newPortal, func(o *source.Options) {
			o.Transport = RoundTrip(func(*http.Request) (*http.Response, error) {
				sent = true
				return nil, errors.New("no network in tests")
			})
		})
		w.Target.BaseURL = base
		_, err := w.client.Describe(t.Context(), w.Target, events.Validators{})
		var permanent *source.PermanentError
		if !errors.As(err, &permanent) || sent {
			t.Errorf("base %q: error %v, sent %v; want a permanent error and nothing sent", base, err, sent)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error repeats a password: %v", err)
		}
	}
	for _, to := range []string{"https://example.org/x", "https://api.idescat.cat/x", "http://169.254.169.254/latest"} {
		w := start(t, newPortal)
		d := w.describe(t)
		w.server.Inject(Fault{Serve: Answer(302, "", "Location", to)})
		w.server.Requests()
		_, err := w.client.Page(t.Context(), w.Target, d, 0)
		var permanent *source.PermanentError
		if !errors.As(err, &permanent) || len(w.server.Requests()) != 1 {
			t.Errorf("redirect to %s: %v, want a permanent error after one request", to, err)
		}
	}
}

// stopped checks that the end of the context ends a request, and is not an error of the source.
func stopped(t *testing.T, newPortal func(*testing.T) Portal) {
	w := start(t, newPortal)
	d := w.describe(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.server.Inject(Fault{Serve: func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		cancel()
		<-r.Context().Done() // the client disconnects
	}})
	w.server.Requests()
	_, err := w.client.Page(ctx, w.Target, d, 0)
	var transient *source.TransientError
	if !errors.As(err, &transient) || !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want a transient one that wraps the context's", err)
	}
	if _, err = w.client.Page(ctx, w.Target, d, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

// rate checks that two clients with shared limits together stay within the rate.
func rate(t *testing.T, newPortal func(*testing.T) Portal) {
	limits := source.NewLimits()
	shared := func(o *source.Options) { o.Limits, o.RequestsPerSecond = limits, 2 }
	w := start(t, newPortal, shared)
	second := w.newClient(t, shared)
	started := w.clock.Now()
	d := w.describe(t)
	for k := range 3 {
		w.page(t, d, k)
		if _, err := second.Page(t.Context(), w.Target, d, k); err != nil {
			t.Fatal(err)
		}
	}
	n := len(w.server.Requests())
	if took, want := w.clock.Now().Sub(started), time.Duration(n-1)*time.Second/2; took < want-time.Millisecond {
		t.Errorf("%d requests took %v, want %v or more at 2 per second", n, took, want)
	}
}

// token checks that a token is sent only if it is set, only to its portal, and occurs in no output.
func token(t *testing.T, newPortal func(*testing.T) Portal) {
	const secret = "tokenthatisasecret"
	for _, value := range []string{"", " ", secret} {
		w := start(t, newPortal, func(o *source.Options) { o.AppToken = value })
		d := w.describe(t)
		w.page(t, d, 0)
		for _, r := range w.server.Requests() {
			got, sent := r.Header["X-App-Token"]
			if header := w.kind(t).TokenHeader; header != "" {
				got, sent = r.Header[http.CanonicalHeaderKey(header)]
			}
			if want := value == secret && w.kind(t).TokenHeader != ""; sent != want || want && got[0] != secret {
				t.Errorf("token %q: header %q sent %v, want %v", value, got, sent, want)
			}
		}
		w.server.Inject(Fault{Serve: Answer(403, `{"code":"permission_denied","error":true,"message":"Invalid app_token `+secret+`"}`)})
		_, err := w.client.Page(t.Context(), w.Target, d, 0)
		var permanent *source.PermanentError
		if !errors.As(err, &permanent) {
			t.Fatalf("refused token: %v, want a permanent error", err)
		}
		if value != secret {
			continue
		}
		if w.kind(t).TokenHeader != "" && !strings.Contains(permanent.Hint, "the app token was refused: unset or renew it") {
			t.Errorf("hint %q", permanent.Hint)
		}
		if all := fmt.Sprintf("%v %+v %+v", err, permanent, d); strings.Contains(all, secret) {
			t.Errorf("the token occurs in %s", all)
		}
	}
}

// reported checks that OnRequest receives every try, failures included.
func reported(t *testing.T, newPortal func(*testing.T) Portal) {
	var infos []source.RequestInfo
	w := start(t, newPortal, func(o *source.Options) { o.OnRequest = func(i source.RequestInfo) { infos = append(infos, i) } })
	d := w.describe(t)
	w.server.Inject(Fault{Times: 1, Serve: HTML(503)})
	infos = nil
	p := w.page(t, d, 0)
	if len(infos) != 2 {
		t.Fatalf("%d tries were reported, want 2", len(infos))
	}
	first, second := infos[0], infos[1]
	if first.Status != 503 || first.Attempt != 1 || first.Outcome != source.OutcomeRetried {
		t.Errorf("first try reported as %+v", first)
	}
	if second.Status != 200 || second.Attempt != 2 || second.Outcome != source.OutcomeOK ||
		second.Bytes != int64(len(p.Body)) || second.Kind != w.Target.Kind || second.Host == "" {
		t.Errorf("second try reported as %+v", second)
	}
}
