// Package marts measures builds of the marts by llac marts: of all marts over the simulated datasets, and of the two
// growing facts over years of data.
//
// What must hold: the measured program is the one that people run, with its own settings of memory and threads. The
// data of the years is derived from the simulator's snapshots by arithmetic alone, the same in every run. Nothing is
// written outside of the given folder.
package marts
