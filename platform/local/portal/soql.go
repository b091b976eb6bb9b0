package portal

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/llac-project/llac/platform/source"
)

// soql is a query in the part of SoQL that the simulator supports: $select of fields or count(*), $where of comparisons joined by
// and, $order, $limit, $offset, and field=value.
type soql struct {
	names   []string          // fields to send, in order
	aliases map[string]string // by field
	whole   bool              // $select is * or *,:id: the encoded rows can be sent
	ids     bool              // $select is *,:id: the encoded rows are sent with their ids
	count   string            // name of count(*); empty: the query selects rows
	where   []comparison
	order   []ordering
	limit   int
	offset  int
}

type comparison struct {
	field    string
	operator string // = != < <= > >= null notnull
	text     string
	number   bool // compare as numbers
}

type ordering struct {
	field      string
	descending bool
	number     bool
}

// soqlError is a query that the portal rejects, always with status 400.
type soqlError struct {
	code    string // of the core front end's shape; empty: the query coordinator's shape
	message string
	column  string
}

func malformed(format string, values ...any) *soqlError {
	return &soqlError{code: "query.compiler.malformed", message: fmt.Sprintf(format, values...)}
}

func coordinator(code, column, format string, values ...any) *soqlError {
	return &soqlError{message: "Query coordinator error: " + code + "; " + fmt.Sprintf(format, values...), column: column + "\x00" + code}
}

// answer writes one of the two shapes of Socrata's errors.
func (e *soqlError) answer(query string) answer {
	if e.code != "" {
		return socrataJSON(http.StatusBadRequest, object{
			{"code", e.code}, {"error", true}, {"message", e.message},
			{"data", object{{"query", query}, {"position", object{}}}},
		})
	}
	column, code, _ := strings.Cut(e.column, "\x00")
	return socrataJSON(http.StatusBadRequest, object{
		{"message", e.message}, {"errorCode", code},
		{"data", object{{"column", column}, {"dataset", "alpha.1"}, {"position", object{{"row", 1}, {"column", 1}, {"line", query}}}}},
	})
}

var systemFields = []string{":id", ":created_at", ":updated_at"}

func parseSoQL(form map[string][]string, v *version) (*soql, *soqlError) {
	q := &soql{limit: 1000, aliases: map[string]string{}}
	var err *soqlError
	for _, name := range slices.Sorted(maps.Keys(form)) {
		text := strings.Join(form[name], ",")
		switch name {
		case "$select":
			err = q.parseSelect(text, v)
		case "$where":
			err = q.parseWhere(text, v)
		case "$order":
			err = q.parseOrder(text, v)
		case "$limit":
			q.limit, err = parseCount(name, text)
		case "$offset":
			q.offset, err = parseCount(name, text)
		case "$$app_token":
		default:
			if strings.HasPrefix(name, "$") {
				return nil, malformed("Unrecognized arguments [%s]", name)
			}
			err = q.compare(name, "=", text, true, v)
		}
		if err != nil {
			return nil, err
		}
	}
	if q.count == "" && len(q.names) == 0 {
		q.whole = true
		q.names = columnNames(v.columns)
	}
	return q, nil
}

func parseCount(name, text string) (int, *soqlError) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, malformed("Invalid %s: %q is not a whole number from 0", name, text)
	}
	return n, nil
}

// field checks that a name is a column or a system field and returns it in the portal's lower case.
func field(text string, v *version) (string, *soqlError) {
	name := strings.ToLower(strings.Trim(strings.TrimSpace(text), "`"))
	if name == source.Origin || slices.Contains(systemFields, name) || v.column(name) != nil {
		return name, nil
	}
	if name == "" || strings.ContainsAny(name, " '\"()?=<>") {
		return "", malformed("Could not parse SoQL query: expected a field, but got `%s'", text)
	}
	return "", coordinator("query.soql.no-such-column", name, "No such column: %s; position: Map(row -> 1, column -> 1)", name)
}

func isNumber(name string, v *version) bool {
	c := v.column(name)
	return c != nil && c.Type == "number"
}

