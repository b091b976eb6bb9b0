package marts

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/llac-project/llac/platform/contract/dbtsource"
)

// LeftOut is a mart that a build could not make, and the dataset that it lacks.
type LeftOut struct {
	Model    string   `json:"model"`
	Datasets []string `json:"datasets"` // that it needs and that cannot be read
	Kept     string   `json:"kept,omitempty"`
}

// kinds are those that a mart may be of.
var kinds = []string{"dimension", "fact", "aggregate"}

// lineage is which node is made of which datasets.
type lineage struct {
	nodes    map[string]Node
	datasets map[string]map[string]bool // by node id
}

func trace(p *Project) *lineage {
	l := &lineage{map[string]Node{}, map[string]map[string]bool{}}
	for _, n := range p.Nodes {
		l.nodes[n.ID] = n
	}
	for _, n := range p.Nodes {
		l.of(n.ID)
	}
	return l
}

// of finds the datasets of a node. dbt has refused circles.
func (l *lineage) of(id string) map[string]bool {
	if done, ok := l.datasets[id]; ok {
		return done
	}
	n, out := l.nodes[id], map[string]bool{}
	if n.Type == "source" && n.Source == dbtsource.Name {
		out[n.Name] = true
	}
	// A model may read more than dbt sees of it under one build's variables: then its meta says so.
	if named, ok := n.Meta["datasets"].([]any); ok {
		for _, dataset := range named {
			if name, ok := dataset.(string); ok {
				out[name] = true
			}
		}
	}
	for _, above := range n.DependsOn {
		maps.Copy(out, l.of(above))
	}
	l.datasets[id] = out
	return out
}

// list are the datasets of a node by name.
func (l *lineage) list(id string) []string { return slices.Sorted(maps.Keys(l.datasets[id])) }

// marts are the models that are to be published, by name. A model of the marts' folder that does not say what it is is
// an error: it would be tested and never seen.
func (l *lineage) marts() ([]Node, error) {
	var out []Node
	for _, id := range slices.Sorted(maps.Keys(l.nodes)) {
		n := l.nodes[id]
		if n.Type != "model" {
			continue
		}
		k, grain := n.text("kind"), n.text("grain")
		switch {
		case k == "" && !strings.Contains("/"+n.Path, "/marts/"):
		case !slices.Contains(kinds, k):
			return nil, fmt.Errorf("model %s (%s): config.meta.kind is %q; say dimension, fact or aggregate", n.Name, n.Path, k)
		case grain == "":
			return nil, fmt.Errorf(`model %s (%s): config.meta.grain is missing; say "One row per …"`, n.Name, n.Path)
		default:
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// text is a member of the node's meta.
func (n Node) text(member string) string {
	s, _ := n.Meta[member].(string)
	return s
}

// lacks are the datasets of a node that are not there.
func (l *lineage) lacks(id string, there func(string) bool) []string {
	return slices.DeleteFunc(l.list(id), there)
}

// selection is what dbt is told to build: what lacks no dataset. Nil means everything.
func (l *lineage) selection(there func(string) bool) []string {
	var out []string
	whole := true
	for _, id := range slices.Sorted(maps.Keys(l.nodes)) {
		n := l.nodes[id]
		lacking := len(l.lacks(id, there)) > 0
		whole = whole && !lacking
		switch {
		case lacking:
		case n.Type == "source":
			out = append(out, "source:"+n.Source+"."+n.Name)
		case n.Type == "model" || n.Type == "seed" || n.Type == "snapshot":
			out = append(out, n.Name)
		}
	}
	if whole {
		return nil
	}
	return out
}

// buildable counts the nodes that dbt reports on.
func (l *lineage) buildable(there func(string) bool) int {
	n := 0
	for id, node := range l.nodes {
		if node.Type != "source" && len(l.lacks(id, there)) == 0 {
			n++
		}
	}
	return n
}
