package e2e

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/portal"
	"github.com/llac-project/llac/platform/messaging"
)

// sweep has the landing-janitor sweep at a time in the future.
func (w *workspace) sweep(after time.Duration) {
	w.t.Helper()
	p, err := pipeline.Start(w.t.Context(), w.settings())
	if err != nil {
		w.t.Fatal(err)
	}
	client := sqs.NewFromConfig(p.Cloud.AWS)
	url, err := messaging.QueueURL(w.t.Context(), client, messaging.QueueName(pipeline.Env, "landing-janitor"))
	if err != nil {
		w.t.Fatal(err)
	}
	at := time.Now().UTC().Add(after)
	e := events.New(events.SweepTicked{ScheduledAt: at})
	e.ID, e.Source, e.Time = "sweep/"+lake.Slot(at), "/llac/e2e", at
	body, err := e.Marshal()
	if err != nil {
		w.t.Fatal(err)
	}
	text := string(body)
	if _, err := client.SendMessage(w.t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &text}); err != nil {
		w.t.Fatal(err)
	}
	w.idle(p)
	if err := p.Close(); err != nil {
		w.t.Fatal(err)
	}
}

// TestDeadLettersOutliveTheirQueue checks that an old dead letter is kept in the lake and stays in its queue for a
// replay.
func TestDeadLettersOutliveTheirQueue(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "libraries")
	if err := w.portal.SetFaults(portal.Fault{Kind: portal.Status, Status: 503, Dataset: "llib-0001"}); err != nil {
		t.Fatal(err)
	}
	want(t, w.run()["libraries"], ledger.Failed, "503")
	w.checkDeadLetters(1, "fetcher", "503")
	w.sweep(2 * 24 * time.Hour)
	if keys := w.keys("dead-letters/"); len(keys) != 0 {
		t.Errorf("kept too soon: %v", keys)
	}
	w.sweep(4 * 24 * time.Hour)
	w.sweep(5 * 24 * time.Hour)
	keys := w.keys("dead-letters/")
	if len(keys) != 1 {
		t.Fatalf("kept %v", keys)
	}
	var kept lake.DeadLetter
	w.withCloud(func(c *pipeline.Cloud) {
		b, _, err := c.Lake().Get(t.Context(), keys[0])
		if err == nil {
			err = json.Unmarshal(b, &kept)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	e, err := events.Parse([]byte(kept.Body))
	if err != nil || e.ID != kept.EventID || e.Type != (events.ExtractionRequested{}).EventType() ||
		keys[0] != lake.DeadLetterKey("fetcher", e.ID) {
		t.Errorf("kept %+v under %s (%v)", kept, keys[0], err)
	}
	if err := w.portal.SetFaults(); err != nil {
		t.Fatal(err)
	}
	w.checkDeadLetters(1, "fetcher", "503")
	w.replay()
	if p := w.pointer("libraries"); p == nil || p.Rows != 100 {
		t.Errorf("after the replay the pointer is %+v", p)
	}
	w.checkDeadLetters(0, "", "")
	if after := w.keys("dead-letters/"); !slices.Equal(after, keys) {
		t.Errorf("kept %v", after)
	}
}
