package pipeline

import (
	"context"
	"fmt"
	"strconv"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/llac-project/llac/operations/services"
	"github.com/llac-project/llac/platform/messaging"
)

// Depth is how many messages a queue holds.
type Depth struct {
	Waiting  int `json:"waiting"`
	InFlight int `json:"in_flight"`
	Delayed  int `json:"delayed"`
}

// Total counts all of them.
func (d Depth) Total() int { return d.Waiting + d.InFlight + d.Delayed }

// Made reports whether a queue exists.
func (c Queues) Made(ctx context.Context, name string) (bool, error) {
	call, cancel := context.WithTimeout(ctx, messaging.DefaultCallTimeout)
	defer cancel()
	_, err := messaging.QueueURL(call, sqs.NewFromConfig(c.AWS), name)
	if isNoQueue(err) {
		return false, nil
	}
	return err == nil, err
}

// Depth returns how many messages a queue of the environment holds; none if the queue does not exist.
func (c Queues) Depth(ctx context.Context, name string) (Depth, error) {
	client := sqs.NewFromConfig(c.AWS)
	call, cancel := context.WithTimeout(ctx, messaging.DefaultCallTimeout)
	defer cancel()
	url, err := messaging.QueueURL(call, client, name)
	if err != nil {
		if isNoQueue(err) {
			return Depth{}, nil
		}
		return Depth{}, err
	}
	out, err := client.GetQueueAttributes(call, &sqs.GetQueueAttributesInput{
		QueueUrl: awssdk.String(url), AttributeNames: []types.QueueAttributeName{
			types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
			types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
		}})
	if err != nil {
		return Depth{}, fmt.Errorf("count the messages of queue %s: %w", name, err)
	}
	number := func(n types.QueueAttributeName) int {
		v, _ := strconv.Atoi(out.Attributes[string(n)]) // SQS returns numbers
		return v
	}
	return Depth{
		Waiting:  number(types.QueueAttributeNameApproximateNumberOfMessages),
		InFlight: number(types.QueueAttributeNameApproximateNumberOfMessagesNotVisible),
		Delayed:  number(types.QueueAttributeNameApproximateNumberOfMessagesDelayed),
	}, nil
}

// Idle reports whether no service has anything to do. The queues are read in the order of the flow, so that no message is
// missed because it moves on, and twice, because events of the gate lead back to the scheduler.
func (p *Pipeline) Idle(ctx context.Context) (bool, error) {
	for range 2 {
		for _, s := range services.All {
			d, err := p.Cloud.Queues().Depth(ctx, messaging.QueueName(Env, s.Name))
			if err != nil || d.Total() > 0 {
				return false, err
			}
		}
	}
	return true, nil
}
