//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package deploy

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/runtime"
)

// TestIngestIntoAnEnvironment lands a file in an environment of the cloud: the validator's queue receives the event, and the objects that
// it names exist.
func TestIngestIntoAnEnvironment(t *testing.T) {
	t.Parallel()
	cloud, env := startCloud(t, []string{"operator", "cloudwatch-logs", "athena-query", "s3-data-lake"},
		[]string{"operator/RequestRuns", "operator/IngestByHand", "operator/RecordIngest"})
	ctx := t.Context()
	cloud.createBuckets(t, "llac-dev-data-", "llac-dev-config-")
	contracts, err := contract.LoadDir(filepath.Join(root(t), "datasets"))
	if err != nil {
		t.Fatal(err)
	}
	if err := runtime.DeployContracts(ctx, lake.NewS3(cloud.Config, "llac-dev-config-"+cloud.ID, clock.System{}), contracts); err != nil {
		t.Fatal(err)
	}
	validator := messaging.Declaration{Service: "validator", Consumes: events.Consumes("validator"), Emits: events.Emits("validator")}
	topology, err := messaging.Deploy(ctx, cloud.Config, "dev", []messaging.Declaration{validator},
		messaging.TopologyOptions{OperatorEmits: events.Emits(events.Operator)})
	if err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(t.TempDir(), "page.json")
	if err := os.WriteFile(page, []byte(`[{"codi":"080193","nom":"Barcelona"}]`), 0o644); err != nil {
		t.Fatal(err)
	}
	ingest := func(dataset string) (string, error) {
		c := exec.CommandContext(ctx, llac(), "ingest", "--env", "dev", "--dataset", dataset, "--file", page, "--reason", "a test")
		c.Env = append(os.Environ(), env...)
		out, err := c.CombinedOutput()
		return string(out), err
	}
	output, err := ingest("municipalities")
	if err != nil || !strings.Contains(output, "Landed 1 page with 1 row in dev") || !strings.Contains(output, "unofficial:manual") {
		t.Fatalf("%v\n%s", err, output)
	}
	queue := topology.Queues["validator"]
	got, err := sqs.NewFromConfig(cloud.Config).ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &queue, WaitTimeSeconds: 10})
	if err != nil || len(got.Messages) != 1 {
		t.Fatalf("the validator received %d messages, error %v", len(got.Messages), err)
	}
	e, err := events.Parse([]byte(aws.ToString(got.Messages[0].Body)))
	if err != nil {
		t.Fatal(err)
	}
	p, err := events.As[events.LandingWritten](e)
	if err != nil || p.Dataset != "municipalities" || p.Rows != 1 || e.Source != "/llac/operator" {
		t.Fatalf("%+v, error %v", p, err)
	}
	store := lake.NewS3(cloud.Config, "llac-dev-data-"+cloud.ID, clock.System{})
	m, err := lake.ReadDocument[lake.Manifest](ctx, store, p.Manifest)
	if err != nil || m.Manual == nil || m.Manual.Reason != "a test" {
		t.Fatalf("manifest %+v, error %v", m, err)
	}
	if _, err := lake.Read(ctx, store, m.Pages[0].Object); err != nil {
		t.Error(err)
	}
	receipt, _, err := store.Get(ctx, lake.ReceiptKey(p.Dataset, p.RunID, "fetcher", 0))
	if err != nil || !json.Valid(receipt) {
		t.Errorf("receipt %s, error %v", receipt, err)
	}
	if output, err := ingest("nothing"); err == nil || !strings.Contains(output, "no contract of nothing is in force in dev") {
		t.Errorf("%v\n%s", err, output)
	}
}
