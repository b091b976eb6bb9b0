package validator

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/source"
)

// shape counts what the rows of a landing look like: by name, how many values of each JSON kind. What holds: a value costs
// one addition, and all judgement waits for drift.
type shape struct {
	contract *contract.Contract
	expected map[string]contract.Field // by source field; of two columns of one field, the required one
	seen     []sighting                // by the reader's ID of the name
	rest     map[string]*sighting      // by name, where the reader gives no ID
}

// portalsOwn begins the names of the portal's own fields (row ids, computed regions), which are not the data's.
const portalsOwn = ":"

// sighting is what was seen of one source field.
type sighting struct {
	name   string
	values [kinds]int64
}

func newShape(c *contract.Contract) *shape {
	s := &shape{contract: c, expected: map[string]contract.Field{}, rest: map[string]*sighting{}}
	for _, f := range c.Fields {
		if there, ok := s.expected[f.Source]; !ok || f.Required && !there.Required {
			s.expected[f.Source] = f
		}
	}
	return s
}

// add counts a row. All rows come from one reader, so that an ID is one name.
func (s *shape) add(r source.Row) {
	for i := range r.Fields {
		v := &r.Fields[i]
		if uint(v.ID) >= uint(len(s.seen)) || s.seen[v.ID].name != v.Name {
			s.first(v).values[kindOf(v.Raw)]++
			continue
		}
		s.seen[v.ID].values[kindOf(v.Raw)]++
	}
}
// drift compares what was seen, and what the source publishes of its own schema, with the contract. fatal stops the
// run; report is let through and told.
func (s *shape) drift(published []source.SourceField, rows int64) (fatal, report []events.Problem) {
	add := func(policy contract.DriftPolicy, p events.Problem) {
		if policy == contract.DriftReject {
			fatal = append(fatal, p)
		} else {
			report = append(report, p)
		}
	}
	names := map[string]bool{}
	for name := range s.seen {
		names[name] = true
	}
	for _, f := range published {
		if !strings.HasPrefix(f.Name, ":") {
			names[f.Name] = true
		}
	}
	for _, name := range sorted(names) {
		if _, ok := s.expected[name]; ok || strings.HasPrefix(name, portalsOwn) || derived(s.contract.Source.Kind, name) {
			continue
		}
		add(s.contract.Drift.Added, events.Problem{Code: "field_added", Field: shown(name),
			Message: "the source has a field that the contract does not know; it is kept in the raw pages and not staged. Classify it in the contract to stage it"})
	}
	for _, name := range sorted(s.expected) {
		f, seen := s.expected[name], s.seen[name]
		listed := slices.ContainsFunc(published, func(p source.SourceField) bool { return p.Name == name })
		switch {
		// A null column is left out of every row, so only the source's own schema can tell that an optional one is gone.
		case !listed && len(published) > 0 && seen == nil,
			f.Required && rows > 0 && (seen == nil || seen.values == 0):
			policy := s.contract.Drift.Missing
			if f.Required {
				policy = contract.DriftReject
			}
			add(policy, events.Problem{Code: "field_missing", Field: name,
				Message: fmt.Sprintf("the source no longer sends the field of column %s; it was renamed or removed: look at the source and change the contract", f.Name)})
		case seen != nil && seen.alien*2 > seen.values:
			add(s.contract.Drift.Retyped, events.Problem{Code: "field_retyped", Field: name,
				Message: fmt.Sprintf("%d of %d values are a JSON %s, which cannot become the contract's %s", seen.alien, seen.values, seen.kind, f.Type)})
		}
	}
	return fatal, report
}

// maxName bounds the name of a field that the contract does not know, in bytes.
const maxName = 100

// shown is a source's name for a field as an event may carry it: short, and nothing that a terminal would obey.
func shown(name string) string {
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, name)
	if len(name) <= maxName {
		return name
	}
	cut := maxName
	for !utf8.RuneStart(name[cut]) {
		cut--
	}
	return name[:cut] + "…"
}

// derived says whether a field is not the source's own but made by the reader of its kind.
func derived(kind, name string) bool {
	return kind == "idescat" && (name == "status" || strings.HasSuffix(name, ".label")) ||
		kind == "ckan" && name == "_id"
}

func jsonKind(raw []byte) string {
	if len(raw) == 0 {
		return "null"
	}
	switch raw[0] {
	case '"':
		return "string"
	case '{':
		return "object"
	case '[':
		return "array"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}

// fits says whether a JSON kind can become a column type. Text of a number or date is the stager's to judge, value by value.
func fits(t contract.Type, kind string) bool {
	switch t {
	case contract.JSON:
		return true
	case contract.Boolean:
		return kind == "boolean" || kind == "string"
	case contract.Date, contract.Timestamp:
		return kind == "string"
	}
	return kind == "string" || kind == "number" || t == contract.Text && kind == "boolean"
}

func sorted[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
