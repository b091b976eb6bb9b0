package source

import (
	"fmt"
	"math"
	"strconv"
)

// maxCells bounds the cells of one page. Idescat answers 20,000 at the most; a sparse answer could claim any number
// in a few bytes. A table's metadata may speak of more: parameters and pages cut it.
const maxCells = 2_000_000

// product multiplies two counts; what an int cannot hold is the largest int.
func product(a, b int) int {
	if b > 0 && a > math.MaxInt/b {
		return math.MaxInt
	}
	return a * b
}

// maxUpdated bounds the date of a table, which stands in every row and in events.
const maxUpdated = 64

// span is a byte range of a page; the zero span means absent.
type span struct{ start, end int }

func (p span) absent() bool { return p.end == 0 }

// category is one category of a dimension, as raw JSON.
type category struct {
	code   string
	rawID  []byte
	label  []byte // null where the page gives none
	status []byte // nil where the page gives none for the whole category
}

// dimension is one dimension of a cube with its categories in cell order.
type dimension struct {
	id         string
	label      string
	role       string // "time", "geo", "metric" or ""
	categories []category
}

// cube is a JSON-stat 2.0 dataset. Only the order of its id array says which dimension is which.
type cube struct {
	class, label, source, href, updated string

	dims   []dimension
	cells  int // product of the sizes; math.MaxInt when it is larger
	value  span
	status span
	origin span

	selection []byte // raw id, size, role and dimension: what tells two versions of a table's shape apart
}

// cubeReader reads the parts of a JSON-stat document. Nothing is said there about the order of names, so it
// notes where each part lies first and reads them after.
type cubeReader struct{ *scanner }

func readCube(page []byte) (*cube, error) {
	r := cubeReader{newScanner(page)}
	if err := r.want('{', "a JSON-stat dataset is an object"); err != nil {
		return nil, err
	}
	top, err := r.members()
	if err != nil {
		return nil, err
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	c := &cube{value: top["value"], status: top["status"]}
	for name, into := range map[string]*string{
		"class": &c.class, "label": &c.label, "source": &c.source, "href": &c.href, "updated": &c.updated,
	} {
		*into = r.textAt(top[name])
	}
	if c.class != "dataset" {
		return nil, r.form(top["class"], fmt.Sprintf("class is %.40q, want \"dataset\"", c.class))
	}
	if len(c.updated) > maxUpdated {
		return nil, r.form(top["updated"], "updated is no date")
	}
	if err := r.dimensions(c, top); err != nil {
		return nil, err
	}
	for _, part := range []string{"id", "size", "role", "dimension"} {
		c.selection = append(c.selection, page[top[part].start:top[part].end]...)
		c.selection = append(c.selection, '\n')
	}
	if ext := top["extension"]; r.is(ext, '{') {
		members, err := r.at(ext).members()
		if err != nil {
			return nil, err
		}
		c.origin = members["llac_origin"]
	}
	return c, nil
}

func (r cubeReader) form(at span, why string) error {
	return r.fail(at.start, fmt.Errorf("%w: %s", errForm, why))
}

// at moves the reader to the beginning of a part.
func (r cubeReader) at(p span) cubeReader {
	r.i = p.start
	return r
}

func (r cubeReader) is(p span, first byte) bool { return !p.absent() && r.b[p.start] == first }

func (r cubeReader) raw(p span) []byte { return r.b[p.start:p.end:p.end] }

func (r cubeReader) textAt(p span) string {
	if !r.is(p, '"') {
		return ""
	}
	return unquote(r.raw(p))
}

// members notes where the values of the object at the current position lie. A repeated name is refused: which of two
// values, labels or sizes is meant is not known, and every cell hangs on them.
func (r cubeReader) members() (map[string]span, error) {
	out := map[string]span{}
	err := r.object(func(name string, from, to int) error {
		start, end, err := r.value()
		if _, twice := out[name]; twice && err == nil {
			err = r.form(span{from, to}, "a name stands twice in one object")
		}
		out[name] = span{start, end}
		return err
	})
	return out, err
}

func (r cubeReader) membersAt(p span, what string) (map[string]span, error) {
	if !r.is(p, '{') {
		return nil, r.form(p, what+" is missing or no object")
	}
	return r.at(p).members()
}

// elements notes where the values of an array lie.
func (r cubeReader) elements(p span, what string) ([]span, error) {
	if !r.is(p, '[') {
		return nil, r.form(p, what+" is missing or no array")
	}
	var out []span
	err := r.at(p).array(func(int) error {
		start, end, err := r.value()
		out = append(out, span{start, end})
		return err
	})
	return out, err
}

func (r cubeReader) dimensions(c *cube, top map[string]span) error {
	ids, err := r.elements(top["id"], "id")
	if err != nil {
		return err
	}
	sizes, err := r.elements(top["size"], "size")
	if err != nil {
		return err
	}
	if len(ids) == 0 || len(ids) != len(sizes) {
		return r.form(top["size"], fmt.Sprintf("%d dimensions have %d sizes", len(ids), len(sizes)))
	}
	described, err := r.membersAt(top["dimension"], "dimension")
	if err != nil {
		return err
	}
	roles, err := r.roles(top["role"])
	if err != nil {
		return err
	}
	c.cells = 1
	seen := map[string]bool{}
	for k, id := range ids {
		name := r.textAt(id)
		if name == "" || seen[name] {
			return r.form(id, "a dimension id is no text or stands twice")
		}
		seen[name] = true
		d, err := r.dimension(name, described[name])
		if err != nil {
			return err
		}
		d.role = roles[name]
		if n, err := strconv.Atoi(string(r.raw(sizes[k]))); err != nil || n != len(d.categories) {
			return r.form(sizes[k], fmt.Sprintf("dimension %.40q has %d categories, its size says otherwise", name, len(d.categories)))
		}
		c.cells = product(c.cells, len(d.categories))
		c.dims = append(c.dims, d)
	}
	return nil
}

// roles answers which role each dimension has.
func (r cubeReader) roles(p span) (map[string]string, error) {
	out := map[string]string{}
	if !r.is(p, '{') {
		return out, nil
	}
	members, err := r.at(p).members()
	if err != nil {
		return nil, err
	}
	for role, list := range members {
		if !r.is(list, '[') {
			continue
		}
		ids, err := r.elements(list, "role")
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			out[r.textAt(id)] = role
		}
	}
	return out, nil
}

