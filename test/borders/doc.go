// Package borders checks how the modules depend on each other:
//
//	events ← platform ← services/* ← operations ← cmd/llac
//
// events imports the standard library only. A service imports no other service. Only operations, cmd/llac and tests import
// platform/local. The tests parse the imports of every Go file, test files included.
package borders
