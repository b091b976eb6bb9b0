// Package timed runs programs and says what each took: wall time, processor time and most memory.
//
// What must hold: a program's most memory is its own. Linux counts what a process held before it became another program,
// and a program that is started inherits the figure of whoever starts it; so Run starts it through a small process of
// its own, which is this very binary again: main must call Serve first.
package timed
