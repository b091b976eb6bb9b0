package messagingtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/runtime/lambdatest"
)

// built returns the path of the test service's binary, which is built once.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "llac-testservice-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "testservice")
	build := exec.Command("go", "build", "-o", path, "./runtime/internal/testservice")
	build.Dir = filepath.Join("..", "..") // in its own module, so that this module can be tested alone
	out, err := build.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the test service: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := built(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

const observer = "llac-test-observer"

// deployed is a cloud with the test service's queues and an observer of the events that it publishes.
type deployed struct {
	*aws.Cloud
	*messaging.Topology
	t      *testing.T
	client *sqs.Client
	lake   *lake.S3
}

func deployService(t *testing.T) *deployed {
	t.Helper()
	cloud := startCloud(t)
	return &deployed{
		Cloud: cloud, t: t, client: sqs.NewFromConfig(cloud.Config()), lake: lake.NewS3(cloud.Config(), "data", clock.System{}),
		Topology: deploy(t, cloud.Config(), messaging.TopologyOptions{Visibility: 6 * time.Minute, MaxReceives: 3, Observer: observer},
			messaging.Declaration{Service: "testservice", Consumes: []string{events.RunRequested{}.EventType()}}),
	}
}

// start starts the binary with the environment variables of a service, and extra ones.
func (s *deployed) start(extra ...string) *process {
	s.t.Helper()
	path, err := built()
	if err != nil {
		s.t.Fatal(err)
	}
	p := &process{t: s.t, cmd: exec.Command(path)}
	p.cmd.Env = append([]string{
		"LLAC_ENV=test", "LLAC_DATA_BUCKET=data", "LLAC_CONFIG_BUCKET=config", "LLAC_VISIBILITY=2s", "LLAC_MAX_RECEIVES=3",
		"LLAC_BACKOFF=1ms", "LLAC_BACKOFF_MAX=1ms", "AWS_ENDPOINT_URL=" + s.Endpoint(), "AWS_REGION=" + s.Region(),
		"AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_EC2_METADATA_DISABLED=true",
	}, extra...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	p.exited = make(chan struct{})
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	s.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.exited
		if s.t.Failed() {
			s.t.Logf("stdout:\n%s\nstderr:\n%s", p.stdout.String(), p.stderr.String())
		}
	})
	return p
}

type process struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr buffer
	exited         chan struct{}
	err            error
}

// wait waits for the process to end.
func (p *process) wait() error {
	p.t.Helper()
	select {
	case <-p.exited:
		return p.err
	case <-time.After(30 * time.Second):
		p.t.Fatal("the service does not end")
		return nil
	}
}

