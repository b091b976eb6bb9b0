package dbtsource

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/arrowschema"
)

// Name is the name of the dbt source; every dataset is a table of it.
const Name = "staging"

// header starts every generated file and distinguishes it from other files.
const header = "# Generated from "

// Column is one column of a staged relation.
type Column struct {
	Name        string
	Type        string // common to the SQL engines: varchar, bigint, double, decimal(p,s), boolean, date, timestamp
	Description string
	Field       contract.Field
}

// Columns returns the columns of a snapshot's relation, in order: those in the files, then those in the path.
func Columns(c *contract.Contract) []Column {
	var out []Column
	for _, f := range slices.Concat(arrowschema.InFiles(c), arrowschema.InPath(c)) {
		out = append(out, Column{f.Name, sqlType(f), f.Description, f})
	}
	return out
}

func sqlType(f contract.Field) string {
	switch f.Type {
	case contract.Integer:
		return "bigint"
	case contract.Number:
		return "double"
	case contract.Decimal:
		return fmt.Sprintf("decimal(%d,%d)", f.Precision, f.Scale)
	case contract.Boolean:
		return "boolean"
	case contract.Date:
		return "date"
	case contract.Timestamp:
		return "timestamp"
	}
	return "varchar"
}

// Source returns the dbt source file of a contract.
func Source(c *contract.Contract) []byte {
	w := &writer{}
	w.line(0, "%sdatasets/%s%s by make generate. Change the contract, not this file.", header, c.Dataset, contract.FileSuffix)
	w.line(0, "version: 2")
	w.line(0, "")
	w.line(0, "sources:")
	w.line(1, "- name: %s", Name)
	w.line(2, "schema: %s", text("{{ var('staging_schema', 'staging') }}"))
	w.line(2, "tables:")
	w.line(3, "- name: %s", c.Dataset)
	w.line(4, "identifier: %s", text(c.Dataset+"__{{ var('snapshots', {}).get('"+c.Dataset+"', 'none') | lower }}"))
	w.line(4, "description: %s", words(c.Title+". "+sentence(c.Grain)+" "+sentence(c.Purpose)+" "+c.Attribution))
	w.line(4, "config:")
	freshness(w, c)
	w.line(5, "meta:")
	for _, m := range [][2]string{
		{"grain", c.Grain}, {"attribution", c.Attribution}, {"licence", c.Licence}, {"licence_url", c.LicenceURL},
		{"source", c.Source.Kind + " " + c.Source.ID}, {"owner", c.Owner},
	} {
		if m[1] != "" {
			w.line(6, "%s: %s", m[0], words(m[1]))
		}
	}
	if len(c.Key) > 0 {
		w.line(6, "key: %s", list(c.Key))
	}
	if len(c.Key) > 1 {
		w.line(4, "data_tests:") // is_key is a test of the dbt project
		w.line(5, "- is_key:")
		w.line(7, "arguments:")
		w.line(8, "columns: %s", list(c.Key))
	}
	w.line(4, "columns:")
	for _, column := range Columns(c) {
		w.line(5, "- name: %s", column.Name)
		w.line(6, "data_type: %s", column.Type)
		w.line(6, "description: %s", words(column.Description))
		tests(w, c, column)
	}
	return w.Bytes()
}

// freshness writes the contract's SLA. The source does not record when it was last checked: the runner passes it.
func freshness(w *writer, c *contract.Contract) {
	if c.SLA.Freshness <= 0 {
		return
	}
	w.line(5, "freshness:")
	w.line(6, "warn_after: %s", age(c.SLA.Freshness))
	w.line(6, "error_after: %s", age(2*c.SLA.Freshness))
	w.line(5, "loaded_at_query: %s",
		text("select cast('{{ var('checked_at', {}).get('"+c.Dataset+
			"', '1970-01-01T00:00:00Z') | replace('T', ' ') | replace('Z', '') }}' as timestamp)"))
}

// age writes a duration in the largest dbt unit of which it is a whole number.
func age(d time.Duration) string {
	for _, u := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}} {
		if d%u.length == 0 {
			return fmt.Sprintf("{count: %d, period: %s}", d/u.length, u.name)
		}
	}
	return fmt.Sprintf("{count: %d, period: minute}", (d+time.Minute-1)/time.Minute)
}

// tests writes the tests of a column that follow from the contract. The gate has checked everything else.
func tests(w *writer, c *contract.Contract, column Column) {
	var values []string
	if f := column.Field; len(f.Mapping) > 0 {
		values = slices.Collect(maps.Values(f.Mapping))
		if f.Default != nil {
			values = append(values, *f.Default)
		}
		slices.Sort(values)
		values = slices.Compact(values)
	}
	key := len(c.Key) == 1 && c.Key[0] == column.Name
	if !key && values == nil {
		return
	}
	w.line(6, "data_tests:")
	if key {
		w.line(7, "- not_null")
		w.line(7, "- unique")
	}
	if values != nil {
		w.line(7, "- accepted_values:")
		w.line(9, "arguments:")
		for i := range values {
			values[i] = strings.ReplaceAll(values[i], "'", "''") // dbt quotes them without escaping
		}
		w.line(10, "values: %s", list(values))
		if column.Type != "varchar" {
			w.line(10, "quote: false")
		}
	}
}

// writer writes YAML, two spaces per step.
type writer struct{ bytes.Buffer }

func (w *writer) line(steps int, format string, args ...any) {
	line := strings.Repeat("  ", steps) + fmt.Sprintf(format, args...)
	w.WriteString(strings.TrimRight(line, " ") + "\n")
}

// text returns a text as a YAML scalar: a JSON string is one.
func text(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a text can always be encoded
	return strings.TrimRight(b.String(), "\n")
}

// words returns prose as a YAML scalar that dbt does not interpret as a template.
func words(s string) string {
	for _, open := range []string{"{{", "{%", "{#"} {
		s = strings.ReplaceAll(s, open, open[:1]+" "+open[1:])
	}
	return text(strings.Join(strings.Fields(s), " "))
}

func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

func list(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = text(v)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
