package contract

import (
	"slices"
	"strings"
)

// Metric says what a quality rule measures.
type Metric struct {
	Name      string
	Column    Need     // whether the rule is about one column
	Units     []string // the first is the default
	Dimension string   // of the rule where it names none
	Numeric   bool     // the column must be numeric
	Text      string   // for a person
}

// Need says whether a metric is of a column.
type Need int

// The needs.
const (
	Never    Need = iota // of the whole candidate
	Always               // of one column
	OrTheKey             // of one column; without one, of the key
)

// Metrics are what the quality gate measures on a candidate, all of them.
var Metrics = []Metric{
	{Name: "row_count", Units: []string{"rows"}, Dimension: "completeness", Text: "Rows of the candidate; of a sliced dataset, of one slice."},
	{Name: "row_count_change_percent", Units: []string{"percent"}, Dimension: "consistency", Text: "Change of the row count against the published snapshot, in percent of it: -20 is a fifth fewer. Passes when nothing is published yet."},
	{Name: "null_percent", Column: Always, Units: []string{"percent"}, Dimension: "completeness", Text: "Share of the rows whose column is null, in percent."},
	{Name: "duplicate_count", Column: OrTheKey, Units: []string{"rows"}, Dimension: "uniqueness", Text: "Rows whose value (of the column, or of the key) an earlier row has already. Nulls are not counted."},
	{Name: "invalid", Column: Always, Units: []string{"rows", "percent"}, Dimension: "conformity", Text: "Rows whose value is not among the valid values, does not match the pattern, or lies outside the range. Nulls are not counted."},
	{Name: "minimum", Column: Always, Numeric: true, Dimension: "accuracy", Text: "Smallest value of the column. Passes when all are null."},
	{Name: "maximum", Column: Always, Numeric: true, Dimension: "accuracy", Text: "Largest value of the column. Passes when all are null."},
	{Name: "distinct_count", Column: Always, Dimension: "coverage", Text: "Number of different values of the column, without null."},
	{Name: "reference_orphans", Column: Always, Units: []string{"rows", "percent"}, Dimension: "consistency", Text: "Rows whose value is not found in the referenced dataset's published snapshot. Nulls are not counted."},
	{Name: "quarantined_percent", Units: []string{"percent"}, Dimension: "conformity", Text: "Rows quarantined while staging, in percent of the rows that came in."},
}

func metric(name string) (Metric, bool) {
	i := slices.IndexFunc(Metrics, func(m Metric) bool { return m.Name == name })
	if i < 0 {
		return Metric{}, false
	}
	return Metrics[i], true
}

func metricNames() []string {
	out := make([]string, len(Metrics))
	for i, m := range Metrics {
		out[i] = m.Name
	}
	return out
}

// libraryMetrics are the standard's own metrics and ours for them.
var libraryMetrics = map[string]string{
	"rowCount": "row_count", "nullValues": "null_percent", "duplicateValues": "duplicate_count", "invalidValues": "invalid",
}

// readRules decodes the quality rules of the schema object and of every property, in the file's order.
func (d *document) readRules(c *Contract, object node, places map[string]node) {
	names := map[string]bool{}
	add := func(n node, column string) {
		rule, ok := d.readRule(n, column, c, places)
		if !ok {
			return
		}
		if rule.Name != "" && names[rule.Name] {
			d.report(n.get("name"), "give each rule its own name", "the rule %q stands twice", rule.Name)
			return
		}
		names[rule.Name] = true
		c.Quality = append(c.Quality, rule)
	}
	for _, f := range c.Fields {
		for _, n := range places[f.Name].get("quality").items() {
			add(n, f.Name)
		}
	}
	for _, n := range object.get("quality").items() {
		add(n, "")
	}
	slices.SortStableFunc(c.Quality, func(a, b Rule) int { return a.Line - b.Line })
}

