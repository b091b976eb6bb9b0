package portal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/llac-project/llac/platform/source"
)

// The two origins of a row or a cell (invariant 11).
const (
	Recorded = "recorded" // a real fact, carried into the simulator
	Invented = "invented" // made by the simulator
)

// Column is one column of a dataset. Type is a type of the portal: text, number, checkbox, floating_timestamp,
// point, url for Socrata; text, int4, numeric, timestamp for CKAN.
type Column struct {
	Name        string // field name: "codi_comarca"
	Title       string // display name: "Codi comarca"; empty: the field name
	Type        string // empty: "text"
	Description string
}

// Row is one row: field name to value. A field that is absent or nil is null. Values are what the portal would put
// into JSON: strings for text, number and timestamps on Socrata; numbers as json.Number or int on CKAN. A row may have
// its own origin under source.Origin; otherwise it has the dataset's.
type Row map[string]any

// Dataset is a Socrata dataset or a CKAN resource, with its rows.
type Dataset struct {
	ID          string // Socrata 4x4, or CKAN resource id
	Package     string // CKAN: the package that holds the resource
	Title       string
	Description string
	Attribution string
	Category    string
	Columns     []Column
	Rows        []Row
	Origin      string    // of rows without their own: Recorded or Invented (the default)
	UpdatedAt   time.Time // zero: the portal's Options.UpdatedAt

	make func() []Row // creates the rows, if they are created on demand
}

// version is one published state of a dataset; it never changes.
type version struct {
	number  int    // counts from 1
	salt    string // of a fault's view: makes its ETag differ from the original
	updated time.Time
	columns []Column
	rows    []Row
	origin  string

	fill func() // creates the rows, if they are created on demand; called before a version is used

	encode  sync.Once
	encoded [][]byte // each row as `$select=*` sends it
	err     error
}

// series is a dataset with its current version.
type series struct {
	about Dataset // without its rows
	now   *version
}

func newSeries(d Dataset, rule source.IDRule, fallback time.Time, previous *series) (*series, error) {
	if !rule.Form.MatchString(d.ID) {
		return nil, fmt.Errorf("add dataset %q: the id is not valid: %s", d.ID, rule.Hint())
	}
	if len(d.Columns) == 0 {
		return nil, fmt.Errorf("add dataset %q: it has no columns", d.ID)
	}
	columns := slices.Clone(d.Columns)
	for i := range columns {
		if columns[i].Type == "" {
			columns[i].Type = "text"
		}
		if columns[i].Title == "" {
			columns[i].Title = columns[i].Name
		}
	}
	v := &version{number: 1, updated: d.UpdatedAt, columns: columns, rows: copyRows(d.Rows), origin: d.Origin}
	v.fill = sync.OnceFunc(func() {
		if d.make != nil {
			v.rows = d.make()
		}
	})
	if v.updated.IsZero() {
		v.updated = fallback
	}
	if v.origin == "" {
		v.origin = Invented
	}
	if previous != nil {
		v.number = previous.now.number + 1
		if !v.updated.After(previous.now.updated) {
			v.updated = previous.now.updated.Add(republishStep)
		}
	}
	v.updated = v.updated.UTC().Truncate(time.Second)
	about := d
	about.Rows, about.Columns, about.make = nil, nil, nil
	return &series{about: about, now: v}, nil
}

// republishStep is the time between the publication of a version and of the next. It is fixed and does not depend on the
// clock, so that a scenario gives the same bytes in every run.
const republishStep = time.Hour

// republish replaces the current version by one with these columns and rows: a full replacement, like real updates.
func (s *series) republish(columns []Column, rows []Row) {
	s.now = &version{
		number: s.now.number + 1, updated: s.now.updated.Add(republishStep),
		columns: columns, rows: rows, origin: s.now.origin,
	}
}

func copyRows(rows []Row) []Row {
	out := make([]Row, len(rows))
	for i, r := range rows {
		out[i] = maps.Clone(r)
	}
	return out
}

