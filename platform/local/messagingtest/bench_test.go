package messagingtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/platform/messaging"
)

// BenchmarkConsumer receives, acknowledges and deletes messages of 450 bytes through four pollers, with the queue
// persisted. It reports messages a second.
func BenchmarkConsumer(b *testing.B) {
	cloud, err := aws.Start(b.Context(), aws.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer cloud.Close()
	client := sqs.NewFromConfig(cloud.Config())
	topology, err := messaging.Deploy(b.Context(), cloud.Config(), "bench", []messaging.Declaration{{Service: service}}, messaging.TopologyOptions{})
	if err != nil {
		b.Fatal(err)
	}
	queue := topology.Queues[service]
	body := fmt.Sprintf("%0450d", 7)
	for sent := 0; sent < b.N; {
		var entries []types.SendMessageBatchRequestEntry
		for ; len(entries) < 10 && sent < b.N; sent++ {
			id := fmt.Sprint(len(entries))
			entries = append(entries, types.SendMessageBatchRequestEntry{Id: &id, MessageBody: &body})
		}
		if _, err := client.SendMessageBatch(b.Context(), &sqs.SendMessageBatchInput{QueueUrl: &queue, Entries: entries}); err != nil {
			b.Fatal(err)
		}
	}
	c, err := messaging.NewConsumer(messaging.ConsumerConfig{Client: client, Service: service, Pollers: 4, Concurrency: 100, Log: quiet()})
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	start := time.Now()
	out, err := c.Subscribe(context.Background(), queue)
	if err != nil {
		b.Fatal(err)
	}
	for range b.N {
		(<-out).Ack()
	}
	if err := c.Close(); err != nil { // waits for the deletes
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "msg/s")
}
