package pipeline

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/source"
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

// listener hears from the fetcher's metrics which page it is at, for no event is emitted for a page, and that a portal
// does not answer as it should.
type listener struct {
	telemetry.Metrics
	tracker *tracker
	trouble func(string)

	mu   sync.Mutex
	told map[string]bool // hosts whose trouble is told
}

// worthTelling is the try from which a portal's trouble is told: the first ones mend themselves most of the time.
const worthTelling = 3

// Record passes the measurement on and takes from it what a person waits for.
func (l *listener) Record(ctx context.Context, name string, value float64, unit telemetry.Unit, properties ...any) {
	l.Metrics.Record(ctx, name, value, unit, properties...)
	switch name {
	case "rows_fetched":
		l.tracker.page(property[string](properties, "dataset"), property[string](properties, "run"),
			property[int](properties, "page"), property[int](properties, "pages"), int64(value))
	case "portal_response_time":
		if property[string](properties, telemetry.KeyOutcome) == source.OutcomeRetried && property[int](properties, "attempt") == worthTelling {
			l.tell(property[string](properties, "host"), property[int](properties, "status"))
		}
	}
}

func (l *listener) tell(host string, status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.told[host] {
		return
	}
	if l.told == nil {
		l.told = map[string]bool{}
	}
	l.told[host] = true
	answer := "gives no whole answer"
	if status >= 300 {
		answer = fmt.Sprintf("answers with status %d", status)
	}
	l.trouble(fmt.Sprintf("%s %s (%d tries so far). Still trying; Ctrl-C leaves it to the next run.", host, answer, worthTelling))
}

// property finds one of alternating keys and values; the zero value where it is not there.
func property[T any](properties []any, key string) T {
	var zero T
	for i := 0; i+1 < len(properties); i += 2 {
		if properties[i] == key {
			v, _ := properties[i+1].(T)
			return v
		}
	}
	return zero
}
