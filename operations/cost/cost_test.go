package cost_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/llac-project/llac/operations/cost"
	"github.com/llac-project/llac/operations/filelake"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/operations/services"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/platform/local/portal"
)

const dev = "testdata/dev"

func line(t *testing.T, lines []cost.Line, what string) cost.Line {
	t.Helper()
	for _, l := range lines {
		if l.What == what {
			return l
		}
	}
	t.Fatalf("no line for %s in %+v", what, lines)
	return cost.Line{}
}

func near(a, b float64) bool { return math.Abs(a-b) < 0.005 }

func TestThePriceTable(t *testing.T) {
	t.Parallel()
	table := cost.Prices()
	if _, err := time.Parse(time.DateOnly, table.AsOf); err != nil {
		t.Errorf("the table has no date: %v", err)
	}
	for name, p := range table.Prices {
		if p.USD <= 0 || p.Unit == "" || p.Text == "" || p.Bill == "" || p.Free < 0 {
			t.Errorf("%s: %+v", name, p)
		}
	}
	for kind, what := range table.Resources {
		if _, ok := table.Prices[what]; !ok {
			t.Errorf("%s is priced as %s, which has no price", kind, what)
		}
		for _, free := range table.Free {
			if free == kind {
				t.Errorf("%s is both priced and free", kind)
			}
		}
	}
	for name, a := range table.Assumptions {
		if a.Value <= 0 || a.Text == "" {
			t.Errorf("assumption %s: %+v", name, a)
		}
	}
}

// An idle month costs what is there: metrics, alarms, and queues that are polled.
func TestAnIdleMonth(t *testing.T) {
	t.Parallel()
	table := cost.Prices()
	s, err := table.ReadPlans([]string{dev})
	if err != nil {
		t.Fatal(err)
	}
	if s.Plans != 9 || s.Counts["aws_cloudwatch_metric_alarm"] != 23 || s.Mappings != 6 || s.Memory["stager"] != 1769 ||
		s.Calls != 2880+30 || len(s.Unknown)+len(s.Rates) != 0 || s.Counts["aws_caller_identity"] != 0 {
		t.Errorf("%+v", s)
	}
	e := table.Estimate("dev", s, nil, 10, nil)
	l := line(t, e.Idle, "custom_metric")
	if l.Quantity != float64(services.CountSeries()) || !near(l.USD, 0.30*float64(services.CountSeries()-10)) {
		t.Errorf("%+v", l)
	}
	if l := line(t, e.Idle, "alarm"); !near(l.USD, 1.30) {
		t.Errorf("%+v", l)
	}
	// Five polls of twenty seconds for each of six mappings, day and night.
	l, polls := line(t, e.Idle, "sqs_request"), (6+float64(s.Counts["aws_pipes_pipe"]))*5*30*24*3600/20
	if math.Abs(l.Quantity-(polls+2*2910)) > 1 || !near(l.USD, (l.Quantity-1e6)*0.4e-6) {
		t.Errorf("%+v", l)
	}
	if e.IdleUSD != e.MonthUSD || e.IdleUSD < 4 || e.IdleUSD > 7 || e.Over() || e.Budget != 15 || e.Architecture != 11.25 {
		t.Errorf("%+v", e)
	}
}

