package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/services"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/platform/local/portal"
	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/test/programs"
)

const (
	env    = "chaos"
	data   = "llac-chaos-data"
	config = "llac-chaos-config"
	// runTimeout bounds one run. A run takes two seconds without a crash, and a redelivery waits for one visibility
	// timeout.
	runTimeout = 40 * time.Second
	visibility = 2 * time.Second
)

// serviceNames are the processes of the pipeline.
var serviceNames = services.Names()

// requestedAt is the same in every test, so that run ids and the bytes of the lake can be compared.
var requestedAt = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

// binaries holds the built services.
var binaries string

func TestMain(m *testing.M) {
	dir, err := programs.Dir()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binaries = dir
	os.Exit(m.Run())
}

// system is a local cloud with a simulated portal and the six services as separate processes.
type system struct {
	t         *testing.T
	cloud     *aws.Cloud
	portal    *portal.Portal
	topology  *messaging.Topology
	lake      lake.Store
	sqs       *sqs.Client
	processes map[string]*process
	received  map[string][]byte // payload by event id
	order     []events.Event    // every distinct event, in the order of its first receipt
}

// process is one running service.
type process struct {
	service string
	command *exec.Cmd
	done    chan struct{}
	log     *os.File
}

// startSystem starts everything. The service named in a failpoint ("stager.effect-receipt") kills itself there.
func startSystem(t *testing.T, failpoint string, datasets ...string) *system {
	t.Helper()
	sys := newSystem(t, datasets...)
	for _, s := range serviceNames {
		point := ""
		if strings.HasPrefix(failpoint, s+".") {
			point = failpoint
		}
		sys.start(s, "LLAC_FAILPOINT="+point)
	}
	return sys
}

// newSystem returns a system without running services.
func newSystem(t *testing.T, datasets ...string) *system {
	t.Helper()
	ctx := t.Context()
	sys := &system{t: t, processes: map[string]*process{}, received: map[string][]byte{}}
	var err error
	if sys.cloud, err = aws.Start(ctx, aws.Options{Dir: t.TempDir(), Buckets: []string{data, config}}); err != nil {
		t.Fatal(err)
	}
	sys.portal = portal.New(portal.Options{})
	if err := sys.portal.Start(context.WithoutCancel(ctx)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, p := range sys.processes {
			p.stop(t)
		}
		sys.portal.Close()
		if err := sys.cloud.Close(); err != nil {
			t.Error(err)
		}
	})
	var declarations []messaging.Declaration
	for _, s := range serviceNames {
		declarations = append(declarations, messaging.Declaration{Service: s, Consumes: events.Consumes(s), Emits: events.Emits(s)})
	}
	sys.topology, err = messaging.Deploy(ctx, sys.cloud.Config(), env, declarations, messaging.TopologyOptions{
		Visibility: visibility, OperatorEmits: events.Emits(events.Operator), Observer: "observer",
	})
	if err != nil {
		t.Fatal(err)
	}
	sys.sqs = sqs.NewFromConfig(sys.cloud.Config())
	sys.lake = lake.NewS3(sys.cloud.Config(), data, clock.System{})
	sys.deploy(datasets)
	return sys
}

// deploy deploys the project's own contracts of the datasets.
func (sys *system) deploy(datasets []string) {
	sys.t.Helper()
	var contracts []*contract.Contract
	for _, name := range datasets {
		file := filepath.Join("..", "..", "datasets", name+".odcs.yaml")
		b, err := os.ReadFile(file)
		if err != nil {
			sys.t.Fatal(err)
		}
		c, err := contract.Parse(file, b)
		if err != nil {
			sys.t.Fatal(err)
		}
		contracts = append(contracts, c)
	}
	if err := runtime.DeployContracts(sys.t.Context(), lake.NewS3(sys.cloud.Config(), config, clock.System{}), contracts); err != nil {
		sys.t.Fatal(err)
	}
}

// start starts a service's binary with additional environment variables.
func (sys *system) start(service string, extra ...string) {
	sys.t.Helper()
	log, err := os.Create(filepath.Join(sys.t.TempDir(), service+".log"))
	if err != nil {
		sys.t.Fatal(err)
	}
	c := exec.Command(filepath.Join(binaries, service))
	c.Stderr, c.Stdout = log, log
	c.Env = append(os.Environ(),
		"LLAC_ENV="+env, "LLAC_DATA_BUCKET="+data, "LLAC_CONFIG_BUCKET="+config, "LLAC_ALLOW_SIMULATED=true",
		"LLAC_PORTAL="+sys.portal.Setting(),
		"LLAC_VISIBILITY="+visibility.String(), "LLAC_BACKOFF=100ms", "LLAC_GRACE=2s",
		"AWS_ENDPOINT_URL="+sys.cloud.Endpoint(), "AWS_REGION="+sys.cloud.Region(),
		"AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_EC2_METADATA_DISABLED=true",
	)
	c.Env = append(c.Env, extra...)
	if err := c.Start(); err != nil {
		sys.t.Fatal(err)
	}
	p := &process{service: service, command: c, done: make(chan struct{}), log: log}
	go func() {
		_ = c.Wait() // ProcessState has the exit status
		close(p.done)
	}()
	sys.processes[service] = p
}

