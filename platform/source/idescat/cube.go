package idescat

import (
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/jsonpage"
)

// maxCells limits the cells of one page. Idescat returns at most 20,000; a sparse answer could claim any number in a few
// bytes. A table's metadata may describe more cells: parameters and pages divide them.
const maxCells = 2_000_000

// product multiplies two counts; an overflow gives the largest int.
func product(a, b int) int {
	if b > 0 && a > math.MaxInt/b {
		return math.MaxInt
	}
	return a * b
}

// maxUpdated limits the date of a table, in bytes: it goes into every row and into events.
const maxUpdated = 64

// span is a byte range of a page; the zero span means absent.
type span struct{ start, end int }

func (p span) absent() bool { return p.end == 0 }

// category is one category of a dimension, as raw JSON.
type category struct {
	code   string
	rawID  []byte
	label  []byte // null if the page has none
	status []byte // nil if the whole category has none
}

// dimension is one dimension of a cube with its categories in cell order.
type dimension struct {
	id         string
	label      string
	role       string // "time", "geo", "metric" or ""
	categories []category
}

// cube is a JSON-stat 2.0 dataset. The order of its id array is the order of the dimensions.
type cube struct {
	class, label, source, href, updated string

	dims   []dimension
	cells  int // product of the sizes, at most math.MaxInt
	value  span
	status span
	origin span

	selection []byte // raw id, size, role and dimension: the table's shape
}

// identity returns what the document states of itself.
func (c *cube) identity() source.Identity {
	id := source.NoIdentity()
	id.Source, id.Version, id.Simulated = tableOf(c.href), c.updated, !c.origin.absent()
	id.Codes = make(map[string][]string, len(c.dims))
	for _, d := range c.dims {
		codes := make([]string, len(d.categories))
		for k, g := range d.categories {
			codes[k] = g.code
		}
		id.Codes[d.id] = codes
	}
	return id
}

// tableOf returns the table's id in the address that a document states as its own; empty if it is not the address of a table.
func tableOf(href string) string {
	u, err := url.Parse(href)
	if err != nil {
		return ""
	}
	steps := strings.Split(strings.TrimSuffix(strings.Trim(u.Path, "/"), "/data"), "/")
	if len(steps) < 4 {
		return ""
	}
	if id := strings.Join(steps[len(steps)-4:], "/"); tableID.MatchString(id) {
		return id
	}
	return ""
}

// cubeReader reads the parts of a JSON-stat document. The standard does not fix the order of names, so the reader first
// finds the position of each part and reads the parts afterwards.
type cubeReader struct {
	*jsonpage.Scanner
	page []byte
}

func newCubeReader(page []byte) cubeReader { return cubeReader{jsonpage.NewScanner(page), page} }

func readCube(page []byte) (*cube, error) {
	r := newCubeReader(page)
	if err := r.Expect('{', "a JSON-stat dataset is an object"); err != nil {
		return nil, err
	}
	top, err := r.members()
	if err != nil {
		return nil, err
	}
	if err := r.End(); err != nil {
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
		return nil, r.form(top["updated"], "updated is not a date")
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
	return r.Form(at.start, why)
}

// at moves the reader to the start of a part.
func (r cubeReader) at(p span) cubeReader {
	r.Seek(p.start)
	return r
}

func (r cubeReader) is(p span, first byte) bool { return !p.absent() && r.page[p.start] == first }

func (r cubeReader) raw(p span) []byte { return r.page[p.start:p.end:p.end] }

func (r cubeReader) textAt(p span) string {
	if !r.is(p, '"') {
		return ""
	}
	return jsonpage.Unquote(r.raw(p))
}

// members returns the positions of the values of the object at the current position. A repeated name is an error: every cell
// depends on these values.
func (r cubeReader) members() (map[string]span, error) {
	out := map[string]span{}
	err := r.Members(func(name string, _, _ int) error {
		start, end, err := r.Value()
		out[name] = span{start, end}
		return err
	})
	return out, err
}

func (r cubeReader) membersAt(p span, what string) (map[string]span, error) {
	if !r.is(p, '{') {
		return nil, r.form(p, what+" is missing or not an object")
	}
	return r.at(p).members()
}

// elements returns the positions of the values of an array.
func (r cubeReader) elements(p span, what string) ([]span, error) {
	if !r.is(p, '[') {
		return nil, r.form(p, what+" is missing or not an array")
	}
	var out []span
	err := r.at(p).Array(func(int) error {
		start, end, err := r.Value()
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
			return r.form(id, "a dimension id is not a string or occurs twice")
		}
		seen[name] = true
		d, err := r.dimension(name, described[name])
		if err != nil {
			return err
		}
		d.role = roles[name]
		if n, err := strconv.Atoi(string(r.raw(sizes[k]))); err != nil || n != len(d.categories) {
			return r.form(sizes[k], fmt.Sprintf("dimension %.40q has %d categories, which differs from its size", name, len(d.categories)))
		}
		c.cells = product(c.cells, len(d.categories))
		c.dims = append(c.dims, d)
	}
	return nil
}

// roles returns the role of each dimension.
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

// codes reads a category's index: an array of codes, or an object of codes and positions. A dimension of one category may
// omit the index; then the label contains its code.
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
				return nil, r.form(p, fmt.Sprintf("a category code of dimension %.40q is not a string", id))
			}
			out[k] = category{code: r.textAt(p), rawID: r.raw(p)}
		}
		return out, r.distinct(id, index, out)
	case r.is(index, '{'):
		positions := map[int]category{}
		err := r.at(index).Object(func(name string, from, to int) error {
			start, end, err := r.Value()
			if err != nil {
				return err
			}
			at, err := strconv.Atoi(string(r.page[start:end]))
			if _, taken := positions[at]; err != nil || taken {
				return r.form(span{start, end}, fmt.Sprintf("a category position of dimension %.40q is not a unique number", id))
			}
			positions[at] = category{code: name, rawID: r.page[from:to:to]}
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
		err := r.at(parts["label"]).Object(func(name string, from, to int) error {
			out = append(out, category{code: name, rawID: r.page[from:to:to]})
			_, _, err := r.Value()
			return err
		})
		if err == nil && len(out) != 1 {
			err = r.form(parts["label"], fmt.Sprintf("dimension %.40q has no index and not exactly one category", id))
		}
		return out, err
	}
	return nil, r.form(index, fmt.Sprintf("dimension %.40q has no index", id))
}

func (r cubeReader) distinct(id string, at span, list []category) error {
	seen := make(map[string]bool, len(list))
	for _, g := range list {
		if seen[g.code] {
			return r.form(at, fmt.Sprintf("dimension %.40q has the same category twice", id))
		}
		seen[g.code] = true
	}
	return nil
}

// categoryStatus reads dimension.<id>.extension.status: one status for all cells of a category.
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
