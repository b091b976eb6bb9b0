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

// newFunction makes the handler of the Lambda. It connects on the first batch, and after an error on the next: a cold
// start does nothing that could fail before there is an event to deal with.
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
			return nil, fmt.Errorf("start: %w", err) // the whole batch comes back
		}
		f.conn = c
	}
	return f.conn, nil
}

// Handle deals with one batch. What it reports as failed stays in the queue, the rest is deleted by Lambda.
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
		response.BatchItemFailures = append(response.BatchItemFailures, lambdaevents.SQSBatchItemFailure{ItemIdentifier: batch.Records[i].MessageId})
		rests = append(rests, messaging.VisibilityChange{ReceiptHandle: batch.Records[i].ReceiptHandle, Seconds: *rest})
	}
	// A failed message would otherwise wait out the rest of the queue's visibility, six times the function's timeout.
	if err := messaging.ChangeVisibility(ctx, c.client, c.QueueURL, rests); err != nil {
		c.Ports.Log.WarnContext(ctx, "failed messages come back only when their visibility is over", "error", err)
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
	// margin is kept back from the function's time, for giving up, dead letters and telemetry; a short timeout
	// keeps back a fifth.
	margin = 30 * time.Second
)

// withMargin ends ctx before Lambda ends the process.
func withMargin(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(margin, time.Until(deadline)/5)))
}

// workAll deals with the records, some at once. For each that is to come back it answers the seconds it is to rest;
// nil for the others.
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

func (c *connected) workOne(ctx context.Context, d *messaging.Delivery) *int32 {
	rest := func(seconds int32) *int32 { return &seconds }
	if ctx.Err() != nil { // its neighbours have used up the time: nothing is wrong with it
		return rest(0)
	}
	ctx, what, err := c.worker.work(ctx, d)
	switch what {
	case done, ignored:
		return nil
	case release:
		return rest(0)
	case dead:
		// Invariant 5: send, then delete. Reported as dealt with, the message is deleted by Lambda.
		if err := c.letters.Send(ctx, d, err); err != nil {
			c.Ports.Log.ErrorContext(ctx, "no dead letter could be sent", "error", err)
			break
		}
		return nil
	}
	return rest(c.Backoff.Seconds(d.Receives))
}
