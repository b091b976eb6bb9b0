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

// equivalent maps Trino's types to DuckDB's for the same values. A mart has no other types: a type that is not here differs
// between the engines or from Parquet, and a bounded text such as varchar(3) lacks a cast.
var equivalent = map[string]string{
	"varchar": "VARCHAR",
	"integer": "INTEGER",
	"bigint":  "BIGINT",
	"double":  "DOUBLE",
	"date":    "DATE",
	"boolean": "BOOLEAN",
}

var decimal = regexp.MustCompile(`^decimal\(\d+,\s*\d+\)$`)

// sameType reports whether a type of Trino and one of DuckDB are the same.
func sameType(trino, duckdb string) bool {
	if decimal.MatchString(trino) {
		return strings.ReplaceAll(trino, " ", "") == strings.ReplaceAll(strings.ToLower(duckdb), " ", "")
	}
	want, ok := equivalent[trino]
	return ok && want == duckdb
}

// maxDifferences is the maximum number of differences reported for one model.
const maxDifferences = 10

// Differences returns the differences between a model's table on Trino and on DuckDB: columns, types, rows, values. It is
// empty if they are the same. Rows have no order; they are matched by the fewest leading columns that are unique.
func Differences(trino, duckdb Table) []string {
	if d := differentColumns(trino.Columns, duckdb.Columns); len(d) > 0 {
		return d // the rows cannot be compared
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
	if more := len(out) - maxDifferences; more > 0 {
		out = append(out[:maxDifferences], fmt.Sprintf("and %d more", more))
	}
	return out
}

// differentColumns returns the differences between the names, types and order of columns.
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

// texts returns the rows as sorted texts; different values have different texts.
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

// text returns a value as text. No other value has the text of null. Doubles are formatted again, because each engine
// writes them differently.
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

// number returns a double in one format.
func number(s string) string {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return "not a number: " + s
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// keyWidth returns how many leading columns distinguish the sorted rows; all columns if the rows are not unique.
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
