package messaging

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/telemetry"
)

// fakeSNS responds to Publish and records the requests.
type fakeSNS struct {
	mu      sync.Mutex
	forms   []url.Values
	headers []http.Header
	respond func(w http.ResponseWriter, r *http.Request)
}

func (f *fakeSNS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(b))
	f.mu.Lock()
	f.forms, f.headers = append(f.forms, form), append(f.headers, r.Header.Clone())
	f.mu.Unlock()
	if f.respond != nil {
		f.respond(w, r)
		return
	}
	_, _ = io.WriteString(w, `<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>`)
}

func publisher(t *testing.T, f *fakeSNS, change func(*PublisherConfig)) *Publisher {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	config := PublisherConfig{AWS: aws.Config{
		Region: "eu-south-2", BaseEndpoint: aws.String(server.URL), Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		RetryMaxAttempts: 1,
	}, TopicARN: func(topic string) (string, error) { return "arn:aws:sns:eu-south-2:123456789012:" + topic, nil }}
	if change != nil {
		change(&config)
	}
	p, err := NewPublisher(config)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPublishEvents(t *testing.T) {
	t.Parallel()
	config := telemetry.Config{Service: "stager", Log: io.Discard, SpanFile: filepath.Join(t.TempDir(), "spans")}
	tel, err := telemetry.Setup(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer tel.Shutdown(context.Background())
	f := &fakeSNS{}
	p := publisher(t, f, func(c *PublisherConfig) { c.Tracer = tel.Tracer })
	ctx, span := tel.Tracer.Start(t.Context(), "process")
	staged := events.New(events.StagingWritten{Run: events.Run{Dataset: "municipalities", RunID: "20250803T140512"}})
	staged.ID = "municipalities/20250803T140512/stager/1"
	tick := events.New(events.ScheduleTicked{})
	tick.ID = "tick"
	if err := p.PublishEvents(ctx, "llac-dev-stager", []events.Event{staged, tick}); err != nil {
		t.Fatal(err)
	}
	if len(f.forms) != 2 {
		t.Fatalf("%d calls, want 2", len(f.forms))
	}
	names := map[string]string{}
	for key, values := range f.forms[0] {
		if strings.HasSuffix(key, ".Name") {
			names[values[0]] = f.forms[0].Get(strings.TrimSuffix(key, ".Name") + ".Value.StringValue")
		}
	}
	if len(names) != 2 || names["type"] != staged.Type || names["dataset"] != "municipalities" {
		t.Errorf("attributes: %v, want only type and dataset", names)
	}
	if got := f.forms[0].Get("TopicArn"); got != "arn:aws:sns:eu-south-2:123456789012:llac-dev-stager" {
		t.Errorf("topic %q", got)
	}
	var sent events.Event
	if err := json.Unmarshal([]byte(f.forms[0].Get("Message")), &sent); err != nil || sent.ID != staged.ID {
		t.Errorf("message: %v %v", sent, err)
	}
	sc, ok := telemetry.ParseXRayHeader(f.headers[0].Get(telemetry.XRayHeaderName))
	if !ok || sc.TraceID() != span.SpanContext().TraceID() || sc.SpanID() == span.SpanContext().SpanID() {
		t.Errorf("header %q, want the trace of %s and the span of the send", f.headers[0].Get(telemetry.XRayHeaderName),
			span.SpanContext().TraceID())
	}
}

func TestPublishIsBoundedInTime(t *testing.T) {
	t.Parallel()
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	e := events.New(events.ScheduleTicked{})
	e.ID = "tick"

	p := publisher(t, &fakeSNS{respond: hang}, func(c *PublisherConfig) { c.Timeout = 50 * time.Millisecond })
	if err := p.PublishEvents(t.Context(), "x", []events.Event{e}); err == nil {
		t.Error("a call that hangs returned no error")
	}

	called := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	p = publisher(t, &fakeSNS{respond: func(w http.ResponseWriter, r *http.Request) { close(called); hang(w, r) }}, nil)
	go func() {
		<-called
		cancel()
	}()
	if err := p.PublishEvents(ctx, "x", []events.Event{e}); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want the caller's cancellation to reach the call", err)
	}
	if err := p.PublishEvents(ctx, "x", []events.Event{e}); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want no call for a cancelled caller", err)
	}
}

func TestPublishFailure(t *testing.T) {
	t.Parallel()
	f := &fakeSNS{respond: func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		const body = `<ErrorResponse><Error><Code>NotFound</Code><Message>Topic does not exist</Message></Error></ErrorResponse>`
		_, _ = io.WriteString(w, body)
	}}
	p := publisher(t, f, nil)
	e := events.New(events.ScheduleTicked{})
	e.ID = "tick"
	err := p.PublishEvents(t.Context(), "gone", []events.Event{e, e})
	if err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("error = %v, want an error that names the topic", err)
	}
	for _, form := range f.forms {
		if form.Get("Action") != "Publish" {
			t.Errorf("call %s: the publisher must not create topics", form.Get("Action"))
		}
	}
	if len(f.forms) != 1 {
		t.Errorf("%d calls, want 1: the first failure ends the batch", len(f.forms))
	}
}

func TestPublishOtherMessages(t *testing.T) {
	t.Parallel()
	f := &fakeSNS{}
	p := publisher(t, f, func(c *PublisherConfig) { c.CarryUUID = true })
	m := message.NewMessage("id", []byte("x"))
	m.Metadata.Set("empty", "")
	if err := p.Publish("t", m); err != nil {
		t.Fatal(err)
	}
	if got := f.forms[0].Get("MessageAttributes.entry.1.Name"); got != UUIDAttribute || f.forms[0].Has("MessageAttributes.entry.2.Name") {
		t.Errorf("attributes: %v", f.forms[0])
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Publish("t", m); err == nil {
		t.Error("published after Close")
	}
}
