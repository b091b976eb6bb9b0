package source

import "slices"

// RolePrefix begins the names of the pseudo-fields by which a contract may read a dimension of an Idescat table whose id
// nobody knows beforehand: by the role that the table itself gives it. "role:time" holds the category's code,
// "role:time.label" its label; likewise "role:geo" and "role:metric", and "role:none" for the dimension without a role
// where there is exactly one.
const RolePrefix = "role:"

// roleless is the name, after RolePrefix, of the one dimension without a role.
const roleless = "none"

// roleNames are the roles of JSON-stat, and roleless.
var roleNames = []string{"time", "geo", "metric", roleless}

// roleField is a pseudo-field by role and the dimensions it stands for, by their positions.
type roleField struct {
	name string
	dims []int
}

// byRole lists the pseudo-fields that a table can give. Several dimensions of one role are read as one, their codes
// joined: Idescat gives some tables two metric dimensions, concept and indicator, and a key needs both. Several without a
// role are too different to be one.
func (c *cube) byRole() []roleField {
	var out []roleField
	for _, role := range roleNames {
		f := roleField{name: RolePrefix + role}
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
func (c *cube) roleFields() []SourceField {
	var out []SourceField
	for _, f := range c.byRole() {
		var ids []string
		for _, k := range f.dims {
			ids = append(ids, c.dims[k].id)
		}
		out = append(out, SourceField{Name: f.name, Type: "category", Of: ids}, SourceField{Name: f.name + ".label", Type: "text", Of: ids})
	}
	return out
}

// Separators of the codes and the labels of several dimensions read as one.
const (
	codeSeparator  = "/"
	labelSeparator = ", "
)

// roleReader fills in the pseudo-fields of a cell that somebody reads.
type roleReader struct {
	cube   *cube
	fields []wantedRole
}

type wantedRole struct {
	at     int // position among the row's fields
	dims   []int
	label  bool
	joined map[int][]byte // by the cell's categories, where there are several dimensions
}

// newRoleReader appends to fields those pseudo-fields that are wanted.
func (c *cube) newRoleReader(known *nameTable, wanted map[string]bool, fields []Value) (roleReader, []Value) {
	r := roleReader{cube: c}
	if len(wanted) == 0 {
		return r, fields
	}
	for _, f := range c.byRole() {
		for _, name := range []string{f.name, f.name + ".label"} {
			if !wanted[name] {
				continue
			}
			r.fields = append(r.fields, wantedRole{at: len(fields), dims: f.dims, label: name != f.name, joined: map[int][]byte{}})
			fields = append(fields, known.field(name))
		}
	}
	return r, fields
}

// fill writes the values of the cell whose categories stand at these positions.
func (r *roleReader) fill(fields []Value, at []int) {
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

// join makes one JSON string of the dimensions' strings; null where one of them is none.
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
