package contract

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one error in a contract, with its position.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`   // 1-based; 0: the file as a whole
	Column  int    `json:"column"` // 1-based, in bytes
	Path    string `json:"path"`   // "schema[0].properties[3].name"; empty: the document
	Message string `json:"message"`
	Fix     string `json:"fix,omitempty"` // what to do about it

	// Earlier reports that the file uses a form of an earlier version of Llac, which Migrate rewrites.
	Earlier bool `json:"earlier,omitempty"`
}

// Error returns the problem on one line: "file:line:column: path: message; fix".
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	if p.Fix != "" {
		b.WriteString("; " + p.Fix)
	}
	return b.String()
}

// Problems are all the problems of one or more contracts, by file and line. As an error it has one line per problem.
type Problems []Problem

// Error lists the problems, one per line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Permanent reports true: retrying does not fix a contract.
func (ps Problems) Permanent() bool { return true }

// Together returns the problems of several lists, each once, by file and line.
func Together(lists ...Problems) Problems { return slices.Concat(lists...).sorted() }

// sorted orders the problems by position and removes duplicates.
func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(ps)
}
