// Package report is what a bench run came to: figures, the targets they are held against, and how they are shown. The
// same Report becomes the table of the terminal, the JSON, and the generated part of docs/performance.md.
package report
