package messagingtest

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/platform/messaging"
)

func startCloud(t *testing.T) *aws.Cloud {
	t.Helper()
	c, err := aws.Start(t.Context(), aws.Options{Dir: t.TempDir(), Buckets: []string{"data", "config"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func deploy(t *testing.T, config awssdk.Config, o messaging.TopologyOptions, services ...messaging.Declaration) *messaging.Topology {
	t.Helper()
	topology, err := messaging.Deploy(t.Context(), config, "test", services, o)
	if err != nil {
		t.Fatal(err)
	}
	return topology
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		if condition() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("timeout: %s", what)
}

// counts returns the numbers of visible messages and of messages in flight.
func counts(t *testing.T, client *sqs.Client, url string) (visible, inFlight string) {
	t.Helper()
	in := &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{"All"}}
	out, err := client.GetQueueAttributes(context.WithoutCancel(t.Context()), in)
	if err != nil {
		t.Fatal(err)
	}
	return out.Attributes["ApproximateNumberOfMessages"], out.Attributes["ApproximateNumberOfMessagesNotVisible"]
}

// drain receives all visible messages of a queue.
func drain(t *testing.T, client *sqs.Client, url string) []types.Message {
	t.Helper()
	var all []types.Message
	for {
		out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10,
			MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Messages) == 0 {
			return all
		}
		all = append(all, out.Messages...)
	}
}
