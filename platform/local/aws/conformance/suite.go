package conformance

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
)

// Features are the optional features of a target.
type Features struct {
	SubscriptionDeadLetter bool // an undeliverable notification goes to the subscription's dead-letter queue
	QueueMessage1MiB       bool // SQS accepts messages of up to 1 MiB
	QueueInputChecks       bool // SQS refuses what AWS refuses: eleven attributes, control characters, wrong ranges
	StaleHandles           bool // an old receipt handle deletes nothing
	TraceHeader            bool // X-Amzn-Trace-Id of a publish becomes AWSTraceHeader
	CompleteConditions     bool // If-None-Match on CompleteMultipartUpload
	WriteChecksums         bool // a wrong x-amz-checksum is refused
	InFlightError          bool // ChangeMessageVisibility of a message that is not in flight is an error
	ReturnedAtOnce         bool // a long poll wakes when a message becomes visible
	DeadLetterSource       bool // a dead letter has the ARN of its source queue
	EndedUploads           bool // completing an aborted upload is NoSuchUpload
}

// All returns all features. AWS and the local cloud have them.
func All() Features {
	return Features{
		SubscriptionDeadLetter: true, QueueMessage1MiB: true, QueueInputChecks: true, StaleHandles: true,
		TraceHeader: true, CompleteConditions: true, WriteChecksums: true, InFlightError: true, ReturnedAtOnce: true,
		DeadLetterSource: true, EndedUploads: true,
	}
}

// Target is the cloud that the suite runs against.
type Target struct {
	Config aws.Config
	Has    Features
	Racers int // concurrent writers of the races; default 16
	Keys   int // objects of the paging test; default 25
}

// suite is one run.
type suite struct {
	Target
	sqs *sqs.Client
	sns *sns.Client
	s3  *s3.Client
}

// patience bounds the wait for something that must happen.
const patience = 20 * time.Second

// Run runs the whole suite. Everything that it creates has a random name, and is removed where the target supports it.
func Run(t *testing.T, target Target) {
	if target.Racers == 0 {
		target.Racers = 16
	}
	if target.Keys == 0 {
		target.Keys = 25
	}
	s := &suite{
		Target: target, sqs: sqs.NewFromConfig(target.Config), sns: sns.NewFromConfig(target.Config),
		s3: s3.NewFromConfig(target.Config, func(o *s3.Options) { o.UsePathStyle = true }),
	}
	t.Run("queues", s.queues)
	t.Run("topics", s.topics)
	t.Run("objects", s.objects)
}

// each runs named cases in parallel.
func each(t *testing.T, cases map[string]func(*testing.T)) {
	for name, f := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t)
		})
	}
}

// need skips a case if the target lacks a feature.
func need(t *testing.T, has bool, what string) {
	t.Helper()
	if !has {
		t.Skip("this target has no " + what)
	}
}

// within returns a context for one case.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	t.Cleanup(cancel)
	return ctx
}

// name returns a unique name.
func name(kind string) string {
	var b [6]byte
	_, _ = rand.Read(b[:])
	return "llac-conformance-" + kind + "-" + hex.EncodeToString(b[:])
}

// must fails the case if a call failed, and otherwise returns its result.
func must[T any](t *testing.T, what string) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return v
	}
}

// code returns the error code of a response, or "".
func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

// status returns the HTTP status of a failed call, or 0.
func status(err error) int {
	var e interface{ HTTPStatusCode() int }
	if errors.As(err, &e) {
		return e.HTTPStatusCode()
	}
	return 0
}

// onCleanup calls f with a context of its own at the end of the case. Errors of the cleanup are ignored.
func onCleanup(t *testing.T, f func(ctx context.Context)) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		f(ctx)
	})
}
