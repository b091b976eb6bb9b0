package contract

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/llac-project/llac/platform/quality"
)

// Migrate rewrites the forms of earlier versions of Llac in a contract file. Everything else stays as it is: the order, the
// comments and the way in which it is written. It returns the text unchanged, and no changes, if the file has no such form.
//
// The error is of type Problems if the file has other problems, because it is not known then what the new file would mean,
// or if it is written in a way that only a person can rewrite. The new text has no problem, and the meaning of the earlier.
func Migrate(filename string, raw []byte) ([]byte, []Change, error) {
	_, err := Parse(filename, raw)
	problems, found := err.(Problems)
	switch {
	case err != nil && !found:
		return nil, nil, err
	case len(problems) == 0:
		return raw, nil, nil
	}
	if others := slices.DeleteFunc(problems, func(p Problem) bool { return p.Earlier }); len(others) > 0 {
		return nil, nil, others
	}
	before, err := ParsePinned(filename, raw)
	if err != nil {
		return nil, nil, err
	}
	m := newMigration(filename, raw)
	if len(m.problems) == 0 {
		m.rewrite(before)
	}
	if len(m.problems) > 0 {
		return nil, nil, m.problems.sorted()
	}
	text, ok := m.text.apply(m.edits)
	after, err := Parse(filename, []byte(text))
	if !ok || err != nil || !sameMeaning(before, after) || !slices.Equal(comments(raw), comments([]byte(text))) {
		return nil, nil, Problems{{File: filename, Message: "the file is written in a way that Llac cannot rewrite safely",
			Fix: "rewrite by hand the lines that llac datasets check lists; docs/contracts.md has a complete example"}}
	}
	return []byte(text), m.text.changes(m.edits), nil
}

// sameMeaning reports whether two contracts describe the same dataset.
func sameMeaning(a, b *Contract) bool { return reflect.DeepEqual(meaning(a), meaning(b)) }

