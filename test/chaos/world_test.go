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
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/platform/local/portal"
	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/runtime"
)

const (
	env    = "chaos"
	data   = "llac-chaos-data"
	config = "llac-chaos-config"
	// patience bounds one run. A run takes two seconds undisturbed, and a redelivery waits out one visibility.
	patience   = 40 * time.Second
	visibility = 2 * time.Second
)

// services are the processes of the pipeline.
var services = []string{"scheduler", "fetcher", "validator", "stager", "quality-gate", "landing-janitor"}

// requestedAt is the same in every test, so that run ids, and with them the bytes of the lake, can be compared.
var requestedAt = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

// binaries holds the built services.
var binaries string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "llac-chaos")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		for _, s := range services {
			build := exec.Command("go", "build", "-o", filepath.Join(dir, s), "./cmd/"+s)
			build.Dir = filepath.Join("..", "..", "services", s) // each in its own module, workspace or not
			if out, err := build.CombinedOutput(); err != nil {
				fmt.Fprintf(os.Stderr, "build the services: %v\n%s", err, out)
				return 1
			}
		}
		binaries = dir
		return m.Run()
	}())
}

// world is a local cloud with a simulated portal and the six services as processes of their own.
type world struct {
	t         *testing.T
	cloud     *aws.Cloud
	portal    *portal.Portal
	topology  *messaging.Topology
	lake      lake.Store
	sqs       *sqs.Client
	processes map[string]*process
	heard     map[string][]byte // payload by event id
	order     []events.Event    // every distinct event, as first heard
}

// process is one running service.
type process struct {
	service string
	command *exec.Cmd
	done    chan struct{}
	log     *os.File
}

// newWorld starts everything. The service named in a failpoint ("stager.effect-receipt") kills itself there.
func newWorld(t *testing.T, failpoint string, datasets ...string) *world {
	t.Helper()
	w := emptyWorld(t, datasets...)
	for _, s := range services {
		point := ""
		if strings.HasPrefix(failpoint, s+".") {
			point = failpoint
		}
		w.start(s, "LLAC_FAILPOINT="+point)
	}
	return w
}

// emptyWorld is a world in which no service has been started.
func emptyWorld(t *testing.T, datasets ...string) *world {
	t.Helper()
	ctx := t.Context()
	w := &world{t: t, processes: map[string]*process{}, heard: map[string][]byte{}}
	var err error
	if w.cloud, err = aws.Start(ctx, aws.Options{Dir: t.TempDir(), Buckets: []string{data, config}}); err != nil {
		t.Fatal(err)
	}
	w.portal = portal.New(portal.Options{})
	if err := w.portal.Start(context.WithoutCancel(ctx)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, p := range w.processes {
			p.stop(t)
		}
		w.portal.Close()
		if err := w.cloud.Close(); err != nil {
			t.Error(err)
		}
	})
	var declarations []messaging.Declaration
	for _, s := range services {
		declarations = append(declarations, messaging.Declaration{Service: s, Consumes: events.Consumes(s), Emits: events.Emits(s)})
	}
	w.topology, err = messaging.Deploy(ctx, w.cloud.Config(), env, declarations, messaging.TopologyOptions{
		Visibility: visibility, OperatorEmits: events.Emits(events.Operator), Observer: "observer",
	})
	if err != nil {
		t.Fatal(err)
	}
	w.sqs = sqs.NewFromConfig(w.cloud.Config())
	w.lake = lake.NewS3(w.cloud.Config(), data, clock.System{})
	w.deploy(datasets)
	return w
}

// deploy puts the project's own contracts of the datasets in force.
func (w *world) deploy(datasets []string) {
	w.t.Helper()
	var contracts []*contract.Contract
	for _, name := range datasets {
		file := filepath.Join("..", "..", "datasets", name+".odcs.yaml")
		b, err := os.ReadFile(file)
		if err != nil {
			w.t.Fatal(err)
		}
		c, err := contract.Parse(file, b)
		if err != nil {
			w.t.Fatal(err)
		}
		contracts = append(contracts, c)
	}
	if err := runtime.DeployContracts(w.t.Context(), lake.NewS3(w.cloud.Config(), config, clock.System{}), contracts); err != nil {
		w.t.Fatal(err)
	}
}

