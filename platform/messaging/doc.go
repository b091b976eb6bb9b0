// Package messaging is watermill's Publisher and Subscriber over SNS and SQS: watermill-aws publishes, our own
// consumer receives, because a poison message must not harm its neighbours (docs/adr).
//
// The nouns. A delivery is one receipt of a message from a queue: what SQS says of it besides its body. A message is
// released when nothing was tried with it, retried after a backoff when something went wrong, and rejected when no
// retry will help. A dead letter is a rejected message in its service's dead-letter queue, with its original body
// and attributes and with the reason beside them.
//
// What must hold. At least once, never lost: a message leaves its queue only after its handler has acknowledged it, or
// after SQS has taken its dead letter. Messages of one batch share nothing but the call that fetched them
// (invariant 5). While a message is worked on its visibility is prolonged. Close always comes back.
package messaging
