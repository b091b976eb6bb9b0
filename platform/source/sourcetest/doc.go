// Package sourcetest is the conformance suite of portal clients. It runs against any server of the portal's protocol: a small
// fake of a test, or the simulator. Run is the suite, Server injects faults between client and server, Clock makes waits
// return at once.
package sourcetest