func (q *soql) parseSelect(text string, v *version) *soqlError {
	for part := range strings.SplitSeq(text, ",") {
		expression, alias := strings.TrimSpace(part), ""
		if words := strings.Fields(expression); len(words) == 3 && strings.EqualFold(words[1], "as") {
			expression, alias = words[0], words[2]
		}
		switch compact := strings.ToLower(strings.ReplaceAll(expression, " ", "")); {
		case compact == "*" && len(q.names) > 0 && !slices.Equal(q.names, systemFields): // only :* may come before it
			return malformed("Star selections must come at the start of the select-list")
		case compact == "*":
			q.names = append(q.names, columnNames(v.columns)...)
		case compact == ":*":
			q.names = append(q.names, systemFields...)
		case compact == "count(*)":
			if q.count = "count"; alias != "" {
				q.count = alias
			}
		case strings.Contains(compact, "("):
			name, _, _ := strings.Cut(compact, "(")
			return coordinator("query.soql.no-such-function", name, "No such function %s", name)
		default:
			name, err := field(expression, v)
			if err != nil {
				return err
			}
			q.names = append(q.names, name)
			if alias != "" {
				q.aliases[name] = alias
			}
		}
	}
	if q.count != "" && len(q.names) > 0 {
		return coordinator("query.soql.column-not-in-group-bys", q.names[0], "Column %s is not in the group bys", q.names[0])
	}
	compact := strings.ReplaceAll(text, " ", "")
	q.ids = compact == "*,:id"
	q.whole = q.ids || compact == "*"
	if q.count == "" && !slices.Contains(q.names, source.Origin) {
		q.names = append(q.names, source.Origin) // Invariant 11: every row states its origin.
	}
	return nil
}

func (q *soql) parseOrder(text string, v *version) *soqlError {
	for part := range strings.SplitSeq(text, ",") {
		words := strings.Fields(part)
		if len(words) == 0 || len(words) > 2 {
			return malformed("Could not parse SoQL query: expected an ordering, but got `%s'", part)
		}
		name, err := field(words[0], v)
		if err != nil {
			return err
		}
		by := ordering{field: name, number: isNumber(name, v)}
		if len(words) == 2 {
			switch strings.ToLower(words[1]) {
			case "asc":
			case "desc":
				by.descending = true
			default:
				return malformed("Could not parse SoQL query: expected asc or desc, but got `%s'", words[1])
			}
		}
		q.order = append(q.order, by)
	}
	return nil
}

func (q *soql) parseWhere(text string, v *version) *soqlError {
	tokens, err := tokenise(text)
	if err != nil {
		return err
	}
	for {
		if len(tokens) < 3 {
			return malformed("Could not parse SoQL query: unexpected end of `%s'", text)
		}
		name, operator, operand := tokens[0], strings.ToLower(tokens[1]), tokens[2]
		used := 3
		switch {
		case operator == "is" && strings.EqualFold(operand, "null"):
			if err := q.compare(name, "null", "", true, v); err != nil {
				return err
			}
		case operator == "is" && strings.EqualFold(operand, "not") && len(tokens) > 3 && strings.EqualFold(tokens[3], "null"):
			used = 4
			if err := q.compare(name, "notnull", "", true, v); err != nil {
				return err
			}
		case slices.Contains([]string{"=", "!=", "<>", "<", "<=", ">", ">="}, operator):
			quoted := strings.HasPrefix(operand, "'")
			if quoted {
				operand = strings.ReplaceAll(operand[1:len(operand)-1], "''", "'")
			}
			if err := q.compare(name, operator, operand, quoted, v); err != nil {
				return err
			}
		default:
			return malformed("Could not parse SoQL query: expected a comparison, but got `%s'", tokens[1])
		}
		if tokens = tokens[used:]; len(tokens) == 0 {
			return nil
		}
		if !strings.EqualFold(tokens[0], "and") {
			return malformed("Could not parse SoQL query: expected and, but got `%s'", tokens[0])
		}
		tokens = tokens[1:]
	}
}

