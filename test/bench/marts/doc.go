// Package marts measures builds of the marts as llac marts makes them: of all marts over the simulated datasets, and of
// the two facts that grow, over years of data.
//
// What must hold: what is timed is the program that people run, with its own settings of memory and threads; the years are
// made of the simulator's snapshots by arithmetic alone, the same in every run; nothing is written outside of the folder
// that is given.
package marts