// start starts a service's binary, with more in its environment.
func (w *world) start(service string, extra ...string) {
	w.t.Helper()
	log, err := os.Create(filepath.Join(w.t.TempDir(), service+".log"))
	if err != nil {
		w.t.Fatal(err)
	}
	c := exec.Command(filepath.Join(binaries, service))
	c.Stderr, c.Stdout = log, log
	c.Env = append(os.Environ(),
		"LLAC_ENV="+env, "LLAC_DATA_BUCKET="+data, "LLAC_CONFIG_BUCKET="+config, "LLAC_ALLOW_SIMULATED=true",
		"LLAC_PORTAL="+w.portal.Setting(),
		"LLAC_VISIBILITY="+visibility.String(), "LLAC_BACKOFF=100ms", "LLAC_GRACE=2s",
		"AWS_ENDPOINT_URL="+w.cloud.Endpoint(), "AWS_REGION="+w.cloud.Region(),
		"AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_EC2_METADATA_DISABLED=true",
	)
	c.Env = append(c.Env, extra...)
	if err := c.Start(); err != nil {
		w.t.Fatal(err)
	}
	p := &process{service: service, command: c, done: make(chan struct{}), log: log}
	go func() {
		_ = c.Wait() // how it ended is in ProcessState
		close(p.done)
	}()
	w.processes[service] = p
}

// died waits until the service has killed itself and says whether that was by SIGKILL.
func (w *world) died(service string) {
	w.t.Helper()
	p := w.processes[service]
	select {
	case <-p.done:
	case <-time.After(patience):
		w.fail("%s did not reach its failpoint", service)
	}
	if s, ok := p.command.ProcessState.Sys().(syscall.WaitStatus); !ok || s.Signal() != syscall.SIGKILL {
		w.fail("%s ended (%v), but not at its failpoint", service, p.command.ProcessState)
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

// fail stops the test with the ends of the services' logs.
func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	for _, s := range services {
		b, _ := os.ReadFile(w.processes[s].log.Name())
		lines := strings.Split(strings.TrimSpace(string(b)), "\n")
		w.t.Logf("--- %s\n%s", s, strings.Join(lines[max(0, len(lines)-4):], "\n"))
	}
	w.t.Fatalf(format, args...)
}

// request asks for a run as `llac run` does.
func (w *world) request(dataset string) {
	w.t.Helper()
	e := events.New(events.RunRequested{Dataset: dataset, RequestedAt: requestedAt, Trigger: "manual", RequestedBy: "chaos"})
	e.ID, e.Source, e.Time = "operator/"+dataset, "/llac/operator", requestedAt
	publisher, err := messaging.NewPublisher(messaging.PublisherConfig{AWS: w.cloud.Config()})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := publisher.PublishEvents(w.t.Context(), w.topology.Topics[events.Operator], []events.Event{e}); err != nil {
		w.t.Fatal(err)
	}
}

// send puts an event straight into a service's queue.
func (w *world) send(service string, e events.Event) {
	w.t.Helper()
	body, err := e.Marshal()
	if err != nil {
		w.t.Fatal(err)
	}
	text, url := string(body), w.topology.Queues[service]
	if _, err := w.sqs.SendMessage(w.t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &text}); err != nil {
		w.t.Fatal(err)
	}
}

// until reads what is said on all topics until enough has been heard. Every event is heard with one content, however
// often it is sent.
func (w *world) until(what string, enough func(events.Event) bool) {
	w.t.Helper()
	url := w.topology.Queues["observer"]
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		out, err := w.sqs.ReceiveMessage(w.t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10, WaitTimeSeconds: 1})
		if err != nil {
			w.t.Fatal(err)
		}
		found := false
		for _, m := range out.Messages {
			e, err := events.Parse([]byte(*m.Body))
			if err != nil {
				w.t.Fatal(err)
			}
			if there, ok := w.heard[e.ID]; ok && string(there) != string(e.Data) {
				w.fail("event %s was sent with two contents:\n%s\n%s", e.ID, there, e.Data)
			} else if !ok {
				w.heard[e.ID] = e.Data
				w.order = append(w.order, e)
			}
			found = found || enough(e)
			if _, err := w.sqs.DeleteMessage(w.t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle}); err != nil {
				w.t.Fatal(err)
			}
		}
		if found {
			return
		}
	}
	w.fail("%s: not within %s; heard %s", what, patience, w.said())
}