// meaning returns a contract without what depends only on how its file is written.
func meaning(c *Contract) Contract {
	out := *c
	out.Raw, out.SHA256, out.Fields, out.Quality = nil, "", nil, nil
	var unstaged []Field
	for _, f := range c.Fields {
		if f.Staged {
			out.Fields = append(out.Fields, f)
			continue
		}
		if f.Type == Decimal {
			f.Type = Number // both are numbers in JSON, and a field that is not staged has no further effect
		}
		unstaged = append(unstaged, Field{Name: f.Name, Source: f.Source, Type: f.Type, Description: f.Description,
			Required: f.Required, Invalid: f.Invalid, Classification: f.Classification})
	}
	slices.SortFunc(unstaged, func(a, b Field) int { return cmp.Compare(a.Name, b.Name) })
	out.Fields = append(out.Fields, unstaged...)
	for _, r := range c.Quality {
		r.Line = 0
		out.Quality = append(out.Quality, r)
	}
	slices.SortFunc(out.Quality, func(a, b quality.Rule) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// comments returns the lines of all comments of a file, sorted.
func comments(raw []byte) []string {
	var out []string
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		for line := range strings.Lines(n.HeadComment + "\n" + n.LineComment + "\n" + n.FootComment) {
			if line = strings.TrimSpace(line); line != "" {
				out = append(out, line)
			}
		}
		for _, inner := range n.Content {
			walk(inner)
		}
	}
	var top yaml.Node
	if yaml.Unmarshal(raw, &top) == nil {
		walk(&top)
	}
	slices.Sort(out)
	return out
}

// migration collects the edits of a file.
type migration struct {
	document
	text     *fileText
	edits    []edit
	unstaged [][]string // the entries of llacUnstaged, as lines
}

func newMigration(filename string, raw []byte) *migration {
	text, ok := newFileText(raw)
	d, _ := parseDocument(filename, raw)
	m := &migration{document: *d, text: text}
	if !ok {
		m.problems = Problems{{File: filename, Message: "the file has unusual line endings", Fix: `save it with \n or \r\n`}}
	}
	return m
}

// rewrite collects the edits of the whole file.
func (m *migration) rewrite(c *Contract) {
	object := m.root.get("schema").items()[0]
	for _, p := range object.get("properties").items() {
		f := c.Field(p.get("name").text())
		if !f.Staged {
			m.unstage(object.get("properties"), p)
			continue
		}
		m.property(*f, p)
		for _, rule := range p.get("quality").items() {
			m.rule(c, rule, false)
		}
	}
	for _, rule := range object.get("quality").items() {
		m.rule(c, rule, true)
	}
	m.listUnstaged(object)
}

// property moves what describes the source from the standard's keys to custom properties.
func (m *migration) property(f Field, p node) {
	var add []string
	drop := map[string]bool{}
	physical, options, custom := p.get("physicalName"), p.get("logicalTypeOptions"), p.get("customProperties")
	if physical.exists() && physical.text() != f.Name {
		drop["physicalName"] = true
		add = append(add, "{property: llacSource, value: "+m.flow(physical)+"}"+m.carried(p, physical))
	}
	format := options.get("format")
	if format.exists() {
		drop["logicalTypeOptions"] = len(options.entries()) == 1
		add = append(add, "{property: llacFormat, value: "+m.flow(format)+"}")
	}
	items := custom.items()
	if at := slices.IndexFunc(items, func(n node) bool { return n.get("property").text() == "llacStaged" }); at >= 0 {
		if len(items) > 1 {
			m.report(items[at], "remove it by hand", "every property is staged, and this one has more custom properties")
			return
		}
		drop["customProperties"], custom = true, node{}
	}
	anchor := m.anchor(p, drop)
	m.change(p, func(e pair) (string, bool) {
		switch {
		case drop[e.name]:
			return "", false
		case e.name == "customProperties":
			return m.withEntries(e, add), true
		case e.name == "logicalTypeOptions" && format.exists():
			e.text = m.without(e, "format")
		}
		switch {
		case custom.exists() || len(add) == 0 || e.name != anchor:
			return e.text, true
		case e.name == "quality", m.text.commentAfter(e.to) != "":
			return m.customProperties(p, add) + m.between(p) + e.text, true
		}
		return e.text + m.between(p) + m.customProperties(p, add), true
	})
}

// anchor returns the pair of a property next to which its custom properties are written: its rules, otherwise its last pair.
func (m *migration) anchor(p node, drop map[string]bool) string {
	last := ""
	for _, e := range p.entries() {
		switch {
		case e.name == "quality":
			return e.name
		case !drop[e.name]:
			last = e.name
		}
	}
	return last
}

// carried returns the comment of a pair that becomes an item of a list on lines of its own; otherwise the comment stays in its
// place.
func (m *migration) carried(p, value node) string {
	end := m.text.end(value.yaml, 0)
	comment := m.text.commentAfter(end)
	if comment == "" || p.isFlow() || p.get("customProperties").isFlow() {
		return ""
	}
	m.text.carried = append(m.text.carried, end)
	return " " + comment
}

// customProperties returns the pair customProperties of a property.
func (m *migration) customProperties(p node, entries []string) string {
	if p.isFlow() {
		return "customProperties: [" + strings.Join(entries, ", ") + "]"
	}
	return "customProperties:" + m.items(p.yaml.Column+1, entries)
}

// items returns the lines of a list, each after a line break.
func (m *migration) items(indent int, entries []string) string {
	var b strings.Builder
	for _, e := range entries {
		b.WriteString(m.text.eol + strings.Repeat(" ", indent) + "- " + e)
	}
	return b.String()
}

// withEntries returns the text of a pair whose value is a list, with entries before its first.
func (m *migration) withEntries(e pair, entries []string) string {
	at := m.text.offset(e.value.yaml)
	switch {
	case len(entries) == 0:
		return e.text
	case e.value.isFlow():
		rest := m.text.raw[at+1 : e.to]
		if len(e.value.items()) > 0 {
			rest = ", " + strings.TrimLeft(rest, " ")
		}
		return m.text.raw[e.from:at+1] + strings.Join(entries, ", ") + rest
	}
	line := m.text.lineAt(e.from)
	end := m.text.start(line) + len(m.text.line(line))
	return m.text.raw[e.from:end] + m.items(e.value.yaml.Column-1, entries) + m.text.raw[end:e.to]
}

// without returns the text of a pair whose value is a mapping, without one of its pairs.
func (m *migration) without(e pair, name string) string {
	inner := &migration{document: m.document, text: m.text}
	inner.change(e.value, func(e pair) (string, bool) { return e.text, e.name != name })
	m.problems = inner.problems
	return m.text.part(e.from, e.to, inner.edits)
}

// unstage moves a field that is not staged from the properties to llacUnstaged.
func (m *migration) unstage(list, p node) {
	renamed := map[string]string{"physicalName": "source", "logicalType": "type"}
	var lines []string
	for _, e := range m.pairs(p) {
		switch e.name {
		case "name", "classification", "required", "description":
		case "physicalName", "logicalType":
			e.text = renamed[e.name] + strings.TrimPrefix(e.text, e.name)
		case "physicalType", "logicalTypeOptions", "customProperties":
			if others := m.otherCustomProperty(e); others.exists() {
				m.report(others, "remove it by hand", "llacUnstaged has no place for this custom property of %q", p.get("name").text())
			}
			e.text = "" // without effect on a field that is not staged
		default:
			m.reportAt(e.value, e.value.path, "remove it by hand", "llacUnstaged has no place for %s of %q", e.name, p.get("name").text())
		}
		lines = append(lines, m.linesOf(e, p.yaml.Column-1)...)
	}
	if list.isFlow() {
		m.report(list, "write each property on lines of its own", "the properties are a list in brackets")
		return
	}
	if p.isFlow() {
		lines = m.flowLines(p, renamed)
	}
	from, head := m.begin(p)
	m.unstaged = append(m.unstaged, append(head, lines...))
	m.edits = append(m.edits, edit{from, m.text.start(m.text.lineAt(m.text.end(p.yaml, list.yaml.Column-1)) + 1), ""})
}

// otherCustomProperty returns a custom property of another tool; a node that does not exist if there is none.
func (m *migration) otherCustomProperty(e pair) node {
	for _, item := range e.value.items() {
		if !strings.HasPrefix(item.get("property").text(), "llac") {
			return item
		}
	}
	return node{}
}

// flowLines returns an entry of llacUnstaged for a property that is written in braces.
func (m *migration) flowLines(p node, renamed map[string]string) []string {
	inner := &migration{document: m.document, text: m.text}
	inner.change(p, func(e pair) (string, bool) {
		if to := renamed[e.name]; to != "" {
			return to + strings.TrimPrefix(e.text, e.name), true
		}
		return e.text, slices.Contains(unstagedKeys, e.name)
	})
	m.problems = inner.problems
	end := m.text.end(p.yaml, 0)
	text := m.text.part(m.text.offset(p.yaml), end, inner.edits)
	if comment := m.text.commentAfter(end); comment != "" {
		text += " " + comment
	}
	lines := strings.Split(text, m.text.eol)
	for i := range lines[1:] {
		lines[i+1] = "  " + strings.TrimSpace(lines[i+1])
	}
	return lines
}

// linesOf returns the lines of a pair without the indentation of its mapping: those of its text, which may be empty, and
// all comments of the pair.
func (m *migration) linesOf(e pair, indent int) []string {
	first, last := m.text.lineAt(e.from), m.text.lineAt(e.to)
	var out []string
	if e.text == "" {
		for i := first; i <= last; i++ {
			if _, comment, ok := strings.Cut(m.text.line(i), "#"); ok {
				out = append(out, "#"+comment)
			}
		}
	} else {
		for _, line := range strings.Split(e.text, m.text.eol) {
			out = append(out, strings.TrimPrefix(line, strings.Repeat(" ", indent)))
		}
		if comment := m.text.commentAfter(e.to); comment != "" {
			out[len(out)-1] += " " + comment
		}
	}
	// Comments between this pair and the next stay between them.
	for i := last + 1; i < len(m.text.starts); i++ {
		line := strings.TrimSpace(m.text.line(i))
		if !strings.HasPrefix(line, "#") || i >= e.next {
			break
		}
		out = append(out, line)
	}
	return out
}

// begin returns the offset of the first line of a list's item, and the comments above it, which belong to it.
func (m *migration) begin(item node) (from int, comments []string) {
	line := m.text.lineAt(strings.LastIndexByte(m.text.raw[:m.text.offset(item.yaml)], '-'))
	for line > 0 && strings.HasPrefix(strings.TrimSpace(m.text.line(line-1)), "#") {
		line--
		comments = append([]string{strings.TrimSpace(m.text.line(line))}, comments...)
	}
	return m.text.start(line), comments
}

// listUnstaged adds llacUnstaged to the custom properties of the schema object.
func (m *migration) listUnstaged(object node) {
	if len(m.unstaged) == 0 {
		return
	}
	custom := object.get("customProperties")
	switch {
	case object.isFlow():
		m.report(object, "write its keys on lines of their own", "the schema object is written in braces")
	case m.custom(object, "llacUnstaged").exists():
		m.report(m.custom(object, "llacUnstaged"), "list there by hand the properties that are not staged", "llacUnstaged exists already")
	case len(custom.items()) == 0:
		at := m.text.offset(object.get("properties").key)
		text := "customProperties:" + m.list(object.yaml.Column+1) + m.between(object)
		m.edits = append(m.edits, edit{at, at, text})
	case custom.isFlow():
		var entries []string
		for _, item := range custom.items() {
			entries = append(entries, m.text.raw[m.text.offset(item.yaml):m.text.end(item.yaml, 0)])
		}
		indent := object.yaml.Column + 1
		at := m.text.offset(custom.key) + len("customProperties:")
		m.edits = append(m.edits, edit{at, m.text.end(custom.yaml, 0), m.items(indent, entries) + m.list(indent)})
	default:
		line := m.text.lineAt(m.text.end(custom.yaml, object.yaml.Column-1))
		at := m.text.start(line) + len(m.text.line(line))
		m.edits = append(m.edits, edit{at, at, m.list(custom.yaml.Column - 1)})
	}
}

// list returns llacUnstaged as an item of a list with an indentation, after a line break.
func (m *migration) list(indent int) string {
	var b strings.Builder
	line := func(text string) { b.WriteString(m.text.eol + strings.Repeat(" ", indent) + text) }
	line("- property: llacUnstaged")
	line("  value:")
	for _, entry := range m.unstaged {
		first := true
		for _, text := range entry {
			switch {
			case strings.HasPrefix(text, "#") && first: // a comment above the entry
				line("    " + text)
				continue
			case first:
				line("    - " + text)
			default:
				line("      " + text)
			}
			first = false
		}
	}
	return b.String()
}

// rule rewrites a rule whose metric would mean something else to other tools. whole: the rule is about the whole table.
func (m *migration) rule(c *Contract, n node, whole bool) {
	if kind := n.get("type").text(); kind == "custom" || kind == "text" {
		return
	}
	arguments := n.get("arguments")
	metric := standardMetrics()[n.get("metric").text()]
	at := slices.IndexFunc(c.Quality, func(r quality.Rule) bool { return r.Name == n.get("name").text() })
	switch {
	case perSlice(c.Quality[at], c), metric.Validity && slices.ContainsFunc(quality.OwnValidities, func(name string) bool {
		return arguments.get(name).exists()
	}):
		m.customRule(n, metric)
	case whole && metric.Column == quality.ColumnOrKey && !arguments.get("properties").exists():
		if arguments.exists() {
			m.report(arguments, "add properties: ["+strings.Join(c.Key, ", ")+"] by hand", "the rule has other arguments")
			return
		}
		m.change(n, func(e pair) (string, bool) {
			if e.name == "metric" {
				e.text += m.between(n) + "arguments: {properties: [" + strings.Join(c.Key, ", ") + "]}"
			}
			return e.text, true
		})
	}
}

// customRule rewrites a rule of the standard as a rule of Llac.
func (m *migration) customRule(n node, metric quality.Metric) {
	pairs := []string{"metric: " + metric.Name}
	for _, e := range slices.Concat(n.get("arguments").entries(), n.entries()) {
		if slices.Contains(operators, e.name) || slices.Contains(quality.Validities, e.name) {
			pairs = append(pairs, e.name+": "+m.flow(e.value))
		}
	}
	m.change(n, func(e pair) (string, bool) {
		switch {
		case e.name == "metric":
			lines := []string{"type: custom", "engine: llac", "implementation: {" + strings.Join(pairs, ", ") + "}"}
			return strings.Join(lines, m.between(n)), true
		case e.name == "type", e.name == "arguments", slices.Contains(operators, e.name):
			return "", false
		}
		return e.text, true
	})
}

// flow returns a value as it is written inside braces.
func (m *migration) flow(n node) string {
	var parts []string
	switch {
	case n.isMapping():
		for _, e := range n.entries() {
			parts = append(parts, e.name+": "+m.flow(e.value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case n.isSequence():
		for _, item := range n.items() {
			parts = append(parts, m.flow(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case n.yaml.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		at := m.text.offset(n.yaml)
		return m.text.raw[at:m.text.endOfQuoted(at)]
	case n.yaml.Style != 0 || strings.ContainsAny(n.yaml.Value, ",[]{}\n#\"'"):
		return strconv.Quote(n.yaml.Value)
	}
	return n.yaml.Value
}

// between returns what separates two pairs of a mapping.
func (m *migration) between(mapping node) string {
	if mapping.isFlow() {
		return ", "
	}
	return m.text.eol + strings.Repeat(" ", mapping.yaml.Column-1)
}

// Change is one part of a file that Migrate has rewritten.
type Change struct {
	Line    int      `json:"line"` // of the first removed line, or of the line before which lines were added, from 1
	Removed []string `json:"removed"`
	Added   []string `json:"added"`
}

// String returns the change as lines with a sign and, as in the earlier text, a number.
func (c Change) String() string {
	var b strings.Builder
	for i, line := range c.Removed {
		fmt.Fprintf(&b, "%6d - %s\n", c.Line+i, line)
	}
	number := ""
	if len(c.Removed) == 0 {
		number = strconv.Itoa(c.Line)
	}
	for _, line := range c.Added {
		fmt.Fprintf(&b, "%6s + %s\n", number, line)
		number = ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}
