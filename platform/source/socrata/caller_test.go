package socrata_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/socrata"
	"github.com/llac-project/llac/platform/source/sourcetest"
)

// Invariant 11: only an official portal's data have its name, and a server that claims to be a simulator is treated as one.
func TestSourceSystem(t *testing.T) {
	t.Parallel()
	f := newFakeSocrata(3)
	for _, c := range []struct {
		base, want string
		header     []string
	}{
		{"https://analisi.transparenciacatalunya.cat", "analisi.transparenciacatalunya.cat", nil},
		{"https://Analisi.TransparenciaCatalunya.cat:443", "analisi.transparenciacatalunya.cat", nil},
		{"https://analisi.transparenciacatalunya.cat", "simulator", []string{"X-Llac-Source-System", "simulator"}},
		{"http://127.0.0.1:9000", "unofficial:127.0.0.1:9000", nil},
		{"http://[::1]:9000", "unofficial:[::1]:9000", nil},
		{"http://127.0.0.1:9000", "simulator", []string{"X-Llac-Source-System", "simulator"}},
		{"http://127.0.0.1:9000", "unofficial:127.0.0.1:9000", []string{"X-Llac-Source-System", "analisi.transparenciacatalunya.cat"}},
		{"https://mirror.example.org", "unofficial:mirror.example.org", nil},
	} {
		client, _ := sourcetest.NewClient(t, socrata.Name, func(o *source.Options) {
			o.Transport = sourcetest.Serve(f, c.header...)
			o.Allow = []string{"mirror.example.org", "analisi.transparenciacatalunya.cat"}
		})
		d := sourcetest.Describe(t, client, source.Target{Kind: socrata.Name, BaseURL: c.base, ID: f.id})
		if d.SourceSystem != c.want {
			t.Errorf("%s with %v: source system %q, want %q", c.base, c.header, d.SourceSystem, c.want)
		}
	}
}

// A simulator on loopback may raise the default rate. A host of the network may not, and an explicit rate is never raised.
func TestAdvertisedRate(t *testing.T) {
	t.Parallel()
	advertised := []string{"X-Llac-Source-System", "simulator", "X-Llac-Rate-Limit", "1000"}
	for name, c := range map[string]struct {
		base   string
		header []string
		given  float64
		fast   bool
	}{
		"simulator":            {"http://127.0.0.1:9000", advertised, 0, true},
		"silent simulator":     {"http://127.0.0.1:9000", advertised[:2], 0, false},
		"rate without a claim": {"http://127.0.0.1:9000", advertised[2:], 0, false},
		"host of the network":  {"https://analisi.transparenciacatalunya.cat", advertised, 0, false},
		"a given rate":         {"http://127.0.0.1:9000", advertised, 4, false},
		"nonsense": {"http://127.0.0.1:9000", []string{"X-Llac-Source-System", "simulator", "X-Llac-Rate-Limit", "-5"},
			0, false},
	} {
		f := newFakeSocrata(30)
		client, clock := sourcetest.NewClient(t, socrata.Name, func(o *source.Options) {
			o.Transport, o.RequestsPerSecond = sourcetest.Serve(f, c.header...), c.given
		})
		started := clock.Now()
		target := source.Target{Kind: socrata.Name, BaseURL: c.base, ID: f.id, PageSize: 1}
		d := sourcetest.Describe(t, client, target)
		for k := range d.Pages {
			if _, err := client.Page(t.Context(), target, d, k); err != nil {
				t.Fatal(err)
			}
		}
		took := clock.Now().Sub(started) // 33 requests: 8 s at 4 per second
		if fast := took < time.Second; fast != c.fast || !fast && took < 7*time.Second {
			t.Errorf("%s: 33 requests took %v", name, took)
		}
	}
}

func TestBackoffGrows(t *testing.T) {
	t.Parallel()
	server := sourcetest.NewServer(t, newFakeSocrata(1), false)
	server.Inject(sourcetest.Fault{Serve: sourcetest.HTML(503)})
	client, clock := sourcetest.NewClient(t, socrata.Name, func(o *source.Options) {
		o.MaxTries, o.RequestsPerSecond, o.MaxWait = 6, 1e6, 4*time.Second
	})
	_, err := client.Describe(t.Context(), source.Target{Kind: socrata.Name, BaseURL: server.URL, ID: "ivft-vegh"}, events.Validators{})
	var transient *source.TransientError
	if !errors.As(err, &transient) || !strings.Contains(err.Error(), "gave up after 6 tries") {
		t.Errorf("error %v", err)
	}
	// Three quarters, because the jitter of NewClient is 0.5: of 500 ms, doubled each time, at most 4 s.
	want := []time.Duration{375 * time.Millisecond, 750 * time.Millisecond, 1500 * time.Millisecond, 3 * time.Second, 3 * time.Second}
	if got := clock.Slept(); !slices.Equal(got, want) {
		t.Errorf("waited %v, want %v", got, want)
	}
}

// The app token is for one portal: a redirect to another host must not send it there.
func TestTokenIsNotRedirected(t *testing.T) {
	t.Parallel()
	f := newFakeSocrata(3)
	var elsewhere []http.Header
	transport := sourcetest.RoundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host == "api.idescat.cat" {
			elsewhere = append(elsewhere, r.Header.Clone())
			return sourcetest.Serve(f)(r)
		}
		if r.Header.Get("X-App-Token") == "" {
			t.Error("the portal received no token")
		}
		w := httptest.NewRecorder()
		http.Redirect(w, r, "https://api.idescat.cat"+r.URL.RequestURI(), http.StatusTemporaryRedirect)
		return w.Result(), nil
	})
	client, _ := sourcetest.NewClient(t, socrata.Name, func(o *source.Options) { o.Transport, o.AppToken = transport, "token" })
	sourcetest.Describe(t, client, source.Target{Kind: socrata.Name, BaseURL: "https://analisi.transparenciacatalunya.cat", ID: f.id})
	if len(elsewhere) == 0 {
		t.Fatal("the redirect was not followed")
	}
	for _, h := range elsewhere {
		if _, sent := h["X-App-Token"]; sent {
			t.Error("the token was sent to another host")
		}
	}
}

// Every client that shares the limit of a portal waits for its Retry-After.
func TestRetryAfterIsForAllClients(t *testing.T) {
	t.Parallel()
	f := newFakeSocrata(3)
	server := sourcetest.NewServer(t, f, false)
	limits := source.NewLimits()
	shared := func(o *source.Options) { o.Limits, o.RequestsPerSecond = limits, 1e6 }
	first, _ := sourcetest.NewClient(t, socrata.Name, shared)
	second, clock := sourcetest.NewClient(t, socrata.Name, shared)
	target := source.Target{Kind: socrata.Name, BaseURL: server.URL, ID: f.id}
	server.Inject(sourcetest.Fault{Times: 1, Serve: sourcetest.Answer(429, "", "Retry-After", "20")})
	started := clock.Now()
	d := sourcetest.Describe(t, first, target)
	if _, err := second.Page(t.Context(), target, d, 0); err != nil {
		t.Fatal(err)
	}
	if waited := clock.Now().Sub(started); waited < 20*time.Second {
		t.Errorf("the second client waited %v, want 20 s", waited)
	}
}