// Two environments of one account share the free allowances: dev alone, dev together with prod, and both in one bill.
func TestAllowancesArePerAccount(t *testing.T) {
	t.Parallel()
	table := cost.Prices()
	read := func(paths ...string) *cost.Standing {
		t.Helper()
		s, err := table.ReadPlans(paths)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	entries, err := os.ReadDir(dev)
	if err != nil {
		t.Fatal(err)
	}
	prod := t.TempDir()
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dev, e.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(prod, e.Name()), []byte(strings.ReplaceAll(string(b), "llac-dev-", "llac-prod-")), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	alone := table.Estimate("dev", read(dev), nil, 10, nil)
	withProd := table.Estimate("dev", read(dev), nil, 10, read(prod))
	together := table.Estimate("dev", read(dev, prod), nil, 10, nil)
	if together.Standing.Sweeps != 60 || len(together.Standing.Envs) != 2 {
		t.Errorf("%+v", together.Standing)
	}
	if l := line(t, together.Idle, "custom_metric"); l.Quantity != float64(2*services.CountSeries()) || l.Free != 10 {
		t.Errorf("%+v", l)
	}
	if l := line(t, withProd.Idle, "custom_metric"); l.Free != 0 || !near(l.USD, 0.30*float64(services.CountSeries())) {
		t.Errorf("%+v", l)
	}
	if !near(together.IdleUSD, alone.IdleUSD+withProd.IdleUSD) || withProd.IdleUSD <= alone.IdleUSD+4 {
		t.Errorf("dev alone %.2f, with prod %.2f, both %.2f", alone.IdleUSD, withProd.IdleUSD, together.IdleUSD)
	}
	three := write(t, strings.TrimSuffix(strings.Repeat(`{"mode":"managed","type":"aws_cloudwatch_dashboard","name":"d","values":{}},`,
		4), ","))
	if l := line(t, table.Estimate("dev", read(three), nil, 1, nil).Idle, "dashboard"); l.USD != 3 {
		t.Errorf("a fourth dashboard: %+v", l)
	}
}

// A pipe polls its queue as an event source mapping does.
func TestAPipePolls(t *testing.T) {
	t.Parallel()
	table := cost.Prices()
	s, err := table.ReadPlans([]string{write(t, `{"mode":"managed","type":"aws_pipes_pipe","name":"p","values":{}}`)})
	if err != nil {
		t.Fatal(err)
	}
	if usd := table.List(table.Idle(s, 10)); usd < 0.2 || usd > 0.3 {
		t.Errorf("%.3f per month", usd)
	}
}

// Every type of resource in the Terraform code is in the table, priced or free.
func TestEveryTerraformTypeIsKnown(t *testing.T) {
	t.Parallel()
	table, known := cost.Prices(), map[string]bool{"aws_synthetics_canary": true}
	for _, kind := range table.Free {
		known[kind] = true
	}
	kinds := 0
	err := filepath.WalkDir("../../terraform", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".tf") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`(?m)^resource "([a-z0-9_]+)"`).FindAllStringSubmatch(string(b), -1) {
			kinds++
			if table.Resources[m[1]] == "" && !known[m[1]] {
				t.Errorf("%s has a %s: add its price to prices.json, or its type to free_resources", path, m[1])
			}
		}
		return err
	})
	if err != nil || kinds < 50 {
		t.Fatalf("%d resources, %v", kinds, err)
	}
}

