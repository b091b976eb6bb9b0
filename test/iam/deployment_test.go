//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package iam

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/glue"
	gluetypes "github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/services"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/platform/local/aws/conformance"
	"github.com/llac-project/llac/platform/local/portal"
	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/runtime/lambdatest"
)

var (
	repository = filepath.Join("..", "..")
	here       = Environment{Name: "test", Account: Account{Region: "eu-west-1", ID: "000000000000"}}
)

const (
	// patience bounds one wait. It is long because other processes may use the machine.
	patience = 3 * time.Minute
	// fetcherTimeout is short, so that a fetch can exceed it.
	fetcherTimeout = 6 * time.Second
)

// deployment is a local cloud with a simulated portal, moto's Glue, and the six services as Lambda functions: each with the
// environment that Terraform gives it, credentials of its own, and the recorder for its only way to the cloud.
type deployment struct {
	t        *testing.T
	cloud    *aws.Cloud
	glue     *glue.Client
	portal   *portal.Portal
	recorder *Recorder
	topology *messaging.Topology
	lake     lake.Store
	sqs      *sqs.Client
	logs     map[string]string // file by service
	received []events.Event

	mu     sync.Mutex
	before Before
}

func newDeployment(t *testing.T) *deployment {
	t.Helper()
	moto, err := conformance.StartMoto(context.WithoutCancel(t.Context()), os.Stderr)
	if err != nil {
		if os.Getenv("LLAC_REQUIRE_ALL") == "1" {
			t.Fatal(err)
		}
		t.Skip("moto is not available: ", err)
	}
	t.Cleanup(func() { _ = moto.Close() })
	ctx := context.WithoutCancel(t.Context())
	w := &deployment{t: t, logs: map[string]string{}, glue: glue.NewFromConfig(moto.Config)}
	database := here.Database()
	if _, err := w.glue.CreateDatabase(ctx,
		&glue.CreateDatabaseInput{DatabaseInput: &gluetypes.DatabaseInput{Name: &database}}); err != nil {
		t.Fatal(err)
	}
	// A missing object is 403 for roles that may not list: for all of these roles, except for a few prefixes of the landing-janitor.
	w.cloud, err = aws.Start(ctx, aws.Options{
		Dir: t.TempDir(), Buckets: []string{here.DataBucket(), here.ConfigBucket()}, Region: here.Region, AccountID: here.ID,
		StrictMissing: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.cloud.Close(); err != nil {
			t.Error(err)
		}
	})
	w.portal = portal.New(portal.Options{})
	if err := w.portal.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.portal.Close)
	cloud, tables := address(t, w.cloud.Endpoint()), address(t, *moto.Config.BaseEndpoint)
	w.recorder, err = NewRecorder(ctx, here.Account, versions{http.DefaultTransport.(*http.Transport).Clone()}, func(o Operation) *url.URL {
		if o.Service == "glue" {
			return tables
		}
		return cloud
	}, func(o Operation, rw http.ResponseWriter, r *http.Request) bool {
		w.mu.Lock()
		before := w.before
		w.mu.Unlock()
		return before != nil && before(o, rw, r)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.recorder.Close() })
	var declarations []messaging.Declaration
	for _, s := range Services() {
		declarations = append(declarations, messaging.Declaration{Service: s, Consumes: events.Consumes(s), Emits: events.Emits(s)})
	}
	w.topology, err = messaging.Deploy(ctx, w.cloud.Config(), here.Name, declarations,
		messaging.TopologyOptions{OperatorEmits: events.Emits(events.Operator), Observer: "observer"})
	if err != nil {
		t.Fatal(err)
	}
	w.sqs = sqs.NewFromConfig(w.cloud.Config())
	w.lake = lake.NewS3(w.cloud.Config(), here.DataBucket(), clock.System{})
	running, stop := context.WithCancel(ctx)
	var functions sync.WaitGroup
	t.Cleanup(functions.Wait)
	t.Cleanup(stop)
	for _, s := range Services() {
		w.start(running, &functions, s)
	}
	return w
}

// size is what Terraform reads of a service.
type size struct {
	Batch int  `json:"batch_size"`
	Glue  bool `json:"glue"`
}

func sizeOf(t *testing.T, service string) size {
	t.Helper()
	all := map[string]size{}
	b, err := os.ReadFile(filepath.Join(repository, "terraform/services.json"))
	if err == nil {
		err = json.Unmarshal(b, &all)
	}
	if err != nil || all[service].Batch == 0 {
		t.Fatalf("read the size of %s from terraform/services.json: %v", service, err)
	}
	return all[service]
}