// ended waits for the run's last event.
func (w *world) ended(dataset string) {
	w.t.Helper()
	w.until(dataset+" published and cleared", func(e events.Event) bool {
		return e.Type == events.LandingDeleted{}.EventType() && e.Subject == dataset
	})
}

// quiet waits until no service's queue holds a message, waiting or in flight, and checks that none is a dead letter.
func (w *world) quiet() {
	w.t.Helper()
	names := []types.QueueAttributeName{types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible}
	depth := func(url string) string {
		out, err := w.sqs.GetQueueAttributes(w.t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: names})
		if err != nil {
			w.t.Fatal(err)
		}
		return out.Attributes[string(names[0])] + "+" + out.Attributes[string(names[1])]
	}
	busy := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		busy = ""
		for _, s := range services {
			if d := depth(w.topology.Queues[s]); d != "0+0" {
				busy = s + " " + d
			}
		}
		if busy == "" {
			break
		}
	}
	if busy != "" {
		w.fail("queues are not empty: %s", busy)
	}
	for _, s := range services {
		if d := depth(w.topology.DeadLetters[s]); d != "0+0" {
			w.fail("%s has dead letters: %s", s, d)
		}
	}
	w.drain()
}

// drain hears what is left on the observer's queue.
func (w *world) drain() {
	w.t.Helper()
	marker := events.New(events.DatasetStale{Dataset: "marker"})
	marker.ID, marker.Source = fmt.Sprintf("marker/%d", len(w.heard)), "/llac/chaos"
	w.send("observer", marker)
	w.until("marker", func(e events.Event) bool { return e.ID == marker.ID })
	delete(w.heard, marker.ID)
	w.order = slices.DeleteFunc(w.order, func(e events.Event) bool { return e.ID == marker.ID })
}

// said lists what was heard, for a person.
func (w *world) said() string {
	var out []string
	for _, e := range w.order {
		out = append(out, events.Name(e.Type)+" "+e.ID)
	}
	return strings.Join(out, ", ")
}

// essence is all of the lake that must not depend on what happened on the way. Ids of attempts and times do.
type essence struct {
	Events    []string          // type and id of every event
	Published map[string]string // partition -> sha256 of the Parquet bytes
	Rows      int64
	Archive   map[string]string // archived page -> sha256
	Evidence  map[string]int    // evidence document -> number of deletes
	Receipts  []string
	Landing   []string // must be empty after the sweep
	Orphans   []string // staging objects that the pointer does not name, after the sweep
}

// essence sweeps and reads the lake.
func (w *world) essence(dataset string) essence {
	w.t.Helper()
	ctx := w.t.Context()
	w.quiet()
	said := w.said()
	sweep := events.New(events.SweepTicked{ScheduledAt: time.Now().UTC().Add(60 * 24 * time.Hour)})
	sweep.ID, sweep.Source = "sweep", "/llac/chaos"
	w.send("landing-janitor", sweep)
	w.quiet()

	x := essence{Published: map[string]string{}, Archive: map[string]string{}, Evidence: map[string]int{}}
	x.Events = strings.Split(said, ", ")
	slices.Sort(x.Events)
	pointer, _, err := lake.ReadPointer(ctx, w.lake, dataset)
	if err != nil || pointer == nil {
		w.fail("read the pointer of %s: %v %v", dataset, pointer, err)
	}
	x.Rows = pointer.Rows
	named := map[string]bool{}
	for _, part := range pointer.Parts {
		named[part.Candidate.Key] = true
		for _, o := range part.Objects {
			named[o.Key] = true
			if _, err := lake.Read(ctx, w.lake, o.Object); err != nil {
				w.fail("published object: %v", err)
			}
			x.Published[fmt.Sprintf("%s/%v", part.Slice, o.Partition)] = o.SHA256
		}
	}
	err = w.lake.List(ctx, "", func(i lake.Info) bool {
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
				return true // an undisturbed run leaves nothing to sweep
			}
			b, _, err := w.lake.Get(ctx, i.Key)
			if err != nil {
				w.t.Error(err)
				return true
			}
			var e lake.Evidence
			if err := json.Unmarshal(b, &e); err != nil {
				w.t.Error(err)
			}
			x.Evidence[i.Key] = len(e.Deletes)
		case "runs":
			x.Receipts = append(x.Receipts, i.Key)
		}
		return true
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return x
}