// columnsOf returns the columns, followed by the other columns of the rows, sorted.
func columnsOf(columns []Column, rows []Row) []Column {
	known := map[string]bool{source.Origin: true}
	for _, c := range columns {
		known[c.Name] = true
	}
	var added []string
	for _, r := range rows {
		for name := range r {
			if !known[name] {
				known[name] = true
				added = append(added, name)
			}
		}
	}
	slices.Sort(added)
	out := slices.Clone(columns)
	for _, name := range added {
		out = append(out, Column{Name: name, Title: name, Type: "text"})
	}
	return out
}

// ready creates the rows on first use.
func (v *version) ready() {
	if v.fill != nil {
		v.fill()
	}
}

func (v *version) column(name string) *Column {
	for i := range v.columns {
		if v.columns[i].Name == name {
			return &v.columns[i]
		}
	}
	return nil
}

func (v *version) originOf(r Row) string {
	if o, ok := r[source.Origin].(string); ok && o != "" {
		return o
	}
	return v.origin
}

// rowID returns the opaque :id of the row at an index: its text sorts like the index, and a new version gives all rows new
// ids, like a full replacement.
func (v *version) rowID(index int) string {
	const digits = "23456789abcdefghijkmnpqrstuvwxyz" // 32, in ASCII order
	n := uint64(v.number)<<40 | uint64(index)<<8 | mix(uint64(v.number)<<32+uint64(index))&0xff
	var text [12]byte
	for i := len(text) - 1; i >= 0; i-- {
		text[i] = digits[n&31]
		n >>= 5
	}
	return "row-" + string(text[:4]) + "." + string(text[4:8]) + "_" + string(text[8:])
}

// all returns every row as `$select=*` sends it, encoded once per version.
func (v *version) all() ([][]byte, error) {
	v.encode.Do(func() {
		names := make([]string, 0, len(v.columns)+1)
		for _, c := range v.columns {
			names = append(names, c.Name)
		}
		names = append(names, source.Origin)
		v.encoded = make([][]byte, len(v.rows))
		for i := range v.rows {
			if v.encoded[i], v.err = v.encodeRow(i, names, false); v.err != nil {
				return
			}
		}
	})
	return v.encoded, v.err
}

// encodeRow returns one row with these fields in this order; a null is omitted, unless nulls is set.
func (v *version) encodeRow(index int, names []string, nulls bool) ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for _, name := range names {
		value := v.field(index, name)
		if value == nil && !nulls {
			continue
		}
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		if err := writeJSON(&out, name); err != nil {
			return nil, err
		}
		out.WriteByte(':')
		if err := writeJSON(&out, value); err != nil {
			return nil, fmt.Errorf("encode row %d, field %q: %w", index, name, err)
		}
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// field returns the value of a column or a system field; nil is null.
func (v *version) field(index int, name string) any {
	switch name {
	case ":id":
		return v.rowID(index)
	case ":created_at", ":updated_at":
		return v.updated.Format("2006-01-02T15:04:05.000Z")
	case source.Origin:
		return v.originOf(v.rows[index])
	}
	return v.rows[index][name]
}

// writeJSON appends the value's compact JSON, with < > & as they are.
func writeJSON(out *bytes.Buffer, value any) error {
	if text, ok := value.(string); ok && isPlain(text) {
		out.WriteByte('"')
		out.WriteString(text)
		out.WriteByte('"')
		return nil
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err
	}
	out.Truncate(out.Len() - 1) // the encoder's line feed
	return nil
}

// isPlain reports whether a text needs no escapes in JSON.
func isPlain(text string) bool {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c == 0xe2 || c == 0x7f {
			return false // 0xe2 starts U+2028 and U+2029
		}
	}
	return utf8.ValidString(text)
}

// member and object are a JSON object whose members keep their order.
type member struct {
	name  string
	value any
}

type object []member

func (o object) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := writeJSON(&out, m.name); err != nil {
			return nil, err
		}
		out.WriteByte(':')
		if err := writeJSON(&out, m.value); err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// jsonBytes encodes a value of the simulator, which can always be encoded unless a test put a value without JSON form into a
// row; then the response is an error body.
func jsonBytes(value any) []byte {
	var out bytes.Buffer
	if err := writeJSON(&out, value); err != nil {
		out.Reset()
		_ = writeJSON(&out, map[string]string{"message": "the simulator cannot encode its answer: " + err.Error()})
	}
	return out.Bytes()
}
