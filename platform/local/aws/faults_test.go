package aws_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"github.com/llac-project/llac/platform/local/aws"
)

func stringAttribute(name, value string) map[string]snstypes.MessageAttributeValue {
	return map[string]snstypes.MessageAttributeValue{name: {DataType: awssdk.String("String"), StringValue: &value}}
}

func codeOf(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

// TestLostResponse executes a put and loses the response. The SDK's retry then finds the object that the first attempt wrote.
func TestLostResponse(t *testing.T) {
	t.Parallel()
	c := open(t, aws.Options{Dir: t.TempDir(), Buckets: []string{"data"}})
	var puts atomic.Int32
	c.SetFault(func(r *http.Request) aws.Fault {
		return aws.Fault{LoseResponse: r.Method == http.MethodPut && puts.Add(1) == 1}
	})
	_, err := c.s3.PutObject(context.Background(), &s3.PutObjectInput{Bucket: awssdk.String("data"), Key: awssdk.String("runs/r.json"),
		Body: strings.NewReader("mine"), IfNoneMatch: awssdk.String("*")})
	if codeOf(err) != "PreconditionFailed" || puts.Load() != 2 {
		t.Errorf("after %d puts: %v, want a retry that finds its own write", puts.Load(), err)
	}
	b, err := os.ReadFile(filepath.Join(c.BucketDir("data"), "runs", "r.json"))
	if err != nil || string(b) != "mine" {
		t.Errorf("the file contains %q, %v", b, err)
	}
}

func TestInjectedStatus(t *testing.T) {
	t.Parallel()
	c := open(t, aws.Options{Dir: t.TempDir(), Buckets: []string{"data"}})
	url := c.queue(t, "work", nil)
	topic, _ := c.subscribe(t, "events", "events", nil)
	put := func() error {
		_, err := c.s3.PutObject(context.Background(), &s3.PutObjectInput{Bucket: awssdk.String("data"), Key: awssdk.String("k"),
			Body: strings.NewReader("x")})
		return err
	}
	c.SetFault(func(*http.Request) aws.Fault { return aws.Fault{Status: 403} })
	if err := put(); codeOf(err) != "AccessDenied" {
		t.Errorf("S3 403: %v", err)
	}
	if _, err := c.sqs.SendMessage(context.Background(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: awssdk.String("x")}); codeOf(
		err) != "AccessDenied" {
		t.Errorf("SQS 403: %v", err)
	}
	var action string
	c.SetFault(func(r *http.Request) aws.Fault {
		action = r.Form.Get("Action")
		return aws.Fault{Status: 403, Code: "AuthorizationError"}
	})
	if _, err := c.sns.Publish(context.Background(), &sns.PublishInput{TopicArn: &topic, Message: awssdk.String("x")}); codeOf(
		err) != "AuthorizationError" || action != "Publish" {
		t.Errorf("SNS 403 of %q: %v", action, err)
	}
	var tries atomic.Int32
	c.SetFault(func(*http.Request) aws.Fault {
		if tries.Add(1) == 1 {
			return aws.Fault{Status: 500}
		}
		return aws.Fault{}
	})
	if err := put(); err != nil || tries.Load() != 2 {
		t.Errorf("one 500: %v after %d tries", err, tries.Load())
	}
	c.SetFault(nil)
	if err := put(); err != nil {
		t.Errorf("without a fault: %v", err)
	}
}

func TestStrictMissing(t *testing.T) {
	t.Parallel()
	c := open(t, aws.Options{Dir: t.TempDir(), Buckets: []string{"data"}, StrictMissing: true})
	_, err := c.s3.GetObject(context.Background(), &s3.GetObjectInput{Bucket: awssdk.String("data"), Key: awssdk.String("missing")})
	if codeOf(err) != "AccessDenied" {
		t.Errorf("get: %v", err)
	}
	_, err = c.s3.HeadObject(context.Background(), &s3.HeadObjectInput{Bucket: awssdk.String("data"), Key: awssdk.String("missing")})
	var status interface{ HTTPStatusCode() int }
	if !errors.As(err, &status) || status.HTTPStatusCode() != 403 {
		t.Errorf("head: %v", err)
	}
	if _, err := c.s3.PutObject(context.Background(), &s3.PutObjectInput{Bucket: awssdk.String("data"), Key: awssdk.String("there"),
		Body: strings.NewReader("x")}); err != nil {
		t.Fatal(err)
	}
	out, err := c.s3.GetObject(context.Background(), &s3.GetObjectInput{Bucket: awssdk.String("data"), Key: awssdk.String("there")})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	if b, _ := io.ReadAll(out.Body); string(b) != "x" {
		t.Errorf("the object contains %q", b)
	}
}

// TestObjectsArePlainFiles checks that an object is a file, and that a file added by hand is an object.
func TestObjectsArePlainFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := open(t, aws.Options{Dir: dir, Buckets: []string{"data"}})
	const key = "staging/social_services/ingested_process_at=20250803T140512-a1/district_id=01/social_services.parquet"
	if _, err := c.s3.PutObject(context.Background(), &s3.PutObjectInput{Bucket: awssdk.String("data"), Key: awssdk.String(key),
		Body: strings.NewReader("PAR1")}); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "lake", "data", "staging", "*", "*", "district_id=*", "*.parquet"))
	if err != nil || len(found) != 1 {
		t.Fatalf("found %v, %v", found, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "lake", "data", "by-hand.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	head, err := c.s3.HeadObject(context.Background(), &s3.HeadObjectInput{Bucket: awssdk.String("data"),
		Key: awssdk.String("by-hand.json")})
	if err != nil || *head.ETag != `"99914b932bd37a50b983c5e7c90ae93b"` {
		t.Errorf("a file added by hand: %v, %v", head, err)
	}
	// A file edited by hand must not keep its ETag.
	if err := os.WriteFile(found[0], []byte("PAR2"), 0o644); err != nil {
		t.Fatal(err)
	}
	head, err = c.s3.HeadObject(context.Background(), &s3.HeadObjectInput{Bucket: awssdk.String("data"), Key: awssdk.String(key)})
	if err != nil || *head.ETag == `"d6fb3d0e5ee4fa35f0ea0ad0fb3e9d92"` {
		t.Errorf("an edited file keeps its ETag: %v, %v", head, err)
	}
	if _, err := c.s3.DeleteObject(context.Background(), &s3.DeleteObjectInput{Bucket: awssdk.String("data"),
		Key: awssdk.String(key)}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "lake", "data", "staging")); !os.IsNotExist(err) {
		t.Errorf("empty folders remain: %v", err)
	}
}

func TestKeysThatAreNotFileNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := open(t, aws.Options{Dir: dir, Buckets: []string{"data"}})
	put := func(key string) error {
		_, err := c.s3.PutObject(context.Background(), &s3.PutObjectInput{Bucket: awssdk.String("data"), Key: &key,
			Body: strings.NewReader("x")})
		return err
	}
	for _, key := range []string{"../../escaped", "a/../b", "a//b", "folder/", "/leading", "a/./b"} {
		if err := put(key); codeOf(err) != "InvalidArgument" {
			t.Errorf("%q: %v, want InvalidArgument", key, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "escaped")); !os.IsNotExist(err) {
		t.Error("a key was written outside of the lake")
	}
	if err := put(strings.Repeat("x", 300)); codeOf(err) != "KeyTooLongError" {
		t.Errorf("a long name: %v", err)
	}
	if err := put("both"); err != nil {
		t.Fatal(err)
	}
	if err := put("both/at/once"); codeOf(err) != "InvalidArgument" {
		t.Errorf("an object that is a folder: %v", err)
	}
}
