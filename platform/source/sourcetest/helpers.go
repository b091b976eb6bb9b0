package sourcetest

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/portals"
)

// NewClient returns a client with its own clock and limits, three tries and a fixed jitter of a half.
func NewClient(t *testing.T, kind string, set ...func(*source.Options)) (source.Client, *Clock) {
	t.Helper()
	clock := NewClock()
	o := source.Options{Clock: clock, Limits: source.NewLimits(), MaxTries: 3, Jitter: func() float64 { return 0.5 }}
	for _, s := range set {
		s(&o)
	}
	c, err := portals.All.NewClient(kind, o)
	if err != nil {
		t.Fatal(err)
	}
	return c, clock
}

// Describe describes a target that must have changed.
func Describe(t *testing.T, c source.Client, target source.Target) source.Description {
	t.Helper()
	d, err := c.Describe(t.Context(), target, events.Validators{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// WantPermanent checks that an error is permanent and contains the texts.
func WantPermanent(t *testing.T, err error, texts ...string) *source.PermanentError {
	t.Helper()
	var p *source.PermanentError
	if !errors.As(err, &p) {
		t.Fatalf("error %v, want a permanent one", err)
	}
	for _, s := range texts {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("error %q does not contain %q", err, s)
		}
	}
	return p
}

// Field returns the raw value of a row's field; "absent" if the row has none.
func Field(r source.Row, name string) string {
	for _, f := range r.Fields {
		if f.Name == name {
			return string(f.Raw)
		}
	}
	return "absent"
}

// Render writes a page's rows as text, one per line: index, fields, and the reason if the row is bad.
func Render(kind string, page []byte) (string, error) {
	var b strings.Builder
	err := portals.All.Rows(kind, page, func(r source.Row) error {
		fmt.Fprintf(&b, "%d", r.Index)
		for _, f := range r.Fields {
			fmt.Fprintf(&b, " %s=%s", f.Name, f.Raw)
		}
		if r.Bad != nil {
			fmt.Fprintf(&b, " bad: %v", r.Bad)
		}
		b.WriteByte('\n')
		return nil
	})
	return b.String(), err
}

// Recorded reads a response that was recorded from a live service. The recordings are not part of the project: the test is
// skipped where there is no folder "shared" next to the checkout.
func Recorded(t *testing.T, name string) []byte {
	t.Helper()
	path := filepath.Join("..", "..", "..", "..", "shared", "data", "recorded", filepath.FromSlash(name))
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("recorded responses not present: " + path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// RoundTrip is a transport as a function.
type RoundTrip func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f RoundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Serve returns a transport that passes requests to any host to a handler, without a network. header holds names and
// values in turn.
func Serve(h http.Handler, header ...string) RoundTrip {
	return func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		for k := 0; k+1 < len(header); k += 2 {
			w.Header().Set(header[k], header[k+1])
		}
		h.ServeHTTP(w, r)
		return w.Result(), nil
	}
}
