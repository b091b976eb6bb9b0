package pipeline

import (
	"context"
	"fmt"
	"strconv"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

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

// Made asks whether a queue was ever made.
func (c Queues) Made(ctx context.Context, name string) (bool, error) {
	call, cancel := context.WithTimeout(ctx, messaging.DefaultCallTimeout)
	defer cancel()
	_, err := messaging.QueueURL(call, sqs.NewFromConfig(c.AWS), name)
	if isNoQueue(err) {
		return false, nil
	}
	return err == nil, err
}

// Depth asks how many messages a queue of the environment holds, by its name. A queue that was never made holds none.
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
		return Depth{}, fmt.Errorf("ask how many messages queue %s holds: %w", name, err)
	}
	number := func(n types.QueueAttributeName) int {
		v, _ := strconv.Atoi(out.Attributes[string(n)]) // SQS answers numbers
		return v
	}
	return Depth{
		Waiting:  number(types.QueueAttributeNameApproximateNumberOfMessages),
		InFlight: number(types.QueueAttributeNameApproximateNumberOfMessagesNotVisible),
		Delayed:  number(types.QueueAttributeNameApproximateNumberOfMessagesDelayed),
	}, nil
}

// Idle says whether no service has anything to do. Queues are asked in the order of the flow, so that a message cannot
// slip past by moving on, and twice, because the gate's events lead back to the scheduler.
func (p *Pipeline) Idle(ctx context.Context) (bool, error) {
	for range 2 {
		for _, s := range Services {
			d, err := p.Cloud.Queues().Depth(ctx, messaging.QueueName(Env, s.Name))
			if err != nil || d.Total() > 0 {
				return false, err
			}
		}
	}
	return true, nil
}
