package source

import (
	"fmt"
	"strconv"
)

// null is what stands for an absent value.
var null = []byte("null")

// unavailable is Idescat's status of a figure that is confidential, unreliable or not available. It is no zero.
const unavailable = `".."`

// cellSpans finds each cell's part of value, status or origin: an array with one element a cell, an object keyed
// by cell position (sparse: the cells it leaves out are the zero span), or one text for all.
func (r cubeReader) cellSpans(p span, cells int, what string) ([]span, error) {
	out := make([]span, cells)
	switch {
	case r.is(p, '['):
		n := 0
		err := r.at(p).array(func(index int) error {
			r.row = index
			start, end, err := r.value()
			if err != nil {
				return err
			}
			if index < cells {
				out[index] = span{start, end}
			}
			n++
			return nil
		})
		r.row = -1
		if err == nil && n != cells {
			err = r.form(p, fmt.Sprintf("%s has %d elements, the cube has %d cells", what, n, cells))
		}
		return out, err
	case r.is(p, '{'):
		err := r.at(p).object(func(name string, from, to int) error {
			start, end, err := r.value()
			if err != nil {
				return err
			}
			k, err := strconv.Atoi(name)
			if err != nil || k < 0 || k >= cells {
				return r.form(span{from, to}, fmt.Sprintf("%s has a key that is no position of the cube's %d cells", what, cells))
			}
			if !out[k].absent() {
				return r.form(span{from, to}, fmt.Sprintf("%s tells cell %d twice", what, k))
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
	return nil, r.form(p, what+" is neither array nor object")
}

// optionalSpans is cellSpans for a part that may be absent; then it answers nil.
func (r cubeReader) optionalSpans(p span, cells int, what string) ([]span, error) {
	if p.absent() || isNull(r.raw(p)) {
		return nil, nil
	}
	return r.cellSpans(p, cells, what)
}

// idescatRows reads a JSON-stat page, one row a cell.
func (r *Reader) idescatRows(page []byte, yield func(Row) error) error {
	c, err := readCube(page)
	if err != nil {
		return err
	}
	return c.rows(page, r.names, r.wanted, yield)
}

func (c *cube) rows(page []byte, known *nameTable, wanted map[string]bool, yield func(Row) error) error {
	r := cubeReader{newScanner(page)}
	if c.value.absent() || r.is(c.value, '"') {
		return r.form(c.value, "the dataset has no value: it is a table's metadata, not its data")
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

	fields := make([]Value, 0, 2*len(c.dims)+3)
	for _, d := range c.dims {
		fields = append(fields, known.field(d.id), known.field(d.id+".label"))
	}
	fields = append(fields, known.field("value"), known.field("status"))
	if origins != nil {
		fields = append(fields, known.field(Origin))
	}
	roles, fields := c.newRoleReader(known, wanted, fields)
	at := make([]int, len(c.dims)) // the category of each dimension, counted up like an odometer
	for cell := range c.cells {
		status := null
		if statuses != nil && r.is(statuses[cell], '"') && statuses[cell].end-statuses[cell].start > 2 {
			status = r.raw(statuses[cell])
		}
		for k, d := range c.dims {
			g := d.categories[at[k]]
			fields[2*k].Raw, fields[2*k+1].Raw = g.rawID, g.label
			// A cell's own status goes before its categories', and those go in the dimensions' order.
			if g.status != nil && isNull(status) {
				status = g.status
			}
		}
		row := Row{Index: cell, Start: c.value.start, End: c.value.start, Fields: fields}
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
