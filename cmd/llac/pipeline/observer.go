package pipeline

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/telemetry"
)

// observe listens to every topic until life ends. What the observer misses harms nobody: the receipts say the same.
func (p *Pipeline) observe(life context.Context) error {
	consumer, err := messaging.NewConsumer(messaging.ConsumerConfig{
		Client: sqs.NewFromConfig(p.Cloud.AWS), Service: "observer", Pollers: 1, Grace: p.settings.Grace, Log: p.operator.Log,
	})
	if err != nil {
		return err
	}
	messages, err := consumer.Subscribe(life, p.topology.Queues[observer])
	if err != nil {
		return fmt.Errorf("listen to the local topics: %w", err)
	}
	p.stopped.Go(func() {
		for m := range messages {
			if e, err := events.Parse(m.Payload); err == nil {
				p.tracker.add(e)
			}
			m.Ack()
		}
	})
	return nil
}

// pages hears from the fetcher's metrics which page it is at: no event is emitted for a page.
type pages struct {
	telemetry.Metrics
	tracker *tracker
}

// Record passes the measurement on and takes the page from it.
func (m pages) Record(ctx context.Context, name string, value float64, unit telemetry.Unit, properties ...any) {
	m.Metrics.Record(ctx, name, value, unit, properties...)
	if name != "rows_fetched" {
		return
	}
	var dataset, run string
	var page, of int
	for i := 0; i+1 < len(properties); i += 2 {
		switch properties[i] {
		case "dataset":
			dataset, _ = properties[i+1].(string)
		case "run":
			run, _ = properties[i+1].(string)
		case "page":
			page, _ = properties[i+1].(int)
		case "pages":
			of, _ = properties[i+1].(int)
		}
	}
	m.tracker.page(dataset, run, page, of, int64(value))
}
