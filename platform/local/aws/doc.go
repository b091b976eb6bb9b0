// Package aws is the local cloud: S3, SNS and SQS over their real HTTP protocols on 127.0.0.1, so that the plain AWS
// SDK clients work with only the endpoint changed, and `llac run` needs no account, no Docker and no network.
//
// The nouns:
//
//   - A Cloud owns one state directory, answers on one address and dispatches by protocol: AWS JSON (X-Amz-Target) is
//     SQS, a query-protocol form is SNS, everything else is S3 in path style.
//   - The broker holds topics and queues in memory. Every change is a record: it is written to the journal first and
//     applied after, by the same code that replays the journal on open.
//   - The journal is one file of JSON lines under <Dir>/queues. Each record is handed to the operating system before
//     the request is answered, so kill -9 loses nothing acknowledged; sends, publishes and settings also wait for
//     fsync (shared by concurrent requests), receives and deletes do not: a power cut may repeat a delivery, never
//     lose one.
//   - Objects are plain files under <Dir>/lake/<bucket>/<key> that other tools can open. A file appears by rename,
//     complete and synced, or not at all.
//   - The conformance suite (package conformance) says what "like AWS" means here, and runs against this package,
//     moto and, when asked, a real account.
//
// What must hold: an acknowledged send is received at least once; one publish reaches all its queues or none; after
// the owner dies, messages in flight are visible again and keep their receive counts; two Clouds never own one
// directory.
//
// What it is not: it checks no signatures or policies, has no FIFO queues or topics, no S3 versioning, lifecycle or
// replication, and no PurgeQueue or DeleteQueue cool-down of 60 seconds; message move tasks are forgotten on restart
// (their messages are not). It listens on the loopback interface only.
package aws
