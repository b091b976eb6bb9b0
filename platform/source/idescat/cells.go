package idescat

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/jsonpage"
)

// null is the raw JSON of an absent value.
var null = []byte("null")

// unavailable is Idescat's status of a figure that is confidential, unreliable or not available. It does not mean zero.
const unavailable = `".."`

// cellSpans returns each cell's part of value, status or origin: an array with one element per cell, an object keyed by cell
// position (sparse: omitted cells get the zero span), or one string for all.
func (r cubeReader) cellSpans(p span, cells int, what string) ([]span, error) {
	out := make([]span, cells)
	switch {
	case r.is(p, '['):
		n := 0
		err := r.at(p).Array(func(index int) error {
			r.InRow(index)
			start, end, err := r.Value()
			if err != nil {
				return err
			}
			if index < cells {
				out[index] = span{start, end}
			}
			n++
			return nil
		})
		r.InRow(-1)
		if err == nil && n != cells {
			err = r.form(p, fmt.Sprintf("%s has %d elements, the cube has %d cells", what, n, cells))
		}
		return out, err
	case r.is(p, '{'):
		err := r.at(p).Object(func(name string, from, to int) error {
			start, end, err := r.Value()
			if err != nil {
				return err
			}
			k, err := strconv.Atoi(name)
			if err != nil || k < 0 || k >= cells {
				return r.form(span{from, to}, fmt.Sprintf("%s has a key that is not a position of the cube's %d cells", what, cells))
			}
			if !out[k].absent() {
				return r.form(span{from, to}, fmt.Sprintf("%s contains cell %d twice", what, k))
			}
			out[k] = span{start, end}
			return nil
		})
		return out, err
	case r.is(p, '"'):
		for k := range out {
			out[k] = p
		}
		return out, nil
	}
	return nil, r.form(p, what+" is neither an array nor an object")
}

// optionalSpans is cellSpans for a part that may be absent; then it returns nil.
func (r cubeReader) optionalSpans(p span, cells int, what string) ([]span, error) {
	if p.absent() || jsonpage.IsNull(r.raw(p)) {
		return nil, nil
	}
	return r.cellSpans(p, cells, what)
}

// reader reads JSON-stat pages.
type reader struct {
	names  *jsonpage.Names
	wanted map[string]bool // pseudo-fields by role
	last   *cube           // of the page that was read last
}

// Identity returns what a cube states of itself: its table, its date, and the categories of each dimension.
func (r *reader) Identity() source.Identity {
	if r.last == nil {
		return source.NoIdentity()
	}
	return r.last.identity()
}

func newReader() *reader { return &reader{names: jsonpage.NewNames(), wanted: map[string]bool{}} }

// Want requests pseudo-fields by role.
func (r *reader) Want(names ...string) {
	for _, name := range names {
		if strings.HasPrefix(name, source.RolePrefix) {
			r.wanted[name] = true
		}
	}
}

// Rows yields one row per cell, in row-major order (the last dimension varies fastest), sparse cells included: every
// dimension's category code under the dimension's id, its label under "<id>.label", then "value" and "status", then
// source.Origin if the page contains it, then the wanted dimensions by role.
func (r *reader) Rows(page []byte, yield func(source.Row) error) error {
	r.last = nil
	c, err := readCube(page)
	if err != nil {
		return err
	}
	r.last = c
	return c.rows(page, r.names, r.wanted, yield)
}

// distinctNames checks that no dimension has the name of another field, such as "value" or the label of another dimension.
func (r cubeReader) distinctNames(fields []source.Value) error {
	seen := map[string]bool{}
	for _, f := range fields {
		if seen[f.Name] {
			return r.Form(0, "a dimension has the name of another field of its cells")
		}
		seen[f.Name] = true
	}
	return nil
}

// rows yields the cells of a cube that was read from page.
func (c *cube) rows(page []byte, known *jsonpage.Names, wanted map[string]bool, yield func(source.Row) error) error {
	r := newCubeReader(page)
	if c.value.absent() || r.is(c.value, '"') {
		return r.form(c.value, "the dataset has no value: the page is a table's metadata, not its data")
	}
	if c.cells > maxCells {
		return r.form(c.value, fmt.Sprintf("the cube has more than %d cells", maxCells))
	}
	values, err := r.cellSpans(c.value, c.cells, "value")
	if err != nil {
		return err
	}
	statuses, err := r.optionalSpans(c.status, c.cells, "status")
	if err != nil {
		return err
	}
	origins, err := r.optionalSpans(c.origin, c.cells, "extension.llac_origin")
	if err != nil {
		return err
	}

	fields := make([]source.Value, 0, 2*len(c.dims)+3)
	for _, d := range c.dims {
		fields = append(fields, known.Field(d.id), known.Field(d.id+labelSuffix))
	}
	fields = append(fields, known.Field(valueField), known.Field(statusField))
	if origins != nil {
		fields = append(fields, known.Field(source.Origin))
	}
	roles, fields := c.newRoleReader(known, wanted, fields)
	if err := r.distinctNames(fields); err != nil {
		return err
	}
	at := make([]int, len(c.dims)) // the category of each dimension; the last dimension varies fastest
	for cell := range c.cells {
		status := null
		if statuses != nil && r.is(statuses[cell], '"') && statuses[cell].end-statuses[cell].start > 2 {
			status = r.raw(statuses[cell])
		}
		for k, d := range c.dims {
			g := d.categories[at[k]]
			fields[2*k].Raw, fields[2*k+1].Raw = g.rawID, g.label
			// A cell's own status takes precedence over those of its categories, which apply in the dimensions' order.
			if g.status != nil && jsonpage.IsNull(status) {
				status = g.status
			}
		}
		row := source.Row{Index: cell, Start: c.value.start, End: c.value.start, Fields: fields}
		value := null
		if p := values[cell]; !p.absent() {
			row.Start, row.End = p.start, p.end
			value = r.raw(p)
		}
		if string(status) == unavailable {
			value = null
		}
		after := fields[2*len(c.dims):]
		after[0].Raw, after[1].Raw = value, status
		if origins != nil {
			after[2].Raw = null
			if p := origins[cell]; !p.absent() {
				after[2].Raw = r.raw(p)
			}
		}
		roles.fill(fields, at)
		if err := yield(row); err != nil {
			return err
		}
		for k := len(at) - 1; k >= 0; k-- {
			if at[k]++; at[k] < len(c.dims[k].categories) {
				break
			}
			at[k] = 0
		}
	}
	return nil
}
