// Package sourcetest holds what a portal client must do, as tests that run against any server of the portal's
// protocol: a small one in a test, or a whole simulator. Run is the suite, Server puts faults between client and
// server, Clock lets waits pass at once.
package sourcetest
