package cli_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/llac-project/llac/operations/pipeline"
)

const devPlans = "../../../operations/cost/testdata/dev"

func TestCost(t *testing.T) {
	t.Parallel()
	m, ctx := newMachine(t), context.Background()
	stdout, stderr, status := m.llac(ctx, "cost", "--plan", devPlans, "--check")
	if status != 0 {
		t.Fatalf("exit status %d\n%s%s", status, stdout, stderr)
	}
	wants(t, "without a lake", stdout, "AN IDLE MONTH of dev (9 plans)", "CloudWatch custom metrics", "an idle month: $",
		"The architecture expects $11.25; the budget is $15.00", "the cost of runs is not included")

	if stdout, stderr, status = m.llac(ctx, "run", "municipalities", "--no-marts"); status != 0 {
		t.Fatalf("run: %d\n%s%s", status, stdout, stderr)
	}
	stdout, _, status = m.llac(ctx, "cost", "--plan", devPlans)
	wants(t, "with one", stdout, "WHAT RUNS ADD", "municipalities", "simulated", "storage", "the runs of a month add $")
	if i, j := strings.Index(stdout, "AN IDLE MONTH"), strings.Index(stdout, "WHAT RUNS ADD"); status != 0 || i < 0 || j < i {
		t.Errorf("the idle month does not come first (exit status %d):\n%s", status, stdout)
	}
	stdout, _, _ = m.llac(ctx, "cost", "--plan", devPlans, "--json")
	var reply struct {
		OK   bool
		Data struct {
			IdleUSD  float64 `json:"idle_usd"`
			MonthUSD float64 `json:"month_usd"`
			Runs     []struct{ Dataset string }
		}
	}
	if err := json.Unmarshal([]byte(stdout), &reply); err != nil || !reply.OK || reply.Data.IdleUSD <= 0 ||
		reply.Data.MonthUSD <= reply.Data.IdleUSD || len(reply.Data.Runs) != 1 {
		t.Errorf("%v\n%s", err, stdout)
	}
	stdout, _, _ = m.llac(ctx, "cost", "--plan", devPlans, "--beside", devPlans)
	wants(t, "with another environment", stdout, "note: the other environments in the account use up the free allowances first")
	stdout, _, status = m.llac(ctx, "cost")
	wants(t, "without a plan", stdout, "note: without --plan the cost of an idle month is not included")
	if status != 0 {
		t.Errorf("exit status %d", status)
	}
	stdout, _, _ = m.llac(ctx, "cost", "--plan", devPlans, "--month", "2025-08")
	wants(t, "a review", stdout, "REVIEW OF 2025-08", "aws ce get-cost-and-usage", "Start=2025-08-01,End=2025-09-01")
	actual := filepath.Join(t.TempDir(), "costs.json")
	body := `{"ResultsByTime":[{"Groups":[{"Keys":["AmazonCloudWatch"],"Metrics":{"UnblendedCost":{"Amount":"9.5","Unit":"USD"}}}]}]}`
	if err := os.WriteFile(actual, []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
	stdout, _, _ = m.llac(ctx, "cost", "--plan", devPlans, "--month", "2025-08", "--actual", actual)
	wants(t, "a review", stdout, "AWS SERVICE", "AmazonCloudWatch", "9.50", "charged: $9.50")
}

// TestUncountedRequestsFailTheCheck checks that a month is not found cheap enough because its requests were not counted.
func TestUncountedRequestsFailTheCheck(t *testing.T) {
	t.Parallel()
	m, ctx := newMachine(t), context.Background()
	if stdout, stderr, status := m.llac(ctx, "run", "municipalities", "--no-marts"); status != 0 {
		t.Fatalf("run: %d\n%s%s", status, stdout, stderr)
	}
	check := []string{"cost", "--plan", devPlans, "--check"}
	if stdout, stderr, status := m.llac(ctx, check...); status != 0 {
		t.Errorf("counted: exit status %d\n%s%s", status, stdout, stderr)
	}
	if err := os.Remove(pipeline.SpanFile(m.dir)); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, status := m.llac(ctx, check...)
	if status != 13 {
		t.Errorf("not counted: exit status %d\n%s", status, stdout)
	}
	wants(t, "standard error", stderr, "the estimate is incomplete: the requests of municipalities to the lake were not counted",
		"llac run --force municipalities --dir "+m.dir)
	wants(t, "standard output", stdout, "note: municipalities: the requests of ")
	if _, stderr, status := m.llac(ctx, "cost", "--plan", devPlans); status != 0 {
		t.Errorf("without --check: exit status %d\n%s", status, stderr)
	}
	if _, stderr, status := m.llac(ctx, "run", "--force", "municipalities", "--no-marts"); status != 0 {
		t.Errorf("run --force: %d\n%s", status, stderr)
	}
	if _, stderr, status := m.llac(ctx, check...); status != 0 {
		t.Errorf("counted again: exit status %d\n%s", status, stderr)
	}
}

// TestRunsOfAnEnvironmentFailTheCheck checks --check with --cloud: the spans of an environment are not read.
func TestRunsOfAnEnvironmentFailTheCheck(t *testing.T) {
	t.Parallel()
	m, ctx := newMachine(t), context.Background()
	if stdout, stderr, status := m.llac(ctx, "run", "municipalities", "--no-marts"); status != 0 {
		t.Fatalf("run: %d\n%s%s", status, stdout, stderr)
	}
	e := m.inIdleEnvironment()
	e.copy(m.dir)
	stdout, stderr, status := m.llac(ctx, "cost", "--plan", devPlans, "--check", "--cloud")
	if status != 13 || !strings.Contains(stderr, "leave --cloud out") {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
}

func TestACostThatIsTooHigh(t *testing.T) {
	t.Parallel()
	m, ctx := newMachine(t), context.Background()
	plan := func(kind string) string {
		path := filepath.Join(t.TempDir(), "plan.json")
		body := `{"format_version":"1.2","planned_values":{"root_module":{"resources":[{"mode":"managed","type":"` + kind +
			`","name":"n","values":{}}]}}}`
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct {
		args   []string
		status int
		want   string
	}{
		"over the budget": {[]string{"--plan", devPlans, "--plan", plan("aws_nat_gateway"), "--check"}, 13,
			"and its budget is $15.00"},
		"not known": {[]string{"--plan", devPlans, "--plan", plan("aws_db_instance"), "--check"}, 13,
			"the estimate is incomplete"},
		"only looked at":       {[]string{"--plan", devPlans, "--plan", plan("aws_nat_gateway")}, 0, ""},
		"no such neighbour":    {[]string{"--plan", devPlans, "--beside", "nowhere.json"}, 2, "nowhere.json"},
		"within prod's budget": {[]string{"--plan", devPlans, "--check", "--env", "prod"}, 0, ""},
		"no plan to check":     {[]string{"--check"}, 2, "would ignore the largest part of the cost"},
		"no such plan":         {[]string{"--plan", "nowhere.json"}, 2, "nowhere.json"},
		"no plan at all":       {[]string{"--plan", "../../../README.md"}, 2, "not a Terraform plan"},
		"no month":             {[]string{"--plan", devPlans, "--month", "August"}, 2, `"August" is not a month`},
		"a bill of no month":   {[]string{"--plan", devPlans, "--actual", "x.json"}, 2, "is not a month"},
		"no bill":              {[]string{"--plan", devPlans, "--month", "2025-08", "--actual", "nowhere.json"}, 2, "nowhere.json"},
		"a bad environment":    {[]string{"--plan", devPlans, "--env", "Prod!"}, 2, "is not the name of an environment"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, status := m.llac(ctx, append([]string{"cost"}, c.args...)...)
			if status != c.status || !strings.Contains(stderr, c.want) {
				t.Errorf("exit status %d, want %d\n%s%s", status, c.status, stdout, stderr)
			}
		})
	}
}
