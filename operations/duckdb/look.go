package duckdb

import "context"

// View is a table of a lake as a query sees it.
type View struct {
	Schema    string       `json:"schema"` // staging, quarantine or marts
	Name      string       `json:"name"`
	Query     string       `json:"query"` // that reads it
	Files     []string     `json:"files"` // and nothing else
	Rows      int64        `json:"rows"`
	Title     string       `json:"title"` // what it is, in a line
	Columns   []ViewColumn `json:"columns"`
	Source    string       `json:"source"` // its source system; empty: generated, of no source
	Simulated bool         `json:"simulated"`
	Snapshot  string       `json:"snapshot"` // or build
	Broken    string       `json:"broken"`   // why it cannot be read
	Mend      string       `json:"mend"`     // and what to do about that
}

// ViewColumn is a column of a view and what it says.
type ViewColumn struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// Look asks a lake. A statement can do nothing but read the files of the views.
type Look struct {
	Views       []View   `json:"views"`
	Unpublished []string `json:"unpublished"` // datasets that have no view yet
	Run         string   `json:"run"`         // the command that publishes one
	Marts       string   `json:"marts"`       // the command that builds the marts

	Statements  *string `json:"statements"` // nil: they come by standard input
	Interactive bool    `json:"interactive"`
	Format      string  `json:"format"` // table, csv, json, markdown; or rows: into the report
	Limit       int     `json:"limit"`  // rows of a result; 0: all; below: as the format has it
	Width       int     `json:"width"`  // columns of the terminal; 0: it is none
	Color       bool    `json:"color"`

	// Of the shell.
	Banner  []string `json:"banner"`
	History string   `json:"history"` // the file of what was typed

	Spill string `json:"spill"` // set here
}

func (l *Look) spillTo(folder string) { l.Spill = folder }

// Report is what came of a look.
type Report struct {
	Error     *Error   `json:"error"`     // the statement that was not carried out
	Results   []Rows   `json:"results"`   // of the format rows
	Used      []string `json:"used"`      // views that the statements read
	Simulated []string `json:"simulated"` // those of them that are not real (invariant 11)
	Again     bool     `json:"again"`     // the person wants to look at the lake anew
}

// Look runs a look. What the statements answer goes to the streams; the report says how it went.
func (e Engine) Look(ctx context.Context, l Look, s Streams) (Report, error) {
	var r Report
	err := e.program(ctx, "look", &l, &r, s)
	return r, err
}
