package contract

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	maxBytes = 1 << 20 // of one contract
	maxDepth = 64      // of nested YAML; the standard needs far less
)

// document is one contract file being read: its tree and the problems found so far.
type document struct {
	file     string
	root     node
	problems Problems
	zone     string // the dataset's llacZone
	pinned   bool   // forms of earlier versions of Llac are accepted
}

// node is one position in the document. The zero node does not exist; reading from it gives zero values.
type node struct {
	yaml *yaml.Node
	path string
	key  *yaml.Node // its key in a mapping, for problems of the pair as a whole
}

func (n node) exists() bool { return n.yaml != nil }

// get returns the value of a key of a mapping.
func (n node) get(key string) node {
	if n.yaml == nil || n.yaml.Kind != yaml.MappingNode {
		return node{path: join(n.path, key)}
	}
	for i := 0; i+1 < len(n.yaml.Content); i += 2 {
		if n.yaml.Content[i].Value == key {
			return node{yaml: n.yaml.Content[i+1], path: join(n.path, key), key: n.yaml.Content[i]}
		}
	}
	return node{path: join(n.path, key)}
}

// entry is one pair of a mapping.
type entry struct {
	name  string
	value node
}

// entries returns the pairs of a mapping in the file's order.
func (n node) entries() []entry {
	if n.yaml == nil || n.yaml.Kind != yaml.MappingNode {
		return nil
	}
	out := make([]entry, 0, len(n.yaml.Content)/2)
	for i := 0; i+1 < len(n.yaml.Content); i += 2 {
		k := n.yaml.Content[i]
		out = append(out, entry{k.Value, node{yaml: n.yaml.Content[i+1], path: join(n.path, k.Value), key: k}})
	}
	return out
}

// items returns the elements of a sequence.
func (n node) items() []node {
	if n.yaml == nil || n.yaml.Kind != yaml.SequenceNode {
		return nil
	}
	out := make([]node, len(n.yaml.Content))
	for i, c := range n.yaml.Content {
		out[i] = node{yaml: c, path: n.path + "[" + strconv.Itoa(i) + "]"}
	}
	return out
}

// text returns a string scalar without outer white space (block scalars end in a newline); "" for anything else.
func (n node) text() string {
	if !n.isText() {
		return ""
	}
	return strings.TrimSpace(n.yaml.Value)
}

func (n node) isText() bool {
	if n.yaml == nil || n.yaml.Kind != yaml.ScalarNode {
		return false
	}
	// A date without quotes is text to the standard, although YAML tags it as a timestamp.
	return n.yaml.ShortTag() == "!!str" || n.yaml.ShortTag() == "!!timestamp"
}

func (n node) isMapping() bool  { return n.yaml != nil && n.yaml.Kind == yaml.MappingNode }
func (n node) isFlow() bool     { return n.yaml != nil && n.yaml.Style&yaml.FlowStyle != 0 }
func (n node) isSequence() bool { return n.yaml != nil && n.yaml.Kind == yaml.SequenceNode }

// flag returns a boolean scalar; ok is false for anything else.
func (n node) flag() (value, ok bool) {
	if n.yaml == nil || n.yaml.Kind != yaml.ScalarNode || n.yaml.ShortTag() != "!!bool" {
		return false, false
	}
	var v bool
	if n.yaml.Decode(&v) != nil {
		return false, false
	}
	return v, true
}

// number returns a finite numeric scalar.
func (n node) number() (float64, bool) {
	if n.yaml == nil || n.yaml.Kind != yaml.ScalarNode {
		return 0, false
	}
	if tag := n.yaml.ShortTag(); tag != "!!int" && tag != "!!float" {
		return 0, false
	}
	var v float64
	if n.yaml.Decode(&v) != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, false
	}
	return v, true
}

// whole returns a whole-number scalar that fits an int32.
func (n node) whole() (int, bool) {
	v, ok := n.number()
	if !ok || v != math.Trunc(v) || math.Abs(v) > math.MaxInt32 {
		return 0, false
	}
	return int(v), true
}

var plainKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func join(path, key string) string {
	if !plainKey.MatchString(key) {
		return path + "[" + strconv.Quote(key) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// report records a problem at a node. A missing node is reported at its parent, with reportAt.
func (d *document) report(at node, fix, format string, args ...any) {
	d.reportAt(at, at.path, fix, format, args...)
}

// reportAt records a problem of a path at the line of another node.
func (d *document) reportAt(at node, path, fix, format string, args ...any) {
	p := Problem{File: d.file, Path: path, Message: fmt.Sprintf(format, args...), Fix: fix}
	if at.yaml != nil {
		p.Line, p.Column = at.yaml.Line, at.yaml.Column
		// A mapping or a list begins at its first element; its key shows the position better.
		if at.key != nil && at.yaml.Kind != yaml.ScalarNode {
			p.Line, p.Column = at.key.Line, at.key.Column
		}
	}
	d.problems = append(d.problems, p)
}

// reportEarlier records that the file uses a form of an earlier version of Llac, unless the file is pinned. Migrate rewrites
// the form.
func (d *document) reportEarlier(at node, fix, format string, args ...any) {
	if d.refuseEarlier(at, fix+"; llac datasets check --fix does it", format, args...) {
		d.problems[len(d.problems)-1].Earlier = true
	}
}

// refuseEarlier is reportEarlier for a form that only a person can rewrite. It reports whether a problem was recorded.
func (d *document) refuseEarlier(at node, fix, format string, args ...any) bool {
	if !d.pinned {
		d.report(at, fix, format, args...)
	}
	return !d.pinned
}

var yamlLine = regexp.MustCompile(`line (\d+)`)

// parseDocument reads the YAML and converts it to the plain values that the JSON Schema checks. It accepts only plain YAML,
// without anchors, duplicate keys or a second document, so that the file means what a person reads in it.
func parseDocument(file string, raw []byte) (*document, any) {
	d := &document{file: file}
	if len(raw) > maxBytes {
		d.problems = append(d.problems,
			Problem{File: file, Message: fmt.Sprintf("the file has %d bytes, at most %d are allowed", len(raw), maxBytes)})
		return d, nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	var top yaml.Node
	if err := decoder.Decode(&top); err != nil {
		if errors.Is(err, io.EOF) {
			d.problems = append(d.problems,
				Problem{File: file, Message: "the file is empty", Fix: "see the complete example in docs/contracts.md"})
		} else {
			d.syntax(err)
		}
		return d, nil
	}
	if len(top.Content) != 1 || top.Content[0].Kind != yaml.MappingNode {
		d.report(node{yaml: &top}, "see the complete example in docs/contracts.md", "a contract must be a mapping of keys to values")
		return d, nil
	}
	d.root = node{yaml: top.Content[0]}
	var second yaml.Node
	if err := decoder.Decode(&second); err == nil {
		d.report(node{yaml: &second}, "write one file per dataset", "the file contains a second YAML document")
	} else if !errors.Is(err, io.EOF) {
		d.syntax(err)
		return d, nil
	}
	return d, d.plain(d.root, 0)
}

func (d *document) syntax(err error) {
	p := Problem{File: d.file, Message: "not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		p.Line, _ = strconv.Atoi(m[1])
		p.Column = 1
		p.Message = strings.Replace(p.Message, m[0]+": ", "", 1)
	}
	d.problems = append(d.problems, p)
}

// plain converts a node to maps, slices and scalars, and reports what a contract must not contain.
func (d *document) plain(n node, depth int) any {
	if depth > maxDepth {
		d.report(n, "", "nested deeper than %d levels", maxDepth)
		return nil
	}
	if n.yaml.Anchor != "" {
		d.report(n, "write the value itself where it is used", "contracts must not contain anchors (&%s)", n.yaml.Anchor)
	}
	switch n.yaml.Kind {
	case yaml.MappingNode:
		out := make(map[string]any, len(n.yaml.Content)/2)
		for _, e := range n.entries() {
			if _, twice := out[e.name]; twice {
				d.reportAt(node{yaml: e.value.key}, e.value.path, "keep one of the two", "the key %q occurs twice in this mapping", e.name)
				continue
			}
			out[e.name] = d.plain(e.value, depth+1)
		}
		return out
	case yaml.SequenceNode:
		out := make([]any, 0, len(n.yaml.Content))
		for _, item := range n.items() {
			out = append(out, d.plain(item, depth+1))
		}
		return out
	case yaml.ScalarNode:
		return d.scalar(n)
	default:
		d.report(n, "write the value itself where it is used", "contracts must not contain aliases (*%s)", n.yaml.Value)
		if n.yaml.Alias != nil && n.yaml.Alias.Kind == yaml.ScalarNode {
			return d.scalar(node{yaml: n.yaml.Alias, path: n.path})
		}
		return nil
	}
}

func (d *document) scalar(n node) any {
	switch n.yaml.ShortTag() {
	case "!!str", "!!timestamp":
		return n.yaml.Value
	case "!!null":
		return nil
	case "!!bool":
		if v, ok := n.flag(); ok {
			return v
		}
	case "!!int", "!!float":
		if v, ok := n.number(); ok {
			return v
		}
		d.report(n, "write a finite number, or text in quotes", "%q is not a finite number", n.yaml.Value)
		return nil
	}
	d.report(n, "write plain text, numbers, true or false", "contracts must not contain the YAML tag %s", n.yaml.ShortTag())
	return nil
}