// readRule decodes one rule. Rules of type text are for people and are not checked.
func (d *document) readRule(n node, column string, c *Contract, places map[string]node) (Rule, bool) {
	r := Rule{Column: column, Line: n.yaml.Line, Text: n.get("description").text()}
	custom := d.customProperties(n, atRule)
	var bounds, arguments node
	switch kind := n.get("type").text(); {
	case kind == "text":
		return r, false
	case kind == "sql":
		d.report(n.get("type"), "use a metric, or type: custom with engine: llac", "the gate runs no SQL")
		return r, false
	case kind == "custom":
		if engine := n.get("engine"); engine.text() != "llac" {
			d.report(orParent(engine, n), "write engine: llac", "the gate runs rules of the engine llac alone, not of %q", engine.text())
			return r, false
		}
		implementation := n.get("implementation")
		if !implementation.isMapping() {
			d.report(orParent(implementation, n), "write {metric: row_count_change_percent, mustBeGreaterOrEqualTo: -20}", "the implementation must be a mapping")
			return r, false
		}
		bounds, arguments = implementation, implementation
		at := implementation.get("metric")
		r.Metric = at.text()
		if _, known := metric(r.Metric); !known {
			d.reportAt(orParent(at, implementation), at.path, didYouMean(r.Metric, metricNames()), "no metric %q; there are %s", r.Metric, strings.Join(metricNames(), ", "))
			return r, false
		}
		for _, e := range implementation.entries() {
			known := slices.Concat([]string{"metric", "column", "validValues", "pattern", "minimum", "maximum"}, operators)
			if !slices.Contains(known, e.name) {
				d.report(e.value, didYouMean(e.name, known), "a rule has no %q", e.name)
			}
		}
	default:
		bounds, arguments = n, n.get("arguments")
		at := n.get("metric")
		own, known := libraryMetrics[at.text()]
		if !known {
			if at.text() == "missingValues" {
				d.report(at, "use nullValues: list the texts that mean null in llacNullLiterals", "missingValues is not measured")
			} else if !at.exists() {
				d.reportAt(n, at.path, "write metric: rowCount, nullValues, duplicateValues or invalidValues, or type: custom", "metric is missing")
			}
			return r, false
		}
		r.Metric = own
		d.checkArguments(arguments, own, c)
	}
	d.readRuleName(&r, n)
	d.readColumn(&r, n, arguments, c, places)
	d.readUnit(&r, n)
	d.readValidity(&r, n, arguments)
	d.readBounds(&r, n, bounds)
	m, _ := metric(r.Metric)
	r.Dimension = m.Dimension
	if dimension := n.get("dimension").text(); dimension != "" {
		r.Dimension = dimension
	}
	r.Severity = d.choiceOf(n.get("severity"), "error", "warning")
	r.Side = d.choiceOf(custom["llacResponsible"], "source", "pipeline")
	return r, true
}

func (d *document) readRuleName(r *Rule, n node) {
	name := n.get("name")
	r.Name = name.text()
	switch {
	case !name.exists():
		d.reportAt(n, name.path, "give the rule a name, e.g. "+r.Metric+"_in_range", "name is missing")
	case !identifier.MatchString(r.Name):
		d.report(name, identifierHint, "%q is not a rule name", r.Name)
	}
}

// checkArguments refuses arguments of a library metric that the gate would not look at.
func (d *document) checkArguments(arguments node, name string, c *Contract) {
	known := map[string][]string{"invalid": {"validValues", "pattern", "minimum", "maximum"}, "duplicate_count": {"properties"}}[name]
	for _, e := range arguments.entries() {
		if !slices.Contains(known, e.name) {
			d.report(e.value, didYouMean(e.name, known), "the metric has no argument %q", e.name)
		}
	}
	if properties := arguments.get("properties"); properties.exists() && name == "duplicate_count" {
		if columns := d.stringsOf(properties); !slices.Equal(columns, c.Key) {
			d.report(properties, "leave it out to check the key, or put the rule under one property", "duplicates are counted over the key or over one column")
		}
	}
}

// readColumn checks that the rule's column is there, is staged and suits the metric.
func (d *document) readColumn(r *Rule, n, arguments node, c *Contract, places map[string]node) {
	at := n
	if named := arguments.get("column"); named.exists() && n.get("type").text() == "custom" {
		at = named
		text := d.stringOf(named)
		if r.Column != "" && text != r.Column {
			d.report(named, "leave it out", "the rule stands under %q and names %q", r.Column, text)
			return
		}
		r.Column = text
	}
	m, _ := metric(r.Metric)
	if r.Column == "" {
		switch {
		case m.Column == Always:
			d.reportAt(n, join(n.path, "column"), "put the rule under the property it is about", "%s is of a column", r.Metric)
		case m.Column == OrTheKey && len(c.Key) == 0:
			d.report(n, "put the rule under a property, or give the dataset a primaryKey", "%s without a column is of the key, and there is no key", r.Metric)
		}
		return
	}
	if m.Column == Never {
		d.report(at, "put the rule under the schema object's quality", "%s is of the whole dataset, not of a column", r.Metric)
		return
	}
	if _, ok := places[r.Column]; !ok {
		d.report(at, didYouMean(r.Column, columnNames(c)), "no column %q", r.Column)
		return
	}
	f := c.Field(r.Column)
	switch {
	case f.Personal():
		// Invariant 8: verdicts hold samples of failing rows.
		d.report(at, "take the rule away", "the personal field %q cannot be in a quality rule", r.Column)
	case !f.Staged:
		d.report(at, "stage the column, or take the rule away", "the column %q is not staged, so the gate cannot see it", r.Column)
	case m.Numeric && !f.numeric():
		d.report(at, "use invalid with a pattern or valid values", "%s needs a numeric column; %q is of type %s", r.Metric, r.Column, f.Type)
	case r.Metric == "reference_orphans" && f.Reference == nil:
		d.report(at, "add relationships: [{to: dataset.column}] to it", "the column %q refers to no dataset", r.Column)
	}
}