// write writes a plan with a few resources.
func write(t *testing.T, resources string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plan.json")
	body := `{"format_version":"1.2","planned_values":{"root_module":{"child_modules":[{"resources":[` + resources + `]}]}}}`
	if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAChangeOverTheBudget(t *testing.T) {
	t.Parallel()
	table := cost.Prices()
	nat := write(t, `{"mode":"managed","type":"aws_nat_gateway","name":"n","values":{}}`)
	s, err := table.ReadPlans([]string{dev, nat})
	if err != nil {
		t.Fatal(err)
	}
	if e := table.Estimate("dev", s, nil, 10, nil); !e.Over() || e.Month[0].What != "nat_gateway" {
		t.Errorf("%+v", e.Month)
	}
	// 110 instances of one resource, as for_each makes them, are 110 alarms.
	many := write(t, strings.TrimSuffix(strings.Repeat(`{"mode":"managed","type":"aws_cloudwatch_metric_alarm","name":"a","values":{}},`,
		110), ","))
	if s, err = table.ReadPlans([]string{dev, many}); err != nil {
		t.Fatal(err)
	}
	if e := table.Estimate("dev", s, nil, 10, nil); !e.Over() {
		t.Errorf("133 alarms stay within the budget: %v", e.MonthUSD)
	}
	if e := table.Estimate("playground", s, nil, 10, nil); e.Over() || e.Budget != 0 {
		t.Error("an environment without a budget exceeds it")
	}
}

func TestReadPlans(t *testing.T) {
	t.Parallel()
	table := cost.Prices()
	s, err := table.ReadPlans([]string{write(t, `
		{"mode":"managed","type":"aws_db_instance","name":"d","values":{}},
		{"mode":"managed","type":"aws_vpc_endpoint","name":"s3","values":{"vpc_endpoint_type":"Gateway"}},
		{"mode":"managed","type":"aws_vpc_endpoint","name":"sqs","values":{"vpc_endpoint_type":"Interface","subnet_ids":["a","b"]}},
		{"mode":"managed","type":"aws_lambda_event_source_mapping","name":"off","values":{"enabled":false}},
		{"mode":"managed","type":"aws_scheduler_schedule","name":"off","values":{"schedule_expression":"rate(1 minute)",`+
		`"state":"DISABLED"}},
		{"mode":"managed","type":"aws_scheduler_schedule","name":"daily","values":{"schedule_expression":"cron(15 4 * * ? *)"}},
		{"mode":"managed","type":"aws_scheduler_schedule","name":"odd","values":{"schedule_expression":"cron(0/5 * ? * MON *)"}},
		{"mode":"managed","type":"aws_synthetics_canary","name":"c","values":{"schedule":[{"expression":"rate(1 hour)"}]}},
		{"mode":"managed","type":"aws_kms_key","name":"k","values":{}},
		{"mode":"managed","type":"aws_cloudwatch_metric_alarm","name":"share","values":{"metric_query":[{"expression":"a/b",`+
		`"metric":[]},{"metric":[{}]},{"metric":[{}]}]}},
		{"mode":"data","type":"aws_unheard_of","name":"x","values":{}}`)})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Unknown) != 1 || s.Unknown[0] != "aws_db_instance" || s.Zones != 2 || s.Mappings != 0 || s.Calls != 30 || len(s.Rates) != 1 {
		t.Errorf("%+v", s)
	}
	e := table.Estimate("dev", s, nil, 1, nil)
	if l := line(t, e.Idle, "kms_key"); l.USD != 1 {
		t.Errorf("%+v", l)
	}
	if l := line(t, e.Idle, "alarm"); l.Quantity != 2 { // of two metrics
		t.Errorf("%+v", l)
	}
	if l := line(t, e.Idle, "canary_run"); l.Quantity != 720 {
		t.Errorf("%+v", l)
	}
	for name, body := range map[string]string{
		"not JSON":         "plan",
		"another document": `{"resources": []}`,
		"values of another type": `{"format_version":"1","planned_values":{"root_module":{"resources":[
			{"mode":"managed","type":"aws_lambda_function","values":{"memory_size":"big"}}]}}}`,
	} {
		path := filepath.Join(t.TempDir(), "plan.json")
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := table.ReadPlans([]string{path}); err == nil || !strings.Contains(err.Error(), "plan.json") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := table.ReadPlans([]string{t.TempDir()}); err == nil {
		t.Error("an empty folder is read as a plan")
	}
}

// httpRequests counts the requests that reach the local cloud's buckets: puts with lists, and gets.
type httpRequests struct{ puts, gets atomic.Int64 }

func (h *httpRequests) count(r *http.Request) aws.Fault {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case bucket != pipeline.DataBucket && bucket != pipeline.ConfigBucket:
	case r.Method == http.MethodPut, r.Method == http.MethodPost, r.Method == http.MethodGet && key == "":
		h.puts.Add(1)
	case r.Method == http.MethodGet, r.Method == http.MethodHead:
		h.gets.Add(1)
	}
	return aws.Fault{}
}

