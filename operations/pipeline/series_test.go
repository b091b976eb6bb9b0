package pipeline_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/operations/services"
	"github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/platform/local/portal"
	"github.com/llac-project/llac/platform/telemetry"
)

// lines collects what Lambda would write to standard output.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// AWS bills each custom metric per month, and each pair of dimension values is a metric. The test runs all datasets, lets each
// stage fail once, lets portals fail temporarily and permanently, and counts the metrics that CloudWatch would create.
func TestCustomMetricsOfAnEnvironmentAreFew(t *testing.T) {
	t.Parallel()
	var out lines
	o := options(t, simulator(t, portal.Fault{Kind: portal.Status, Portal: "socrata", Count: 2}))
	o.MetricLines = &out
	var mu sync.Mutex
	failed := map[string]bool{}
	o.Faults = func(r *http.Request) aws.Fault {
		mu.Lock()
		defer mu.Unlock()
		for _, s := range services.All {
			// Its receipt: runs/<dataset>/<run>/<service>.json, the scheduler's has the digest of the request in its name.
			if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/runs/") &&
				strings.Contains(r.URL.Path, "/"+s.Name+".") && !failed[s.Name] {
				failed[s.Name] = true
				return aws.Fault{Status: http.StatusBadRequest, Code: "InvalidRequest"}
			}
		}
		return aws.Fault{}
	}
	// All but the register of social services, which is too short here, are published.
	if _, err := pipeline.Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	broken := options(t, simulator(t, portal.Fault{Kind: portal.Status, Portal: "socrata", Status: 404}), "municipalities")
	broken.MetricLines = &out
	if _, err := pipeline.Run(context.Background(), broken); err != nil {
		t.Fatal(err)
	}

	series, properties := map[string]bool{}, map[string]bool{}
	for line := range bytes.Lines(out.b.Bytes()) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		for k := range m {
			properties[k] = true
		}
		var header struct {
			AWS struct {
				CloudWatchMetrics []struct {
					Dimensions [][]string
					Metrics    []struct{ Name string }
				}
			} `json:"_aws"`
		}
		if err := json.Unmarshal(line, &header); err != nil {
			t.Fatal(err)
		}
		for _, d := range header.AWS.CloudWatchMetrics {
			for _, metric := range d.Metrics {
				for _, set := range d.Dimensions {
					id := metric.Name
					for _, dimension := range set {
						id += " " + m[dimension].(string)
					}
					series[id] = true
				}
			}
		}
	}
	if n := len(series); n > telemetry.MaxSeries || n > services.CountSeries() {
		t.Errorf("%d series, want at most %d and the %d that are declared:\n%s", n, telemetry.MaxSeries,
			services.CountSeries(), strings.Join(sorted(series), "\n"))
	}
	for _, f := range events.Flow[1:] {
		for _, outcome := range []string{"ok", "failed"} {
			if !series["process_duration "+f.Service+" "+outcome] {
				t.Errorf("no series of %s, %s", f.Service, outcome)
			}
		}
	}
	if !series["portal_response_time fetcher ok"] || !series["portal_response_time fetcher failed"] {
		t.Error("the response time of the portals is not measured")
	}
	for _, p := range []string{"quarantine_percent", "rows_fetched", "result", "dataset", "host"} {
		if !properties[p] {
			t.Errorf("no property %s", p)
		}
	}
}

func sorted(set map[string]bool) []string {
	var out []string
	for s := range set {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}
