package contract

import (
	"maps"
	"slices"
	"strings"

	"github.com/llac-project/llac/platform/quality"
)

// metricNames returns the names of the metrics that a contract may use, sorted.
func metricNames() []string {
	var out []string
	for _, m := range quality.ForContracts() {
		out = append(out, m.Name)
	}
	return out
}

// metricOf returns the metric that a contract calls by this name in implementation.metric.
func metricOf(name string) (quality.Metric, bool) {
	m, ok := quality.ByName(name)
	return m, ok && !m.Internal
}

// validityMetrics names the metrics whose rules state which values are valid.
func validityMetrics() string {
	var names []string
	for _, m := range quality.ForContracts() {
		if m.Validity {
			names = append(names, m.Name)
		}
	}
	return strings.Join(names, " or ")
}

// standardMetrics returns the metrics that have a name in the standard, by that name.
func standardMetrics() map[string]quality.Metric {
	out := map[string]quality.Metric{}
	for _, m := range quality.ForContracts() {
		if m.Standard != "" {
			out[m.Standard] = m
		}
	}
	return out
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
			d.report(n.get("name"), "give each rule its own name", "two rules are called %q", rule.Name)
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
	slices.SortStableFunc(c.Quality, func(a, b quality.Rule) int { return a.Line - b.Line })
}

// readRule decodes one rule. Rules of type text are for people and are not checked.
func (d *document) readRule(n node, column string, c *Contract, places map[string]node) (quality.Rule, bool) {
	r := quality.Rule{Column: column, Line: n.yaml.Line, Text: n.get("description").text()}
	custom := d.customProperties(n, atRule)
	var m quality.Metric
	var ok bool
	bounds, arguments := n, n.get("arguments")
	switch kind := n.get("type").text(); kind {
	case "text":
		return r, false
	case "sql":
		d.report(n.get("type"), "use a metric, or type: custom with engine: llac", "the gate does not run SQL")
		return r, false
	case "custom":
		m, ok = d.customMetric(n)
		bounds, arguments = n.get("implementation"), n.get("implementation")
	default:
		m, ok = d.standardMetric(n)
		if ok {
			d.checkArguments(n, arguments, column, m, c)
		}
	}
	if !ok {
		return r, false
	}
	r.Metric = m.Name
	d.readRuleName(&r, n)
	d.readColumn(&r, m, n, arguments, c, places)
	d.readUnit(&r, m, n)
	d.readValidity(&r, m, n, arguments)
	d.readBounds(&r, n, bounds)
	r.Dimension = m.Dimension
	if dimension := n.get("dimension").text(); dimension != "" {
		r.Dimension = dimension
	}
	r.Severity = d.choiceOf(n.get("severity"), "error", "warning")
	r.Side = d.choiceOf(custom["llacResponsible"], "source", "pipeline")
	if kind := n.get("type").text(); kind != "custom" {
		d.checkSlices(r, n.get("metric"), c)
	}
	return r, true
}

// checkSlices reports a rule of the standard whose number means one thing here and another to other tools: the gate measures
// each slice, and the standard the whole table. Shares, and counts that must be 0, mean the same for both.
func (d *document) checkSlices(r quality.Rule, metric node, c *Contract) {
	if !perSlice(r, c) {
		return
	}
	d.reportEarlier(metric, "write type: custom and engine: llac, with implementation: {metric: "+r.Metric+", …}",
		"%s counts the whole table, and the gate measures each %s", metric.text(), c.Slicing.Column)
}

// perSlice reports whether the number of a rule is another for a slice than for the whole table.
func perSlice(r quality.Rule, c *Contract) bool {
	none := r.Min != nil && r.Max != nil && *r.Min == 0 && *r.Max == 0
	return c.Slicing != nil && r.Unit != "percent" && !none
}

