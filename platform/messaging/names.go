package messaging

import (
	"fmt"
	"strings"
)

// OperatorTopic is the name of the topic on which people ask for runs; it belongs to no service.
const OperatorTopic = "operator"

// TopicName is the SNS topic on which a service speaks: "llac-<env>-<service>".
func TopicName(env, service string) string { return "llac-" + env + "-" + service }

// QueueName is the SQS queue in which a service hears: "llac-<env>-<service>".
func QueueName(env, service string) string { return "llac-" + env + "-" + service }

// DeadLetterQueueName is the queue of the messages that a service gave up on: "llac-<env>-<service>-dlq".
func DeadLetterQueueName(env, service string) string { return QueueName(env, service) + "-dlq" }

// TopicARN derives a topic's ARN from the ARN of any queue of the same account and region.
func TopicARN(queueARN, topic string) (string, error) {
	// arn:<partition>:sqs:<region>:<account>:<queue>
	parts := strings.Split(queueARN, ":")
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "sqs" {
		return "", fmt.Errorf("%q is not the ARN of a queue", queueARN)
	}
	parts[2], parts[5] = "sns", topic
	return strings.Join(parts, ":"), nil
}

// lastOf is the part of a name, ARN or URL that a person knows it by.
func lastOf(s string) string {
	if i := strings.LastIndexAny(s, ":/"); i >= 0 {
		return s[i+1:]
	}
	return s
}
