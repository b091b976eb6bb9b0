package gluetable

import (
	"fmt"
	"regexp"
)

// duckTypes are the types of Parquet files that DuckDB writes and Athena reads back as the same: by DuckDB's name, Hive's and Trino's.
var duckTypes = map[string][2]string{
	"BOOLEAN": {"boolean", "boolean"},
	"TINYINT": {"tinyint", "tinyint"}, "SMALLINT": {"smallint", "smallint"}, "INTEGER": {"int", "integer"}, "BIGINT": {"bigint", "bigint"},
	"FLOAT": {"float", "real"}, "DOUBLE": {"double", "double"},
	"VARCHAR": {"string", "varchar"},
	"DATE":    {"date", "date"},
	// As of staged columns: the files keep the microseconds, Athena reads milliseconds.
	"TIMESTAMP": {"timestamp", "timestamp(3)"},
}

var duckDecimal = regexp.MustCompile(`^DECIMAL\((\d+),(\d+)\)$`)

// OfDuckDB is the column of a table over a file that DuckDB has written. A type that Athena would not read as it is meant
// is an error: a HUGEINT, for one, is a DOUBLE in the file.
func OfDuckDB(name, kind, description string) (Column, error) {
	c := Column{Name: name, Comment: comment(description)}
	if m := duckDecimal.FindStringSubmatch(kind); m != nil {
		c.Hive = "decimal(" + m[1] + "," + m[2] + ")"
		c.Trino = c.Hive
		return c, nil
	}
	both, ok := duckTypes[kind]
	if !ok {
		return Column{}, fmt.Errorf("column %s is a %s, which no table of Athena's can have; cast it in the model, to bigint, decimal(p,s), double, varchar, date or timestamp", name, kind)
	}
	c.Hive, c.Trino = both[0], both[1]
	return c, nil
}
