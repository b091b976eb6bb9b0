package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wsqs "github.com/ThreeDotsLabs/watermill-aws/sqs"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/platform/messaging"
)

const service = "bench"

// queue is a local cloud with the topic and the queue of one service.
type queue struct {
	cloud    *aws.Cloud
	topology *messaging.Topology
}

func withQueue(ctx context.Context, f func(queue) error) error {
	return within(func(dir string) error {
		cloud, err := aws.Start(ctx, aws.Options{Dir: dir})
		if err != nil {
			return err
		}
		defer cloud.Close()
		spoken := []string{events.LandingWritten{}.EventType()}
		topology, err := messaging.Deploy(ctx, cloud.Config(), "bench", []messaging.Declaration{{Service: service,
			Consumes: spoken, Emits: spoken}}, messaging.TopologyOptions{})
		if err != nil {
			return err
		}
		return f(queue{cloud, topology})
	})
}

func (q queue) consumer(pollers, concurrency int) (*messaging.Consumer, error) {
	return messaging.NewConsumer(messaging.ConsumerConfig{
		Client: sqs.NewFromConfig(q.cloud.Config()), Service: service, Pollers: pollers, Concurrency: concurrency,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
}

// fill sends n messages of 450 bytes to the queue.
func (q queue) fill(ctx context.Context, n int) error {
	client, url := sqs.NewFromConfig(q.cloud.Config()), q.topology.Queues[service]
	body := fmt.Sprintf("%0450d", 7)
	for sent := 0; sent < n; {
		var entries []types.SendMessageBatchRequestEntry
		for ; len(entries) < 10 && sent < n; sent++ {
			id := fmt.Sprint(len(entries))
			entries = append(entries, types.SendMessageBatchRequestEntry{Id: &id, MessageBody: &body})
		}
		if _, err := client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &url, Entries: entries}); err != nil {
			return err
		}
	}
	return nil
}

// measureHop publishes events one at a time on an idle system. It returns the median time in milliseconds until an
// event arrives through topic, subscription, queue and consumer.
func measureHop(ctx context.Context, n int) (median float64, err error) {
	err = withQueue(ctx, func(q queue) error {
		c, err := q.consumer(1, 10)
		if err != nil {
			return err
		}
		in, err := c.Subscribe(ctx, q.topology.Queues[service])
		if err != nil {
			return err
		}
		defer c.Close()
		p, err := messaging.NewPublisher(messaging.PublisherConfig{AWS: q.cloud.Config()})
		if err != nil {
			return err
		}
		var times []float64
		for i := range n + 20 { // the first ones warm up
			e := events.New(events.LandingWritten{Run: events.Run{Dataset: "bench", RunID: fmt.Sprint(i)}})
			e.ID, e.Source, e.Time = fmt.Sprint(i), "/llac/bench", time.Now().UTC()
			start := time.Now()
			if err := p.PublishEvents(ctx, q.topology.Topics[service], []events.Event{e}); err != nil {
				return err
			}
			m := <-in
			if i >= 20 {
				times = append(times, since(start)*1000)
			}
			m.Ack()
		}
		slices.Sort(times)
		median = times[len(times)/2]
		return nil
	})
	return median, err
}

// measureConsumer returns the messages per second that our consumer receives, hands to an empty handler and deletes,
// with the queue on disk.
func measureConsumer(ctx context.Context, n int) (rate float64, err error) {
	err = withQueue(ctx, func(q queue) error {
		if err := q.fill(ctx, n); err != nil {
			return err
		}
		c, err := q.consumer(4, 100)
		if err != nil {
			return err
		}
		start := time.Now()
		in, err := c.Subscribe(ctx, q.topology.Queues[service])
		if err != nil {
			return err
		}
		for range n {
			(<-in).Ack()
		}
		if err := c.Close(); err != nil { // waits for the deletes
			return err
		}
		rate = float64(n) / since(start)
		return nil
	})
	return rate, err
}

// measureLibrary is measureConsumer with watermill-aws's subscriber, configured with batches of ten and four receivers.
func measureLibrary(ctx context.Context, n int) (rate float64, err error) {
	err = withQueue(ctx, func(q queue) error {
		if err := q.fill(ctx, n); err != nil {
			return err
		}
		s, err := wsqs.NewSubscriber(wsqs.SubscriberConfig{
			AWSConfig: q.cloud.Config(), DoNotCreateQueueIfNotExists: true, Unmarshaler: plain{},
			GenerateReceiveMessageInput: func(_ context.Context, url wsqs.QueueURL) (*sqs.ReceiveMessageInput, error) {
				u := string(url)
				return &sqs.ReceiveMessageInput{QueueUrl: &u, MaxNumberOfMessages: 10, WaitTimeSeconds: 1, VisibilityTimeout: 30}, nil
			},
		}, watermill.NopLogger{})
		if err != nil {
			return err
		}
		start := time.Now()
		merged := make(chan *message.Message)
		for range 4 {
			in, err := s.Subscribe(ctx, messaging.QueueName("bench", service))
			if err != nil {
				return err
			}
			go func() {
				for m := range in {
					merged <- m
				}
			}()
		}
		for range n {
			(<-merged).Ack()
		}
		rate = float64(n) / since(start)
		return s.Close()
	})
	return rate, err
}

// plain passes a message on unchanged.
type plain struct{}

func (plain) Unmarshal(m *types.Message) (*message.Message, error) {
	return message.NewMessage(*m.MessageId, []byte(*m.Body)), nil
}
