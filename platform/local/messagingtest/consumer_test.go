package messagingtest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/platform/messaging"
)

const service = "stager"

// queueOf deploys one service. It returns a client and the URLs of its queues.
func queueOf(t *testing.T, cloud *aws.Cloud) (client *sqs.Client, work, dead string) {
	t.Helper()
	topology := deploy(t, cloud.Config(), messaging.TopologyOptions{MaxReceives: 3}, messaging.Declaration{Service: service})
	return sqs.NewFromConfig(cloud.Config()), topology.Queues[service], topology.DeadLetters[service]
}

func consume(t *testing.T, client *sqs.Client, queue, dead string, change func(*messaging.ConsumerConfig)) (
	*messaging.Consumer, <-chan *message.Message,
) {
	t.Helper()
	config := messaging.ConsumerConfig{
		Client: client, Service: service, DeadLetterQueue: dead, Pollers: 1, Visibility: 20 * time.Second, MaxReceives: 3,
		Backoff: messaging.Backoff{First: time.Millisecond, Max: time.Millisecond}, Grace: time.Second, Log: quiet(),
	}
	if change != nil {
		change(&config)
	}
	c, err := messaging.NewConsumer(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	out, err := c.Subscribe(context.WithoutCancel(t.Context()), queue)
	if err != nil {
		t.Fatal(err)
	}
	return c, out
}

func sendBatch(t *testing.T, client *sqs.Client, queue string, bodies ...string) {
	t.Helper()
	entries := make([]types.SendMessageBatchRequestEntry, len(bodies))
	for i, b := range bodies {
		entries[i] = types.SendMessageBatchRequestEntry{Id: awssdk.String(fmt.Sprint(i)), MessageBody: awssdk.String(b),
			MessageAttributes: map[string]types.MessageAttributeValue{"type": {DataType: awssdk.String("String"),
				StringValue: awssdk.String("t")}}}
	}
	out, err := client.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: &queue, Entries: entries})
	if err != nil || len(out.Failed) > 0 {
		t.Fatal(err, out)
	}
}

// TestPoisonAmongNineGood sends one message that cannot be handled among nine good ones. With watermill-aws's own subscriber,
// none of the nine is handled, and all ten become dead letters.
func TestPoisonAmongNineGood(t *testing.T) {
	t.Parallel()
	for _, way := range []struct {
		name     string
		refuse   func(*message.Message)
		receives string
	}{
		{"rejected", func(m *message.Message) { messaging.Reject(m, errors.New("poison")) }, "1"},
		{"failing every time", func(m *message.Message) { messaging.Retry(m, errors.New("poison")) }, "3"},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			cloud := startCloud(t)
			client, work, dead := queueOf(t, cloud)
			sendBatch(t, client, work, "good0", "good1", "good2", "good3", "poison", "good5", "good6", "good7", "good8", "good9")
			_, out := consume(t, client, work, dead, nil)
			var mu sync.Mutex
			good := map[string]int{}
			go func() {
				for m := range out {
					if string(m.Payload) == "poison" {
						way.refuse(m)
						continue
					}
					d, _ := messaging.DeliveryOf(m)
					mu.Lock()
					good[string(m.Payload)] = d.Receives
					mu.Unlock()
					m.Ack()
				}
			}()
			eventually(t, "the queue is empty and the dead letter exists", func() bool {
				visible, inFlight := counts(t, client, work)
				letters, _ := counts(t, client, dead)
				return visible == "0" && inFlight == "0" && letters == "1"
			})
			mu.Lock()
			defer mu.Unlock()
			if len(good) != 9 {
				t.Errorf("handled %v, want nine", good)
			}
			for body, receives := range good {
				if receives != 1 {
					t.Errorf("%s was received %d times, want once", body, receives)
				}
			}
			letter := drain(t, client, dead)[0]
			at := func(name string) string { return awssdk.ToString(letter.MessageAttributes[name].StringValue) }
			if awssdk.ToString(letter.Body) != "poison" || at("type") != "t" || !strings.HasSuffix(at(messaging.AttributeReason),
				"poison") ||
				at(messaging.AttributeReceiveCount) != way.receives || at(messaging.AttributeService) != service ||
				at(messaging.AttributeFirstReceived) == "" {
				t.Errorf("dead letter %+v", letter)
			}
		})
	}
}

func target(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")
}

