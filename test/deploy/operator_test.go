//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/filelake"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/operations/services"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/messaging"
)

// TestOperator runs an operator's commands on an environment, with exactly the permissions of the operator's role. No service runs there:
// test/aws runs the services on what Terraform creates.
func TestOperator(t *testing.T) {
	t.Parallel()
	cloud, env := startCloud(t, []string{"operator", "cloudwatch-logs", "athena-query", "s3-data-lake"},
		[]string{"operator/RequestRuns", "operator/ReadQueues", "operator/ReplayDeadLetters", "operator/PublishContracts",
			"operator/ReadDeploys"})
	ctx := t.Context()
	cloud.createBuckets(t, "llac-dev-data-", "llac-dev-config-")
	var declarations []messaging.Declaration
	for _, s := range services.All {
		declarations = append(declarations, messaging.Declaration{Service: s.Name, Consumes: s.Consumes, Emits: s.Emits})
	}
	topology, err := messaging.Deploy(ctx, cloud.Config, "dev", declarations,
		messaging.TopologyOptions{OperatorEmits: events.Emits(events.Operator)})
	if err != nil {
		t.Fatal(err)
	}
	queues := sqs.NewFromConfig(cloud.Config)
	dir := filepath.Join(t.TempDir(), ".llac")
	do := func(want int, args ...string) string {
		t.Helper()
		c := exec.CommandContext(ctx, llac(), args...)
		c.Dir, c.Env = root(t), append(os.Environ(), env...)
		out, err := c.CombinedOutput()
		if got := c.ProcessState.ExitCode(); got != want {
			t.Fatalf("llac %s: exit status %d, want %d (%v)\n%s", strings.Join(args, " "), got, want, err, out)
		}
		return string(out)
	}
	says := func(output string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(output, want) {
				t.Errorf("no %q in\n%s", want, output)
			}
		}
	}

	// Before anything is there.
	says(do(8, "status", "--env", "dev"), "no contracts are deployed", "llac datasets publish --env dev")
	says(do(7, "doctor", "--env", "dev"), "never deployed", "missing: llac-dev-scheduler-undelivered", "make deploy-changed ENV=dev")
	for _, s := range services.All { // Terraform makes them with each service
		if _, err := queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(messaging.QueueName("dev", s.Name) +
			"-undelivered")}); err != nil {
			t.Fatal(err)
		}
	}
	says(do(2, "datasets", "publish"), "not supported in a state directory", "--env dev")
	says(do(2, "datasets", "publish", "--env", "dev"), "--yes")
	says(do(0, "datasets", "publish", "--env", "dev", "--dry-run"), "added", "Nothing was changed")
	says(do(0, "datasets", "publish", "--env", "dev", "--yes"), "added", "In force in dev")
	says(do(0, "datasets", "publish", "--env", "dev"), "in force already")
	says(do(1, "datasets", "publish", "--env", "dev", "--remove", "nothing"), "not in force")
	says(do(1, "datasets", "publish", "--env", "dev", "--remove", "housing"), "its file is still in the folder")

	// A lake that was run on this machine, in the place of the environment's.
	do(0, "run", "municipalities", "--no-marts", "--dir", dir)
	from, to := filelake.Open(dir, pipeline.DataBucket), lake.NewS3(cloud.Config, "llac-dev-data-"+cloud.ID, clock.System{})
	var keys []string
	if err := from.List(ctx, "", func(i lake.Info) bool { keys = append(keys, i.Key); return true }); err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		body, _, err := from.Get(ctx, key)
		if err == nil {
			_, err = to.Put(ctx, key, body)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	says(do(0, "status", "--env", "dev"), "municipalities", "949", "never published")
	says(do(0, "runs", "--env", "dev"), "municipalities", "published")
	says(do(0, "show", "latest", "--env", "dev"), "landing-janitor")

	// A dead letter goes back to its service.
	letter, err := json.Marshal(events.New(events.LandingWritten{}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := queues.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String(topology.DeadLetters["validator"]),
		MessageBody: aws.String(string(letter))}); err != nil {
		t.Fatal(err)
	}
	says(do(0, "dlq", "list", "--env", "dev"), "validator", "llac dlq replay <id> --env dev")
	says(do(0, "dlq", "replay", "--all", "--env", "dev"), "sent back to validator", "The services of dev process them")
	says(do(0, "dlq", "list", "--env", "dev"), "No dead letters")
	waiting, err := queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: aws.String(topology.Queues["validator"])})
	if err != nil || len(waiting.Messages) != 1 || aws.ToString(waiting.Messages[0].Body) != string(letter) {
		t.Errorf("the validator has %+v, %v", waiting, err)
	}

	// What is asked for reaches the scheduler, and is not followed for ever.
	says(do(0, "run", "municipalities", "--env", "dev", "--detach"), "Not following the run")
	says(do(0, "backfill", "population", "--slice", "2023", "--env", "dev", "--detach"), "Not following the run")
	says(do(6, "run", "municipalities", "--env", "dev", "--timeout", "2s"), "it continues in dev")
	says(do(2, "run", "nothing", "--env", "dev"), "nothing")
	says(do(2, "backfill", "housing", "--slice", "2023", "--env", "dev"), "defines no slices")
	var asked []string
	for range 3 {
		got, err := queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: aws.String(topology.Queues["scheduler"]),
			MaxNumberOfMessages: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range got.Messages {
			e, err := events.Parse([]byte(aws.ToString(m.Body)))
			if err != nil {
				t.Fatal(err)
			}
			p, err := events.As[events.RunRequested](e)
			if err != nil {
				t.Fatal(err)
			}
			asked = append(asked, p.Dataset+" "+p.Trigger+" "+strings.Join(p.Slices, ","))
		}
	}
	// population refers to municipalities, which are published: nothing else is asked for.
	if got := strings.Join(asked, "; "); len(asked) != 3 || !strings.Contains(got, "population backfill 2023") || !strings.Contains(got,
		"municipalities manual ") {
		t.Errorf("the scheduler was asked for %s", got)
	}

	// The environment as doctor sees it: what runs, and what waits.
	for _, f := range events.Flow {
		if len(f.Consumes) == 0 {
			continue
		}
		for name, value := range map[string]string{"version": "b1", "sha256": strings.Repeat("ab", 32), "previous": "none",
			"event_types": `{"consumes":[],"emits":[],"build":"b1"}`} {
			if _, err := ssm.NewFromConfig(cloud.Config).PutParameter(ctx, &ssm.PutParameterInput{
				Name: aws.String("/llac/dev/services/" + f.Service + "/" + name), Value: &value, Type: types.ParameterTypeString,
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	says(do(0, "doctor", "--env", "dev"), fmt.Sprintf("%d services deployed, from 1 build", len(services.All)),
		"Glue does not show the published snapshot of municipalities", "never published")
	says(do(2, "status", "--env", "Dev"), "is not the name of an environment")
}

// TestNoSuchEnvironment checks that commands on an unknown environment fail, and change nothing.
func TestNoSuchEnvironment(t *testing.T) {
	t.Parallel()
	// Not with the operator's role: one of dev has no permission to look for other environments.
	cloud := newAccount(t)
	_, _, env := cloud.record(t)
	for _, command := range []string{"status", "runs", "show latest", "dlq list", "dlq replay --all", "run", "doctor",
		"datasets publish --yes"} {
		c := exec.CommandContext(t.Context(), llac(), append(strings.Fields(command), "--env", "nope")...)
		c.Dir, c.Env = root(t), append(os.Environ(), env...)
		out, err := c.CombinedOutput()
		if c.ProcessState.ExitCode() != 8 || !strings.Contains(string(out), "no environment nope in account "+cloud.ID) ||
			!strings.Contains(string(out), "make stacks ENV=nope") {
			t.Errorf("llac %s: %v\n%s", command, err, out)
		}
	}
}
