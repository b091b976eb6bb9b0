package messaging

import (
	"fmt"
	"strings"
)

// OperatorTopic is the name of the topic on which operators publish their requests. It belongs to no service.
const OperatorTopic = "operator"

// TopicName returns the name of the SNS topic on which a service publishes: "llac-<env>-<service>".
func TopicName(env, service string) string { return "llac-" + env + "-" + service }

// QueueName returns the name of the SQS queue from which a service receives: "llac-<env>-<service>".
func QueueName(env, service string) string { return "llac-" + env + "-" + service }

// DeadLetterQueueName returns the name of the queue for messages that a service gave up on: "llac-<env>-<service>-dlq".
func DeadLetterQueueName(env, service string) string { return QueueName(env, service) + "-dlq" }

// TopicARN returns a topic's ARN, derived from the ARN of any queue of the same account and region.
func TopicARN(queueARN, topic string) (string, error) {
	// arn:<partition>:sqs:<region>:<account>:<queue>
	parts := strings.Split(queueARN, ":")
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "sqs" {
		return "", fmt.Errorf("%q is not the ARN of a queue", queueARN)
	}
	parts[2], parts[5] = "sns", topic
	return strings.Join(parts, ":"), nil
}

// lastOf returns the last part of a name, ARN or URL: the name of the queue or topic.
func lastOf(s string) string {
	if i := strings.LastIndexAny(s, ":/"); i >= 0 {
		return s[i+1:]
	}
	return s
}