func TestLostResponseToADeleteIsHarmless(t *testing.T) {
	t.Parallel()
	cloud := startCloud(t)
	client, work, dead := queueOf(t, cloud)
	var lost atomic.Bool
	cloud.SetFault(func(r *http.Request) aws.Fault {
		return aws.Fault{LoseResponse: target(r) == "DeleteMessageBatch" && lost.CompareAndSwap(false, true)}
	})
	sendBatch(t, client, work, "a", "b")
	_, out := consume(t, client, work, dead, nil)
	for range 2 {
		(<-out).Ack()
	}
	eventually(t, "both are deleted", func() bool {
		visible, inFlight := counts(t, client, work)
		return visible == "0" && inFlight == "0"
	})
	if !lost.Load() {
		t.Error("no delete was sent")
	}
}

func TestMessageWhoseDeleteFailsIsReceivedAgain(t *testing.T) {
	t.Parallel()
	cloud := startCloud(t)
	client, work, dead := queueOf(t, cloud)
	var refuse atomic.Bool
	refuse.Store(true)
	cloud.SetFault(func(r *http.Request) aws.Fault {
		if target(r) == "DeleteMessageBatch" && refuse.Load() {
			return aws.Fault{Status: http.StatusBadRequest, Code: "AccessDenied"} // not retried by the SDK
		}
		return aws.Fault{}
	})
	sendBatch(t, client, work, "a")
	_, out := consume(t, client, work, dead, func(c *messaging.ConsumerConfig) { c.Visibility = 2 * time.Second })
	(<-out).Ack()
	second := <-out
	if d, _ := messaging.DeliveryOf(second); d.Receives != 2 {
		t.Errorf("receives %d, want 2", d.Receives)
	}
	refuse.Store(false)
	second.Ack()
	eventually(t, "it is deleted", func() bool {
		visible, inFlight := counts(t, client, work)
		return visible == "0" && inFlight == "0"
	})
}

func TestMessageWhoseDeadLetterFailsStays(t *testing.T) {
	t.Parallel()
	cloud := startCloud(t)
	client, work, dead := queueOf(t, cloud)
	var mu sync.Mutex
	var calls []string
	refusals := 1
	cloud.SetFault(func(r *http.Request) aws.Fault {
		mu.Lock()
		defer mu.Unlock()
		switch call := target(r); call {
		case "SendMessage", "DeleteMessageBatch":
			calls = append(calls, call)
			if call == "SendMessage" && refusals > 0 {
				refusals--
				return aws.Fault{Status: http.StatusBadRequest, Code: "AccessDenied"}
			}
		}
		return aws.Fault{}
	})
	sendBatch(t, client, work, "poison")
	_, out := consume(t, client, work, dead, nil)
	for range 2 { // it is received again, because its dead letter was refused
		messaging.Reject(<-out, errors.New("poison"))
	}
	eventually(t, "the dead letter exists and the message is deleted", func() bool {
		visible, inFlight := counts(t, client, work)
		letters, _ := counts(t, client, dead)
		return visible == "0" && inFlight == "0" && letters == "1"
	})
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"SendMessage", "SendMessage", "DeleteMessageBatch"}; !slices.Equal(calls, want) {
		t.Errorf("calls %v, want %v", calls, want)
	}
}

func TestHeartbeatKeepsALongMessage(t *testing.T) {
	t.Parallel()
	cloud := startCloud(t)
	client, work, dead := queueOf(t, cloud)
	var renewals atomic.Int32
	cloud.SetFault(func(r *http.Request) aws.Fault {
		if target(r) == "ChangeMessageVisibilityBatch" {
			renewals.Add(1)
		}
		return aws.Fault{}
	})
	sendBatch(t, client, work, "long")
	_, out := consume(t, client, work, dead, func(c *messaging.ConsumerConfig) { c.Visibility = 3 * time.Second })
	long := <-out
	eventually(t, "three renewals: more than its visibility has passed", func() bool { return renewals.Load() >= 3 })
	select {
	case m := <-out:
		d, _ := messaging.DeliveryOf(m)
		t.Errorf("it was received again, receive %d", d.Receives)
	default:
	}
	long.Ack()
	eventually(t, "it is deleted", func() bool {
		visible, inFlight := counts(t, client, work)
		return visible == "0" && inFlight == "0"
	})
}

func TestCloseReleasesUnreadMessages(t *testing.T) {
	t.Parallel()
	cloud := startCloud(t)
	client, work, dead := queueOf(t, cloud)
	sendBatch(t, client, work, "a", "b", "c", "d", "e")
	c, _ := consume(t, client, work, dead, func(c *messaging.ConsumerConfig) { c.Visibility = time.Hour })
	eventually(t, "all are received", func() bool { _, inFlight := counts(t, client, work); return inFlight == "5" })
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if visible, inFlight := counts(t, client, work); visible != "5" || inFlight != "0" {
		t.Errorf("visible %s, in flight %s after Close; want all five visible", visible, inFlight)
	}
}