// customMetric decodes the metric of a rule of type custom.
func (d *document) customMetric(n node) (quality.Metric, bool) {
	if engine := n.get("engine"); engine.text() != "llac" {
		d.report(orParent(engine, n), "write engine: llac", "the gate supports only the engine llac, not %q", engine.text())
		return quality.Metric{}, false
	}
	implementation := n.get("implementation")
	if !implementation.isMapping() {
		d.report(orParent(implementation, n), "write {metric: row_count_change_percent, mustBeGreaterOrEqualTo: -20}",
			"the implementation must be a mapping")
		return quality.Metric{}, false
	}
	at := implementation.get("metric")
	m, ok := metricOf(at.text())
	if !ok {
		fix := didYouMean(at.text(), metricNames())
		if fix == "" {
			fix = "use one of " + strings.Join(metricNames(), ", ")
		}
		d.reportAt(orParent(at, implementation), at.path, fix, "unknown metric %q", at.text())
		return m, false
	}
	known := slices.Concat([]string{"metric", "column"}, quality.Validities, operators)
	for _, e := range implementation.entries() {
		if !slices.Contains(known, e.name) {
			d.report(e.value, didYouMean(e.name, known), "unknown key %q of a rule", e.name)
		}
	}
	return m, true
}

// standardMetric decodes the metric of a rule that uses a name of the standard.
func (d *document) standardMetric(n node) (quality.Metric, bool) {
	at := n.get("metric")
	metrics := standardMetrics()
	m, ok := metrics[at.text()]
	switch {
	case ok:
	case at.text() == "missingValues":
		d.report(at, "use nullValues: list the texts that mean null in llacNullLiterals", "missingValues is not supported")
	case !at.exists():
		names := strings.Join(slices.Sorted(maps.Keys(metrics)), ", ")
		d.reportAt(n, at.path, "write metric: "+names+", or type: custom", "metric is missing")
	}
	return m, ok
}

func (d *document) readRuleName(r *quality.Rule, n node) {
	name := n.get("name")
	r.Name = name.text()
	switch {
	case !name.exists():
		d.reportAt(n, name.path, "give the rule a name, e.g. "+r.Metric+"_in_range", "name is missing")
	case !identifier.MatchString(r.Name):
		d.report(name, identifierHint, "%q is not a rule name", r.Name)
	}
}

// checkArguments reports arguments of a standard metric that the gate would ignore, and those that the standard does not have.
func (d *document) checkArguments(n, arguments node, column string, m quality.Metric, c *Contract) {
	if m.Column == quality.ColumnOrKey && column == "" && len(c.Key) > 0 && !arguments.get("properties").exists() {
		d.reportEarlier(n.get("metric"), "add arguments: {properties: ["+strings.Join(c.Key, ", ")+"]}",
			"the standard does not know which columns %s compares", m.Standard)
	}
	for _, limit := range quality.OwnValidities {
		if at := arguments.get(limit); m.Validity && at.exists() {
			d.reportEarlier(at, "write type: custom and engine: llac, with implementation: {metric: "+m.Name+", …}",
				"the standard's %s has no argument %s", m.Standard, limit)
		}
	}
	var known []string
	if m.Validity {
		known = quality.Validities
	}
	if m.Column == quality.ColumnOrKey {
		known = []string{"properties"}
	}
	for _, e := range arguments.entries() {
		if !slices.Contains(known, e.name) {
			d.report(e.value, didYouMean(e.name, known), "unknown argument %q of the metric", e.name)
		}
	}
	if properties := arguments.get("properties"); properties.exists() && m.Column == quality.ColumnOrKey {
		if columns := d.stringsOf(properties); !slices.Equal(columns, c.Key) {
			d.report(properties, "remove it to check the key, or put the rule under one property",
				"duplicates can be counted only over the key or over one column")
		}
	}
}