func (d *document) readUnit(r *Rule, n node) {
	m, _ := metric(r.Metric)
	unit := n.get("unit")
	switch {
	case !unit.exists():
		if len(m.Units) > 0 {
			r.Unit = m.Units[0]
		}
		if r.Metric == "null_percent" && n.get("metric").exists() {
			// The standard counts rows by default; the gate measures shares, which hold for any size.
			d.reportAt(n, unit.path, "write unit: percent", "nullValues is measured in percent")
		}
	case !slices.Contains(m.Units, unit.text()):
		if len(m.Units) == 0 {
			d.report(unit, "leave it out", "%s has no unit", r.Metric)
			return
		}
		d.report(unit, "write unit: "+strings.Join(m.Units, " or "), "%s is not measured in %q", r.Metric, unit.text())
	default:
		r.Unit = unit.text()
	}
}

// readValidity decodes what the metric "invalid" takes for valid.
func (d *document) readValidity(r *Rule, n, arguments node) {
	given := false
	for _, key := range []string{"validValues", "pattern", "minimum", "maximum"} {
		value := arguments.get(key)
		if !value.exists() {
			continue
		}
		given = true
		if r.Metric != "invalid" {
			d.report(value, "use the metric invalid", "%s has no %s", r.Metric, key)
			continue
		}
		switch key {
		case "validValues":
			r.Values = d.stringsOf(value)
		case "pattern":
			r.Pattern = d.patternOf(value)
		case "minimum", "maximum":
			limit := numberOf(value)
			if limit == nil {
				d.report(value, "", "must be a number")
			}
			if key == "minimum" {
				r.Low = limit
			} else {
				r.High = limit
			}
		}
	}
	if r.Metric == "invalid" && !given {
		d.reportAt(n, join(n.path, "arguments"), `add arguments: {validValues: ["a", "b"]}, or pattern, minimum, maximum`, "nothing says which values are valid")
	}
}

// operators are the standard's comparisons that the gate knows.
var operators = []string{"mustBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan", "mustBeLessOrEqualTo", "mustBeBetween"}

// readBounds decodes the one comparison of a rule.
func (d *document) readBounds(r *Rule, n, holder node) {
	for _, refused := range []string{"mustNotBe", "mustNotBeBetween"} {
		if v := holder.get(refused); v.exists() {
			d.report(v, "say what it must be: "+strings.Join(operators, ", "), "%s is not a bound that the gate knows", refused)
			return
		}
	}
	var found []string
	for _, operator := range operators {
		v := holder.get(operator)
		if !v.exists() {
			continue
		}
		found = append(found, operator)
		if operator == "mustBeBetween" {
			d.readBetween(r, v)
			continue
		}
		limit := numberOf(v)
		if limit == nil {
			d.report(v, "", "must be a number")
			continue
		}
		switch operator {
		case "mustBe":
			r.Min, r.Max = limit, limit
		case "mustBeGreaterThan":
			r.Min, r.MinOpen = limit, true
		case "mustBeGreaterOrEqualTo":
			r.Min = limit
		case "mustBeLessThan":
			r.Max, r.MaxOpen = limit, true
		case "mustBeLessOrEqualTo":
			r.Max = limit
		}
	}
	if len(found) != 1 && n.get("type").text() == "custom" { // of the others the standard's schema says it
		d.report(holder, "write exactly one of "+strings.Join(operators, ", "), "a rule has exactly one bound, this one has %d", len(found))
	}
}

func (d *document) readBetween(r *Rule, v node) {
	items := v.items()
	if len(items) != 2 {
		d.report(v, "write [smallest, largest]", "must be two numbers")
		return
	}
	r.Min, r.Max = numberOf(items[0]), numberOf(items[1])
	if r.Min == nil || r.Max == nil {
		d.report(v, "write [smallest, largest]", "must be two numbers")
	} else if *r.Min > *r.Max {
		d.report(v, "smallest number first", "%v is above %v", *r.Min, *r.Max)
	}
}
