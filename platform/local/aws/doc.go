// Package aws is the local cloud: S3, SNS and SQS over their real HTTP protocols on 127.0.0.1. Plain AWS SDK clients work
// with only the endpoint changed, and `llac run` needs no account, no Docker and no network.
//
// The nouns:
//
//   - A Cloud owns one state directory and listens on one address. The protocol of a request selects the service: AWS JSON
//     (X-Amz-Target) is SQS, a query-protocol form is SNS, everything else is S3 in path style.
//   - The broker holds topics and queues in memory. Every change is a record. The record is written to the journal first and
//     applied after, by the same code that replays the journal on open.
//   - The journal is one file of JSON lines under <Dir>/queues. Each record is written to the operating system before the
//     response, so that kill -9 loses nothing acknowledged. Sends, publishes and settings also wait for fsync, which concurrent
//     requests share. Receives and deletes do not: a power cut may repeat a delivery, but never lose one.
//   - Objects are plain files under <Dir>/lake/<bucket>/<key>, which other tools can open. A file appears by rename,
//     complete and synced, or not at all.
//   - The conformance suite (package conformance) defines what "like AWS" means here. It runs against this package, moto
//     and, on request, a real account.
//
// What must hold: an acknowledged send is received at least once. One publish reaches all its queues or none. After the
// owner dies, messages in flight are visible again and keep their receive counts. Two Clouds never own one directory.
//
// What is supported: what Llac sends, and nothing else. Every other operation, parameter or attribute is refused with an
// error that names it (TestUnsupportedRequestsAreRefused).
//
//   - SQS: CreateQueue, DeleteQueue, GetQueueUrl, ListQueues, Get- and SetQueueAttributes (VisibilityTimeout,
//     MessageRetentionPeriod, RedrivePolicy; Policy has no effect), SendMessage, ReceiveMessage, DeleteMessage and
//     ChangeMessageVisibility, alone and in batches. Message attributes are of type String. Queues are standard queues.
//   - SNS: CreateTopic, Subscribe (queues, with raw delivery, a filter policy of exact strings over message attributes, and
//     a dead-letter queue), SetSubscriptionAttributes, ListSubscriptionsByTopic, Publish.
//   - S3: objects (put, get with ranges, head, delete, list), conditional writes by If-None-Match and If-Match, checksums,
//     multipart uploads; CreateBucket and HeadBucket.
//
// What it is not: it checks no signatures and no policies, and has no versioning, lifecycle or replication. It listens on the
// loopback interface only.
package aws
