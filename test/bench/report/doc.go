// Package report holds the results of a benchmark run: figures, the targets they are compared with, and their
// formatting. One Report gives the tables in the terminal, the JSON, and the generated part of docs/performance.md.
package report
