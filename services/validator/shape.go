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

// shape counts the values of each JSON kind in every field of a landing. Counting a value costs one addition; drift
// compares the counts with the contract at the end.
type shape struct {
	contract *contract.Contract
	expected map[string]contract.Field // by source field; if two columns read one field, the required column
	seen     []sighting                // by the reader's ID of the field
	rest     map[string]*sighting      // by name, for fields without an ID
}

// portalsOwn is the prefix of the names of the portal's own fields (row ids, computed regions), which are not data.
const portalsOwn = ":"

// sighting counts the values of one source field.
type sighting struct {
	name   string
	values [kinds]int64
}

func newShape(c *contract.Contract) *shape {
	s := &shape{contract: c, expected: map[string]contract.Field{}, rest: map[string]*sighting{}}
	for _, f := range c.Fields {
		if f.Derived() {
			continue // the source does not send derived fields
		}
		if there, ok := s.expected[f.Source]; !ok || f.Required && !there.Required {
			s.expected[f.Source] = f
		}
	}
	return s
}

// add counts the values of a row. All rows come from one reader, so an ID always stands for the same name.
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

// unnumbered returns the sighting of a field that is new or to which the reader gives no ID.
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

// byName returns the sightings by field name.
func (s *shape) byName() map[string]*sighting {
	out := maps.Clone(s.rest)
	for i := range s.seen {
		if g := &s.seen[i]; g.values != [kinds]int64{} {
			out[g.name] = g
		}
	}
	return out
}

// present returns the number of rows in which the field is present and not null.
func (g *sighting) present() (n int64) {
	for k, count := range g.values {
		if kind(k) != null {
			n += count
		}
	}
	return n
}

// alien returns the number of values whose JSON kind cannot be converted to the type, and the most frequent such kind.
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

// drift compares the counts of all rows, and the schema that the source publishes of itself, with the contract. Problems
// in fatal reject the landing; problems in report are only reported.
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
		_, expected := s.expected[name]
		ofPortal := strings.HasPrefix(name, portalsOwn) || portals.All.IsDerived(s.contract.Source.Kind, name)
		if expected || known[name] || ofPortal {
			continue
		}
		add(s.contract.Drift.Added, events.Problem{Code: "field_added", Field: shown(name),
			Message: "the contract does not name this field of the source; the raw pages keep it, but it is not staged; " +
				"to stage it, add it to the contract with its classification"})
	}
	for _, name := range sorted(s.expected) {
		f, seen := s.expected[name], sightings[name]
		listed := slices.ContainsFunc(published, func(p source.SourceField) bool { return p.Name == name })
		switch {
		// A source omits null values from its rows, so only the source's own schema shows that an optional field was removed.
		case !listed && len(published) > 0 && seen == nil,
			f.Required && rows > 0 && (seen == nil || seen.present() == 0):
			policy := s.contract.Drift.Missing
			if f.Required {
				policy = contract.DriftReject
			}
			add(policy, events.Problem{Code: "field_missing", Field: name, Message: missing(f)})
		case seen != nil:
			alien, most := seen.alien(f.Type)
			if alien*2 <= seen.present() {
				continue
			}
			add(s.contract.Drift.Retyped, events.Problem{Code: "field_retyped", Field: name,
				Message: fmt.Sprintf("%d of %d values have the JSON type %s, which cannot be converted to the contract's type %s; "+
					"check the source and change the contract", alien, seen.present(), most, f.Type)})
		}
	}
	return fatal, report
}

// readByRole returns the dimensions that the contract reads by their role. The contract does not name them.
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

// missing returns the message of a column whose field is missing.
func missing(f contract.Field) string {
	role, byRole := strings.CutPrefix(strings.TrimSuffix(f.Source, ".label"), source.RolePrefix)
	switch {
	case !byRole:
		return fmt.Sprintf("the source does not send the field of column %s; check whether the source renamed or removed it, "+
			"and change the contract", f.Name)
	case role == "none":
		return fmt.Sprintf("column %s requires the only dimension without a role, but the table has none or several; "+
			"check the table's metadata and name the dimension in the contract", f.Name)
	}
	return fmt.Sprintf("column %s requires the dimension with the role %s, but no dimension of the table has that role; "+
		"check the table's metadata and name the dimension in the contract", f.Name, role)
}

// maxName is the maximum length in bytes of the name of a field that the contract does not name.
const maxName = 100

// shown returns a source's field name as an event may contain it: short, and without control characters.
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

// kind is the JSON type of a value.
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

// kindByFirst contains the kind of a value by its first byte.
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

// fits reports whether a JSON kind can be converted to a column type. The stager checks the text of each number and date.
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
