package terraform

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/llac-project/llac/operations/cost"
	"github.com/llac-project/llac/platform/contract"
)

// asPlan writes resources as terraform show -json writes a plan.
func asPlan(t *testing.T, name string, all []resource) string {
	t.Helper()
	type planned struct {
		Mode   string         `json:"mode"`
		Type   string         `json:"type"`
		Name   string         `json:"name"`
		Values map[string]any `json:"values"`
	}
	var resources []planned
	for _, r := range all {
		resources = append(resources, planned{r.Mode, r.Type, r.Name, r.Change.After})
	}
	b, err := json.Marshal(map[string]any{"format_version": "1.2",
		"planned_values": map[string]any{"root_module": map[string]any{"resources": resources}}})
	path := filepath.Join(t.TempDir(), name+".json")
	if err == nil {
		err = os.WriteFile(path, b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestBudgetOfDev checks an idle month of dev, as Terraform would create it with dev's variables, against its budget, and logs what prod
// costs in addition.
func TestBudgetOfDev(t *testing.T) {
	t.Parallel()
	var dev, prod []string
	both := ofServices(t) // what the two have alike
	for _, folder := range []string{"stacks/storage", "stacks/security", "stacks/messaging"} {
		both = append(both, mocked(t, folder, "")...)
	}
	dev, prod = append(dev, asPlan(t, "most", both)), append(prod, asPlan(t, "most", renamed(t, both)))
	dev = append(dev, asPlan(t, "monitoring", mocked(t, "stacks/monitoring", variablesOf(t, "dev", "stacks/monitoring"))))
	prod = append(prod, asPlan(t, "monitoring", mocked(t, "stacks/monitoring", variablesOf(t, "prod", "stacks/monitoring"))))
	table, calls, sweeps := cost.Prices(), 0, 0
	for _, r := range both {
		if r.Type == "aws_scheduler_schedule" {
			n := callsAMonth(t, r)
			calls += n
			if n <= 30 { // at most once per day
				sweeps += n
			}
		}
	}
	read := func(paths []string) *cost.Standing {
		t.Helper()
		s, err := table.ReadPlans(paths)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Unknown)+len(s.Rates) > 0 || s.Mappings != len(services()) || s.Counts["aws_pipes_pipe"] != 1 ||
			s.Calls != float64(calls) || s.Sweeps != float64(sweeps) || sweeps == 0 || calls <= sweeps {
			t.Errorf("%d services, %d calls and %d sweeps per month: %+v", len(services()), calls, sweeps, s)
		}
		return s
	}
	d, p := read(dev), read(prod)
	if d.Counts["aws_cloudwatch_dashboard"] != 1 || p.Counts["aws_cloudwatch_dashboard"] != 2 {
		t.Errorf("dev has %d dashboards and prod %d: three of an account cost nothing", d.Counts["aws_cloudwatch_dashboard"],
			p.Counts["aws_cloudwatch_dashboard"])
	}
	contracts, err := contract.LoadDir(filepath.Join(repository, "datasets"))
	if err != nil {
		t.Fatal(err)
	}
	datasets := len(contracts)
	alone, beside, of := table.Estimate("dev", d, nil, datasets, nil), table.Estimate("prod", p, nil, datasets, d),
		table.Estimate("prod", p, nil, datasets, nil)
	if alone.Over() || alone.IdleUSD < 3 || alone.IdleUSD > table.Architecture {
		t.Errorf("an idle month of dev costs $%.2f; its budget is $%.2f, and the architecture states $%.2f", alone.IdleUSD, alone.Budget,
			table.Architecture)
	}
	if beside.Over() {
		t.Errorf("an idle month of prod in dev's account costs $%.2f; its budget is $%.2f", beside.IdleUSD, beside.Budget)
	}
	for _, l := range beside.Idle {
		if l.What == "dashboard" && l.USD > 0 {
			t.Errorf("dashboards cost $%.2f", l.USD)
		}
	}
	t.Logf("an idle month: dev alone $%.2f, prod alone $%.2f, prod in dev's account $%.2f", alone.IdleUSD, of.IdleUSD, beside.IdleUSD)
	for _, l := range alone.Idle[:5] {
		t.Logf("dev: %-18s %10.0f, %8.0f free, $%.2f", l.What, l.Quantity, l.Free, l.USD)
	}
}

// callsAMonth returns how often a schedule fires in a month of thirty days.
func callsAMonth(t *testing.T, schedule resource) int {
	t.Helper()
	var every int
	var unit string
	expression := fmt.Sprint(schedule.Change.After["schedule_expression"])
	if _, err := fmt.Sscanf(strings.TrimSuffix(expression, ")"), "rate(%d %s", &every, &unit); err != nil {
		t.Fatalf("schedule %s: %v", expression, err)
	}
	perMonth := map[string]int{"minute": 30 * 24 * 60, "hour": 30 * 24, "day": 30}[strings.TrimSuffix(unit, "s")]
	return perMonth / every
}

var variableLine = regexp.MustCompile(`(?m)^([a-z_]+) += .*$`)

// variablesOf returns an environment's variables of a root, as terraform/tf gives them.
func variablesOf(t *testing.T, env, folder string) string {
	t.Helper()
	text := "env = \"" + env + "\"\n"
	name := regexp.MustCompile("/").ReplaceAllString(folder, "-")
	b, err := os.ReadFile(filepath.Join(repository, "terraform/environments", env, name+".tfvars"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range variableLine.FindAllString(string(b), -1) {
		text += line + "\n"
	}
	return text
}

// renamed returns dev's resources as those of prod.
func renamed(t *testing.T, all []resource) []resource {
	t.Helper()
	b, err := json.Marshal(all)
	var out []resource
	if err == nil {
		err = json.Unmarshal(regexp.MustCompile("llac-dev-").ReplaceAll(b, []byte("llac-prod-")), &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}
