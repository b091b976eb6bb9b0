package cli

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/clock"
)

// TestSimulator checks that the portals serve requests, and fail on request, until the command is interrupted.
func TestSimulator(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	read, write := io.Pipe()
	var out bytes.Buffer
	a := &App{Stdout: &out, Stderr: write, Clock: clock.System{}, Getenv: func(string) string { return "" }}
	status := make(chan int)
	go func() { status <- a.Execute(ctx, []string{"simulator", "--rows", "50", "--json"}) }()
	first := make([]byte, 500)
	n, err := read.Read(first)
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, read)
	socrata := regexp.MustCompile(`socrata=(http://127\.0\.0\.1:\d+)`).FindSubmatch(first[:n])
	if socrata == nil {
		t.Fatalf("no address in %q", first[:n])
	}
	url := string(socrata[1])
	fault := `[{"kind":"status","status":503,"dataset":"9aju-tpwc"}]`
	answer, err := http.Post(url+"/_llac/faults", "application/json", strings.NewReader(fault))
	if err != nil || answer.StatusCode >= 300 {
		t.Fatal(answer, err)
	}
	answer.Body.Close()
	page, err := http.Get(url + "/resource/9aju-tpwc.json?$limit=1")
	if err != nil {
		t.Fatal(err)
	}
	page.Body.Close()
	if page.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("the fault was requested, the portal responds with %s", page.Status)
	}
	cancel()
	if got := <-status; got != exitOK || !strings.Contains(out.String(), `"socrata": "`+url) {
		t.Errorf("exit %d, output %s", got, out.String())
	}
	if got := (&App{Stdout: io.Discard, Stderr: io.Discard, Getenv: a.Getenv}).Execute(t.Context(),
		[]string{"simulator", "--socrata", "0.0.0.0:0"}); got != exitUsage {
		t.Errorf("a public address: exit %d", got)
	}
}
