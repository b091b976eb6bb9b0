package portal

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/llac-project/llac/platform/source/idescat"
)

// Table is one Idescat table in one territorial division.
type Table struct {
	ID         string // "statistics/node/table/geo": "pmh/446/477/mun"
	Statistics string // labels of the four levels
	Node       string
	Label      string
	Geo        string
	Source     string
	Updated    string // YYYY-MM-DD; empty: the day of the portal's Options.UpdatedAt
	Dimensions []Dimension
	Cells      []Cell // row-major, the last dimension fastest; as many as the product of the dimensions' sizes
	Sparse     bool   // value and status are sent as objects keyed by position, category.index as {code: position}
}

// Dimension is one dimension of a table.
type Dimension struct {
	ID         string // "MUN"
	Label      string
	Role       string // "geo", "time", "metric" or empty
	Categories []Category
	Decimals   int               // of the values, for a metric dimension
	Status     map[string]string // by category code: {"2021": "p"}
}

// Category is one category of a dimension.
type Category struct{ Code, Label string }

// Cell is one value of a table.
type Cell struct {
	Value  float64
	Null   bool   // no value: Status is the reason
	Status string // "..", "p", "a", "r" or empty
	Origin string // Recorded or Invented; empty: Invented

	asText bool // a fault: the value is sent as a JSON string
}

func (t *Table) check() error {
	if rule := idescat.Kind.ID; !rule.Form.MatchString(t.ID) {
		return fmt.Errorf("table %q: the id is not valid: %s", t.ID, rule.Hint())
	}
	if len(t.Dimensions) == 0 {
		return fmt.Errorf("table %q: it has no dimensions", t.ID)
	}
	if n := t.size(); n != len(t.Cells) {
		return fmt.Errorf("table %q: its dimensions make %d cells, but it has %d", t.ID, n, len(t.Cells))
	}
	return nil
}

// size returns the number of cells of the dimensions.
func (t *Table) size() int {
	n := 1
	for _, d := range t.Dimensions {
		n *= len(d.Categories)
	}
	return n
}

// clone returns a deep copy of the table.
func (t Table) clone() Table {
	t.Cells = slices.Clone(t.Cells)
	t.Dimensions = slices.Clone(t.Dimensions)
	for i := range t.Dimensions {
		t.Dimensions[i].Categories = slices.Clone(t.Dimensions[i].Categories)
	}
	return t
}

// selectCategories returns the table with only the kept categories, given by dimension as positions in table order.
func (t Table) selectCategories(kept [][]int) Table {
	cut := t
	cut.Dimensions = slices.Clone(t.Dimensions)
	total := 1
	for i, positions := range kept {
		d := &cut.Dimensions[i]
		categories := make([]Category, len(positions))
		for j, p := range positions {
			categories[j] = t.Dimensions[i].Categories[p]
		}
		d.Categories = categories
		total *= len(positions)
	}
	cut.Cells = make([]Cell, 0, total)
	var walk func(dimension, base int)
	walk = func(dimension, base int) {
		if dimension == len(kept) {
			cut.Cells = append(cut.Cells, t.Cells[base])
			return
		}
		for _, p := range kept[dimension] {
			walk(dimension+1, base*len(t.Dimensions[dimension].Categories)+p)
		}
	}
	walk(0, 0)
	return cut
}

// dimension returns the position of a dimension, or -1.
func (t *Table) dimension(id string) int {
	return slices.IndexFunc(t.Dimensions, func(d Dimension) bool { return d.ID == id })
}

// withRole returns the position of the first dimension with the role, or -1.
func (t *Table) withRole(role string) int {
	return slices.IndexFunc(t.Dimensions, func(d Dimension) bool { return d.Role == role })
}

