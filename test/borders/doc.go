// Package borders checks how the modules may depend on each other:
//
//	events ← platform ← services/* ← operations ← cmd/llac
//
// events stands on the standard library alone, platform on events, a service on these two and on no other service,
// platform/local on events and platform and nobody in production on platform/local but operations and cmd/llac. The tests read the
// code as the compiler would, so they fail on the import itself, wherever it is.
package borders