func (r cubeReader) dimension(id string, p span) (dimension, error) {
	d := dimension{id: id}
	members, err := r.membersAt(p, fmt.Sprintf("dimension %.40q", id))
	if err != nil {
		return d, err
	}
	d.label = r.textAt(members["label"])
	parts, err := r.membersAt(members["category"], fmt.Sprintf("the category of dimension %.40q", id))
	if err != nil {
		return d, err
	}
	labels := map[string]span{}
	if r.is(parts["label"], '{') {
		if labels, err = r.at(parts["label"]).members(); err != nil {
			return d, err
		}
	}
	if d.categories, err = r.codes(id, parts); err != nil {
		return d, err
	}
	statuses, err := r.categoryStatus(members["extension"])
	if err != nil {
		return d, err
	}
	for k := range d.categories {
		g := &d.categories[k]
		g.label = null
		if at, ok := labels[g.code]; ok {
			g.label = r.raw(at)
		}
		if at, ok := statuses[g.code]; ok && r.is(at, '"') {
			g.status = r.raw(at)
		}
	}
	return d, nil
}

// codes reads a category's index: an array of codes, or an object of code and position, or nothing at all for a
// dimension of one category, whose label then names it.
func (r cubeReader) codes(id string, parts map[string]span) ([]category, error) {
	index := parts["index"]
	switch {
	case r.is(index, '['):
		list, err := r.elements(index, "index")
		if err != nil {
			return nil, err
		}
		out := make([]category, len(list))
		for k, p := range list {
			if !r.is(p, '"') {
				return nil, r.form(p, fmt.Sprintf("a category code of dimension %.40q is no text", id))
			}
			out[k] = category{code: r.textAt(p), rawID: r.raw(p)}
		}
		return out, r.distinct(id, index, out)
	case r.is(index, '{'):
		positions := map[int]category{}
		err := r.at(index).object(func(name string, from, to int) error {
			start, end, err := r.value()
			if err != nil {
				return err
			}
			at, err := strconv.Atoi(string(r.b[start:end]))
			if _, taken := positions[at]; err != nil || taken {
				return r.form(span{start, end}, fmt.Sprintf("a category position of dimension %.40q is no number of its own", id))
			}
			positions[at] = category{code: name, rawID: r.b[from:to:to]}
			return nil
		})
		if err != nil {
			return nil, err
		}
		out := make([]category, len(positions))
		for k := range out {
			g, ok := positions[k]
			if !ok {
				return nil, r.form(index, fmt.Sprintf("no category of dimension %.40q has position %d", id, k))
			}
			out[k] = g
		}
		return out, r.distinct(id, index, out)
	case index.absent() && r.is(parts["label"], '{'):
		var out []category
		err := r.at(parts["label"]).object(func(name string, from, to int) error {
			out = append(out, category{code: name, rawID: r.b[from:to:to]})
			_, _, err := r.value()
			return err
		})
		if err == nil && len(out) != 1 {
			err = r.form(parts["label"], fmt.Sprintf("dimension %.40q has no index and not one category", id))
		}
		return out, err
	}
	return nil, r.form(index, fmt.Sprintf("dimension %.40q has no index", id))
}

func (r cubeReader) distinct(id string, at span, list []category) error {
	seen := make(map[string]bool, len(list))
	for _, g := range list {
		if seen[g.code] {
			return r.form(at, fmt.Sprintf("dimension %.40q has a category twice", id))
		}
		seen[g.code] = true
	}
	return nil
}

// categoryStatus reads dimension.<id>.extension.status: a status for all cells of a category.
func (r cubeReader) categoryStatus(extension span) (map[string]span, error) {
	if !r.is(extension, '{') {
		return nil, nil
	}
	members, err := r.at(extension).members()
	if err != nil || !r.is(members["status"], '{') {
		return nil, err
	}
	return r.at(members["status"]).members()
}
