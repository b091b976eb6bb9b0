package aws_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/llac-project/llac/platform/local/aws"
)

// event is about as long as an event of Llac.
var event = `{"specversion":"1.0","type":"cat.llac.landing.written.v1","data":"` + strings.Repeat("x", 380) + `"}`

// BenchmarkReceiveDelete receives and deletes with batches of ten and four pollers, persistence on.
func BenchmarkReceiveDelete(b *testing.B) {
	c := open(b, aws.Options{Dir: b.TempDir()})
	url := c.queue(b, "work", map[string]string{"VisibilityTimeout": "600"})
	var fill sync.WaitGroup
	for w := range 8 {
		fill.Go(func() {
			for sent := w * 10; sent < b.N; sent += 80 {
				var entries []types.SendMessageBatchRequestEntry
				for i := sent; i < min(sent+10, b.N); i++ {
					entries = append(entries, types.SendMessageBatchRequestEntry{Id: awssdk.String(strconv.Itoa(i)), MessageBody: &event})
				}
				if _, err := c.sqs.SendMessageBatch(context.Background(), &sqs.SendMessageBatchInput{QueueUrl: &url, Entries: entries}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	fill.Wait()
	b.ResetTimer()
	var done atomic.Int64
	var pollers sync.WaitGroup
	for range 4 {
		pollers.Go(func() {
			for done.Load() < int64(b.N) {
				out, err := c.sqs.ReceiveMessage(context.Background(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}, MessageAttributeNames: []string{"All"}})
				if err != nil {
					b.Error(err)
					return
				}
				if len(out.Messages) == 0 {
					continue
				}
				var entries []types.DeleteMessageBatchRequestEntry
				for _, m := range out.Messages {
					entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: m.MessageId, ReceiptHandle: m.ReceiptHandle})
				}
				if _, err := c.sqs.DeleteMessageBatch(context.Background(), &sqs.DeleteMessageBatchInput{QueueUrl: &url, Entries: entries}); err != nil {
					b.Error(err)
					return
				}
				done.Add(int64(len(entries)))
			}
		})
	}
	pollers.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

// BenchmarkSend sends durable messages, one a request, from sixteen senders that share fsyncs.
func BenchmarkSend(b *testing.B) {
	c := open(b, aws.Options{Dir: b.TempDir()})
	url := c.queue(b, "work", nil)
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.sqs.SendMessage(context.Background(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &event}); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

// BenchmarkIdleHop measures from before a publish until a long poll on the subscribed queue has the message.
func BenchmarkIdleHop(b *testing.B) {
	c := open(b, aws.Options{Dir: b.TempDir()})
	topic, url := c.subscribe(b, "events", "work", nil)
	arrived := make(chan time.Time)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		for {
			out, err := c.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url, WaitTimeSeconds: 20, MaxNumberOfMessages: 10})
			if err != nil {
				return
			}
			now := time.Now()
			for _, m := range out.Messages {
				if _, err := c.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle}); err != nil {
					return
				}
				arrived <- now
			}
		}
	}()
	var hops []time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := c.sns.Publish(context.Background(), &sns.PublishInput{TopicArn: &topic, Message: &event}); err != nil {
			b.Fatal(err)
		}
		hops = append(hops, (<-arrived).Sub(start))
	}
	slices.Sort(hops)
	b.ReportMetric(float64(hops[len(hops)/2].Microseconds())/1000, "ms-median")
	b.ReportMetric(float64(hops[len(hops)*99/100].Microseconds())/1000, "ms-p99")
}

// BenchmarkPutObject writes durable objects of 64 KiB.
func BenchmarkPutObject(b *testing.B) {
	c := open(b, aws.Options{Dir: b.TempDir(), Buckets: []string{"data"}})
	body := strings.Repeat("x", 64<<10)
	b.SetBytes(int64(len(body)))
	i := 0
	for b.Loop() {
		key := "landing/d/" + strconv.Itoa(i%100) + "/" + strconv.Itoa(i)
		i++
		if _, err := c.s3.PutObject(context.Background(), &s3.PutObjectInput{Bucket: awssdk.String("data"), Key: &key, Body: strings.NewReader(body)}); err != nil {
			b.Fatal(err)
		}
	}
}
