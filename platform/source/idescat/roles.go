package idescat

import (
	"slices"

	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/jsonpage"
)

// roleless is the role name of the dimension without a role, where there is exactly one.
const roleless = "none"

// roleNames are the roles of JSON-stat, and roleless.
var roleNames = []string{"time", "geo", "metric", roleless}

// rolePseudoFields returns the names by which a contract may read a dimension whose id is not known beforehand: "role:time"
// is the category's code, "role:time.label" its label.
func rolePseudoFields() []string {
	out := make([]string, len(roleNames))
	for i, role := range roleNames {
		out[i] = source.RolePrefix + role
	}
	return out
}

// roleField is a pseudo-field by role and the dimensions it stands for, by their positions.
type roleField struct {
	name string
	dims []int
}

// byRole returns the pseudo-fields that a table provides. Several dimensions of one role are read as one, with their codes
// joined: some Idescat tables have two metric dimensions, concept and indicator, and a key needs both. Several dimensions
// without a role are too different to be joined.
func (c *cube) byRole() []roleField {
	var out []roleField
	for _, role := range roleNames {
		f := roleField{name: source.RolePrefix + role}
		for k, d := range c.dims {
			if d.role == role || d.role == "" && role == roleless {
				f.dims = append(f.dims, k)
			}
		}
		if len(f.dims) == 1 || len(f.dims) > 1 && role != roleless {
			out = append(out, f)
		}
	}
	return out
}

// roleFields describes the pseudo-fields by role.
func (c *cube) roleFields() []source.SourceField {
	var out []source.SourceField
	for _, f := range c.byRole() {
		var ids []string
		for _, k := range f.dims {
			ids = append(ids, c.dims[k].id)
		}
		out = append(out, source.SourceField{Name: f.name, Type: "category", Of: ids},
			source.SourceField{Name: f.name + labelSuffix, Type: "text", Of: ids})
	}
	return out
}

// Separators of the codes and the labels of joined dimensions.
const (
	codeSeparator  = "/"
	labelSeparator = ", "
)

// roleReader sets the wanted pseudo-fields of a cell.
type roleReader struct {
	cube   *cube
	fields []wantedRole
}

type wantedRole struct {
	at     int // position among the row's fields
	dims   []int
	label  bool
	joined map[int][]byte // by the cell's categories, if there are several dimensions
}

// newRoleReader appends the wanted pseudo-fields to fields.
func (c *cube) newRoleReader(known *jsonpage.Names, wanted map[string]bool, fields []source.Value) (roleReader, []source.Value) {
	r := roleReader{cube: c}
	if len(wanted) == 0 {
		return r, fields
	}
	for _, f := range c.byRole() {
		for _, name := range []string{f.name, f.name + labelSuffix} {
			if !wanted[name] {
				continue
			}
			r.fields = append(r.fields, wantedRole{at: len(fields), dims: f.dims, label: name != f.name, joined: map[int][]byte{}})
			fields = append(fields, known.Field(name))
		}
	}
	return r, fields
}

// fill sets the values of the cell whose categories have these positions.
func (r *roleReader) fill(fields []source.Value, at []int) {
	for i := range r.fields {
		w := &r.fields[i]
		if len(w.dims) == 1 {
			k := w.dims[0]
			fields[w.at].Raw = w.of(&r.cube.dims[k].categories[at[k]])
			continue
		}
		which := 0
		for _, k := range w.dims {
			which = which*len(r.cube.dims[k].categories) + at[k]
		}
		raw, ok := w.joined[which]
		if !ok {
			raw = w.join(r.cube, at)
			w.joined[which] = raw
		}
		fields[w.at].Raw = raw
	}
}

func (w *wantedRole) of(g *category) []byte {
	if w.label {
		return g.label
	}
	return g.rawID
}

// join returns one JSON string of the dimensions' strings; null if one of them is not a string.
func (w *wantedRole) join(c *cube, at []int) []byte {
	separator := codeSeparator
	if w.label {
		separator = labelSeparator
	}
	out := []byte{'"'}
	for n, k := range w.dims {
		raw := w.of(&c.dims[k].categories[at[k]])
		if len(raw) < 2 || raw[0] != '"' {
			return null
		}
		if n > 0 {
			out = append(out, separator...)
		}
		out = append(out, raw[1:len(raw)-1]...)
	}
	return slices.Clip(append(out, '"'))
}
