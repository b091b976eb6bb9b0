package portal

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/platform/source/ckan"
	"github.com/llac-project/llac/platform/source/idescat"
	"github.com/llac-project/llac/platform/source/socrata"
)

const asJSON = "application/json"

func TestFaultsOverHTTP(t *testing.T) {
	t.Parallel()
	p := small(t)
	url := p.URL(socrata.Name) + "/_llac/faults"
	sent := `[{"kind":"status","portal":"idescat","count":1,"status":429,"retry_after":"3"},{"kind":"slow","offset":0,"delay":"1ms"}]`
	if r := ask(t, http.MethodPost, url, sent, "Content-Type", asJSON); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if r := get(t, url); strings.TrimSpace(string(r.body)) != sent {
		t.Errorf("in force: %s", r.body)
	}
	if r := get(t, table(p, "/pmh")); r.status != 429 || r.header.Get("Retry-After") != "3" {
		t.Errorf("the fault does not apply: status %d", r.status)
	}
	if r := get(t, table(p, "/pmh")); r.status != 200 {
		t.Errorf("the fault applies twice: status %d", r.status)
	}
	for body, kind := range map[string]string{
		sent: "text/plain", "": asJSON, "{}": asJSON, `[{"kind":"thunder"}]`: asJSON, `[{"kind":"shrink","colour":1}]`: asJSON,
		`[{"kind":"slow","delay":"soon"}]`: asJSON,
	} {
		if r := ask(t, http.MethodPost, url, body, "Content-Type", kind); r.status != 400 || !json.Valid(r.body) {
			t.Errorf("%s as %s: %d %s", body, kind, r.status, r.body)
		}
	}
	if r := ask(t, http.MethodDelete, url, ""); r.status != 200 {
		t.Errorf("delete: %d", r.status)
	}
	if r := get(t, url); strings.TrimSpace(string(r.body)) != "[]" {
		t.Errorf("after delete: %s", r.body)
	}
}

func TestRepublishOverHTTP(t *testing.T) {
	t.Parallel()
	p := small(t)
	url := p.URL(ckan.Name) + "/_llac/republish"
	for body, want := range map[string]int{
		`{"dataset":"9aju-tpwc","change":"add-field","field":"altitud"}`: 200,
		`{"dataset":"` + FacilitiesID + `","change":"empty"}`:            200,
		`{"dataset":"` + PopulationTable + `"}`:                          200,
		`{"dataset":"nope-nope"}`:                                        400,
		`{"dataset":"9aju-tpwc","change":"sideways"}`:                    400,
	} {
		if r := ask(t, http.MethodPost, url, body, "Content-Type", asJSON); r.status != want {
			t.Errorf("%s: %d %s", body, r.status, r.body)
		}
	}
	if rows := rowsOf(t, get(t, towns(p, ""))); rows[0]["altitud"] != "x" {
		t.Errorf("municipalities: %v", rows[0])
	}
	if got := decoded[searched](t, get(t, pages(p)["ckan"])); got.Result.Total != 0 {
		t.Errorf("facilities: %d", got.Result.Total)
	}
	if got := decoded[cube](t, get(t, table(p, "/"+PopulationTable))); got.Updated != "2026-05-01" {
		t.Errorf("population: %s", got.Updated)
	}
}

func TestRequestLog(t *testing.T) {
	t.Parallel()
	p := small(t)
	arm(t, p, Fault{Kind: Status, Status: 503, Nth: 2})
	get(t, towns(p, "$order=:id&$limit=5&$offset=5"), "If-None-Match", `"x"`)
	ask(t, http.MethodPost, table(p, "/"+PopulationTable+"/data"), "SEX=TOTAL", "Content-Type", "application/x-www-form-urlencoded")
	log := p.Requests()
	if len(log) != 2 {
		t.Fatalf("%d requests", len(log))
	}
	a, b := log[0], log[1]
	if a.Portal != "socrata" || a.Dataset != MunicipalitiesID || a.Offset != 5 || !a.Page || a.Status != 200 ||
		a.Header.Get("If-None-Match") != `"x"` || a.Faults != nil || a.At.IsZero() {
		t.Errorf("%+v", a)
	}
	if b.Portal != "idescat" || b.Method != http.MethodPost || b.Body != "SEX=TOTAL" || b.Status != 503 || b.Faults[0] != Status {
		t.Errorf("%+v", b)
	}
	if got := decoded[[]Request](t, get(t, p.URL(idescat.Name)+"/_llac/requests")); len(got) != 2 || got[0].Target != a.Target {
		t.Errorf("over HTTP: %+v", got)
	}
	if ask(t, http.MethodDelete, p.URL(idescat.Name)+"/_llac/requests", ""); len(p.Requests()) != 0 {
		t.Error("the log was not emptied")
	}
}

func TestStartAndClose(t *testing.T) {
	t.Parallel()
	p := New(Options{RegisterRows: 1})
	if p.URL(socrata.Name) != "" {
		t.Errorf("an address before Start: %s", p.URL(socrata.Name))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := p.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(ctx); err == nil {
		t.Error("started twice")
	}
	for _, url := range []string{p.URL(socrata.Name), p.URL(idescat.Name), p.URL(ckan.Name)} {
		if !strings.HasPrefix(url, "http://127.0.0.1:") {
			t.Errorf("listens on %s", url)
		}
	}
	url := towns(p, "")
	p.Close()
	p.Close()
	if _, err := tryAsk(t, http.MethodGet, url, ""); err == nil {
		t.Error("the simulator responds after Close")
	}
	if err := p.Start(ctx); err != nil {
		t.Fatalf("start after close: %v", err)
	}
	url = towns(p, "$limit=1")
	get(t, url)
	cancel() // closes as Close does, from another goroutine
	deadline := time.Now().Add(10 * time.Second)
	for p.URL(socrata.Name) != "" && time.Now().Before(deadline) {
		_, _ = tryAsk(t, http.MethodGet, url, "") // yields until the listener is closed
	}
	if p.URL(socrata.Name) != "" {
		t.Error("the end of the context does not stop the simulator")
	}
	if err := p.Start(ctx); err == nil {
		t.Error("started with a context that has ended")
	}
}

func TestOnlyLoopback(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:80", "example.org:80", "nonsense"} {
		p := New(Options{RegisterRows: 1, Addresses: map[string]string{ckan.Name: address}})
		if err := p.Start(t.Context()); err == nil {
			p.Close()
			t.Errorf("listens on %s", address)
		}
	}
}

// Many goroutines use all of the simulator at once, for the race detector.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	p := small(t)
	done := make(chan error)
	const workers = 8
	for i := range workers {
		go func() {
			var err error
			for range 5 {
				if i%2 == 0 {
					err = p.RepublishAs(RegisterID, ChangeEdit, "")
				} else if _, failed := tryAsk(t, http.MethodGet, services(p, "$order=:id"), ""); failed != nil {
					err = failed
				}
				p.Requests()
			}
			done <- err
		}()
	}
	for range workers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if _, about := p.published(socrata.Name, RegisterID); about.ID != RegisterID {
		t.Error("the register is not served")
	}
}
