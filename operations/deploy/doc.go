// Package deploy gets one service at a time into the cloud without harm to the others.
//
// The nouns. A package is the zip archive of one service, as Lambda takes it: the same build gives the same bytes, and its
// name in the artifacts bucket is its digest. A release says what a package is: its build, and the event types it
// consumes and emits. What runs in an environment, each service's Terraform root has written into SSM parameters.
//
// What must hold: nobody says what a running neighbour cannot hear, nobody stops hearing what one still says. So a
// consumer learns a new version of an event before its producer speaks it, and forgets an old one after.
package deploy