// readColumn checks that the rule's column exists, is staged and fits the metric.
func (d *document) readColumn(r *quality.Rule, m quality.Metric, n, arguments node, c *Contract, places map[string]node) {
	at := n
	if named := arguments.get("column"); named.exists() && n.get("type").text() == "custom" {
		at = named
		text := d.stringOf(named)
		if r.Column != "" && text != r.Column {
			d.report(named, "remove it", "the rule is under %q and names %q", r.Column, text)
			return
		}
		r.Column = text
	}
	if r.Column == "" {
		switch {
		case m.Column == quality.OneColumn:
			d.reportAt(n, join(n.path, "column"), "put the rule under its property", "%s needs a column", r.Metric)
		case m.Column == quality.ColumnOrKey && len(c.Key) == 0:
			d.report(n, "put the rule under a property, or give the dataset a primaryKey",
				"%s without a column measures the key, and the dataset has none", r.Metric)
		}
		return
	}
	if m.Column == quality.WholeTable {
		d.report(at, "put the rule under the schema object's quality", "%s measures the whole dataset, not a column", r.Metric)
		return
	}
	if _, ok := places[r.Column]; !ok {
		d.report(at, didYouMean(r.Column, columnNames(c)), "unknown column %q", r.Column)
		return
	}
	f := c.Field(r.Column)
	switch {
	case f.Personal():
		// Invariant 8: verdicts contain samples of failing rows.
		d.report(at, "remove the rule", "a quality rule cannot use the personal field %q", r.Column)
	case !f.Staged:
		d.report(at, "stage the column, or remove the rule", "column %q is not staged, so the gate cannot read it", r.Column)
	case m.Numeric && !f.numeric():
		d.report(at, "use "+validityMetrics()+" with a pattern or valid values",
			"%s needs a numeric column; %q is of type %s", r.Metric, r.Column, f.Type)
	case m.Reference && f.Reference == nil:
		d.report(at, "add relationships: [{to: dataset.column}] to it", "column %q references no dataset", r.Column)
	}
}

func (d *document) readUnit(r *quality.Rule, m quality.Metric, n node) {
	unit := n.get("unit")
	switch {
	case !unit.exists():
		if len(m.Units) > 0 {
			r.Unit = m.Units[0]
		}
		if n.get("metric").exists() && r.Unit != "rows" {
			// The standard counts rows by default.
			d.reportAt(n, unit.path, "write unit: "+r.Unit, "%s is measured in %s", m.Standard, r.Unit)
		}
	case !slices.Contains(m.Units, unit.text()):
		if len(m.Units) == 0 {
			d.report(unit, "remove it", "%s has no unit", r.Metric)
			return
		}
		d.report(unit, "write unit: "+strings.Join(m.Units, " or "), "%s is not measured in %q", r.Metric, unit.text())
	default:
		r.Unit = unit.text()
	}
}

// readValidity decodes which values are valid.
func (d *document) readValidity(r *quality.Rule, m quality.Metric, n, arguments node) {
	given := false
	for _, key := range quality.Validities {
		value := arguments.get(key)
		if !value.exists() {
			continue
		}
		given = true
		if !m.Validity {
			d.report(value, "use the metric "+validityMetrics(), "%s has no %s", r.Metric, key)
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
	if m.Validity && !given {
		d.reportAt(n, join(n.path, "arguments"), `add arguments: {validValues: ["a", "b"]}, or pattern, minimum, maximum`,
			"the rule does not define the valid values")
	}
}

// operators are the standard's comparisons that the gate supports.
var operators = []string{"mustBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan", "mustBeLessOrEqualTo", "mustBeBetween"}

// readBounds decodes the one comparison of a rule.
func (d *document) readBounds(r *quality.Rule, n, holder node) {
	for _, refused := range []string{"mustNotBe", "mustNotBeBetween"} {
		if v := holder.get(refused); v.exists() {
			d.report(v, "write what it must be, with one of "+strings.Join(operators, ", "), "the gate does not support %s", refused)
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
	if len(found) != 1 && n.get("type").text() == "custom" { // the standard's schema reports it for the others
		d.report(holder, "write exactly one of "+strings.Join(operators, ", "),
			"a rule must have exactly one bound, this one has %d", len(found))
	}
}

func (d *document) readBetween(r *quality.Rule, v node) {
	items := v.items()
	if len(items) != 2 {
		d.report(v, "write [smallest, largest]", "must be two numbers")
		return
	}
	r.Min, r.Max = numberOf(items[0]), numberOf(items[1])
	if r.Min == nil || r.Max == nil {
		d.report(v, "write [smallest, largest]", "must be two numbers")
	} else if *r.Min > *r.Max {
		d.report(v, "write the smaller number first", "%v is above %v", *r.Min, *r.Max)
	}
}
