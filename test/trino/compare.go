package trino

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// equivalent are Trino's types and DuckDB's for the same values. A mart has no others: a type that is not here differs
// between the engines, or from what Parquet keeps, and a bounded text (varchar(3)) was never cast.
var equivalent = map[string]string{
	"varchar": "VARCHAR",
	"integer": "INTEGER",
	"bigint":  "BIGINT",
	"double":  "DOUBLE",
	"date":    "DATE",
	"boolean": "BOOLEAN",
}

var decimal = regexp.MustCompile(`^decimal\(\d+,\s*\d+\)$`)

// sameType says whether a type of Trino's and one of DuckDB's are the same.
func sameType(trino, duckdb string) bool {
	if decimal.MatchString(trino) {
		return strings.ReplaceAll(trino, " ", "") == strings.ReplaceAll(strings.ToLower(duckdb), " ", "")
	}
	want, ok := equivalent[trino]
	return ok && want == duckdb
}

// most bounds the differences that are told of one model.
const most = 10

// Differences are what tells a model's table on Trino from that on DuckDB: columns, types, rows, values. Empty: they are
// the same. Rows have no order; they are matched by the shortest run of leading columns that is unique.
func Differences(trino, duckdb Table) []string {
	if d := differentColumns(trino.Columns, duckdb.Columns); len(d) > 0 {
		return d // the rows cannot be set beside each other
	}
	left, right := texts(trino), texts(duckdb)
	width := max(keyWidth(left), keyWidth(right))
	var out []string
	differ := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	name := func(row []string) string {
		var parts []string
		for i := range width {
			parts = append(parts, trino.Columns[i].Name+" "+row[i])
		}
		return strings.Join(parts, ", ")
	}
	for l, r := 0, 0; l < len(left) || r < len(right); {
		order := 0
		switch {
		case l == len(left):
			order = 1
		case r == len(right):
			order = -1
		default:
			order = slices.Compare(left[l][:width], right[r][:width])
		}
		switch {
		case order < 0:
			differ("only Trino has the row %s", name(left[l]))
			l++
		case order > 0:
			differ("only DuckDB has the row %s", name(right[r]))
			r++
		default:
			for i := width; i < len(trino.Columns); i++ {
				if left[l][i] != right[r][i] {
					differ("%s: %s is %s on Trino and %s on DuckDB", name(left[l]), trino.Columns[i].Name, left[l][i], right[r][i])
				}
			}
			l, r = l+1, r+1
		}
	}
	if len(left) != len(right) {
		out = slices.Insert(out, 0, fmt.Sprintf("%d rows on Trino, %d on DuckDB", len(left), len(right)))
	}
	if more := len(out) - most; more > 0 {
		out = append(out[:most], fmt.Sprintf("and %d more", more))
	}
	return out
}

func differentColumns(trino, duckdb []Column) []string {
	var out []string
	for i := range max(len(trino), len(duckdb)) {
		switch {
		case i >= len(trino):
			out = append(out, fmt.Sprintf("column %d: %s is missing on Trino", i+1, duckdb[i].Name))
		case i >= len(duckdb):
			out = append(out, fmt.Sprintf("column %d: %s is missing on DuckDB", i+1, trino[i].Name))
		case trino[i].Name != duckdb[i].Name:
			out = append(out, fmt.Sprintf("column %d is %s on Trino and %s on DuckDB", i+1, trino[i].Name, duckdb[i].Name))
		case !sameType(trino[i].Type, duckdb[i].Type):
			out = append(out, fmt.Sprintf("%s is %s on Trino and %s on DuckDB", trino[i].Name, trino[i].Type, duckdb[i].Type))
		}
	}
	return out
}

// texts are the rows as texts that say exactly what the values are, sorted.
func texts(t Table) [][]string {
	rows := make([][]string, len(t.Rows))
	for i, row := range t.Rows {
		rows[i] = make([]string, len(row))
		for j, value := range row {
			rows[i][j] = text(value, t.Columns[j].Type)
		}
	}
	slices.SortFunc(rows, slices.Compare)
	return rows
}

// text is a value as a text; a null is no text that a value can have. Doubles are compared as numbers: each engine writes
// them its own way.
func text(value any, kind string) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		if strings.EqualFold(kind, "double") {
			return number(v.String())
		}
		return v.String()
	case string:
		switch {
		case strings.EqualFold(kind, "double"):
			return number(v)
		case strings.EqualFold(kind, "varchar"):
			return strconv.Quote(v)
		}
		return v
	}
	return fmt.Sprintf("%v", value)
}

func number(s string) string {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return "not a number: " + s
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// keyWidth is how many leading columns tell the sorted rows apart: all, when even those do not.
func keyWidth(rows [][]string) int {
	if len(rows) == 0 {
		return 0
	}
	width := 1
	for i := 1; i < len(rows); i++ {
		for width < len(rows[i]) && slices.Equal(rows[i-1][:width], rows[i][:width]) {
			width++
		}
	}
	return cmp.Or(width, 1)
}