// dataset writes the table as JSON-stat 2.0 in Idescat's order of keys. query is the request's, for href; withValue is false
// for a metadata response. related are the other divisions of the same table.
func (t *Table) dataset(query string, withValue bool, related []*Table) object {
	path := inventedHost + tablesPath + "/" + t.ID
	href, relation, target := path, "describes", path+"/data"
	if withValue {
		href, relation, target = path+"/data", "describedby", path
	}
	if query != "" {
		href += "?" + query
	}
	links := object{{relation, []object{link("dataset", target, t.title())}}}
	if len(related) > 0 {
		others := make([]object, len(related))
		for i, other := range related {
			others[i] = link("dataset", inventedHost+tablesPath+"/"+other.ID, other.title())
		}
		links = append(links, member{"related", others})
	}
	ids, sizes := make([]string, len(t.Dimensions)), make([]int, len(t.Dimensions))
	dimensions := make(object, len(t.Dimensions))
	for i, d := range t.Dimensions {
		ids[i], sizes[i] = d.ID, len(d.Categories)
		dimensions[i] = member{d.ID, d.jsonStat(t.Sparse)}
	}
	out := object{
		{"version", "2.0"}, {"class", "dataset"}, {"href", href}, {"link", links},
		{"label", t.title()}, {"source", t.Source}, {"updated", t.Updated},
		{"id", ids}, {"size", sizes}, {"role", t.roles()}, {"dimension", dimensions},
	}
	extension := object{
		{"status", object{{"label", object{
			{"..", "Dada confidencial, amb baixa fiabilitat o no disponible"}, {"p", "Dada provisional"},
		}}}},
		{"source", []string{t.Source}},
	}
	if withValue {
		value, status, origin := t.cells()
		out = append(out, member{"value", value})
		if len(status) > 0 {
			out = append(out, member{"status", status})
		}
		extension = append(extension, member{originExtension, origin})
	}
	return append(out, member{"extension", extension})
}

// originExtension returns the member of extension that states whether each cell is recorded or invented. It has the form
// of value: an array parallel to it, or an object keyed by position (invariant 11).
const originExtension = "llac_origin"

func (t *Table) title() string { return t.Label + ". " + t.Geo }

func (t *Table) roles() object {
	var out object
	for _, role := range []string{"geo", "metric", "time"} {
		var ids []string
		for _, d := range t.Dimensions {
			if d.Role == role {
				ids = append(ids, d.ID)
			}
		}
		if len(ids) > 0 {
			out = append(out, member{role, ids})
		}
	}
	return out
}

func (d *Dimension) jsonStat(sparse bool) object {
	codes, labels, units := make([]string, len(d.Categories)), make(object, len(d.Categories)), make(object, len(d.Categories))
	positions := make(object, len(d.Categories))
	for i, c := range d.Categories {
		codes[i] = c.Code
		labels[i] = member{c.Code, c.Label}
		units[i] = member{c.Code, object{{"decimals", d.Decimals}}}
		positions[i] = member{c.Code, i}
	}
	category := object{{"index", codes}, {"label", labels}}
	if sparse {
		category[0].value = positions
	}
	var extension object
	if d.Role == "metric" {
		category = append(category, member{"unit", units})
		extension = append(extension, member{"%", codes})
	}
	if len(d.Status) > 0 {
		extension = append(extension, member{"status", d.Status})
	}
	out := object{{"category", category}, {"label", d.Label}}
	if len(extension) > 0 {
		out = append(out, member{"extension", extension})
	}
	return out
}

// cells returns the members value, status and llac_origin. The first value of an array is written as a float, as
// Idescat does ("890.0"), so that a reader that decodes integers fails here too.
func (t *Table) cells() (value any, status object, origin any) {
	if t.Sparse {
		values, origins := object{}, object{}
		for i, c := range t.Cells {
			position := strconv.Itoa(i)
			if !c.Null {
				values = append(values, member{position, c.json(false)})
			}
			if c.Status != "" {
				status = append(status, member{position, c.Status})
			}
			origins = append(origins, member{position, c.origin()})
		}
		return values, status, origins
	}
	values, origins := make([]rawNumber, len(t.Cells)), make([]string, len(t.Cells))
	for i, c := range t.Cells {
		values[i] = c.json(i == 0)
		if c.Status != "" {
			status = append(status, member{strconv.Itoa(i), c.Status})
		}
		origins[i] = c.origin()
	}
	return values, status, origins
}

func (c Cell) origin() string {
	if c.Origin == "" {
		return Invented
	}
	return c.Origin
}

// rawNumber is a value's JSON text.
type rawNumber string

func (n rawNumber) MarshalJSON() ([]byte, error) { return []byte(n), nil }

// json writes the cell's value; as a float, "890.0", when asked.
func (c Cell) json(float bool) rawNumber {
	if c.Null {
		return "null"
	}
	text := strconv.FormatFloat(c.Value, 'f', -1, 64)
	if c.asText {
		return rawNumber(strconv.Quote(text))
	}
	if float && !strings.Contains(text, ".") {
		text += ".0"
	}
	return rawNumber(text)
}

func link(class, href, label string) object {
	return object{{"class", class}, {"href", href}, {"label", label}}
}
