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

// observe receives the events of every topic until life ends. Events that it misses do no harm: the receipts have them.
func (p *Pipeline) observe(life context.Context) error {
	consumer, err := messaging.NewConsumer(messaging.ConsumerConfig{
		Client: sqs.NewFromConfig(p.Cloud.AWS), Service: "observer", Pollers: 1, Grace: p.settings.Grace, Log: p.operator.Log,
	})
	if err != nil {
		return err
	}
	messages, err := consumer.Subscribe(life, p.topology.Queues[observer])
	if err != nil {
		return fmt.Errorf("subscribe to the local topics: %w", err)
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

// listener reads from the fetcher's metrics which page it fetches, because no event is emitted for a page, and that a portal
// fails.
type listener struct {
	telemetry.Metrics
	tracker *tracker
	trouble func(string)

	mu       sync.Mutex
	reported map[string]bool // failing hosts that were reported
}

// noticeAfter is the attempt at which a failing portal is first reported: most failures end before that.
const noticeAfter = 3

// Record records the measurement and reports what a person waits for.
func (l *listener) Record(ctx context.Context, name string, value float64, unit telemetry.Unit, properties ...any) {
	l.Metrics.Record(ctx, name, value, unit, properties...)
	switch name {
	case "rows_fetched":
		l.tracker.page(property[string](properties, "dataset"), property[string](properties, "run"),
			property[int](properties, "page"), property[int](properties, "pages"), int64(value))
	case "portal_response_time":
		if property[string](properties, telemetry.KeyOutcome) == source.OutcomeRetried &&
			property[int](properties, "attempt") == noticeAfter {
			l.report(property[string](properties, "host"), property[int](properties, "status"))
		}
	}
}

func (l *listener) report(host string, status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reported[host] {
		return
	}
	if l.reported == nil {
		l.reported = map[string]bool{}
	}
	l.reported[host] = true
	problem := "sends incomplete responses"
	if status >= 300 {
		problem = fmt.Sprintf("responds with status %d", status)
	}
	l.trouble(fmt.Sprintf("%s %s (%d attempts so far). Retrying; Ctrl-C leaves it to the next run.", host, problem, noticeAfter))
}

// property returns the value of a key in alternating keys and values; the zero value if the key is missing.
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
