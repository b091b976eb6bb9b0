package aws

import (
	"fmt"
	"os"
	"testing"
)

const plan = `{"resource_changes": [
  {"address": "module.a.aws_sqs_queue.this", "change": {"actions": ["update"],
    "before": {"redrive_policy": "{\"a\": 1}", "name": "q"},
    "after": {"redrive_policy": "{\"a\":1}", "name": "q"}, "after_unknown": {}}},
  {"address": "module.a.aws_lambda_function.this", "change": {"actions": ["update"],
    "before": {"memory_size": 512, "version": "1"}, "after": {"memory_size": 1024}, "after_unknown": {"version": true}}},
  {"address": "aws_sns_topic.gone", "change": {"actions": ["create"], "after": {"name": "t"}}},
  {"address": "aws_sns_topic.same", "change": {"actions": ["no-op"], "before": {"name": "t"}, "after": {"name": "t"}}}
]}`

func TestJudge(t *testing.T) {
	t.Parallel()
	differences, err := Differences([]byte(plan))
	if err != nil {
		t.Fatal(err)
	}
	const want = "[create aws_sns_topic.gone * update module.a.aws_lambda_function.this memory_size " +
		"update module.a.aws_lambda_function.this version update module.a.aws_sqs_queue.this redrive_policy]"
	if got := fmt.Sprint(differences); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	allowed, err := ParseAllowed("# why\nmodule.*.aws_sqs_queue.this redrive_policy: blanks\naws_sns_topic.* *: never\nx.y z: over\n")
	if err != nil {
		t.Fatal(err)
	}
	unexpected, unused := Judge(differences, allowed)
	if len(unexpected) != 3 || len(unused) != 2 {
		t.Errorf("unexpected %v, unused %v; want 3 and 2: creating a resource is never allowed", unexpected, unused)
	}
}

func TestAllowList(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("plan_allow.txt")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseAllowed(string(text)); err != nil {
		t.Error(err)
	}
	if _, err := ParseAllowed("aws_sqs_queue.this redrive_policy"); err == nil {
		t.Error("a line without a reason is accepted")
	}
}
