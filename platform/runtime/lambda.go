package runtime

import (
	"context"
	"fmt"
	"sync"
	"time"

	lambdaevents "github.com/aws/aws-lambda-go/events"

	"github.com/llac-project/llac/platform/messaging"
)

// function is a service behind an SQS event source mapping with ReportBatchItemFailures.
type function struct {
	connect func(context.Context) (*connected, error)

	mu   sync.Mutex
	conn *connected
}

// newFunction returns the handler of the Lambda function. It connects on the first batch; if that fails, it tries again on the
// next batch. A cold start therefore does nothing that can fail before there is an event to handle.
func newFunction(s Service, options func(context.Context) (Options, error)) *function {
	return &function{connect: func(ctx context.Context) (*connected, error) {
		o, err := options(ctx)
		if err != nil {
			return nil, err
		}
		return connect(ctx, s, o)
	}}
}

func (f *function) connection(ctx context.Context) (*connected, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn == nil {
		c, err := f.connect(ctx)
		if err != nil {
			return nil, fmt.Errorf("start: %w", err) // the whole batch returns to the queue
		}
		f.conn = c
	}
	return f.conn, nil
}

// Handle handles one batch. Messages that it reports as failed stay in the queue; Lambda deletes the others.
func (f *function) Handle(ctx context.Context, batch lambdaevents.SQSEvent) (lambdaevents.SQSEventResponse, error) {
	c, err := f.connection(ctx)
	if err != nil {
		return lambdaevents.SQSEventResponse{}, err
	}
	work, cancel := withMargin(ctx)
	defer cancel()
	fates := c.workAll(work, batch.Records)

	response := lambdaevents.SQSEventResponse{BatchItemFailures: []lambdaevents.SQSBatchItemFailure{}}
	var rests []messaging.VisibilityChange
	for i, rest := range fates {
		if rest == nil {
			continue
		}
		failed := lambdaevents.SQSBatchItemFailure{ItemIdentifier: batch.Records[i].MessageId}
		response.BatchItemFailures = append(response.BatchItemFailures, failed)
		rests = append(rests, messaging.VisibilityChange{ReceiptHandle: batch.Records[i].ReceiptHandle, Seconds: *rest})
	}
	// Without this call, a failed message stays invisible for the rest of the visibility timeout, six times the function's timeout.
	if err := messaging.ChangeVisibility(ctx, c.client, c.QueueURL, rests); err != nil {
		c.Ports.Log.WarnContext(ctx, "failed messages stay invisible until their visibility timeout ends", "error", err)
	}
	flush, done := context.WithTimeout(ctx, flushTime)
	defer done()
	if err := c.Telemetry.Flush(flush); err != nil {
		c.Ports.Log.WarnContext(ctx, "telemetry was not exported", "error", err)
	}
	return response, nil
}

const (
	flushTime = 2 * time.Second
	// margin is the part of the function's timeout that is reserved for giving up, dead letters and telemetry. It is at most a
	// fifth of the timeout.
	margin = 30 * time.Second
)

// withMargin returns a context that ends before Lambda ends the process.
func withMargin(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(margin, time.Until(deadline)/5)))
}

// workAll handles the records concurrently. For each record to retry it returns the seconds until the message becomes visible
// again; for the other records it returns nil.
func (c *connected) workAll(ctx context.Context, records []lambdaevents.SQSMessage) []*int32 {
	rests := make([]*int32, len(records))
	free := make(chan struct{}, c.Concurrency)
	var group sync.WaitGroup
	for i, r := range records {
		free <- struct{}{}
		group.Go(func() {
			defer func() { <-free }()
			rests[i] = c.workOne(ctx, messaging.LambdaDelivery(r))
		})
	}
	group.Wait()
	return rests
}

// workOne handles one record. It returns what workAll returns for each record.
func (c *connected) workOne(ctx context.Context, d *messaging.Delivery) *int32 {
	rest := func(seconds int32) *int32 { return &seconds }
	if ctx.Err() != nil { // other messages of the batch used up the time; this one did not fail
		return rest(0)
	}
	ctx, what, err := c.worker.work(ctx, d)
	switch what {
	case done, ignored:
		return nil
	case release:
		return rest(0)
	case later:
		until, _ := NotBefore(err)
		return rest(messaging.SecondsUntil(c.Ports.Clock.Now(), until))
	case dead:
		// Invariant 5: send, then delete. Lambda deletes the message, because it is not reported as failed.
		if err := c.letters.Send(ctx, d, err); err != nil {
			c.Ports.Log.ErrorContext(ctx, "send a dead letter", "error", err)
			break
		}
		return nil
	}
	return rest(c.Backoff.Seconds(d.Tries()))
}
