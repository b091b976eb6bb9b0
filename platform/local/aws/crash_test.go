package aws_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/llac-project/llac/platform/local/aws"
)

// These tests run a local cloud in a child process, which is the test binary itself, and end it with kill -9. They show that what
// was acknowledged survives. They cannot show that it survives a power cut, which depends on fsync.

// ownerVariable names a directory. If it is set, the test binary starts a cloud there instead of running tests.
const ownerVariable = "LLAC_TEST_OWN_CLOUD"

// ownUntilKilled starts a cloud, prints its address and waits.
func ownUntilKilled(dir string) int {
	c, err := aws.Start(context.Background(), aws.Options{Dir: dir, Buckets: []string{"data"}, OwnerNote: "crash test"})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("listening", c.Endpoint())
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent ends
	return 0
}

// owner is a child process that owns a directory.
type owner struct {
	*cloud
	command  *exec.Cmd
	endpoint string
}

func startOwner(t *testing.T, dir string) *owner {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), ownerVariable+"="+dir)
	if _, err := command.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	o := &owner{command: command}
	t.Cleanup(o.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	endpoint, ok := strings.CutPrefix(strings.TrimSpace(line), "listening ")
	if err != nil || !ok {
		t.Fatalf("the owner printed %q, %v", line, err)
	}
	o.endpoint = endpoint
	config := aws.ConfigFor(endpoint, "eu-west-1")
	config.RetryMaxAttempts = 1
	o.cloud = &cloud{sqs: sqs.NewFromConfig(config), sns: sns.NewFromConfig(config), s3: s3.NewFromConfig(config)}
	return o
}

// kill ends the process with SIGKILL.
func (o *owner) kill() {
	_ = o.command.Process.Kill()
	_ = o.command.Wait()
}

