package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSummaryHasNamesAndNoValues(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "plan.json")
	plan := `{"variables": {"token": {"value": "s3cret"}}, "resource_changes": [
	  {"address": "module.service.aws_lambda_function.this", "change": {"actions": ["update"],
	    "before": {"memory_size": 128, "environment": "s3cret", "arn": "arn:s3cret"},
	    "after": {"memory_size": 256, "environment": "s3cret-2", "arn": "arn:s3cret"}, "after_unknown": {"version": true}}},
	  {"address": "aws_sqs_queue.s", "change": {"actions": ["delete", "create"],
	    "before": {"name": "s3cret"}, "after": {"name": "s3cret"}}},
	  {"address": "aws_sns_topic.s", "change": {"actions": ["no-op"], "before": {"name": "s3cret"}, "after": {"name": "s3cret"}}}]}`
	if err := os.WriteFile(file, []byte(plan), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, log bytes.Buffer
	if status := run([]string{"--service", "stager", "--env", "dev", file}, &out, &log); status != 0 {
		t.Fatal(log.String())
	}
	const want = "stager in dev, besides its package:\n\n| action | resource | attribute |\n|---|---|---|\n" +
		"| delete,create | `aws_sqs_queue.s` | * |\n" +
		"| update | `module.service.aws_lambda_function.this` | environment |\n" +
		"| update | `module.service.aws_lambda_function.this` | memory_size |\n" +
		"| update | `module.service.aws_lambda_function.this` | version |\n\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	if strings.Contains(out.String()+log.String(), "s3cret") {
		t.Error("the summary has a value")
	}
}

func TestNothingPlannedAndNoPlan(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "plan.json")
	for body, want := range map[string]int{`{"resource_changes": []}`: 0, `Error: no plan`: 1} {
		if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, log bytes.Buffer
		if status := run([]string{"--service", "stager", "--env", "dev", file}, &out, &log); status != want || want == 0 &&
			!strings.Contains(out.String(), "only its package would change") || want == 1 && log.Len() == 0 {
			t.Errorf("%s: exit status %d, %q, %q", body, status, out.String(), log.String())
		}
	}
	var out, log bytes.Buffer
	if status := run(nil, &out, &log); status != 2 {
		t.Errorf("exit status %d", status)
	}
}
