package engine

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/names"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/ckan"
	"github.com/llac-project/llac/platform/source/idescat"
)

// The reference is the simplest implementation of staging, for comparison with the engine. It shares no code with the
// engine, reads pages with encoding/json, keeps everything in maps and ignores cost.

// refNull represents null among the cells. No text contains NUL.
const refNull = "\x00"

// refResult is the result of a run.
type refResult struct {
	rowsIn, staged, duplicates int64
	byReason                   map[string]int64
	cells                      map[string]lake.Cells
	cellReasons                map[string]int64
	columns                    []string              // of every staged file
	files                      map[string][][]string // by outputName: the staged rows, cell by cell
	quarantine                 []refRejected
}

// refRejected is one quarantine row.
type refRejected struct {
	refRecord
	page   int
	sha256 string
	action string
	field  string // refNull: the whole row
	code   Code
	value  string            // raw JSON of a refused cell; refNull: none
	shown  map[string]string // source field to the JSON text that the row may show
	public map[string]bool   // source fields that the contract makes public
}

// refRow is a valid row.
type refRow struct {
	file, key, all string // its file; the encoding of its key and of the whole row
	cells          []string
	refused        []refRejected
	defaulted      []string // columns
}

// refStage stages a run. It walks pages from last to first, and rows from first to last.
func refStage(t *testing.T, in Input) refResult {
	t.Helper()
	c := in.Contract
	out := refResult{byReason: map[string]int64{}, columns: refColumns(c), files: map[string][][]string{},
		cells: map[string]lake.Cells{}, cellReasons: map[string]int64{}}

	type verdict struct {
		rec refRejected
		row *refRow
	}
	var walked []verdict
	byKey := map[string][]int{} // key to indexes in walked
	for p := len(in.Pages) - 1; p >= 0; p-- {
		body, err := in.Pages[p].Read(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range refRecords(t, c.Source.Kind, body) {
			v := verdict{rec: refRejected{refRecord: rec, page: p, sha256: refSHA256(in.Pages[p]), action: "row",
				field: refNull, code: rec.bad, value: refNull}}
			v.rec.shown, v.rec.public = refShown(c, rec), refPublic(c)
			if rec.bad == "" {
				v.row, v.rec.field, v.rec.code = refPass(in, v.rec)
			}
			if v.row != nil && len(c.Key) > 0 {
				byKey[v.row.key] = append(byKey[v.row.key], len(walked))
			}
			walked = append(walked, v)
		}
	}

	duplicate := map[int]bool{}
	for _, places := range byKey {
		// Of the rows of one key, the last one in page and row order counts: the last row of the page walked first.
		last := places[0]
		differ := false
		for _, at := range places {
			if walked[at].rec.page == walked[last].rec.page {
				last = at
			}
			differ = differ || walked[at].row.all != walked[places[0]].row.all
		}
		for _, at := range places {
			switch {
			case differ && c.KeyConflict != contract.LatestWins:
				walked[at].row, walked[at].rec.field, walked[at].rec.code = nil, strings.Join(c.Key, ","), KeyConflict
			case at != last:
				duplicate[at] = true
			}
		}
	}

	page, cells := -1, []refRejected(nil) // the refused cells of a page follow its refused rows
	for at, v := range walked {
		if v.rec.page != page {
			out.quarantine = append(out.quarantine, cells...)
			page, cells = v.rec.page, nil
		}
		out.rowsIn++
		switch {
		case v.row == nil:
			out.quarantine = append(out.quarantine, v.rec)
			out.byReason[string(v.rec.code)]++
		case duplicate[at]:
			out.duplicates++
		default:
			out.staged++
			out.files[v.row.file] = append(out.files[v.row.file], v.row.cells)
			cells = append(cells, v.row.refused...)
			out.count(v.row)
		}
	}
	out.quarantine = append(out.quarantine, cells...)
	return out
}

// count counts the cells of a staged row.
func (r *refResult) count(row *refRow) {
	for _, cell := range row.refused {
		of := r.cells[cell.field]
		of.Refused++
		r.cells[cell.field] = of
		r.cellReasons[string(cell.code)]++
	}
	for _, name := range row.defaulted {
		of := r.cells[name]
		of.Defaulted++
		r.cells[name] = of
	}
}

// refStagedFields returns the fields that may be staged, in order.
func refStagedFields(c *contract.Contract) []contract.Field {
	var out []contract.Field
	for _, f := range c.Fields {
		if f.Staged && f.Classification != "personal" {
			out = append(out, f)
		}
	}
	return out
}

func refColumns(c *contract.Contract) []string {
	var out []string
	for _, f := range refStagedFields(c) {
		if !slices.Contains(c.Partition, f.Name) {
			out = append(out, f.Name)
		}
	}
	return append(out, "source_system", "source_dataset_id", "source_updated_at", "data_origin",
		"ingested_process_at", "correlation_id", "source_page", "source_row", "refused_cells", "is_repaired")
}

// refShown returns what a quarantine row may show: the source fields that are public and staged in every column that
// uses them.
func refShown(c *contract.Contract, rec refRecord) map[string]string {
	out := map[string]string{}
	for _, f := range c.Fields {
		if raw, there := rec.fields[f.Source]; there && !f.Derived() {
			out[f.Source] = string(raw)
		}
	}
	for _, f := range c.Fields {
		if f.Derived() {
			continue
		}
		if !f.Staged || f.Classification != "" && f.Classification != "public" {
			delete(out, f.Source)
		}
	}
	return out
}

// refPublic returns the source fields whose values a quarantine row may show.
func refPublic(c *contract.Contract) map[string]bool {
	public := map[string]bool{}
	for _, f := range c.Fields {
		if !f.Derived() {
			public[f.Source] = true
		}
	}
	for _, f := range c.Fields {
		if !f.Derived() && (!f.Staged || f.Classification != "" && f.Classification != "public") {
			delete(public, f.Source)
		}
	}
	return public
}

// refPass reads one record under the contract and returns a row, or the first reason against it.
func refPass(in Input, rejected refRejected) (*refRow, string, Code) {
	c, rec := in.Contract, rejected.refRecord
	values := map[string]refValue{}
	row := &refRow{}
	var all []byte
	for _, f := range refStagedFields(c) {
		required := f.Required || f.Default != nil && f.Invalid != contract.RefuseCell || slices.Contains(c.Key, f.Name) ||
			slices.Contains(c.Partition, f.Name)
		at := f.Name
		v, bad := refRead(f, required, rec.fields[f.Source])
		if f.Match != nil {
			v, at, bad = refMatch(in, f, f, rec)
		} else if f.NameOf() != "" {
			v, bad = refName(f, *c.Field(f.NameOf()), rec), ""
		} else if f.Derived() {
			v, at, bad = refMatch(in, f, *c.Field(f.MethodOf + f.ConfidenceOf), rec)
		}
		refused := bad != "" && f.Invalid == contract.RefuseCell
		if refused {
			cell := rejected
			cell.action, cell.field, cell.code = "cell", at, bad
			if raw, there := rejected.shown[f.Source]; there && !f.Derived() {
				cell.value = raw
			}
			if at != f.Name {
				cell.field = f.Name
			}
			row.refused = append(row.refused, cell)
			v, bad = refValue{cell: refNull, encoded: append([]byte{2}, rec.fields[f.Source]...)}, ""
		}
		if bad != "" {
			return nil, at, bad
		}
		if _, null, _ := refText(f, string(rec.fields[f.Source])); null && f.Default != nil && !refused {
			row.defaulted = append(row.defaulted, f.Name)
		}
		values[f.Name] = v
		all = append(all, v.encoded...)
	}
	row.file, row.all = "staged", string(all)
	for _, name := range c.Partition {
		folder := values[name].folder
		if !refFolder.MatchString(folder) || slices.Contains([]string{"null", "__hive_default_partition__"}, strings.ToLower(folder)) {
			return nil, name, BadPartition
		}
		row.file += "/" + name + "=" + folder
	}
	if s := c.Slicing; s != nil && in.Slice != "" {
		if v, staged := values[s.Column]; staged && (v.cell == refNull || v.folder != in.Slice) {
			return nil, s.Column, WrongSlice
		}
	}
	for _, name := range c.Key {
		row.key += string(values[name].encoded)
	}

	updated := in.Lineage.SourceUpdatedAt
	if updated == "" {
		updated = refNull
	}
	for _, name := range refColumns(c) {
		if v, own := values[name]; own {
			row.cells = append(row.cells, v.cell)
		}
	}
	row.cells = append(row.cells, in.Lineage.SourceSystem, c.Source.ID, updated, refOrigin(in.Lineage.SourceSystem, rec),
		in.Lineage.Slot, in.Lineage.RunID, strconv.Itoa(rejected.page), strconv.Itoa(rec.index), strconv.Itoa(len(row.refused)),
		refBoolean(false))
	return row, "", ""
}

// refName computes a column that holds the value of another column folded or in natural form.
func refName(f, of contract.Field, rec refRecord) refValue {
	null := refValue{cell: refNull, encoded: []byte{0}}
	named, bad := refRead(of, false, rec.fields[of.Source])
	if bad != "" || named.cell == refNull {
		return null
	}
	form := names.Fold
	if f.NaturalOf != "" {
		form = names.Natural
	}
	v, _ := refCast(contract.Field{Type: contract.Text}, form(named.folder))
	return v
}

// refMatch computes a column that a match fills. at is the column whose value is not a valid text.
func refMatch(in Input, f, matched contract.Field, rec refRecord) (v refValue, at string, bad Code) {
	read := func(f contract.Field) string {
		text, null, wrong := refText(f, string(rec.fields[f.Source]))
		if wrong != "" && bad == "" {
			at, bad = f.Name, wrong
		}
		if null {
			return ""
		}
		return text
	}
	name, group := read(matched), ""
	if matched.Match.Within != "" {
		group = read(*in.Contract.Field(matched.Match.Within))
	}
	if bad != "" {
		return v, at, bad
	}
	r := in.Finders[matched.Name].Find(name, group)
	null := refValue{cell: refNull, encoded: []byte{0}}
	switch {
	case f.ConfidenceOf != "" && !r.HasConfidence(), f.Match != nil && r.ID == "":
		return null, "", ""
	case f.ConfidenceOf != "":
		v, bad = refCast(contract.Field{Type: contract.Number}, strconv.FormatFloat(r.Confidence, 'f', -1, 64))
	case f.MethodOf != "":
		v, bad = refCast(contract.Field{Type: contract.Text}, string(r.Method))
	default:
		v, bad = refCast(contract.Field{Type: contract.Text}, r.ID)
	}
	return v, f.Name, bad
}

// refOrigin returns a row's origin. Only an official portal publishes, and only if the row declares nothing else.
func refOrigin(system string, rec refRecord) string {
	simulated := system == "simulator" || strings.HasPrefix(system, "unofficial:")
	raw, declared := rec.fields[source.Origin]
	word, _ := refUnquote(string(raw))
	switch {
	case declared && word == "recorded":
		return "recorded"
	case !simulated && (!declared || word == "published"):
		return "published"
	}
	return "invented"
}

// refRecord is one record of a page, or the unreadable rest of a page.
type refRecord struct {
	index, start, end int
	fields            map[string][]byte // raw JSON by name; without repeated names
	bad               Code              // bad_row, bad_text, bad_page
	loose             bool              // a bad page without rows: it may start anywhere from start on
}

// refSHA256 returns the page's digest as the quarantine stores it.
func refSHA256(p Page) string {
	if p.SHA256 == "" {
		return refNull
	}
	return p.SHA256
}

// refRecords parses a page.
func refRecords(t *testing.T, kind string, page []byte) []refRecord {
	switch kind {
	case ckan.Name:
		return refCKAN(t, page)
	case idescat.Name:
		return refCube(t, page)
	}
	at := refSpace(page, len(page)-len(bytes.TrimPrefix(page, []byte("\xef\xbb\xbf"))))
	if at == len(page) || page[at] != '[' {
		return []refRecord{{start: at, end: len(page), bad: refBadPage, loose: true}}
	}
	out, at, ok := refArray(page, at)
	if at = refSpace(page, at); ok && at < len(page) {
		out = append(out, refRecord{index: len(out), start: at, end: len(page), bad: refBadPage})
	}
	return out
}

// refArray reads the array of records that starts at page[at]; after an error the last record is the bad one.
func refArray(page []byte, at int) (out []refRecord, end int, ok bool) {
	fault := func() ([]refRecord, int, bool) {
		return append(out, refRecord{index: len(out), start: at, end: len(page), bad: refBadPage}), at, false
	}
	at = refSpace(page, at+1)
	if at < len(page) && page[at] == ']' {
		return nil, at + 1, true
	}
	for {
		var raw json.RawMessage
		if at = refSpace(page, at); json.NewDecoder(bytes.NewReader(page[at:])).Decode(&raw) != nil || refDepth(raw) > refMaxDepth {
			return fault()
		}
		rec := refRecord{index: len(out), start: at, end: at + len(raw)}
		switch {
		case raw[0] != '{':
			rec.bad = refBadRow
		case !utf8.Valid(raw):
			rec.bad = BadText
			fallthrough
		default:
			var repeated bool
			if rec.fields, repeated = refObject(raw); repeated && rec.bad == "" {
				rec.bad = RepeatedName
			}
		}
		out = append(out, rec)
		at = refSpace(page, rec.end)
		switch {
		case at < len(page) && page[at] == ',':
			at++
		case at < len(page) && page[at] == ']':
			return out, at + 1, true
		default:
			return fault()
		}
	}
}

// refObject returns an object's fields without those whose names occur twice, and whether there are any.
func refObject(raw []byte) (map[string][]byte, bool) {
	out, times := map[string][]byte{}, map[string]int{}
	d := json.NewDecoder(bytes.NewReader(raw))
	_, _ = d.Token() // the brace; the object is complete
	for d.More() {
		name, _ := d.Token()
		var value json.RawMessage
		_ = d.Decode(&value)
		out[name.(string)] = value
		times[name.(string)]++
	}
	before := len(out)
	maps.DeleteFunc(out, func(name string, _ []byte) bool { return times[name] > 1 })
	return out, len(out) < before
}

// refRepeats reports whether a name occurs twice in an object of a value, at any depth.
func refRepeats(raw []byte) bool {
	var object map[string]json.RawMessage
	var array []json.RawMessage
	if json.Unmarshal(raw, &object) == nil {
		fields, repeated := refObject(raw)
		if repeated {
			return true
		}
		for _, value := range fields {
			array = append(array, value)
		}
	} else if json.Unmarshal(raw, &array) != nil {
		return false
	}
	return slices.ContainsFunc(array, func(value json.RawMessage) bool { return refRepeats(value) })
}

// Codes of a whole record or page.
const (
	refBadRow  Code = "bad_row"
	refBadPage Code = "bad_page"
)

// refMaxDepth bounds the nesting of a record, as package source does. Real data are far below it.
const refMaxDepth = 513

func refDepth(raw []byte) int {
	depth, deepest := 0, 0
	d := json.NewDecoder(bytes.NewReader(raw))
	for {
		switch token, err := d.Token(); {
		case err != nil:
			return deepest
		case token == json.Delim('{'), token == json.Delim('['):
			depth++
			deepest = max(deepest, depth)
		case token == json.Delim('}'), token == json.Delim(']'):
			depth--
		}
	}
}

// refSpace returns the position of the next byte that is not white space.
func refSpace(page []byte, at int) int {
	for at < len(page) && strings.IndexByte(" \t\r\n", page[at]) >= 0 {
		at++
	}
	return at
}

// refCKAN reads a complete datastore response.
func refCKAN(t *testing.T, page []byte) []refRecord {
	t.Helper()
	var answer struct {
		Result struct{ Records json.RawMessage }
	}
	if err := json.Unmarshal(page, &answer); err != nil {
		t.Fatal(err)
	}
	out, _, _ := refArray(page, bytes.Index(page, answer.Result.Records))
	return out
}

// refCube reads a complete JSON-stat cube whose values are an array.
func refCube(t *testing.T, page []byte) []refRecord {
	t.Helper()
	type dimension struct {
		Category struct {
			Index refIndex
			Label map[string]string
		}
		Extension struct{ Status map[string]string }
	}
	var cube struct {
		ID        []string
		Role      map[string][]string
		Dimension map[string]dimension
		Value     json.RawMessage
		Status    map[string]json.RawMessage
	}
	if err := json.Unmarshal(page, &cube); err != nil {
		t.Fatal(err)
	}
	records := []refRecord{{fields: map[string][]byte{}}}
	for _, id := range cube.ID { // the last dimension varies fastest
		var longer []refRecord
		for _, rec := range records {
			for _, category := range cube.Dimension[id].Category.Index {
				fields := maps.Clone(rec.fields)
				fields[id], _ = json.Marshal(category)
				fields[id+".label"], _ = json.Marshal(cube.Dimension[id].Category.Label[category])
				longer = append(longer, refRecord{fields: fields})
			}
		}
		records = longer
	}
	values, _, _ := refArray(page, bytes.Index(page, cube.Value))
	for i := range records {
		v := values[i]
		r := &records[i]
		r.index, r.start, r.end = i, v.start, v.end
		r.fields["value"], r.fields["status"] = page[v.start:v.end], []byte("null")
		for _, id := range slices.Backward(cube.ID) {
			if status := cube.Dimension[id].Extension.Status[refCode(r.fields[id])]; status != "" {
				r.fields["status"] = refQuote(status)
			}
		}
		if status, there := cube.Status[strconv.Itoa(i)]; there {
			r.fields["status"] = status
		}
		refRoles(r.fields, cube.ID, cube.Role)
		if string(r.fields["status"]) == `".."` {
			r.fields["value"] = []byte("null")
		}
	}
	return records
}

// refRoles adds the dimensions by their roles: dimensions with one role are joined; a dimension without a role is
// "none".
func refRoles(fields map[string][]byte, ids []string, roles map[string][]string) {
	byRole := map[string][]string{}
	for _, id := range ids {
		role := "none"
		for name, list := range roles {
			if slices.Contains(list, id) {
				role = name
			}
		}
		byRole[role] = append(byRole[role], id)
	}
	for role, list := range byRole {
		if role == "none" && len(list) > 1 {
			continue
		}
		var codes, labels []string
		for _, id := range list {
			codes, labels = append(codes, refCode(fields[id])), append(labels, refCode(fields[id+".label"]))
		}
		fields["role:"+role] = refQuote(strings.Join(codes, "/"))
		fields["role:"+role+".label"] = refQuote(strings.Join(labels, ", "))
	}
}

func refCode(raw []byte) (out string) {
	_ = json.Unmarshal(raw, &out)
	return out
}

func refQuote(text string) []byte {
	raw, _ := json.Marshal(text)
	return raw
}

// refIndex is the categories of a dimension in order: an array, or an object with their positions.
type refIndex []string

func (x *refIndex) UnmarshalJSON(b []byte) error {
	var places map[string]int
	if json.Unmarshal(b, (*[]string)(x)) == nil {
		return nil
	}
	if err := json.Unmarshal(b, &places); err != nil {
		return err
	}
	*x = slices.SortedFunc(maps.Keys(places), func(a, b string) int { return places[a] - places[b] })
	return nil
}