// waitKilled waits until the service has killed itself, and fails unless it died from SIGKILL.
func (sys *system) waitKilled(service string) {
	sys.t.Helper()
	p := sys.processes[service]
	select {
	case <-p.done:
	case <-time.After(runTimeout):
		sys.fail("%s did not reach its failpoint", service)
	}
	if s, ok := p.command.ProcessState.Sys().(syscall.WaitStatus); !ok || s.Signal() != syscall.SIGKILL {
		sys.fail("%s ended (%v), but not at its failpoint", service, p.command.ProcessState)
	}
}

func (p *process) stop(t *testing.T) {
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		_ = p.command.Process.Kill()
		<-p.done
		t.Errorf("%s did not stop on SIGTERM", p.service)
	}
	p.log.Close()
}

// fail stops the test and logs the last lines of each service's log.
func (sys *system) fail(format string, args ...any) {
	sys.t.Helper()
	for _, s := range serviceNames {
		b, _ := os.ReadFile(sys.processes[s].log.Name())
		lines := strings.Split(strings.TrimSpace(string(b)), "\n")
		sys.t.Logf("--- %s\n%s", s, strings.Join(lines[max(0, len(lines)-4):], "\n"))
	}
	sys.t.Fatalf(format, args...)
}

// request publishes the event run.requested, as `llac run` does.
func (sys *system) request(dataset string) {
	sys.t.Helper()
	e := events.New(events.RunRequested{Dataset: dataset, RequestedAt: requestedAt, Trigger: "manual", RequestedBy: "chaos"})
	e.ID, e.Source, e.Time = "operator/"+dataset, "/llac/operator", requestedAt
	publisher, err := messaging.NewPublisher(messaging.PublisherConfig{AWS: sys.cloud.Config()})
	if err != nil {
		sys.t.Fatal(err)
	}
	if err := publisher.PublishEvents(sys.t.Context(), sys.topology.Topics[events.Operator], []events.Event{e}); err != nil {
		sys.t.Fatal(err)
	}
}

// send sends an event directly to a service's queue.
func (sys *system) send(service string, e events.Event) {
	sys.t.Helper()
	body, err := e.Marshal()
	if err != nil {
		sys.t.Fatal(err)
	}
	text, url := string(body), sys.topology.Queues[service]
	if _, err := sys.sqs.SendMessage(sys.t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &text}); err != nil {
		sys.t.Fatal(err)
	}
}

// waitFor receives the events of all topics until enough returns true. Every event must have one content, however often
// it is sent.
func (sys *system) waitFor(what string, enough func(events.Event) bool) {
	sys.t.Helper()
	url := sys.topology.Queues["observer"]
	for deadline := time.Now().Add(runTimeout); time.Now().Before(deadline); {
		out, err := sys.sqs.ReceiveMessage(sys.t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10,
			WaitTimeSeconds: 1})
		if err != nil {
			sys.t.Fatal(err)
		}
		found := false
		for _, m := range out.Messages {
			e, err := events.Parse([]byte(*m.Body))
			if err != nil {
				sys.t.Fatal(err)
			}
			if before, ok := sys.received[e.ID]; ok && string(before) != string(e.Data) {
				sys.fail("event %s was sent with two contents:\n%s\n%s", e.ID, before, e.Data)
			} else if !ok {
				sys.received[e.ID] = e.Data
				sys.order = append(sys.order, e)
			}
			found = found || enough(e)
			if _, err := sys.sqs.DeleteMessage(sys.t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url,
				ReceiptHandle: m.ReceiptHandle}); err != nil {
				sys.t.Fatal(err)
			}
		}
		if found {
			return
		}
	}
	sys.fail("%s: not within %s; received %s", what, runTimeout, sys.summary())
}

// waitDone waits for the run's last event.
func (sys *system) waitDone(dataset string) {
	sys.t.Helper()
	sys.waitFor(dataset+" published and cleared", func(e events.Event) bool {
		return e.Type == events.LandingDeleted{}.EventType() && e.Subject == dataset
	})
}

