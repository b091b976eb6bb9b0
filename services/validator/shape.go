package validator

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/portals"
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
		if f.Derived() {
			continue // the source sends no such field
		}
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
		if uint(v.ID) >= uint(len(s.seen)) {
			s.unnumbered(v).count(v)
			continue
		}
		s.seen[v.ID].count(v)
	}
}

func (g *sighting) count(v *source.Value) {
	if g.name == "" {
		g.name = v.Name
	}
	g.values[kindOf(v.Raw)]++
}

// unnumbered answers the sighting of a name that is new, or that the reader gives no ID.
func (s *shape) unnumbered(v *source.Value) *sighting {
	if v.ID >= 0 {
		s.seen = append(s.seen, make([]sighting, v.ID+1-len(s.seen))...)
		return &s.seen[v.ID]
	}
	if s.rest[v.Name] == nil {
		s.rest[v.Name] = &sighting{}
	}
	return s.rest[v.Name]
}

// byName answers what was seen, by name.
func (s *shape) byName() map[string]*sighting {
	out := maps.Clone(s.rest)
	for i := range s.seen {
		if g := &s.seen[i]; g.values != [kinds]int64{} {
			out[g.name] = g
		}
	}
	return out
}

// present answers in how many rows the field is there and not null.
func (g *sighting) present() (n int64) {
	for k, count := range g.values {
		if kind(k) != null {
			n += count
		}
	}
	return n
}

// alien answers how many values cannot become the type for what they are in JSON, and the kind of most of them.
func (g *sighting) alien(t contract.Type) (n int64, most kind) {
	for k, count := range g.values {
		if k := kind(k); k != null && !fits(t, k) {
			n += count
			if most == null || count > g.values[most] {
				most = k
			}
		}
	}
	return n, most
}

// drift compares what was seen in so many rows, and what the source publishes of its own schema, with the contract. fatal
// stops the run; report is let through and told.
func (s *shape) drift(published []source.SourceField, rows int64) (fatal, report []events.Problem) {
	add := func(policy contract.DriftPolicy, p events.Problem) {
		if policy == contract.DriftReject {
			fatal = append(fatal, p)
		} else {
			report = append(report, p)
		}
	}
	sightings, names := s.byName(), map[string]bool{}
	for name := range sightings {
		names[name] = true
	}
	for _, f := range published {
		if !strings.HasPrefix(f.Name, ":") {
			names[f.Name] = true
		}
	}
	known := s.readByRole(published)
	for _, name := range sorted(names) {
		if _, ok := s.expected[name]; ok || known[name] || strings.HasPrefix(name, portalsOwn) || portals.All.IsDerived(s.contract.Source.Kind, name) {
			continue
		}
		add(s.contract.Drift.Added, events.Problem{Code: "field_added", Field: shown(name),
			Message: "the source has a field that the contract does not know; it is kept in the raw pages and not staged. Classify it in the contract to stage it"})
	}
	for _, name := range sorted(s.expected) {
		f, seen := s.expected[name], sightings[name]
		listed := slices.ContainsFunc(published, func(p source.SourceField) bool { return p.Name == name })
		switch {
		// A null column is left out of every row, so only the source's own schema can tell that an optional one is gone.
		case !listed && len(published) > 0 && seen == nil,
			f.Required && rows > 0 && (seen == nil || seen.present() == 0):
			policy := s.contract.Drift.Missing
			if f.Required {
				policy = contract.DriftReject
			}
			add(policy, events.Problem{Code: "field_missing", Field: name,
				Message: missing(f)})
		case seen != nil:
			alien, most := seen.alien(f.Type)
			if alien*2 <= seen.present() {
				continue
			}
			add(s.contract.Drift.Retyped, events.Problem{Code: "field_retyped", Field: name,
				Message: fmt.Sprintf("%d of %d values are a JSON %s, which cannot become the contract's %s", alien, seen.present(), most, f.Type)})
		}
	}
	return fatal, report
}

// readByRole answers the dimensions that the contract reads by their role, and so knows although it does not name them.
func (s *shape) readByRole(published []source.SourceField) map[string]bool {
	out := map[string]bool{}
	for _, p := range published {
		if _, ok := s.expected[p.Name]; ok {
			for _, id := range p.Of {
				out[id] = true
			}
		}
	}
	return out
}

// missing says what it means that a column's field is not there.
func missing(f contract.Field) string {
	role, byRole := strings.CutPrefix(strings.TrimSuffix(f.Source, ".label"), source.RolePrefix)
	switch {
	case !byRole:
		return fmt.Sprintf("the source no longer sends the field of column %s; it was renamed or removed: look at the source and change the contract", f.Name)
	case role == "none":
		return fmt.Sprintf("column %s wants the one dimension without a role, and the table has none or several: look at the table's metadata and name the dimension in the contract", f.Name)
	}
	return fmt.Sprintf("column %s wants the dimension of the role %s, and the table gives it to none: look at the table's metadata and name the dimension in the contract", f.Name, role)
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

// kind is what a value is in JSON.
type kind uint8

const (
	null kind = iota
	text
	number
	boolean
	object
	array
	kinds = iota
)

func (k kind) String() string {
	return [kinds]string{"null", "string", "number", "boolean", "object", "array"}[k]
}

// kindByFirst is the kind of a value by its first byte.
var kindByFirst = func() (t [256]kind) {
	for c := range t {
		t[c] = number
	}
	t['"'], t['{'], t['['], t['t'], t['f'], t['n'] = text, object, array, boolean, boolean, null
	return t
}()

func kindOf(raw []byte) kind {
	if len(raw) == 0 {
		return null
	}
	return kindByFirst[raw[0]]
}

// fits says whether a JSON kind can become a column type. Text of a number or date is the stager's to judge, value by value.
func fits(t contract.Type, k kind) bool {
	switch t {
	case contract.JSON:
		return true
	case contract.Boolean:
		return k == boolean || k == text
	case contract.Date, contract.Timestamp:
		return k == text
	}
	return k == text || k == number || t == contract.Text && k == boolean
}

func sorted[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
