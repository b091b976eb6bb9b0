package duckdb

import "context"

// View is a table of a lake that queries can read.
type View struct {
	Schema    string       `json:"schema"` // staging, quarantine or marts
	Name      string       `json:"name"`
	Query     string       `json:"query"` // reads it
	Files     []string     `json:"files"` // the only files that the query reads
	Rows      int64        `json:"rows"`
	Title     string       `json:"title"` // a description in one line
	Columns   []ViewColumn `json:"columns"`
	Source    string       `json:"source"` // source system; empty if generated
	Simulated bool         `json:"simulated"`
	Snapshot  string       `json:"snapshot"` // or build
	Broken    string       `json:"broken"`   // why it cannot be read; empty if it can
	Repair    string       `json:"repair"`   // what to do if it cannot be read
}

// ViewColumn is a column of a view.
type ViewColumn struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// Look runs statements on a lake. A statement can only read the files of the views.
type Look struct {
	Views       []View   `json:"views"`
	Unpublished []string `json:"unpublished"` // datasets that have no view yet
	Run         string   `json:"run"`         // the command that publishes one
	Marts       string   `json:"marts"`       // the command that builds the marts

	Statements  *string `json:"statements"` // nil: read from standard input
	Interactive bool    `json:"interactive"`
	Format      string  `json:"format"` // table, csv, json, markdown, or rows (into the report)
	Limit       int     `json:"limit"`  // maximum rows of a result; 0 means all, less means the default of the format
	Width       int     `json:"width"`  // columns of the terminal; 0 if it is not a terminal
	Color       bool    `json:"color"`

	// Only for the shell.
	Banner  []string `json:"banner"`
	History string   `json:"history"` // file with the typed statements

	Spill string `json:"spill"` // set by Engine.Look
}

func (l *Look) spillTo(folder string) { l.Spill = folder }

// Report is the outcome of a look.
type Report struct {
	Error     *Error   `json:"error"`     // the statement that did not run
	Results   []Rows   `json:"results"`   // with the format rows
	Used      []string `json:"used"`      // views that the statements read
	Simulated []string `json:"simulated"` // those of Used that are simulated (invariant 11)
	Again     bool     `json:"again"`     // the person wants to reload the lake
}

// Look runs statements. Their results go to the streams.
func (e Engine) Look(ctx context.Context, l Look, s Streams) (Report, error) {
	var r Report
	err := e.program(ctx, "look", &l, &r, s)
	return r, err
}
