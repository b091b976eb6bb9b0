package messagingtest

import (
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/telemetry"
)

// TestTopology deploys three services twice, the second time with other limits, and sends events through the topology.
func TestTopology(t *testing.T) {
	t.Parallel()
	cloud := startCloud(t)
	requested, written, unchanged, run := events.ExtractionRequested{}, events.LandingWritten{}, events.ExtractionUnchanged{},
		events.RunRequested{}
	services := []messaging.Declaration{
		{Service: "scheduler", Consumes: []string{run.EventType()}, Emits: []string{requested.EventType()}},
		{Service: "fetcher", Consumes: []string{requested.EventType()}, Emits: []string{written.EventType(), unchanged.EventType()}},
		{Service: "validator", Consumes: []string{written.EventType()}},
	}
	options := messaging.TopologyOptions{OperatorEmits: []string{run.EventType()}, Observer: "llac-test-observer"}
	deploy(t, cloud.Config(), options, services...)
	options.MaxReceives = 7
	options.Visibility = 90 * time.Second
	topology := deploy(t, cloud.Config(), options, services...)

	client := sqs.NewFromConfig(cloud.Config())
	in := &sqs.GetQueueAttributesInput{QueueUrl: awssdk.String(topology.Queues["fetcher"]),
		AttributeNames: []types.QueueAttributeName{"All"}}
	attributes, err := client.GetQueueAttributes(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if got := attributes.Attributes["VisibilityTimeout"]; got != "90" {
		t.Errorf("visibility %s, want that of the second deployment", got)
	}
	if got, want := attributes.Attributes["RedrivePolicy"], cloud.QueueARN("llac-test-fetcher-dlq"); !strings.Contains(got, want) ||
		!strings.Contains(got, `"17"`) {
		t.Errorf("redrive policy %s, want %s after 17 receives", got, want)
	}

	setup := telemetry.Config{Service: "test", Log: io.Discard, SpanFile: filepath.Join(t.TempDir(), "spans")}
	tel, err := telemetry.Setup(t.Context(), setup)
	if err != nil {
		t.Fatal(err)
	}
	publisher, err := messaging.NewPublisher(messaging.PublisherConfig{AWS: cloud.Config(), Tracer: tel.Tracer,
		TopicARN: func(service string) (string, error) { return topology.Topics[service], nil }})
	if err != nil {
		t.Fatal(err)
	}
	publish := func(service string, payloads ...events.Payload) {
		ctx, span := tel.Tracer.Start(t.Context(), "test")
		defer span.End()
		for _, p := range payloads {
			e := events.New(p)
			e.ID, e.Source, e.Time = p.EventType(), "/llac/"+service, time.Unix(0, 0).UTC()
			if err := publisher.PublishEvents(ctx, service, []events.Event{e}); err != nil {
				t.Fatal(err)
			}
		}
	}
	of := events.Run{Dataset: "municipalities", RunID: "r"}
	publish(messaging.OperatorTopic, events.RunRequested{Dataset: "municipalities"})
	publish("scheduler", events.ExtractionRequested{Run: of})
	publish("fetcher", events.LandingWritten{Run: of}, events.ExtractionUnchanged{Run: of})

	for service, want := range map[string][]string{
		"scheduler": {run.EventType()}, "fetcher": {requested.EventType()}, "validator": {written.EventType()},
		"llac-test-observer": {run.EventType(), requested.EventType(), written.EventType(), unchanged.EventType()},
	} {
		var got []string
		for _, m := range drain(t, client, topology.Queues[service]) {
			e, err := events.Parse([]byte(awssdk.ToString(m.Body)))
			if err != nil {
				t.Errorf("%s: %v; is raw delivery off?", service, err)
			}
			got = append(got, e.Type)
			if n := len(m.MessageAttributes); n != 2 {
				t.Errorf("%s: %d attributes, want type and dataset", service, n)
			}
			if _, ok := telemetry.ParseXRayHeader(m.Attributes["AWSTraceHeader"]); !ok {
				t.Errorf("%s: no trace header in %v", service, m.Attributes)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s received %v, want each of %v once", service, got, want)
		}
	}
}
