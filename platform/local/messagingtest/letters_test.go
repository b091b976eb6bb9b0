package messagingtest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/messaging"
)

// lettersOf returns a service's dead letters by their body.
func lettersOf(ctx context.Context, q messaging.DeadLetterQueues, service string) (map[string]messaging.Letter, error) {
	found := map[string]messaging.Letter{}
	err := q.Look(ctx, service, func(l messaging.Letter) error {
		if _, twice := found[l.Body]; twice {
			return fmt.Errorf("%s was visited twice", l.Body)
		}
		found[l.Body] = l
		return nil
	})
	return found, err
}

// TestLook checks that Look visits every letter once and leaves all of them in the queue.
func TestLook(t *testing.T) {
	t.Parallel()
	cloud := startCloud(t)
	client := sqs.NewFromConfig(cloud.Config())
	topology := deploy(t, cloud.Config(), messaging.TopologyOptions{},
		messaging.Declaration{Service: "stager"}, messaging.Declaration{Service: "fetcher"})
	letters := messaging.DeadLetters{Client: client, QueueURL: topology.DeadLetters["stager"], Service: "stager", Clock: clock.System{}}
	const n = 25
	for i := range n {
		d := &messaging.Delivery{Queue: "llac-test-stager", MessageID: fmt.Sprint(i), Body: fmt.Sprintf("body %d", i), Receives: 3}
		if err := letters.Send(t.Context(), d, errors.New("a reason")); err != nil {
			t.Fatal(err)
		}
	}
	q := messaging.DeadLetterQueues{Client: client, Env: "test"}
	for look := range 3 {
		found, err := lettersOf(t.Context(), q, "stager")
		if err != nil || len(found) != n {
			t.Fatalf("look %d: %d letters of %d (%v)", look, len(found), n, err)
		}
		if l := found["body 7"]; l.Service != "stager" || l.Reason != "a reason" || l.Receives != 3 || l.MessageID == "" ||
			l.SentAt.IsZero() || l.FailedAt.IsZero() {
			t.Errorf("%+v", l)
		}
	}
	// A visit that fails does not stop the others, and all letters become visible again.
	visited := 0
	err := q.Look(t.Context(), "stager", func(messaging.Letter) error {
		visited++
		return fmt.Errorf("letter %d", visited)
	})
	if err == nil || visited != n {
		t.Errorf("%d letters visited, error %v", visited, err)
	}
	if visible, hidden := counts(t, client, topology.DeadLetters["stager"]); visible != fmt.Sprint(n) || hidden != "0" {
		t.Errorf("at the end, %s letters are visible and %s hidden", visible, hidden)
	}
	if found, err := lettersOf(t.Context(), q, "fetcher"); err != nil || len(found) != 0 {
		t.Errorf("a service without letters has %v (%v)", found, err)
	}
	if _, err := lettersOf(t.Context(), q, "unknown"); err == nil {
		t.Error("no error for a missing queue")
	}
}

// TestRetention checks the retention periods. SQS's default of four days would lose events over a long weekend.
func TestRetention(t *testing.T) {
	t.Parallel()
	cloud := startCloud(t)
	client := sqs.NewFromConfig(cloud.Config())
	topology := deploy(t, cloud.Config(), messaging.TopologyOptions{}, messaging.Declaration{Service: "stager"})
	for url, want := range map[string]string{topology.Queues["stager"]: "1036800", topology.DeadLetters["stager"]: "1209600"} {
		in := &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{"MessageRetentionPeriod"}}
		out, err := client.GetQueueAttributes(t.Context(), in)
		if err != nil || out.Attributes["MessageRetentionPeriod"] != want {
			t.Errorf("%s keeps messages for %v s, want %s (%v)", url, out, want, err)
		}
	}
}
