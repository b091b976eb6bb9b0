package gluetable

import (
	"fmt"
	"regexp"
)

// duckTypes maps the DuckDB types that Athena reads back unchanged from a Parquet file to the types of Hive and Trino.
var duckTypes = map[string][2]string{
	"BOOLEAN": {"boolean", "boolean"},
	"TINYINT": {"tinyint", "tinyint"}, "SMALLINT": {"smallint", "smallint"}, "INTEGER": {"int", "integer"}, "BIGINT": {"bigint", "bigint"},
	"FLOAT": {"float", "real"}, "DOUBLE": {"double", "double"},
	"VARCHAR": {"string", "varchar"},
	"DATE":    {"date", "date"},
	// As for staged columns: the files keep microseconds, Athena reads milliseconds.
	"TIMESTAMP": {"timestamp", "timestamp(3)"},
}

var duckDecimal = regexp.MustCompile(`^DECIMAL\((\d+),(\d+)\)$`)

// OfDuckDB returns the column of a table over a file that DuckDB has written. A type that Athena would read as another type
// is an error: a HUGEINT, for example, is a DOUBLE in the file.
func OfDuckDB(name, kind, description string) (Column, error) {
	c := Column{Name: name, Comment: comment(description)}
	if m := duckDecimal.FindStringSubmatch(kind); m != nil {
		c.Hive = "decimal(" + m[1] + "," + m[2] + ")"
		c.Trino = c.Hive
		return c, nil
	}
	both, ok := duckTypes[kind]
	if !ok {
		return Column{}, fmt.Errorf("column %s has the type %s, which Athena does not support; "+
			"cast it in the model, to bigint, decimal(p,s), double, varchar, date or timestamp", name, kind)
	}
	c.Hive, c.Trino = both[0], both[1]
	return c, nil
}
