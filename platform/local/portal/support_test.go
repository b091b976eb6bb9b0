package portal

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// started returns a simulator that listens until the test ends.
func started(t *testing.T, o Options) *Portal {
	t.Helper()
	p := New(o)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// small returns a simulator with a register of 60 rows, which is fast to create.
func small(t *testing.T) *Portal { t.Helper(); return started(t, Options{RegisterRows: 60}) }

// handler returns the server of one portal kind.
func handler(t testing.TB, p *Portal, kind string) http.Handler {
	t.Helper()
	h, err := p.Handler(kind)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// received is a response as the client received it.
type received struct {
	status int
	header http.Header
	body   []byte
	err    error // of reading the body
}

// ask sends a request without the transport's own gzip, so that headers are seen as sent. headers are name, value, …
func ask(t *testing.T, method, url, body string, headers ...string) received {
	t.Helper()
	out, err := tryAsk(t, method, url, body, headers...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	if got := out.header.Get(SystemHeader); got != SystemName {
		t.Errorf("%s %s: header %s is %q", method, url, SystemHeader, got)
	}
	return out
}

func tryAsk(t *testing.T, method, url, body string, headers ...string) (received, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	transport := &http.Transport{DisableCompression: true, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return received{}, err
	}
	defer response.Body.Close()
	out := received{status: response.StatusCode, header: response.Header}
	out.body, out.err = io.ReadAll(response.Body)
	return out, nil
}

func get(t *testing.T, url string, headers ...string) received {
	t.Helper()
	return ask(t, http.MethodGet, url, "", headers...)
}

// decoded decodes a JSON body; numbers keep their text.
func decoded[T any](t *testing.T, r received) T {
	t.Helper()
	var out T
	decoder := json.NewDecoder(bytes.NewReader(r.body))
	decoder.UseNumber()
	if err := decoder.Decode(&out); err != nil {
		t.Fatalf("status %d, body %.300q: %v", r.status, r.body, err)
	}
	return out
}

func rowsOf(t *testing.T, r received) []map[string]any {
	t.Helper()
	if r.status != http.StatusOK {
		t.Fatalf("status %d: %s", r.status, r.body)
	}
	return decoded[[]map[string]any](t, r)
}

func unzipped(t *testing.T, body []byte) []byte {
	t.Helper()
	reader, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// recorded returns the path of a response that was recorded from a live service. The recordings are not part of the project.
func recorded(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join("..", "..", "..", "..", "shared", "data", "recorded", filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		t.Skip("recorded responses not present: " + name + " (expected in shared/data/recorded next to the repository)")
	}
	return path
}

func readRecorded[T any](t *testing.T, name string) T {
	t.Helper()
	text, err := os.ReadFile(recorded(t, name))
	if err != nil {
		t.Fatal(err)
	}
	var out T
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return out
}
