package e2e

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/platform/messaging"
)

// duplicator causes every event to be delivered twice, if possible concurrently. The response to each Publish is lost
// once, so that the SDK publishes again, and the first of two receipts waits for the second.
type duplicator struct {
	mu         sync.Mutex
	published  map[string]int
	receipts   map[string]chan struct{}
	concurrent map[string]bool // receipts that two deliveries wrote concurrently
}

func (d *duplicator) fault(r *http.Request) aws.Fault {
	if r.Form.Get("Action") == "Publish" {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.published[r.Form.Get("Message")]++
		return aws.Fault{LoseResponse: d.published[r.Form.Get("Message")] == 1}
	}
	_, key, isRun := strings.Cut(r.URL.Path, "/runs/")
	if r.Method != http.MethodPut || !isRun || strings.HasSuffix(key, "/requested.json") {
		return aws.Fault{}
	}
	d.mu.Lock()
	first, waiting := d.receipts[key]
	if waiting {
		if !d.concurrent[key] {
			d.concurrent[key] = true
			close(first)
		}
		d.mu.Unlock()
		return aws.Fault{}
	}
	second := make(chan struct{})
	d.receipts[key] = second
	d.mu.Unlock()
	select {
	case <-second:
	case <-time.After(5 * time.Second): // a stage that finds the receipt of the first delivery never writes one
	}
	return aws.Fault{}
}

// TestEveryEventTwiceAtOnce checks that the lake is that of a normal run when every event is delivered twice
// concurrently.
func TestEveryEventTwiceAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "libraries")
	d := &duplicator{published: map[string]int{}, receipts: map[string]chan struct{}{}, concurrent: map[string]bool{}}
	got := w.runWith(func(o *pipeline.Options) { o.Faults = d.fault }, "libraries")["libraries"]
	want(t, got, ledger.Published)
	checkRowCounts(t, got)
	for _, stage := range []string{"fetcher", "validator", "stager", "quality-gate", "landing-janitor"} {
		found := false
		for key := range d.concurrent {
			found = found || strings.HasSuffix(key, "/"+stage+".json")
		}
		if !found {
			t.Errorf("no two deliveries were concurrent in the %s: the test proves nothing there", stage)
		}
	}
	p := w.pointer("libraries")
	if p.Rows != 100 || len(p.Parts) != 1 {
		t.Errorf("published %d rows in %d parts", p.Rows, len(p.Parts))
	}
	if history := w.keys(lake.HistoryPrefix("libraries")); len(history) != 0 {
		t.Errorf("the pointer moved twice: %v", history)
	}
	if evidence := w.keys("evidence/libraries/"); len(evidence) != 1 {
		t.Errorf("evidence documents: %v", evidence)
	}
	for _, key := range w.keys("landing/libraries/") {
		if !strings.Contains(key, "_manifest.") { // the loser's manifest waits for the sweep; its pages are the winner's
			t.Errorf("a page is left in landing: %s", key)
		}
	}
	w.checkDeadLetters(0, "", "")
}

// TestUnknownEvents checks that an event a service cannot process goes to its dead-letter queue at once, with the
// reason.
func TestUnknownEvents(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "libraries")
	p, err := pipeline.Start(t.Context(), w.settings())
	if err != nil {
		t.Fatal(err)
	}
	client := sqs.NewFromConfig(p.Cloud.AWS)
	url, err := messaging.QueueURL(t.Context(), client, messaging.QueueName(pipeline.Env, "stager"))
	if err != nil {
		t.Fatal(err)
	}
	known, err := events.Event{SpecVersion: "1.0", ID: "x/1", Type: events.LandingValidated{}.EventType(), Data: []byte(`{}`)}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{
		strings.Replace(string(known), "landing.validated.v1", "landing.validated.v2", 1),
		strings.Replace(string(known), "landing.validated", "moon.landed", 1),
		strings.Replace(string(known), "landing.validated", "landing.deleted", 1),
		"not an event at all",
	} {
		if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body}); err != nil {
			t.Fatal(err)
		}
	}
	w.idle(p)
	letters, err := p.Cloud.Queues().Letters(t.Context(), "stager")
	if err != nil {
		t.Fatal(err)
	}
	// Events that the stager does not consume (moon.landed, landing.deleted) are acknowledged.
	if len(letters) != 2 {
		t.Fatalf("%d dead letters, want 2: %+v", len(letters), letters)
	}
	for _, reason := range []string{"landing.validated.v2", "not a CloudEvents"} {
		found := false
		for _, l := range letters {
			found = found || strings.Contains(l.Reason, reason)
		}
		if !found {
			t.Errorf("no dead letter has the reason %q", reason)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLateRun checks that a run of an earlier slot that arrives after a later one was published ends as superseded.
func TestLateRun(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "libraries")
	want(t, w.run()["libraries"], ledger.Published)
	before := w.pointer("libraries")
	p, err := pipeline.Start(t.Context(), w.settings())
	if err != nil {
		t.Fatal(err)
	}
	late := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	e := events.New(events.RunRequested{Dataset: "libraries", RequestedAt: late, Trigger: "backfill", Force: true})
	e.ID, e.Source, e.Time = "operator/late", "/llac/operator", late
	body, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	client := sqs.NewFromConfig(p.Cloud.AWS)
	url, err := messaging.QueueURL(t.Context(), client, messaging.QueueName(pipeline.Env, "scheduler"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(body)
	if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &text}); err != nil {
		t.Fatal(err)
	}
	w.idle(p)
	summary, err := ledger.Ledger{Lake: p.Cloud.Lake()}.Summary(t.Context(), "libraries", lake.Slot(late))
	if err != nil {
		t.Fatal(err)
	}
	if summary.State != ledger.Superseded {
		t.Errorf("the late run ended as %s (%s)", summary.State, summary.Reason)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if after := w.pointer("libraries"); after.Snapshot != before.Snapshot {
		t.Errorf("the pointer moved back from %s to %s", before.Snapshot, after.Snapshot)
	}
}