// serviceVariable names the service that this test's program is started as.
const serviceVariable = "LLAC_IAM_SERVICE"

// TestMain runs the tests, or one service as its own main function does: the programs of all services need not be linked.
func TestMain(m *testing.M) {
	name := os.Getenv(serviceVariable)
	if name == "" {
		os.Exit(m.Run())
	}
	for _, s := range services.All {
		if s.Name == name {
			runtime.Main(s)
		}
	}
	fmt.Fprintf(os.Stderr, "%s: unknown service %q\n", serviceVariable, name)
	os.Exit(2)
}

func address(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// start runs a service as a function behind its queue's event source mapping.
func (w *deployment) start(ctx context.Context, functions *sync.WaitGroup, service string) {
	w.t.Helper()
	api := lambdatest.StartRuntimeAPI()
	log, err := os.Create(filepath.Join(w.t.TempDir(), service+".log"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.logs[service] = log.Name()
	c := exec.Command(os.Args[0])
	c.Stdout, c.Stderr = log, log
	c.Env = append(slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "AWS_") }),
		// As in terraform/modules/service and modules/deployment.
		"LLAC_ENV="+here.Name, "LLAC_QUEUE_URL="+w.topology.Queues[service], "LLAC_DEAD_LETTER_QUEUE_URL="+w.topology.DeadLetters[service],
		"LLAC_TOPIC_ARN="+w.topology.Topics[service], "LLAC_MAX_RECEIVES=5", "LLAC_LOG_LEVEL=info",
		"LLAC_DATA_BUCKET="+here.DataBucket(), "LLAC_CONFIG_BUCKET="+here.ConfigBucket(),
		// As Lambda does, except for the cloud's address.
		"AWS_LAMBDA_RUNTIME_API="+api.Address(), "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=1024", "AWS_REGION="+here.Region,
		"AWS_ACCESS_KEY_ID="+service, "AWS_SECRET_ACCESS_KEY=secret", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ENDPOINT_URL="+w.recorder.Address(),
		// The test's own.
		serviceVariable+"="+service,
		"LLAC_PORTAL="+w.portal.Setting(), "LLAC_ALLOW_SIMULATED=true", "LLAC_BACKOFF=100ms",
	)
	size := sizeOf(w.t, service)
	if size.Glue {
		c.Env = append(c.Env, "LLAC_GLUE_DATABASE="+here.Database())
	}
	if err := c.Start(); err != nil {
		w.t.Fatal(err)
	}
	mapping := lambdatest.EventSource{
		API: api, SQS: w.sqs, Batch: size.Batch, QueueURL: w.topology.Queues[service],
		QueueARN: w.cloud.QueueARN(messaging.QueueName(here.Name, service)), Timeout: 2 * time.Minute,
	}
	if service == "fetcher" {
		mapping.Timeout = fetcherTimeout
	}
	functions.Go(func() {
		defer log.Close()
		defer func() {
			api.Close() // the function then exits
			_ = c.Wait()
		}()
		for ctx.Err() == nil {
			r, err := mapping.Once(ctx)
			if service == "fetcher" && errors.Is(err, context.DeadlineExceeded) {
				continue // on a busy machine its few seconds are not enough; the message returns
			}
			if err != nil && ctx.Err() == nil || r.Answer.Failed {
				w.t.Errorf("%s as a function: %+v %v %s", service, r, err, r.Answer.Payload)
				return
			}
		}
	})
}

// versions makes the local cloud's buckets look versioned: every object has a version, and deletes name it.
type versions struct{ http.RoundTripper }

func (v versions) RoundTrip(r *http.Request) (*http.Response, error) {
	q := r.URL.Query()
	if q.Has("versionId") {
		q.Del("versionId")
		r = r.Clone(r.Context())
		r.URL.RawQuery = q.Encode()
	}
	a, err := v.RoundTripper.RoundTrip(r)
	if err == nil && a.StatusCode == http.StatusOK && a.Header.Get("ETag") != "" && a.Header.Get("X-Amz-Version-Id") == "" {
		a.Header.Set("X-Amz-Version-Id", "the-only-one")
	}
	return a, err
}

// interfere lets a function inspect each request that passes the recorder; nil: none.
func (w *deployment) interfere(f Before) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.before = f
}

// deploy publishes the contracts of the project, and those given in addition.
func (w *deployment) deploy(more ...string) {
	w.t.Helper()
	contracts, err := contract.LoadDir(filepath.Join(repository, "datasets"))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, text := range more {
		c, err := contract.Parse("of the test", []byte(text))
		if err != nil {
			w.t.Fatal(err)
		}
		contracts = append(contracts, c)
	}
	if err := runtime.DeployContracts(w.t.Context(), lake.NewS3(w.cloud.Config(), here.ConfigBucket(), clock.System{}),
		contracts); err != nil {
		w.t.Fatal(err)
	}
}

