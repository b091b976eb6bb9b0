package cli_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/llac-project/llac/cmd/llac/cli"
	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/deploy"
	"github.com/llac-project/llac/operations/filelake"
	"github.com/llac-project/llac/operations/pipeline"
	registered "github.com/llac-project/llac/operations/services"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/runtime"
)

// idleEnvironment is an environment dev that has contracts and queues, but no services.
type idleEnvironment struct {
	t        *testing.T
	account  deploy.Account
	topology *messaging.Topology
}

// bury puts a message into the dead-letter queue of a service.
func (e idleEnvironment) bury(service, body string) {
	e.t.Helper()
	if _, err := sqs.NewFromConfig(e.account.AWS).SendMessage(e.t.Context(),
		&sqs.SendMessageInput{QueueUrl: awssdk.String(e.topology.DeadLetters[service]), MessageBody: &body}); err != nil {
		e.t.Fatal(err)
	}
}

// copy copies the lake of a state directory.
func (e idleEnvironment) copy(dir string) {
	e.t.Helper()
	from, to := filelake.Open(dir, pipeline.DataBucket), e.account.Lake("dev")
	if err := from.List(e.t.Context(), "", func(i lake.Info) bool {
		body, _, err := from.Get(e.t.Context(), i.Key)
		if err == nil {
			_, err = to.Put(e.t.Context(), i.Key, body)
		}
		if err != nil {
			e.t.Fatal(err)
		}
		return true
	}); err != nil {
		e.t.Fatal(err)
	}
}

// inIdleEnvironment makes the machine's tool use an account with an idle environment.
func (m *machine) inIdleEnvironment() idleEnvironment {
	m.t.Helper()
	ctx := m.t.Context()
	cloud, err := aws.Start(ctx, aws.Options{Dir: m.t.TempDir()})
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = cloud.Close() })
	account := deploy.Account{AWS: cloud.Config(), ID: "000000000000"}
	buckets := s3.NewFromConfig(account.AWS, func(o *s3.Options) { o.UsePathStyle = true })
	for _, kind := range []string{"data", "config"} {
		bucket := "llac-dev-" + kind + "-" + account.ID
		if _, err := buckets.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
			m.t.Fatal(err)
		}
	}
	all, err := contract.LoadDir("../../../datasets")
	if err == nil {
		err = runtime.DeployContracts(ctx, account.Config("dev"), all)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	var declarations []messaging.Declaration
	for _, s := range registered.All {
		declarations = append(declarations, messaging.Declaration{Service: s.Name, Consumes: s.Consumes, Emits: s.Emits})
	}
	topology, err := messaging.Deploy(ctx, account.AWS, "dev", declarations,
		messaging.TopologyOptions{OperatorEmits: events.Emits(events.Operator)})
	if err != nil {
		m.t.Fatal(err)
	}
	before := m.app
	m.app = func(stdout, stderr *bytes.Buffer) *cli.App {
		a := before(stdout, stderr)
		a.Account = func(_ context.Context, env string) (deploy.Account, error) { return account, deploy.CheckEnv(env) }
		return a
	}
	return idleEnvironment{m.t, account, topology}
}

// TestEnvironmentIgnoresTheLastPortal checks that a command on an environment does not depend on the state directory: neither an
// unusable --portal of its last run nor a usable one has an effect.
func TestEnvironmentIgnoresTheLastPortal(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	e := m.inIdleEnvironment()
	page := filepath.Join(t.TempDir(), "page.json")
	if err := os.WriteFile(page, []byte("[]"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, note := range map[string]string{"unusable": `{"portal":"nonsense"}`, "usable": `{"portal":"live"}`} {
		if err := os.WriteFile(filepath.Join(m.dir, "portal.json"), []byte(note), 0o600); err != nil {
			t.Fatal(err)
		}
		e.bury("validator", "{}")
		for _, args := range []string{"run municipalities --detach", "backfill population --slice 2023 --detach", "dlq replay --all",
			"ingest --dataset municipalities --reason test --file " + page} {
			_, stderr, status := m.llac(t.Context(), append(strings.Fields(args), "--env", "dev")...)
			if status != 0 || strings.Contains(stderr, "portal") {
				t.Errorf("the last portal is %s: llac %s ended with status %d\n%s", name, args, status, stderr)
			}
		}
	}
	_, stderr, status := m.llac(t.Context(), "run", "municipalities", "--detach", "--env", "dev", "--portal", "simulator")
	if status != 2 || !strings.Contains(stderr, "--portal has no effect in dev") {
		t.Errorf("--portal and --env: exit status %d\n%s", status, stderr)
	}
}

// TestInterruptInEnvironment checks that Ctrl-C does not claim to stop the services of an environment.
func TestInterruptInEnvironment(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.inIdleEnvironment()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var out bytes.Buffer
	terminal := &syncBuffer{}
	a := m.app(&out, nil)
	a.Stderr = terminal
	done := make(chan int, 1)
	go func() { done <- a.Execute(ctx, []string{"run", "municipalities", "--env", "dev", "--dir", m.dir}) }()
	poll(t, func() bool { return strings.Contains(terminal.String(), "Requested run") })
	interrupt()
	if status := <-done; status != 130 {
		t.Errorf("exit status %d, want 130\n%s", status, terminal)
	}
	poll(t, func() bool { return strings.Contains(terminal.String(), "Stopping: ") })
	wants(t, "standard error", terminal.String(), "Stopping: what was requested already continues in dev.", "stopped following")
	if strings.Contains(terminal.String(), "put back") {
		t.Errorf("standard error is about work on this machine:\n%s", terminal)
	}
}
