package aws_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/llac-project/llac/platform/local/aws"
)

func journalPath(dir string) string { return filepath.Join(dir, "queues", "journal.jsonl") }

func TestStateSurvivesReopening(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := open(t, aws.Options{Dir: dir})
	dead := c.queue(t, "dead", nil)
	url := c.queue(t, "work", map[string]string{"VisibilityTimeout": "77", "RedrivePolicy": `{"deadLetterTargetArn":"` +
		c.QueueARN("dead") + `","maxReceiveCount":2}`})
	topic, filtered := c.subscribe(t, "events", "filtered", map[string]string{"FilterPolicy": `{"type":["a"]}`})
	c.send(t, url, "in flight")
	first := c.receive(t, url)[0]
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}

	c = open(t, aws.Options{Dir: dir})
	if got := c.attribute(t, url, "VisibilityTimeout"); got != "77" {
		t.Errorf("VisibilityTimeout is %s", got)
	}
	again := c.receive(t, url)
	if len(again) != 1 || *again[0].MessageId != *first.MessageId || again[0].Attributes["ApproximateReceiveCount"] != "2" ||
		again[0].Attributes["ApproximateFirstReceiveTimestamp"] != first.Attributes["ApproximateFirstReceiveTimestamp"] {
		t.Fatalf("after reopening, received %+v", again)
	}
	for _, kind := range []string{"a", "b"} {
		if _, err := c.sns.Publish(context.Background(), &sns.PublishInput{TopicArn: &topic, Message: &kind,
			MessageAttributes: stringAttribute("type", kind)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.receive(t, filtered); len(got) != 1 || *got[0].Body != "a" {
		t.Errorf("the filter is lost: %v", got)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	// The message was received twice, as often as the redrive policy allows.
	c = open(t, aws.Options{Dir: dir})
	if got := c.receive(t, url); len(got) != 0 {
		t.Errorf("received a third time")
	}
	if got := c.receive(t, dead); len(got) != 1 {
		t.Errorf("%d dead letters", len(got))
	}
}

func TestPartialJournalLineIsCutOff(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := open(t, aws.Options{Dir: dir})
	url := c.queue(t, "work", nil)
	c.send(t, url, "whole")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(journalPath(dir), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"op":"sent","at":"2025-08-03T14:05:12Z","sent":[{"queue":"work","mess`); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	c = open(t, aws.Options{Dir: dir})
	c.send(t, url, "after")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open(t, aws.Options{Dir: dir})
	if got := c.receive(t, url); len(got) != 2 {
		t.Errorf("%d messages, want 2", len(got))
	}
}

func TestDamagedJournalIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := open(t, aws.Options{Dir: dir})
	url := c.queue(t, "work", nil)
	c.send(t, url, "one", "two")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(journalPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	damaged := "xxxx" + string(b[4:])
	if err := os.WriteFile(journalPath(dir), []byte(damaged), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = aws.Start(context.Background(), aws.Options{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "damaged at line 1") {
		t.Fatalf("damage: %v", err)
	}
	if after, _ := os.ReadFile(journalPath(dir)); string(after) != damaged {
		t.Error("the damaged journal was changed")
	}
}

func TestJournalIsCompacted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := open(t, aws.Options{Dir: dir})
	url := c.queue(t, "work", nil)
	body := strings.Repeat("x", 1<<20)
	for range 40 { // more than the 32 MiB after which compacting pays
		c.send(t, url, body)
		for _, m := range c.receive(t, url) {
			in := &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle}
			if _, err := c.sqs.DeleteMessage(context.Background(), in); err != nil {
				t.Fatal(err)
			}
		}
	}
	c.send(t, url, "kept")
	info, err := os.Stat(journalPath(dir))
	if err != nil || info.Size() > 20<<20 {
		t.Errorf("the journal has %v bytes, %v", info.Size(), err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open(t, aws.Options{Dir: dir})
	if got := c.receive(t, url); len(got) != 1 || *got[0].Body != "kept" {
		t.Errorf("%d messages after compaction", len(got))
	}
}

func TestClockDecides(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	c := open(t, aws.Options{Dir: t.TempDir(), Clock: clock})
	url := c.queue(t, "work", map[string]string{"VisibilityTimeout": "600", "MessageRetentionPeriod": "3600"})
	c.send(t, url, "x")
	if got := c.receive(t, url); len(got) != 1 || got[0].Attributes["SentTimestamp"] != strconv.FormatInt(clock.Now().UnixMilli(), 10) {
		t.Fatalf("received %v", got)
	}
	clock.advance(599 * time.Second)
	if got := c.receive(t, url); len(got) != 0 {
		t.Fatal("visible before its timeout")
	}
	// A long poll of 20 seconds receives the message after one second.
	answer := make(chan int, 1)
	go func() {
		out, err := c.sqs.ReceiveMessage(context.Background(), &sqs.ReceiveMessageInput{QueueUrl: &url, WaitTimeSeconds: 20})
		if err != nil {
			answer <- -1
			return
		}
		answer <- len(out.Messages)
	}()
	clock.sleepers(t, 1)
	clock.advance(time.Second)
	if n := <-answer; n != 1 {
		t.Fatalf("the long poll received %d", n)
	}
	clock.advance(time.Hour)
	if got := c.receive(t, url); len(got) != 0 {
		t.Error("received after its retention period")
	}
	if got := c.attribute(t, url, "ApproximateNumberOfMessages"); got != "0" {
		t.Errorf("%s messages kept after the retention period", got)
	}
}

func TestHandleStaysValidAfterReopening(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := open(t, aws.Options{Dir: dir})
	url := c.queue(t, "work", nil)
	c.send(t, url, "x")
	m := c.receive(t, url)[0]
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open(t, aws.Options{Dir: dir})
	if _, err := c.sqs.DeleteMessage(context.Background(), &sqs.DeleteMessageInput{QueueUrl: &url,
		ReceiptHandle: m.ReceiptHandle}); err != nil {
		t.Fatal(err)
	}
	if got := c.receive(t, url); len(got) != 0 {
		t.Error("received after a delete with its latest handle")
	}
}

func TestOnlyLoopback(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"0.0.0.0:0", ":0", "example.org:0"} {
		if c, err := aws.Start(context.Background(), aws.Options{Dir: t.TempDir(), Addr: addr}); err == nil {
			_ = c.Close()
			t.Errorf("listens on %s", addr)
		}
	}
}