// buffer is a bytes.Buffer for concurrent reads and writes.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// request returns the body of a run.requested event. Its reason selects what the test service does.
func request(t *testing.T, id, reason string) string {
	t.Helper()
	e := events.New(events.RunRequested{Dataset: "municipalities", Reason: reason, RequestedBy: "a-planted-person"})
	e.ID, e.CorrelationID, e.TraceParent = id, "20250803T140512", "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"
	b, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// effects returns the number of effects of the handler, by event id.
func (s *deployed) effects() map[string]int {
	s.t.Helper()
	n := map[string]int{}
	err := s.lake.List(context.WithoutCancel(s.t.Context()), "state/municipalities/", func(i lake.Info) bool {
		id, _, _ := strings.Cut(strings.TrimPrefix(i.Key, "state/municipalities/"), "-")
		n[id]++
		return true
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// published returns the number of events that the service published, by id.
func (s *deployed) published() map[string]int {
	s.t.Helper()
	n := map[string]int{}
	for _, m := range drain(s.t, s.client, s.Queues[observer]) {
		e, err := events.Parse([]byte(awssdk.ToString(m.Body)))
		if err != nil {
			s.t.Fatal(err)
		}
		if !strings.Contains(e.TraceParent, "5759e988bd862e3fe1be46a994272793") || e.CorrelationID != "20250803T140512" {
			s.t.Errorf("event %s is not of its run: correlation id %q, traceparent %q", e.ID, e.CorrelationID, e.TraceParent)
		}
		id, _, failure := strings.Cut(e.ID, ".failed.") // SQS's message id and an ordinal follow
		if failure {
			id += ".failed"
		}
		n[id]++
	}
	return n
}

// letters returns the reasons of the dead letters, by event id.
func (s *deployed) letters() map[string]string {
	s.t.Helper()
	reasons := map[string]string{}
	for _, m := range drain(s.t, s.client, s.DeadLetters["testservice"]) {
		e, err := events.Parse([]byte(awssdk.ToString(m.Body)))
		if err != nil {
			e.ID = "malformed"
		}
		reasons[e.ID] = awssdk.ToString(m.MessageAttributes[messaging.AttributeReason].StringValue)
	}
	return reasons
}

// eventSource returns an event source mapping of the test service's queue.
func (s *deployed) eventSource(api *lambdatest.RuntimeAPI, timeout time.Duration) lambdatest.EventSource {
	return lambdatest.EventSource{
		API: api, SQS: s.client, QueueURL: s.Queues["testservice"], QueueARN: s.QueueARN("llac-test-testservice"), Timeout: timeout,
	}
}

func (s *deployed) empty() bool {
	visible, inFlight := counts(s.t, s.client, s.Queues["testservice"])
	return visible == "0" && inFlight == "0"
}

func TestServiceAsLambda(t *testing.T) {
	t.Parallel()
	s := deployService(t)
	api := lambdatest.StartRuntimeAPI()
	defer api.Close()
	p := s.start("AWS_LAMBDA_RUNTIME_API="+api.Address(), "LLAC_QUEUE_URL="+s.Queues["testservice"])
	source := s.eventSource(api, 20*time.Second)
	sendBatch(t, s.client, s.Queues["testservice"], request(t, "good1", ""), request(t, "transient1", "transient"), request(t, "good2", ""),
		request(t, "permanent1", "permanent"), "{not an envelope", request(t, "panic1", "panic"), request(t, "good3", ""),
		request(t, "good1", ""))

	r, err := source.Once(t.Context())
	if err != nil || r.Received != 8 || r.Answer.Failed {
		t.Fatalf("%+v %v %s", r, err, r.Answer.Payload)
	}
	if len(r.Failed) != 1 {
		t.Fatalf("reported as failed: %v, want only the transient one (%s)", r.Failed, r.Answer.Payload)
	}
	// The runtime has returned it to the queue, whose own visibility is six minutes.
	for receives := 2; receives <= 3; receives++ {
		if r, err = source.Once(t.Context()); err != nil || r.Received != 1 {
			t.Fatalf("receive %d: %+v %v", receives, r, err)
		}
	}
	if len(r.Failed) != 0 || !s.empty() {
		t.Errorf("after its last attempt: %+v, want a dead letter, and the message reported as handled", r)
	}
	letters := s.letters()
	for id, part := range map[string]string{
		"permanent1": "no such column", "panic1": "panic in testservice", "malformed": "malformed event",
		"transient1": "given up after 3 tries: the portal is down",
	} {
		if !strings.Contains(letters[id], part) {
			t.Errorf("the dead letter of %s has the reason %q, want %q", id, letters[id], part)
		}
	}
	if len(letters) != 4 {
		t.Errorf("letters %v", letters)
	}
	published := s.published()
	for _, id := range []string{"municipalities/good1/testservice/1", "municipalities/good2/testservice/1",
		"municipalities/good3/testservice/1",
		"permanent1/testservice.failed", "panic1/testservice.failed", "transient1/testservice.failed"} {
		if published[id] == 0 {
			t.Errorf("%s was not published: %v", id, published)
		}
	}
	if len(published) != 6 {
		t.Errorf("published %v; an event that was received twice must be published with one id", published)
	}

	var metric, logged bool
	for line := range strings.Lines(p.stdout.String()) {
		var l map[string]any
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Errorf("not JSON: %s", line)
		}
		metric = metric || l["_aws"] != nil && strings.Contains(line, `"Namespace":"Llac/test"`) && l["outcome"] == "failed" &&
			l["result"] == "dead_letter" && l["service"] == "testservice"
		logged = logged || l["event_id"] == "good2" && l["correlation_id"] == "20250803T140512" && l["dataset"] == "municipalities" &&
			l["trace_id"] == "5759e988bd862e3fe1be46a994272793" && l["service"] == "testservice"
	}
	if !metric || !logged {
		t.Errorf("metric line %v, log line %v in\n%s", metric, logged, p.stdout.String())
	}
	if strings.Contains(p.stdout.String()+p.stderr.String(), "a-planted-person") {
		t.Error("a personal value is in the log")
	}
}

func TestLambdaRespondsBeforeItsDeadline(t *testing.T) {
	t.Parallel()
	s := deployService(t)
	api := lambdatest.StartRuntimeAPI()
	defer api.Close()
	s.start("AWS_LAMBDA_RUNTIME_API="+api.Address(), "LLAC_CONCURRENCY=1")
	source := s.eventSource(api, 4*time.Second)
	sendBatch(t, s.client, s.Queues["testservice"], request(t, "slow1", "slow"), request(t, "good1", ""))
	r, err := source.Once(t.Context())
	if err != nil || r.Answer.Failed || len(r.Failed) != 2 {
		t.Fatalf("%+v %v: want a response before the function's timeout, with both messages reported as failed", r, err)
	}
	if visible, _ := counts(t, s.client, s.Queues["testservice"]); visible != "2" {
		t.Errorf("%s visible, want 2", visible)
	}
}

func TestFailedInvocationKeepsTheWholeBatch(t *testing.T) {
	t.Parallel()
	s := deployService(t)
	api := lambdatest.StartRuntimeAPI()
	defer api.Close()
	s.start("AWS_LAMBDA_RUNTIME_API="+api.Address(), "LLAC_ENV=elsewhere", "LLAC_QUEUE_URL="+s.Queues["testservice"])
	source := s.eventSource(api, 20*time.Second)
	sendBatch(t, s.client, s.Queues["testservice"], request(t, "good1", ""), request(t, "good2", ""))
	r, err := source.Once(t.Context())
	if err != nil || !r.Answer.Failed || len(r.Failed) != 2 || !strings.Contains(string(r.Answer.Payload),
		"llac-elsewhere-testservice-dlq") {
		t.Fatalf("%+v %v %s", r, err, r.Answer.Payload)
	}
	if _, inFlight := counts(t, s.client, s.Queues["testservice"]); inFlight != "2" {
		t.Errorf("%s in flight, want 2 until the end of their visibility", inFlight)
	}
	eventually(t, "the function asks for the next invocation", func() bool { return api.Polls() == 2 })
}

func TestServiceAsConsumer(t *testing.T) {
	t.Parallel()
	s := deployService(t)
	p := s.start("LLAC_SPAN_FILE=" + filepath.Join(t.TempDir(), "spans.jsonl"))
	sendBatch(t, s.client, s.Queues["testservice"], request(t, "good1", ""), request(t, "transient1", "transient"), request(t, "good2", ""),
		request(t, "permanent1", "permanent"), "{not an envelope", request(t, "panic1", "panic"))
	eventually(t, "all messages are handled", s.empty)
	if letters := s.letters(); len(letters) != 4 {
		t.Errorf("letters %v, want four", letters)
	}
	if e := s.effects(); e["good1"] != 1 || e["good2"] != 1 || len(e) != 2 {
		t.Errorf("effects %v", e)
	}
	sendBatch(t, s.client, s.Queues["testservice"], request(t, "slow1", "slow"))
	eventually(t, "the slow one is in progress", func() bool { return strings.Contains(p.stderr.String(), "slow work started") })
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.exited:
		t.Error("the service ended without waiting for the event in progress")
	case <-time.After(200 * time.Millisecond):
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil { // a second signal ends the service at once
		t.Fatal(err)
	}
	_ = p.wait()
}

func TestServiceStopsGracefully(t *testing.T) {
	t.Parallel()
	s := deployService(t)
	p := s.start("LLAC_GRACE=100ms")
	sendBatch(t, s.client, s.Queues["testservice"], request(t, "slow1", "slow"))
	eventually(t, "the slow one is in progress", func() bool { return strings.Contains(p.stderr.String(), "slow work started") })
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.wait(); err != nil {
		t.Errorf("the service ended with %v, want 0", err)
	}
	if visible, inFlight := counts(t, s.client, s.Queues["testservice"]); visible != "1" || inFlight != "0" {
		t.Errorf("visible %s, in flight %s; want the event visible again", visible, inFlight)
	}
	if letters := s.letters(); len(letters) != 0 {
		t.Errorf("a stop counts as a failure: %v", letters)
	}
}

// TestKilledBetweenTheStepsOfInvariant1 kills the service at each failpoint and starts it again. The lake must be the same as
// without the kill, except that an effect without a receipt is repeated.
func TestKilledBetweenTheStepsOfInvariant1(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		point              string
		effects, published int
	}{
		{"effect-receipt", 2, 1},
		{"receipt-publish", 1, 1},
		{"publish-ack", 1, 2},
	} {
		t.Run(c.point, func(t *testing.T) {
			t.Parallel()
			s := deployService(t)
			p := s.start("LLAC_FAILPOINT=testservice." + c.point)
			sendBatch(t, s.client, s.Queues["testservice"], request(t, "good1", ""))
			_ = p.wait()
			if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
				t.Fatalf("the service ended with %v, want a kill", p.err)
			}
			if visible, inFlight := counts(t, s.client, s.Queues["testservice"]); visible == "0" && inFlight == "0" {
				t.Fatal("the message is lost")
			}
			s.start()
			eventually(t, "the message is handled", s.empty)
			if e := s.effects(); e["good1"] != c.effects {
				t.Errorf("effects %v, want %d", e, c.effects)
			}
			published := s.published()
			if got := published["municipalities/good1/testservice/1"]; got != c.published || len(published) != 1 {
				t.Errorf("published %v, want one event, %d times", published, c.published)
			}
		})
	}
}

func TestWrongConfigurationStopsTheService(t *testing.T) {
	t.Parallel()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path)
	cmd.Env = []string{"LLAC_ENV=test"}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), "LLAC_DATA_BUCKET is not set") {
		t.Errorf("%v %s", err, out)
	}
	out, err = exec.Command(path, "--help").CombinedOutput()
	required := func(line string) bool { return strings.HasPrefix(line, "* LLAC_DATA_BUCKET") }
	if err != nil || !slices.ContainsFunc(strings.Split(string(out), "\n"), required) {
		t.Errorf("%v %s", err, out)
	}
}