// The requests that the services count are those that reach the buckets, apart from the requests of llac itself.
func TestRunsAsTheyAreCounted(t *testing.T) {
	t.Parallel()
	sim := portal.New(portal.Options{RegisterRows: 300})
	if err := sim.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	dir := t.TempDir()
	var made httpRequests
	o := pipeline.Options{
		Settings:  pipeline.Settings{Dir: dir, Simulator: sim, Grace: 100 * time.Millisecond, Faults: made.count},
		Contracts: "../../datasets", Datasets: []string{"municipalities", "population", "housing"}, Timeout: 2 * time.Minute,
	}
	if r, err := pipeline.Run(context.Background(), o); err != nil || !r.Good() {
		t.Fatalf("%+v, %v", r, err)
	}
	contracts, err := contract.LoadDir("../../datasets")
	if err != nil {
		t.Fatal(err)
	}
	table := cost.Prices()
	s, err := table.ReadPlans([]string{dev})
	if err != nil {
		t.Fatal(err)
	}
	requests, err := cost.ReadRequests(pipeline.SpanFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	l := ledger.Ledger{Lake: filelake.Open(dir, pipeline.DataBucket)}
	now := time.Date(2025, 8, 3, 12, 0, 0, 0, time.UTC)
	runs, err := table.Runs(t.Context(), l, requests, contracts, s, now)
	if err != nil || len(runs) != 3 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	puts, gets := 0, 0
	for _, r := range runs {
		t.Logf("%s: %d puts, %d gets, %d messages, %d invocations", r.Dataset, r.Puts, r.Gets, r.Messages, r.Invocations)
		puts, gets = puts+r.Puts, gets+r.Gets
		if r.Invocations < 6 || r.Uncounted != 0 || r.Messages < 5 || r.Puts < 10 || r.Gets < 20 || r.GBSeconds["stager"] <= 0 ||
			r.Published == 0 || r.Archived == 0 || !r.Simulated || r.USD <= 0 || r.RunsAMonth < 1 {
			t.Errorf("%+v", r)
		}
	}
	t.Logf("%d puts counted, %d made; %d gets counted, %d made", puts, made.puts.Load(), gets, made.gets.Load())
	for what, n := range map[string]struct{ counted, made float64 }{
		"puts": {float64(puts), float64(made.puts.Load())}, "gets": {float64(gets), float64(made.gets.Load())},
	} {
		if ratio := n.counted / n.made; ratio < 0.7 || ratio > 1 {
			t.Errorf("%.0f %s are counted, and %.0f were made", n.counted, what, n.made)
		}
	}
	e := table.Estimate("dev", s, runs, len(contracts), nil)
	if e.RunsUSD <= 0 || !near(e.MonthUSD, e.IdleUSD+e.RunsUSD) || len(e.Services) < 7 || e.Over() {
		t.Errorf("%+v", e)
	}
	// Without spans the requests are unknown: they cost nothing here, and the run reports it.
	uncounted, err := table.Runs(t.Context(), l, nil, contracts, s, now)
	if err != nil || uncounted[0].Uncounted != uncounted[0].Invocations || uncounted[0].Gets != 0 || uncounted[0].Messages < 5 {
		t.Errorf("%+v, %v", uncounted, err)
	}
	empty := ledger.Ledger{Lake: filelake.Open(t.TempDir(), pipeline.DataBucket)}
	if _, err := table.Runs(t.Context(), empty, nil, contracts, s, now); !errors.Is(err, cost.ErrNoRuns) {
		t.Errorf("an empty lake: %v", err)
	}
}

func TestReadRequests(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "spans.jsonl")
	if got, err := cost.ReadRequests(file); err != nil || len(got) != 0 {
		t.Errorf("no file: %v, %v", got, err)
	}
	text := `{"span_id":"a","attributes":{"llac.store.gets":3,"llac.store.puts":2,"llac.store.lists":1,"llac.published":4}}
{"span_id":"b","attributes":{"llac.dataset":"population"}}
not a span
{"span_id":"c","attributes":{"llac.store.gets":1}}
{"span_id":"d","attributes":{"llac.store.gets":1`
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := cost.ReadRequests(file)
	want := map[string]cost.Requests{"a": {Gets: 3, Puts: 2, Lists: 1, Published: 4}, "c": {Gets: 1}}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestReview(t *testing.T) {
	t.Parallel()
	table := cost.Prices()
	s, err := table.ReadPlans([]string{dev})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "costs.json")
	answer := map[string]any{"ResultsByTime": []any{map[string]any{"Groups": []any{
		map[string]any{"Keys": []string{"AmazonCloudWatch"}, "Metrics": map[string]any{"UnblendedCost": map[string]string{"Amount": "9.5",
			"Unit": "USD"}}},
		map[string]any{"Keys": []string{"Amazon Athena"}, "Metrics": map[string]any{"UnblendedCost": map[string]string{"Amount": "0.0001",
			"Unit": "USD"}}},
	}}}}
	b, err := json.Marshal(answer)
	if err == nil {
		err = os.WriteFile(path, b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	actual, err := cost.ReadActual(path)
	if err != nil || actual["AmazonCloudWatch"] != 9.5 {
		t.Fatal(actual, err)
	}
	lines := table.Review(table.Estimate("dev", s, nil, 10, nil).Month, actual)
	if lines[0].Service != "AmazonCloudWatch" || lines[0].Expected < 3 || lines[0].Actual != 9.5 {
		t.Errorf("%+v", lines)
	}
	for _, l := range lines {
		if l.Service == "Amazon Athena" {
			t.Error("a hundredth of a cent is reported")
		}
	}
	month := time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC)
	if c := cost.ExplorerCommand("dev", month); !strings.Contains(c, "Start=2025-12-01,End=2026-01-01") {
		t.Error(c)
	}
	for _, body := range []string{"no", "{}", `{"ResultsByTime":[{"Groups":[{"Keys":["x"],` +
		`"Metrics":{"BlendedCost":{"Amount":"1","Unit":"USD"}}}]}]}`} {
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := cost.ReadActual(path); err == nil {
			t.Errorf("%s was accepted", body)
		}
	}
}