// request asks for a run as the operator does, and returns its slot.
func (w *deployment) request(dataset string, at time.Time, force bool) string {
	w.t.Helper()
	e := events.New(events.RunRequested{Dataset: dataset, RequestedAt: at, Trigger: "manual", RequestedBy: "iam", Force: force})
	e.ID, e.Source, e.Time = "operator/"+dataset+at.Format("/150405.000"), "/llac/operator", at
	publisher, err := messaging.NewPublisher(messaging.PublisherConfig{AWS: w.cloud.Config()})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := publisher.PublishEvents(w.t.Context(), w.topology.Topics[events.Operator], []events.Event{e}); err != nil {
		w.t.Fatal(err)
	}
	return lake.Slot(at)
}

// send sends an event directly to a service's queue, as a schedule does.
func (w *deployment) send(service, id string, p events.Payload) {
	w.t.Helper()
	e := events.New(p)
	e.ID, e.Source, e.Time = id, "/llac/iam", time.Now().UTC()
	body, err := e.Marshal()
	if err != nil {
		w.t.Fatal(err)
	}
	w.sendText(w.topology.Queues[service], string(body))
}

func (w *deployment) sendText(queue, body string) {
	w.t.Helper()
	if _, err := w.sqs.SendMessage(w.t.Context(), &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: &body}); err != nil {
		w.t.Fatal(err)
	}
}

// ended waits until an event of this type was emitted for each of these datasets; of the run of a slot, if one is given.
func (w *deployment) ended(p events.Payload, slot string, datasets ...string) {
	w.t.Helper()
	left := map[string]bool{}
	for _, d := range datasets {
		left[d] = true
	}
	enough := func(e events.Event) bool {
		var run events.Run
		_ = json.Unmarshal(e.Data, &run) // an event without a run has none
		if e.Type == p.EventType() && strings.HasPrefix(run.RunID, slot) {
			delete(left, e.Subject)
		}
		return len(left) == 0
	}
	for _, e := range w.received {
		if enough(e) {
			return
		}
	}
	url := w.topology.Queues["observer"]
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		out, err := w.sqs.ReceiveMessage(w.t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10,
			WaitTimeSeconds: 1})
		if err != nil {
			w.t.Fatal(err)
		}
		found := false
		for _, m := range out.Messages {
			e, err := events.Parse([]byte(*m.Body))
			if err != nil {
				w.t.Fatal(err)
			}
			w.received = append(w.received, e)
			found = enough(e) || found
			if _, err := w.sqs.DeleteMessage(w.t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url,
				ReceiptHandle: m.ReceiptHandle}); err != nil {
				w.t.Fatal(err)
			}
		}
		if found {
			return
		}
	}
	w.fail("no %s of %v, slot %q, within %s", events.Name(p.EventType()), slices.Sorted(maps.Keys(left)), slot, patience)
}

// quiet waits until no queue of a service has a message, waiting or in flight.
func (w *deployment) quiet() {
	w.t.Helper()
	names := []types.QueueAttributeName{types.QueueAttributeNameApproximateNumberOfMessages,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible}
	busy := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		busy = ""
		for _, s := range Services() {
			url := w.topology.Queues[s]
			out, err := w.sqs.GetQueueAttributes(w.t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: names})
			if err != nil {
				w.t.Fatal(err)
			}
			if d := out.Attributes[string(names[0])] + "+" + out.Attributes[string(names[1])]; d != "0+0" {
				busy += " " + s + " " + d
			}
		}
		if busy == "" {
			return
		}
	}
	w.fail("queues are not empty:%s", busy)
}

// fail stops the test with the last events and the ends of the services' logs.
func (w *deployment) fail(format string, args ...any) {
	w.t.Helper()
	for _, s := range Services() {
		b, _ := os.ReadFile(w.logs[s])
		lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(string(b)), "\n"), func(l string) bool {
			return !strings.Contains(l,
				`"msg"`) || strings.Contains(l, `"outcome":"ok"`)
		})
		w.t.Logf("--- %s\n%s", s, strings.Join(lines[max(0, len(lines)-4):], "\n"))
	}
	var recent []string
	for _, e := range w.received[max(0, len(w.received)-20):] {
		recent = append(recent, events.Name(e.Type)+" "+e.ID)
	}
	w.t.Logf("received last: %s", strings.Join(recent, ", "))
	w.t.Fatalf(format, args...)
}
