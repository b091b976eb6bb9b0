// Package gluetable derives the columns of AWS Glue tables from dataset contracts, in the words of Hive, in which Glue
// keeps tables, and of Trino, in which Athena keeps views. The columns are those of the staged Parquet files (package
// arrowschema), in the same order; the partition columns, which are in no file, come after them.
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

// maxComment is the longest comment that Glue takes.
const maxComment = 255

// Columns are the columns inside a contract's staged files: its own, then the lineage columns.
func Columns(c *contract.Contract) []Column { return columns(arrowschema.InFiles(c)) }

// PartitionKeys are the columns that are in the path alone, in the contract's order.
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

// comment makes one line of a description and cuts it to what Glue takes.
func comment(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= maxComment {
		return s
	}
	const more = "…"
	s = s[:maxComment-len(more)]
	for !utf8.ValidString(s) { // cut within a letter
		s = s[:len(s)-1]
	}
	return s + more
}