// TestKilledOwnerLosesNoAcknowledgedSend kills the owner while eight senders and a receiver are at work.
func TestKilledOwnerLosesNoAcknowledgedSend(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := startOwner(t, dir)
	url := o.queue(t, "work", map[string]string{"VisibilityTimeout": "43200"})
	var mu sync.Mutex
	sent, deleted := map[string]bool{}, map[string]bool{}
	enough := make(chan struct{})
	var workers sync.WaitGroup
	for w := range 8 {
		workers.Go(func() {
			for i := 0; ; i++ {
				body := strconv.Itoa(w) + "." + strconv.Itoa(i)
				if _, err := o.sqs.SendMessage(context.Background(), &sqs.SendMessageInput{QueueUrl: &url,
					MessageBody: &body}); err != nil {
					return // killed
				}
				mu.Lock()
				if sent[body] = true; len(sent) == 500 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	workers.Go(func() {
		for {
			out, err := o.sqs.ReceiveMessage(context.Background(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10})
			if err != nil {
				return
			}
			for i, m := range out.Messages {
				if i%2 == 0 {
					continue // stays in flight
				}
				in := &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle}
				if _, err := o.sqs.DeleteMessage(context.Background(), in); err != nil {
					return
				}
				mu.Lock()
				deleted[*m.Body] = true
				mu.Unlock()
			}
		}
	})
	<-enough
	o.kill()
	workers.Wait()

	c := open(t, aws.Options{Dir: dir}) // the dead owner's lock is taken over
	found := map[string]string{}
	for {
		batch := c.receive(t, url) // the old URL, with the old port, still names the queue
		if len(batch) == 0 {
			break
		}
		for _, m := range batch {
			found[*m.Body] = m.Attributes["ApproximateReceiveCount"]
		}
	}
	again := 0
	for body := range sent {
		_, there := found[body]
		if !there && !deleted[body] {
			// Its delete was executed, but the response was lost with the process. It was received, so it is not lost.
			t.Logf("%s: sent, not found, delete not acknowledged", body)
			again++
		}
		if there && deleted[body] {
			t.Errorf("%s: its delete was acknowledged, but it was received again", body)
		}
	}
	if again > 1 {
		t.Errorf("%d acknowledged sends are lost", again)
	}
	counted := 0
	for _, n := range found {
		if n == "2" {
			counted++
		}
	}
	if counted == 0 {
		t.Error("no message that was in flight kept its receive count")
	}
}

// TestKilledOwnerFansOutAllOrNothing kills the owner while it publishes to three queues.
func TestKilledOwnerFansOutAllOrNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := startOwner(t, dir)
	// The Cloud is in the child process, so its ARNs are built from the defaults.
	created, err := o.sns.CreateTopic(context.Background(), &sns.CreateTopicInput{Name: awssdk.String("events")})
	if err != nil {
		t.Fatal(err)
	}
	queues := []string{"one", "two", "three"}
	for _, q := range queues {
		o.queue(t, q, nil)
		if _, err := o.sns.Subscribe(context.Background(), &sns.SubscribeInput{TopicArn: created.TopicArn, Protocol: awssdk.String("sqs"),
			Endpoint:   awssdk.String("arn:aws:sqs:eu-west-1:000000000000:" + q),
			Attributes: map[string]string{"RawMessageDelivery": "true"}}); err != nil {
			t.Fatal(err)
		}
	}
	var acknowledged []string
	var mu sync.Mutex
	enough := make(chan struct{})
	var workers sync.WaitGroup
	for w := range 4 {
		workers.Go(func() {
			for i := 0; ; i++ {
				body := fmt.Sprintf("%d.%d", w, i)
				if _, err := o.sns.Publish(context.Background(), &sns.PublishInput{TopicArn: created.TopicArn,
					Message: &body}); err != nil {
					return
				}
				mu.Lock()
				if acknowledged = append(acknowledged, body); len(acknowledged) == 200 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	o.kill()
	workers.Wait()

	c := open(t, aws.Options{Dir: dir})
	var got [3]map[string]bool
	for i, q := range queues {
		got[i] = map[string]bool{}
		url := c.queue(t, q, nil)
		for batch := c.receive(t, url); len(batch) > 0; batch = c.receive(t, url) {
			for _, m := range batch {
				got[i][*m.Body] = true
			}
		}
	}
	for _, body := range acknowledged {
		if !got[0][body] {
			t.Errorf("%s was acknowledged but is lost", body)
		}
	}
	for i := 1; i < len(got); i++ {
		if len(got[i]) != len(got[0]) {
			t.Errorf("queue %s has %d messages, queue %s %d", queues[0], len(got[0]), queues[i], len(got[i]))
		}
	}
}

// TestKilledOwnerLeavesWholeObjects kills the owner in the middle of uploads and overwrites.
func TestKilledOwnerLeavesWholeObjects(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := startOwner(t, dir)
	bodyOf := func(w, i int) []byte { return bytes.Repeat([]byte(fmt.Sprintf("%d.%06d|", w, i)), 20_000) }
	put := func(key string, body []byte) error {
		_, err := o.s3.PutObject(context.Background(), &s3.PutObjectInput{Bucket: awssdk.String("data"), Key: &key,
			Body: bytes.NewReader(body), Metadata: map[string]string{"size": strconv.Itoa(len(body)), "first": string(body[:8])}})
		return err
	}
	var mu sync.Mutex
	written, last := map[string]bool{}, map[int]int{}
	enough := make(chan struct{})
	var workers sync.WaitGroup
	for w := range 4 {
		workers.Go(func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("landing/w=%d/%d.json", w, i)
				if put(key, bodyOf(w, i)) != nil || put(fmt.Sprintf("state/%d.json", w), bodyOf(w, i)) != nil {
					return
				}
				mu.Lock()
				written[key], last[w] = true, i
				if len(written) == 60 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	o.kill()
	workers.Wait()

	c := open(t, aws.Options{Dir: dir})
	check := func(key string) (index int) {
		out, err := c.s3.GetObject(context.Background(), &s3.GetObjectInput{Bucket: awssdk.String("data"), Key: &key})
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		defer out.Body.Close()
		body, err := io.ReadAll(out.Body)
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		var w int
		if _, err := fmt.Sscanf(string(body[:min(9, len(body))]), "%d.%06d|", &w, &index); err != nil ||
			!bytes.Equal(body, bodyOf(w, index)) {
			t.Errorf("%s is incomplete: %d bytes", key, len(body))
		}
		if out.Metadata["first"] != string(body[:8]) || out.Metadata["size"] != strconv.Itoa(len(body)) {
			t.Errorf("%s has another object's metadata: %v", key, out.Metadata)
		}
		return index
	}
	for key := range written {
		check(key)
	}
	for w, i := range last {
		if got := check(fmt.Sprintf("state/%d.json", w)); got < i {
			t.Errorf("state/%d.json is version %d, %d was acknowledged", w, got, i)
		}
	}
	left, err := os.ReadDir(filepath.Join(dir, "lake", ".temp"))
	if err != nil || len(left) != 0 {
		t.Errorf("unfinished objects remain: %v, %v", left, err)
	}
}

// TestSecondOwnerIsRefused checks that the error names the first owner.
func TestSecondOwnerIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := startOwner(t, dir)
	_, err := aws.Start(context.Background(), aws.Options{Dir: dir})
	owned, ok := errors.AsType[*aws.OwnedError](err)
	if !ok || !errors.Is(err, aws.ErrOwned) {
		t.Fatalf("a second owner: %v", err)
	}
	if owned.PID != o.command.Process.Pid || owned.Since.IsZero() || !strings.Contains(owned.Command, filepath.Base(os.Args[0])) ||
		owned.Note != "crash test" || owned.Endpoint != o.endpoint {
		t.Errorf("the error names the owner %+v", owned)
	}
	if !strings.Contains(err.Error(), strconv.Itoa(owned.PID)) || !strings.Contains(err.Error(), "stop it") {
		t.Errorf("the error is %q", err)
	}
	o.kill()
	open(t, aws.Options{Dir: dir})
	if _, err := aws.Start(context.Background(), aws.Options{Dir: dir}); !errors.Is(err, aws.ErrOwned) {
		t.Errorf("a second cloud in one process: %v", err)
	}
}