// waitIdle waits until no service's queue holds a message, waiting or in flight, and checks that there are no dead
// letters.
func (sys *system) waitIdle() {
	sys.t.Helper()
	names := []types.QueueAttributeName{types.QueueAttributeNameApproximateNumberOfMessages,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible}
	depth := func(url string) string {
		out, err := sys.sqs.GetQueueAttributes(sys.t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: names})
		if err != nil {
			sys.t.Fatal(err)
		}
		return out.Attributes[string(names[0])] + "+" + out.Attributes[string(names[1])]
	}
	busy := ""
	for deadline := time.Now().Add(runTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		busy = ""
		for _, s := range serviceNames {
			if d := depth(sys.topology.Queues[s]); d != "0+0" {
				busy = s + " " + d
			}
		}
		if busy == "" {
			break
		}
	}
	if busy != "" {
		sys.fail("queues are not empty: %s", busy)
	}
	for _, s := range serviceNames {
		if d := depth(sys.topology.DeadLetters[s]); d != "0+0" {
			sys.fail("%s has dead letters: %s", s, d)
		}
	}
	sys.drain()
}

// drain receives what is left in the observer's queue.
func (sys *system) drain() {
	sys.t.Helper()
	marker := events.New(events.DatasetStale{Dataset: "marker"})
	marker.ID, marker.Source = fmt.Sprintf("marker/%d", len(sys.received)), "/llac/chaos"
	sys.send("observer", marker)
	sys.waitFor("marker", func(e events.Event) bool { return e.ID == marker.ID })
	delete(sys.received, marker.ID)
	sys.order = slices.DeleteFunc(sys.order, func(e events.Event) bool { return e.ID == marker.ID })
}

// summary lists the received events.
func (sys *system) summary() string {
	var out []string
	for _, e := range sys.order {
		out = append(out, events.Name(e.Type)+" "+e.ID)
	}
	return strings.Join(out, ", ")
}

// lakeState is everything in the lake that must not depend on crashes. Attempt ids and times may differ.
type lakeState struct {
	Events    []string          // type and id of every event
	Published map[string]string // partition -> sha256 of the Parquet bytes
	Rows      int64
	Archive   map[string]string // archived page -> sha256
	Evidence  map[string]int    // evidence document -> number of deletes
	Receipts  []string
	Landing   []string // must be empty after the sweep
	Orphans   []string // staging objects that the pointer does not name, after the sweep
}

// readState sweeps the lake and reads its state.
func (sys *system) readState(dataset string) lakeState {
	sys.t.Helper()
	ctx := sys.t.Context()
	sys.waitIdle()
	summary := sys.summary()
	sweep := events.New(events.SweepTicked{ScheduledAt: time.Now().UTC().Add(60 * 24 * time.Hour)})
	sweep.ID, sweep.Source = "sweep", "/llac/chaos"
	sys.send("landing-janitor", sweep)
	sys.waitIdle()

	x := lakeState{Published: map[string]string{}, Archive: map[string]string{}, Evidence: map[string]int{}}
	x.Events = strings.Split(summary, ", ")
	slices.Sort(x.Events)
	pointer, _, err := lake.ReadPointer(ctx, sys.lake, dataset)
	if err != nil || pointer == nil {
		sys.fail("read the pointer of %s: %v %v", dataset, pointer, err)
	}
	x.Rows = pointer.Rows
	named := map[string]bool{}
	for _, part := range pointer.Parts {
		named[part.Candidate.Key] = true
		for _, o := range part.Objects {
			named[o.Key] = true
			if _, err := lake.Read(ctx, sys.lake, o.Object); err != nil {
				sys.fail("published object: %v", err)
			}
			x.Published[fmt.Sprintf("%s/%v", part.Slice, o.Partition)] = o.SHA256
		}
	}
	err = sys.lake.List(ctx, "", func(i lake.Info) bool {
		layer, rest, _ := strings.Cut(i.Key, "/")
		if !strings.HasPrefix(rest, dataset+"/") {
			return true
		}
		switch layer {
		case "landing":
			x.Landing = append(x.Landing, i.Key)
		case "staging":
			if !named[i.Key] {
				x.Orphans = append(x.Orphans, i.Key)
			}
		case "archive":
			if !strings.Contains(i.Key, "_manifest") {
				x.Archive[i.Key] = i.ETag
			}
		case "evidence":
			if strings.Contains(i.Key, "/sweep-") {
				return true // a run without a crash leaves nothing to sweep
			}
			b, _, err := sys.lake.Get(ctx, i.Key)
			if err != nil {
				sys.t.Error(err)
				return true
			}
			var e lake.Evidence
			if err := json.Unmarshal(b, &e); err != nil {
				sys.t.Error(err)
			}
			x.Evidence[i.Key] = len(e.Deletes)
		case "runs":
			x.Receipts = append(x.Receipts, i.Key)
		}
		return true
	})
	if err != nil {
		sys.t.Fatal(err)
	}
	return x
}
