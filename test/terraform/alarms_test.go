package terraform

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestThePageOfAlarms fails when docs/alarms.md is not what Terraform's alarms say.
func TestThePageOfAlarms(t *testing.T) {
	t.Parallel()
	rows := map[string]string{}
	for _, r := range watched(t) {
		if r.Type != "aws_cloudwatch_metric_alarm" {
			continue
		}
		name := strings.TrimPrefix(r.text("alarm_name"), "llac-dev-")
		if strings.HasPrefix(name, "stager-") || !slices.ContainsFunc(services(), func(s string) bool { return strings.HasPrefix(name, s+"-") }) {
			told := ""
			if to, _ := r.Change.After["alarm_actions"].([]any); len(to) == 0 {
				told = " On the dashboard alone: the notices tell of it."
			}
			// Of the services the stager stands for all.
			rows[strings.Replace(name, "stager-", "<service>-", 1)] = fmt.Sprintf("| `%s` | %s | %s%s |\n", strings.Replace(name, "stager-", "<service>-", 1), when(t, r), ofAny(r.text("alarm_description")), told)
		}
	}
	var names []string
	for n := range rows {
		names = append(names, n)
	}
	slices.Sort(names)
	var b bytes.Buffer
	b.WriteString(alarmsPage)
	for _, n := range names {
		b.WriteString(rows[n])
	}
	at := filepath.Join(repository, "docs/alarms.md")
	if *update {
		if err := os.WriteFile(at, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got, err := os.ReadFile(at); err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("docs/alarms.md is stale (%v): go test ./test/terraform -run TestThePageOfAlarms -update", err)
	}
}

const alarmsPage = `# Alarms and notices

Made from ` + "`terraform/`" + ` by ` + "`go test ./test/terraform -run TestThePageOfAlarms -update`" + `; do not edit.

Everything goes to the topic ` + "`llac-<env>-alarms`" + `, whose addresses are ` + "`alarm_emails`" + ` of ` + "`stacks/messaging`" + `. An alarm tells when it begins and when it is over, and not in between.

**Notices** are of datasets. When a run ends badly (a stage gives up, the validator or the gate refuses), or a dataset is older than its contract allows, the scheduler opens one incident for the dataset, and one notice says the
dataset, the run, the reason and the command to look with. Whatever else fails of it until its source is read with success again belongs to that incident; then one notice says that it is well. Notices stand in
` + "`state/<dataset>/freshness.json`" + ` before they are sent, so that a redelivery sends the same one. A letter of a run that was given up lies in the dead-letter queue besides: if nobody has dealt with it for an hour, its alarm reminds.

**AWS Health** events of the services that Llac stands on, and the **budget** at the amounts of ` + "`budget_alerts`" + `, go to the same topic.

| alarm | when | what it says |
|---|---|---|
`

// ofAny is a text of the stager in dev as one of any service in any environment.
func ofAny(text string) string {
	return strings.NewReplacer("llac-dev", "llac-<env>", "--env dev", "--env <env>", "environments/dev", "environments/<env>", "stager", "<service>", "|", "\\|").Replace(text)
}

// when says what an alarm looks at, and from what on.
func when(t *testing.T, r resource) string {
	t.Helper()
	number := func(key string) float64 { f, _ := r.Change.After[key].(float64); return f }
	comparison, ok := map[string]string{"GreaterThanThreshold": ">", "LessThanThreshold": "<"}[r.text("comparison_operator")]
	if !ok {
		t.Errorf("%s compares by %s", r.Address, r.text("comparison_operator"))
	}
	looks, period := "", number("period")
	if r.text("metric_name") != "" {
		looks = fmt.Sprintf("%s of `%s %s`", strings.ToLower(r.text("statistic")), r.text("namespace"), r.text("metric_name"))
	}
	queries, _ := r.Change.After["metric_query"].([]any)
	for _, q := range queries {
		q := q.(map[string]any)
		if q["return_data"] == true {
			looks = q["label"].(string)
		}
		if m, _ := q["metric"].([]any); len(m) > 0 {
			period = m[0].(map[string]any)["period"].(float64)
		}
	}
	return fmt.Sprintf("%s %s %s, %g × %g min", strings.ReplaceAll(looks, "Llac/dev", "Llac/<env>"), comparison, strconv.FormatFloat(number("threshold"), 'f', -1, 64), max(number("evaluation_periods"), 1), period/60)
}
