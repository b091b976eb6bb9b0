package marts

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
)

// relation returns the name of a snapshot's relation.
func relation(dataset, snapshot string) string { return dataset + "__" + strings.ToLower(snapshot) }

// relations lists what the models read.
func (p *Plan) relations() []Relation {
	var out []Relation
	add := func(s *lake.Pointer) {
		r := Relation{Schema: stagingSchema, Name: relation(s.Dataset, s.Snapshot), Snapshot: s, Contract: p.contracts[s.Dataset]}
		if !slices.ContainsFunc(out, func(o Relation) bool { return o.Name == r.Name }) {
			out = append(out, r)
		}
	}
	for _, dataset := range slices.Sorted(maps.Keys(p.Snapshots)) {
		add(p.Snapshots[dataset])
	}
	for _, a := range p.Accumulations {
		for _, s := range a.New {
			add(s)
		}
		if a.Last != nil {
			add(a.Last)
		}
	}
	for i := range p.Usable {
		out = append(out, Relation{Schema: publishedSchema, Name: p.Usable[i].Name, Mart: &p.Usable[i]})
	}
	return out
}

// reads lists the objects of all relations.
func (p *Plan) reads() []events.Object {
	var out []events.Object
	for _, r := range p.relations() {
		if r.Snapshot != nil {
			out = append(out, objects(r.Snapshot)...)
		} else {
			out = append(out, r.Mart.Objects...)
		}
	}
	return out
}

// objects lists the objects of a snapshot.
func objects(p *lake.Pointer) []events.Object {
	var out []events.Object
	for _, part := range p.Parts {
		for _, o := range part.Objects {
			out = append(out, o.Object)
		}
	}
	return out
}

// variables returns the variables of the dbt project; dbt_project.yml documents them.
func (p *Plan) variables(now time.Time) map[string]any {
	checked := map[string]string{}
	for dataset, at := range p.CheckedAt {
		checked[dataset] = at.UTC().Format("2006-01-02T15:04:05Z")
	}
	published := []string{}
	for _, m := range p.Usable {
		published = append(published, m.Name)
	}
	accumulated := map[string]any{}
	for _, a := range p.Accumulations {
		accumulated[a.Model] = a.variables(p.mart(a.Model) != nil)
	}
	return map[string]any{
		"snapshots": p.ids(), "staging_schema": stagingSchema, "published_schema": publishedSchema, "published_models": published,
		"checked_at": checked, "build_date": now.UTC().Format(time.DateOnly), "accumulated": accumulated,
	}
}
