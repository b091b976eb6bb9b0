// Package gluetable derives the columns of AWS Glue tables from dataset contracts, with the types of Hive, which Glue's
// tables use, and of Trino, which Athena's views use. The columns are those of the staged Parquet files (package
// arrowschema), in the same order, followed by the partition columns, which are in no file.
package gluetable

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/arrowschema"
)

// Column is one column of a table.
type Column struct {
	Name    string
	Hive    string // its type in a table
	Trino   string // its type in a view
	Comment string // one line of at most maxComment bytes
}

// maxComment is the longest comment that Glue accepts.
const maxComment = 255

// Columns returns the columns inside a contract's staged files: its own, then the lineage columns.
func Columns(c *contract.Contract) []Column { return columns(arrowschema.InFiles(c)) }

// PartitionKeys returns the columns that exist only in the path, in the contract's order.
func PartitionKeys(c *contract.Contract) []Column { return columns(arrowschema.InPath(c)) }

func columns(fields []contract.Field) []Column {
	var out []Column
	for _, f := range fields {
		out = append(out, column(f))
	}
	return out
}

func column(f contract.Field) Column {
	c := Column{Name: f.Name, Comment: comment(f.Description)}
	switch f.Type {
	case contract.Integer:
		c.Hive, c.Trino = "bigint", "bigint"
	case contract.Number:
		c.Hive, c.Trino = "double", "double"
	case contract.Decimal:
		c.Hive = fmt.Sprintf("decimal(%d,%d)", f.Precision, f.Scale)
		c.Trino = c.Hive
	case contract.Boolean:
		c.Hive, c.Trino = "boolean", "boolean"
	case contract.Date:
		c.Hive, c.Trino = "date", "date"
	case contract.Timestamp:
		// Athena reads Hive's timestamps to the millisecond; the files keep the microseconds.
		c.Hive, c.Trino = "timestamp", "timestamp(3)"
	default: // Text, and JSON kept as its text
		c.Hive, c.Trino = "string", "varchar"
	}
	return c
}

// comment converts a description to one line of at most maxComment bytes.
func comment(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= maxComment {
		return s
	}
	const more = "…"
	s = s[:maxComment-len(more)]
	for !utf8.ValidString(s) { // cut within a character
		s = s[:len(s)-1]
	}
	return s + more
}
