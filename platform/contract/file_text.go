package contract

import (
	"bytes"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// fileText is the text of a contract file. It finds the bytes of YAML nodes, which know only where they begin.
type fileText struct {
	raw    string
	starts []int  // offset of each line
	eol    string // the file's line ending

	carried []int // offsets after which a comment is written elsewhere
}

// newFileText returns the text of a file; ok is false for line endings of which YAML and this package count different lines.
func newFileText(raw []byte) (t *fileText, ok bool) {
	t = &fileText{raw: string(raw), starts: []int{0}, eol: "\n"}
	if strings.Contains(t.raw, "\r\n") {
		t.eol = "\r\n"
	}
	if strings.ContainsAny(t.raw, "\u0085\u2028\u2029") || bytes.Count(raw, []byte("\r")) != bytes.Count(raw, []byte("\r\n")) {
		return t, false
	}
	for i := range len(raw) {
		if raw[i] == '\n' {
			t.starts = append(t.starts, i+1)
		}
	}
	return t, true
}

// offset returns where a node begins. YAML counts characters, and this package bytes.
func (t *fileText) offset(n *yaml.Node) int {
	at := t.start(n.Line - 1)
	for range n.Column - 1 {
		_, size := utf8.DecodeRuneInString(t.raw[at:])
		at += size
	}
	return at
}

// start returns the offset of a line, counted from 0; of a line after the last, the end of the text.
func (t *fileText) start(line int) int {
	if line >= len(t.starts) {
		return len(t.raw)
	}
	return t.starts[line]
}

// lineAt returns the line of an offset, counted from 0.
func (t *fileText) lineAt(offset int) int {
	return sort.Search(len(t.starts), func(i int) bool { return t.starts[i] > offset }) - 1
}

// line returns a line without its ending.
func (t *fileText) line(i int) string {
	return strings.TrimRight(t.raw[t.start(i):t.start(i+1)], "\r\n")
}

// end returns the offset after a node. indent is the indentation of the mapping or list that contains the node.
func (t *fileText) end(n *yaml.Node, indent int) int {
	at := t.offset(n)
	switch {
	case n.Kind != yaml.ScalarNode && len(n.Content) > 0:
		last := n.Content[len(n.Content)-1]
		end := t.end(last, n.Column-1)
		if n.Style&yaml.FlowStyle != 0 {
			end = t.closing(end)
		}
		return end
	case n.Kind != yaml.ScalarNode:
		return t.closing(at + 1)
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return t.endOfBlock(n.Line-1, indent)
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		return t.endOfQuoted(at)
	}
	return t.endOfPlain(at, n.Value)
}

// closing returns the offset after the next closing bracket. Only white space, commas and comments may be before it.
func (t *fileText) closing(at int) int {
	for at < len(t.raw) {
		switch t.raw[at] {
		case ']', '}':
			return at + 1
		case '#':
			at = t.start(t.lineAt(at) + 1)
		default:
			at++
		}
	}
	return at
}

// endOfBlock returns the end of a literal or folded text whose header is on a line.
func (t *fileText) endOfBlock(header, indent int) int {
	last := header
	for i := header + 1; i < len(t.starts); i++ {
		text := t.line(i)
		body := strings.TrimLeft(text, " ")
		if body != "" && len(text)-len(body) <= indent {
			break
		}
		if body != "" {
			last = i
		}
	}
	return t.start(last) + len(t.line(last))
}

func (t *fileText) endOfQuoted(at int) int {
	quote := t.raw[at]
	for i := at + 1; i < len(t.raw); i++ {
		switch {
		case t.raw[i] == '\\' && quote == '"':
			i++
		case t.raw[i] == quote && quote == '\'' && strings.HasPrefix(t.raw[i+1:], "'"):
			i++
		case t.raw[i] == quote:
			return i + 1
		}
	}
	return len(t.raw)
}

// endOfPlain follows a text without quotes, whose line breaks and indentation YAML has turned into spaces.
func (t *fileText) endOfPlain(at int, value string) int {
	for _, r := range value {
		if unicode.IsSpace(r) {
			for at < len(t.raw) && strings.IndexByte(" \t\r\n", t.raw[at]) >= 0 {
				at++
			}
			continue
		}
		at += utf8.RuneLen(r)
	}
	return min(at, len(t.raw))
}

// commentAfter returns the comment at the end of a line, after an offset in it; empty if there is none.
func (t *fileText) commentAfter(offset int) string {
	rest := strings.TrimSpace(t.raw[offset:t.start(t.lineAt(offset)+1)])
	if strings.HasPrefix(rest, "#") {
		return rest
	}
	return ""
}

// pair is one pair of a mapping with its text.
type pair struct {
	entry
	from, to int
	text     string // from the key to the end of the value
	next     int    // line of the next pair, or after the mapping
}

// pairs returns the pairs of a mapping.
func (m *migration) pairs(mapping node) []pair {
	var out []pair
	t := m.text
	for _, e := range mapping.entries() {
		p := pair{entry: e, from: t.offset(e.value.key), to: t.end(e.value.yaml, mapping.yaml.Column-1), next: len(t.starts)}
		p.text = t.raw[p.from:p.to]
		if len(out) > 0 {
			out[len(out)-1].next = t.lineAt(p.from)
		}
		out = append(out, p)
	}
	if len(out) > 0 {
		out[len(out)-1].next = t.lineAt(out[len(out)-1].to) + 1
	}
	return out
}

// change replaces the text of each pair of a mapping by what replace returns, and removes the pair if that returns false.
func (m *migration) change(mapping node, replace func(e pair) (text string, keep bool)) {
	pairs := m.pairs(mapping)
	t := m.text
	kept := -1 // the last pair that stays
	for i, e := range pairs {
		text, keep := replace(e)
		switch {
		case keep && text != e.text:
			m.edits = append(m.edits, edit{e.from, e.to, text})
		case keep:
		case mapping.isFlow() && i+1 < len(pairs):
			m.edits = append(m.edits, edit{e.from, pairs[i+1].from, ""})
		case mapping.isFlow() && kept >= 0:
			m.edits = append(m.edits, m.dropTail(pairs[kept:]))
		case mapping.isFlow():
			m.report(e.value, "rewrite it by hand", "nothing else is inside the braces")
		default:
			m.edits = append(m.edits, t.dropLines(pairs, i))
		}
		if keep {
			kept = i
		}
	}
}

// dropTail removes all pairs but the first, which are the last of a mapping in braces.
func (m *migration) dropTail(pairs []pair) edit {
	last := pairs[len(pairs)-1]
	for len(m.edits) > 0 && m.edits[len(m.edits)-1].from >= pairs[0].to {
		m.edits = m.edits[:len(m.edits)-1] // removed together with the last
	}
	return edit{pairs[0].to, last.to, ""}
}

// dropLines removes a pair of a mapping that is not in braces. A comment at its end stays.
func (t *fileText) dropLines(pairs []pair, i int) edit {
	e := pairs[i]
	comment := t.commentAfter(e.to)
	if slices.Contains(t.carried, e.to) {
		comment = ""
	}
	first := t.start(t.lineAt(e.from))
	if strings.TrimSpace(t.raw[first:e.from]) != "" && i+1 < len(pairs) { // after the dash of an item
		if comment != "" {
			comment += t.eol + strings.Repeat(" ", e.value.key.Column-1)
		}
		return edit{e.from, pairs[i+1].from, comment}
	}
	if comment != "" {
		return edit{e.from, t.start(t.lineAt(e.to)) + len(t.line(t.lineAt(e.to))), comment}
	}
	return edit{first, t.start(t.lineAt(e.to) + 1), ""}
}

// edit replaces a part of a text.
type edit struct {
	from, to int
	text     string
}

// apply returns the text with all edits, which do not overlap; ok is false if they do.
func (t *fileText) apply(edits []edit) (text string, ok bool) {
	sort.SliceStable(edits, func(i, j int) bool { return edits[i].from < edits[j].from })
	var out strings.Builder
	at := 0
	for _, e := range edits {
		if e.from < at || e.to < e.from {
			return "", false
		}
		out.WriteString(t.raw[at:e.from])
		out.WriteString(e.text)
		at = e.to
	}
	out.WriteString(t.raw[at:])
	return out.String(), true
}

// part returns a part of the text with the edits in it.
func (t *fileText) part(from, to int, edits []edit) string {
	inner := &fileText{raw: t.raw[from:to]}
	moved := make([]edit, len(edits))
	for i, e := range edits {
		moved[i] = edit{e.from - from, e.to - from, e.text}
	}
	text, _ := inner.apply(moved)
	return text
}

// changes returns the edits as whole lines.
func (t *fileText) changes(edits []edit) []Change {
	var out []Change
	for i := 0; i < len(edits); {
		from, to := t.span(edits[i])
		group := i + 1
		for ; group < len(edits); group++ {
			next, end := t.span(edits[group])
			if next >= to {
				break
			}
			to = max(to, end)
		}
		c := Change{Line: t.lineAt(from) + 1, Removed: linesIn(t.raw[from:to]), Added: linesIn(t.part(from, to, edits[i:group]))}
		for len(c.Removed) > 0 && len(c.Added) > 0 && c.Removed[0] == c.Added[0] {
			c.Line, c.Removed, c.Added = c.Line+1, c.Removed[1:], c.Added[1:]
		}
		for len(c.Removed) > 0 && len(c.Added) > 0 && c.Removed[len(c.Removed)-1] == c.Added[len(c.Added)-1] {
			c.Removed, c.Added = c.Removed[:len(c.Removed)-1], c.Added[:len(c.Added)-1]
		}
		out = append(out, c)
		i = group
	}
	return out
}

// span returns the whole lines that an edit changes.
func (t *fileText) span(e edit) (from, to int) {
	line := t.lineAt(e.to)
	if to = e.to; t.start(line) != e.to {
		to = t.start(line + 1)
	}
	return t.start(t.lineAt(e.from)), to
}

func linesIn(text string) []string {
	out := []string{}
	for line := range strings.Lines(text) {
		out = append(out, strings.TrimRight(line, "\r\n"))
	}
	return out
}