// tokenise splits a $where into names, operators, numbers and quoted texts; the last keep their quotes.
func tokenise(text string) ([]string, *soqlError) {
	var out []string
	for i := 0; i < len(text); {
		start := i
		switch c := text[i]; {
		case c == ' ' || c == '\t' || c == '\n':
			i++
			continue
		case c == '\'':
			for i++; ; i++ {
				if i >= len(text) {
					return nil, coordinator("query.soql.unterminated-string", "", "Unterminated string")
				}
				if text[i] == '\'' {
					if i+1 < len(text) && text[i+1] == '\'' {
						i++
						continue
					}
					break
				}
			}
			i++
		case strings.IndexByte("=<>!", c) >= 0:
			for i < len(text) && strings.IndexByte("=<>!", text[i]) >= 0 {
				i++
			}
		case isWord(c):
			for i < len(text) && isWord(text[i]) {
				i++
			}
		default:
			return nil, malformed("Could not parse SoQL query at line 1 character %d: Expected an expression, but got `%s'", i+1, text[i:])
		}
		out = append(out, text[start:i])
	}
	return out, nil
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_:@.`-+", c) >= 0
}

// compare adds a comparison. A number against a text column is a type mismatch, a text against a number column is
// read as a number, as the portal does.
func (q *soql) compare(name, operator, operand string, quoted bool, v *version) *soqlError {
	name, err := field(name, v)
	if err != nil {
		return err
	}
	if operator == "<>" {
		operator = "!="
	}
	c := comparison{field: name, operator: operator, text: operand, number: isNumber(name, v)}
	if operator != "null" && operator != "notnull" {
		_, isNumeric := strconv.ParseFloat(operand, 64)
		if c.number != (isNumeric == nil) && (c.number || !quoted) {
			return coordinator("query.soql.type-mismatch", name, "Type mismatch for %s", name)
		}
	}
	q.where = append(q.where, c)
	return nil
}

// textOf returns a value as text for comparisons; ok is false for null.
func textOf(value any) (text string, ok bool) {
	switch x := value.(type) {
	case nil:
		return "", false
	case string:
		return x, true
	}
	return fmt.Sprint(value), true
}

func compareValues(a, b string, number bool) int {
	if number {
		x, errA := strconv.ParseFloat(a, 64)
		y, errB := strconv.ParseFloat(b, 64)
		if errA == nil && errB == nil {
			return cmp.Compare(x, y)
		}
	}
	return strings.Compare(a, b)
}

func (c comparison) holds(value any) bool {
	text, ok := textOf(value)
	if c.operator == "null" || c.operator == "notnull" {
		return ok == (c.operator == "notnull")
	}
	if !ok {
		return false
	}
	order := compareValues(text, c.text, c.number)
	switch c.operator {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

// pick returns the indexes of the rows that the query selects, in order, before $limit and $offset.
func (q *soql) pick(v *version) []int {
	out := make([]int, 0, len(v.rows))
	for i := range v.rows {
		if !slices.ContainsFunc(q.where, func(c comparison) bool { return !c.holds(v.field(i, c.field)) }) {
			out = append(out, i)
		}
	}
	if len(q.order) == 0 || len(q.order) == 1 && q.order[0] == (ordering{field: ":id"}) {
		return out // row ids sort in row order
	}
	slices.SortStableFunc(out, func(a, b int) int {
		for _, by := range q.order {
			x, okX := textOf(v.field(a, by.field))
			y, okY := textOf(v.field(b, by.field))
			order := 0
			switch {
			case okX && okY:
				order = compareValues(x, y, by.number)
			case okX:
				order = -1 // nulls are last
			case okY:
				order = 1
			}
			if by.descending {
				order = -order
			}
			if order != 0 {
				return order
			}
		}
		return 0
	})
	return out
}

// page applies $offset and $limit to the selected rows. Without $order the portal guarantees no order, and its rows move
// between requests. The simulator then repeats the last row of the previous page instead of the first row of this page. A
// request for all rows at once, or with $order, is not affected.
func (q *soql) page(picked []int) []int {
	start := min(q.offset, len(picked))
	end := min(start+q.limit, len(picked))
	if end < start { // the sum overflowed
		end = len(picked)
	}
	out := slices.Clone(picked[start:end])
	if len(q.order) == 0 && start > 0 && len(out) > 0 {
		out[0] = picked[start-1]
	}
	return out
}
