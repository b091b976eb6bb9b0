// Package timed runs programs and measures each one: wall time, CPU time and peak memory.
//
// What must hold: the peak memory is that of the program alone. Linux also counts the memory that a process held before
// it executed another program, so a program inherits the figure of its parent. Run therefore starts it through a small
// process of its own: the same binary, whose main must call Serve first.
package timed
