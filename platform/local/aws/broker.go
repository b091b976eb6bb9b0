package aws

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/llac-project/llac/platform/clock"
)

// broker holds the topics and queues. One lock guards all state, because every operation is short and the journal needs one
// order of changes.
type broker struct {
	clock clock.Clock
	newID func() string

	mu            sync.Mutex
	journal       *journal
	queues        map[string]*queue        // by name
	topics        map[string]*topic        // by name
	subscriptions map[string]*subscription // by ARN
	line          bytes.Buffer

	names names
}

// openBroker replays the journal of dir.
func openBroker(dir string, c clock.Clock, newID func() string, n names) (*broker, error) {
	b := &broker{
		clock: c, newID: newID, names: n,
		queues: map[string]*queue{}, topics: map[string]*topic{}, subscriptions: map[string]*subscription{},
	}
	j, err := openJournal(dir, b.apply)
	if err != nil {
		return nil, err
	}
	b.journal = j
	// The consumers of these messages ended with the last owner, or will retry. The messages are visible again, with their counts.
	for _, q := range b.queues {
		q.showInFlight()
	}
	if err := j.replace(b.snapshot); err != nil {
		return nil, errors.Join(err, j.close())
	}
	return b, nil
}

// commit journals the record, then applies it. It returns the position to pass to journal.sync. The caller holds mu.
func (b *broker) commit(r record) (int64, error) {
	b.line.Reset()
	if err := encodeRecord(&b.line, r); err != nil {
		return 0, err
	}
	position, err := b.journal.append(b.line.Bytes())
	if err != nil {
		return 0, err
	}
	if b.line.Cap() > 4<<20 {
		b.line = bytes.Buffer{} // release the memory of a huge batch
	}
	if err := b.apply(r); err != nil {
		return 0, err
	}
	if b.journal.grown() && b.journal.replace(b.snapshot) != nil {
		// The record itself is safe in the longer journal. Compaction is tried again when the journal has grown further.
		b.journal.postpone()
	}
	return position, nil
}

// change commits the record that make returns, unless it is empty, and waits until it is on disk.
func (b *broker) change(make func() (record, error)) error {
	b.mu.Lock()
	r, err := make()
	var position int64
	if err == nil && r.Op != "" {
		position, err = b.commit(r)
	}
	b.mu.Unlock()
	if err != nil {
		return err
	}
	return b.journal.sync(position)
}

// snapshotBatch bounds the messages of one line of a compacted journal.
const snapshotBatch = 64

// snapshot writes the whole state as records.
func (b *broker) snapshot(write func(record) error) error {
	for _, name := range slices.Sorted(maps.Keys(b.topics)) {
		if err := write(record{Op: opTopic, Topic: b.topics[name]}); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.queues)) {
		if err := write(record{Op: opQueue, Queue: &b.queues[name].queueRecord}); err != nil {
			return err
		}
	}
	for _, arn := range slices.Sorted(maps.Keys(b.subscriptions)) {
		if err := write(record{Op: opSubscribed, Subscription: b.subscriptions[arn]}); err != nil {
			return err
		}
	}
	now := b.clock.Now()
	for _, name := range slices.Sorted(maps.Keys(b.queues)) {
		for batch := range slices.Chunk(b.queues[name].all(), snapshotBatch) {
			r := record{Op: opSent, At: now}
			for _, m := range batch {
				r.Sent = append(r.Sent, sentMessage{Queue: name, Message: m})
			}
			if err := write(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// names builds the ARNs of one account and region.
type names struct{ region, account string }

func (n names) queueARN(name string) string {
	return "arn:aws:sqs:" + n.region + ":" + n.account + ":" + name
}
func (n names) topicARN(name string) string {
	return "arn:aws:sns:" + n.region + ":" + n.account + ":" + name
}

// queueName returns the name of the queue with this ARN, or "" for an ARN of another account, region or service.
func (n names) queueName(arn string) string { return trimmed(arn, n.queueARN("")) }

// topicName returns the name of the topic with this ARN, or "" for an ARN of another account, region or service.
func (n names) topicName(arn string) string { return trimmed(arn, n.topicARN("")) }

func trimmed(s, prefix string) string {
	if len(s) <= len(prefix) || s[:len(prefix)] != prefix {
		return ""
	}
	return s[len(prefix):]
}
