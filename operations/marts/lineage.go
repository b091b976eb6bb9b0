package marts

import (
	"fmt"
	"maps"
	"slices"

	"github.com/llac-project/llac/platform/contract/dbtsource"
)

// LeftOut is a mart that a build could not make, with the datasets that are not available.
type LeftOut struct {
	Model    string   `json:"model"`
	Datasets []string `json:"datasets"`
	Kept     string   `json:"kept,omitempty"` // the build that readers keep seeing
}

// lineage maps each node of the project to the datasets that it is made of.
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
		l.trace(n.ID)
	}
	return l
}

// trace finds the datasets of a node. dbt has refused cycles.
func (l *lineage) trace(id string) map[string]bool {
	if known, ok := l.datasets[id]; ok {
		return known
	}
	n, out := l.nodes[id], map[string]bool{}
	if n.Type == "source" && n.Source == dbtsource.Name {
		out[n.Name] = true
	}
	// A model may read more than dbt sees under one build's variables. It lists that in its meta.
	for _, dataset := range n.texts("datasets") {
		out[dataset] = true
	}
	for _, above := range n.DependsOn {
		maps.Copy(out, l.trace(above))
	}
	l.datasets[id] = out
	return out
}

// list returns the datasets of a node by name.
func (l *lineage) list(id string) []string { return slices.Sorted(maps.Keys(l.datasets[id])) }

// text returns a member of the node's meta.
func (n Node) text(member string) string {
	s, _ := n.Meta[member].(string)
	return s
}

// texts returns a list of the node's meta.
func (n Node) texts(member string) []string {
	var out []string
	list, _ := n.Meta[member].([]any)
	for _, v := range list {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// checkAccumulations reports models whose accumulation the plan, which reads the project's yml files only, does not know.
func (l *lineage) checkAccumulations(planned []*Accumulation) error {
	for _, id := range slices.Sorted(maps.Keys(l.nodes)) {
		n := l.nodes[id]
		dataset := n.text(accumulatesMember)
		if dataset == "" || n.Type != "model" {
			continue
		}
		if !l.datasets[id][dataset] {
			return fmt.Errorf("model %s (%s): it accumulates %s, which it does not read; add it to config.meta.datasets",
				n.Name, n.Path, dataset)
		}
		if !slices.ContainsFunc(planned, func(a *Accumulation) bool { return a.Model == n.Name && a.Dataset == dataset }) {
			return fmt.Errorf("model %s (%s): declare accumulates: %s in a yml file of the models' folder, under config.meta",
				n.Name, n.Path, dataset)
		}
	}
	return nil
}

// lacks lists the datasets of a node that cannot be read.
func (l *lineage) lacks(id string, isReadable func(string) bool) []string {
	return slices.DeleteFunc(l.list(id), isReadable)
}

// selection lists what dbt builds: every node whose datasets can all be read. Nil selects everything.
func (l *lineage) selection(isReadable func(string) bool) []string {
	var out []string
	all := true
	for _, id := range slices.Sorted(maps.Keys(l.nodes)) {
		n := l.nodes[id]
		lacking := len(l.lacks(id, isReadable)) > 0
		all = all && !lacking
		switch {
		case lacking:
		case n.Type == "source":
			out = append(out, "source:"+n.Source+"."+n.Name)
		case n.Type == "model" || n.Type == "seed" || n.Type == "snapshot":
			out = append(out, n.Name)
		}
	}
	if all {
		return nil
	}
	return out
}

// buildable counts the nodes that dbt reports on.
func (l *lineage) buildable(isReadable func(string) bool) int {
	n := 0
	for id, node := range l.nodes {
		if node.Type != "source" && len(l.lacks(id, isReadable)) == 0 {
			n++
		}
	}
	return n
}
