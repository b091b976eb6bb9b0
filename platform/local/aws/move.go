package aws

import (
	"context"
	"time"
)

// The states of a message move task.
const (
	taskRunning    = "RUNNING"
	taskCompleted  = "COMPLETED"
	taskCancelling = "CANCELLING"
	taskCancelled  = "CANCELLED"
	taskFailed     = "FAILED"
)

const (
	moveBatch    = 100
	keptTasks    = 10  // a source queue's latest tasks, as many as SQS lists
	maxMoveSpeed = 500 // messages a second
)

// moveTask is a message move task: it carries the visible messages of a dead-letter queue back. Guarded by broker.mu.
type moveTask struct {
	handle, source, destination string // destination "": each message's own source queue
	perSecond                   int    // 0: as fast as possible
	started                     time.Time
	state, failure              string
	moved, toMove               int
}

// startMove starts a task. ctx is the cloud's life.
func (b *broker) startMove(ctx context.Context, source, destination string, perSecond int) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queues[b.names.queueName(source)]
	if q == nil {
		return "", failf("ResourceNotFoundException", "The resource that you specified for the SourceArn parameter doesn't exist.")
	}
	if len(b.sourcesOf(q.Name)) == 0 {
		return "", failf("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
	}
	if destination != "" && b.queues[b.names.queueName(destination)] == nil {
		return "", failf("ResourceNotFoundException", "The resource that you specified for the DestinationArn parameter doesn't exist.")
	}
	if destination == source {
		return "", failf("InvalidParameterValue", "Source queue and destination queue must not be the same.")
	}
	if perSecond < 0 || perSecond > maxMoveSpeed {
		return "", failf("InvalidParameterValue", "MaxNumberOfMessagesPerSecond must be between 1 and %d.", maxMoveSpeed)
	}
	for _, t := range b.tasks {
		if t.source == source && (t.state == taskRunning || t.state == taskCancelling) {
			return "", failf("UnsupportedOperation", "There is already a task running. Only one active task is allowed for a source queue arn at a given time.")
		}
	}
	now := b.clock.Now()
	q.promote(now)
	t := &moveTask{handle: b.newID(), source: source, destination: destination, perSecond: perSecond, started: now, state: taskRunning, toMove: q.visible.Len()}
	b.tasks = append(b.tasks, t)
	b.forgetTasks(source)
	go b.runMove(ctx, t)
	return t.handle, nil
}

// forgetTasks keeps the latest tasks of a source.
func (b *broker) forgetTasks(source string) {
	count := 0
	for i := len(b.tasks) - 1; i >= 0; i-- {
		if b.tasks[i].source != source {
			continue
		}
		if count++; count > keptTasks {
			b.tasks = append(b.tasks[:i], b.tasks[i+1:]...)
		}
	}
}

// sourcesOf lists the queues whose redrive policy names this queue.
func (b *broker) sourcesOf(name string) []string {
	var out []string
	for source, q := range b.queues {
		if q.redrive != nil && q.redrive.Target == b.names.queueARN(name) {
			out = append(out, source)
		}
	}
	return out
}

// runMove moves batch after batch until nothing is visible.
func (b *broker) runMove(ctx context.Context, t *moveTask) {
	for {
		more := b.moveOnce(t)
		if !more || ctx.Err() != nil {
			return
		}
		if t.perSecond > 0 {
			if b.clock.Sleep(ctx, time.Second) != nil {
				return
			}
		}
	}
}

// moveOnce moves one batch and says whether to go on.
func (b *broker) moveOnce(t *moveTask) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	end := func(state, why string) bool {
		t.state, t.failure = state, why
		return false
	}
	if t.state == taskCancelling {
		return end(taskCancelled, "")
	}
	q := b.queues[b.names.queueName(t.source)]
	if q == nil {
		return end(taskFailed, "AWS.SimpleQueueService.NonExistentQueue")
	}
	now := b.clock.Now()
	if err := b.expire(q, now); err != nil {
		return end(taskFailed, err.Error())
	}
	q.promote(now)
	limit := moveBatch
	if t.perSecond > 0 {
		limit = min(limit, t.perSecond)
	}
	batches := map[string][]string{}
	count := 0
	for e := q.visible.Front(); e != nil && count < limit; e = e.Next() {
		m := e.Value.(*message)
		to := b.names.queueName(t.destination)
		if t.destination == "" {
			to = m.DeadLetterSource
		}
		if b.queues[to] == nil {
			// A message that a program sent here itself has no source: SQS needs a destination for it, too.
			return end(taskFailed, "CouldNotDetermineMessageSource")
		}
		batches[to] = append(batches[to], m.ID)
		count++
	}
	if count == 0 {
		return end(taskCompleted, "")
	}
	for to, ids := range batches {
		r := record{Op: opMoved, At: now, Name: q.Name, To: to, IDs: ids}
		for range ids {
			r.NewIDs = append(r.NewIDs, b.newID())
		}
		if _, err := b.commit(r); err != nil {
			return end(taskFailed, err.Error())
		}
		t.moved += len(ids)
	}
	return true
}

// cancelMove asks a running task to stop and answers how many messages it has moved.
func (b *broker) cancelMove(handle string) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range b.tasks {
		if t.handle == handle {
			if t.state != taskRunning {
				return 0, failf("ResourceNotFoundException", "Task is not active.")
			}
			t.state = taskCancelling
			return t.moved, nil
		}
	}
	return 0, failf("ResourceNotFoundException", "Task does not exist.")
}
