package messaging

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/llac-project/llac/platform/clock"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	b := Backoff{First: 5 * time.Second, Max: time.Minute, Random: noRandom}
	for receives, want := range map[int]int32{0: 5, 1: 5, 2: 10, 3: 20, 4: 40, 5: 60, 5000: 60} {
		if got := b.Seconds(receives); got != want {
			t.Errorf("Seconds(%d) = %d, want %d", receives, got, want)
		}
	}
	b.Random = func() float64 { return 0.999999 }
	if got := b.Seconds(2); got != 5 {
		t.Errorf("with most jitter: %d, want half of 10", got)
	}
	if got := (Backoff{First: time.Hour, Max: 1000 * time.Hour, Random: noRandom}).Seconds(50); got != 12*3600 {
		t.Errorf("%d s; SQS's maximum is 12 h", got)
	}
	if got := (Backoff{First: time.Nanosecond, Max: time.Nanosecond}).Seconds(3); got != 0 {
		t.Errorf("%d, want 0", got)
	}
}

func TestReason(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a\nb\t c\x00": "a b c", "bad \xff byte": "bad \uFFFD byte", "\n": "no reason given", "àé·": "àé·",
	} {
		if got := Reason(errors.New(in)); got != want {
			t.Errorf("Reason(%q) = %q, want %q", in, got, want)
		}
	}
	long := Reason(errors.New(strings.Repeat("ñ", 2000)))
	if len(long) > 1024 || len(long) < 1020 || !utf8.ValidString(long) {
		t.Errorf("a long reason has %d bytes, valid: %v", len(long), utf8.ValidString(long))
	}
	if Reason(nil) == "" {
		t.Error("a nil error has no text")
	}
}

func TestDeadLetterHasAtMostTenAttributes(t *testing.T) {
	t.Parallel()
	d := &Delivery{Queue: "q", MessageID: "m", Body: "b", Receives: 2, FirstReceivedAt: time.Unix(1, 0),
		Attributes: map[string]types.MessageAttributeValue{
			AttributeReason: {DataType: aws.String("String"), StringValue: aws.String("of an earlier failure")},
		}}
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"} {
		d.Attributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(name)}
	}
	f := newFakeSQS()
	letters := DeadLetters{Client: f, QueueURL: "x/dead", Service: "s", Clock: clock.System{}}
	if err := letters.Send(t.Context(), d, errors.New("now")); err != nil {
		t.Fatal(err)
	}
	got := f.messages("dead")[0].attributes
	if len(got) != 10 || aws.ToString(got[AttributeReason].StringValue) != "now" ||
		got["a"].StringValue == nil || got["i"].StringValue != nil {
		t.Errorf("attributes: %v", got)
	}
}

func TestTopicARN(t *testing.T) {
	t.Parallel()
	got, err := TopicARN("arn:aws:sqs:eu-south-2:123456789012:llac-dev-stager", "llac-dev-stager")
	if err != nil || got != "arn:aws:sns:eu-south-2:123456789012:llac-dev-stager" {
		t.Errorf("%q %v", got, err)
	}
	if _, err := TopicARN("http://127.0.0.1/q", "t"); err == nil {
		t.Error("a URL is accepted as an ARN")
	}
}
