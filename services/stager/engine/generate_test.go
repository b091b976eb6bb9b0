package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/llac-project/llac/platform/cast"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/source/ckan"
	"github.com/llac-project/llac/platform/source/socrata"
	"github.com/llac-project/llac/services/stager/matching"
)

// generator creates random contracts and pages. The same seed gives the same contracts and pages.
type generator struct {
	*rand.Rand
	contract *contract.Contract
	slice    string
	pools    map[string][]genCell // candidate values by source field
	personal int                  // number of personal values created
	finders  map[string]matching.Finder
}

// genCell is one value of a record. Each row chooses its own JSON spelling of a text.
type genCell struct {
	text   string
	raw    string // JSON to write unchanged; empty: write text
	absent bool
}

func newGenerator(seed uint64) *generator {
	return &generator{Rand: rand.New(rand.NewPCG(seed, 2)), pools: map[string][]genCell{}}
}

// once returns true once in n times.
func (g *generator) once(n int) bool { return g.IntN(n) == 0 }

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

// input creates a whole run.
func (g *generator) input() Input {
	g.makeContract()
	in := Input{Contract: g.contract, Slice: g.slice, Finders: g.finders, Lineage: Lineage{
		Source: "Font: exemple", SourceSystem: pick(g, "portal.example", "portal.example", "simulator", "unofficial:127.0.0.1:9"),
		SourceURL: "https://portal.example/d/abcd-1234", SourceUpdatedAt: pick(g, "", "2025-08-02"), Slot: "20250803T140512",
		RunID: "20250803T140512-y2024",
	}}
	bodies, rows := g.pages()
	for i, body := range bodies {
		p := newPage(fmt.Sprintf("landing/things/page-%d", i), body)
		if g.once(2) {
			p.Rows = int64(rows[i])
		}
		if g.once(3) {
			p.SHA256, p.Size = "", 0
		}
		in.Pages = append(in.Pages, p)
	}
	return in
}

// newPage returns a page that is read into the given buffer, so that keeping a part of another page fails a test.
func newPage(key, body string) Page {
	return Page{
		Key: key, SHA256: lake.SHA256([]byte(body)), Rows: -1, Size: int64(len(body)),
		Read: func(_ context.Context, into []byte) ([]byte, error) { return append(into[:0], body...), nil },
	}
}

var genTypes = []contract.Type{
	contract.Text, contract.Text, contract.Text, contract.Integer, contract.Number, contract.Decimal,
	contract.Boolean, contract.Date, contract.Timestamp, contract.JSON,
}

func (g *generator) makeContract() {
	c := &contract.Contract{
		Dataset: "things", SHA256: "c0ffee", Licence: "Open", Attribution: "Font: exemple",
		Source:      contract.Source{Kind: socrata.Name, ID: "abcd-1234"},
		KeyConflict: pick(g, contract.QuarantineConflicts, contract.LatestWins),
	}
	g.contract = c
	if g.once(8) {
		c.Source.Kind = ckan.Name
	}
	var staged []string
	for i := range 1 + g.IntN(9) {
		f := g.field(i)
		if i == 0 {
			f.Staged = true
		}
		if f.Staged {
			staged = append(staged, f.Name)
		}
		c.Fields = append(c.Fields, f)
	}
	c.Fields = slices.Insert(c.Fields, g.IntN(len(c.Fields)+1), contract.Field{
		Name: "phone", Source: "telèfon", Type: contract.Text, Classification: "personal", Staged: g.once(2),
	})
	shuffled := slices.Clone(staged)
	g.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	c.Key = slices.Clone(shuffled[:min(g.IntN(4), len(shuffled))])
	g.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	c.Partition = slices.Clone(shuffled[:min(g.IntN(3), len(shuffled)-1)])
	for i := range c.Fields {
		if f := &c.Fields[i]; f.Staged && f.Classification != "personal" {
			g.fillPool(f, slices.Contains(c.Partition, f.Name), slices.Contains(c.Key, f.Name))
		}
	}
	if g.once(6) {
		f := c.Field(pick(g, staged...))
		if pool := g.pools[f.Source]; len(pool) > 2 {
			g.pools[f.Source] = pool[:2]
		}
		c.Slicing = &contract.Slicing{Column: f.Name, Param: "S"}
		// One of the field's own valid values, if there is one.
		for range 20 {
			if v, bad := refRead(*f, true, []byte(g.spell(pick(g, g.pools[f.Source]...)))); bad == "" {
				g.slice = v.folder
				break
			}
		}
	}
	if g.once(3) {
		g.match(0)
		if g.once(3) {
			g.match(1)
		}
	}
	for i := range g.IntN(3) {
		g.name(i)
	}
	for i := range c.Fields {
		f := &c.Fields[i]
		if !f.Required && !slices.Contains(c.Key, f.Name) && !slices.Contains(c.Partition, f.Name) && !g.once(3) {
			f.Invalid = contract.RefuseCell
		}
	}
}

// name adds a column that holds the folded or the natural form of another, if there is one that can be a name.
func (g *generator) name(i int) {
	c := g.contract
	var of []string
	for _, f := range c.Fields {
		inPath := slices.Contains(c.Partition, f.Name) || c.Slicing != nil && c.Slicing.Column == f.Name
		if f.Staged && f.Type == contract.Text && f.Classification != "personal" && f.Match == nil && !f.Derived() && !inPath {
			of = append(of, f.Name)
		}
	}
	if len(of) == 0 {
		return
	}
	f := contract.Field{Name: fmt.Sprintf("n%d", i), Type: contract.Text, Staged: true, FoldedOf: pick(g, of...)}
	if g.once(2) {
		f.FoldedOf, f.NaturalOf = "", f.FoldedOf
	}
	c.Fields = slices.Insert(c.Fields, g.IntN(len(c.Fields)+1), f)
}

// match adds a matched column, from a source field of its own or of another column, and the columns of its method and
// confidence.
func (g *generator) match(i int) {
	c := g.contract
	f := contract.Field{Name: fmt.Sprintf("m%d", i), Source: fmt.Sprintf("name%d", i), Type: contract.Text, Staged: true,
		Match: &contract.Match{Name: "name"}}
	if other := pick(g, c.Fields...); g.once(3) && other.Classification != "personal" && !other.Derived() {
		f.Source = other.Source
	}
	if g.once(3) {
		f.NullLiterals = []string{"null", "-"}
	}
	if g.once(8) {
		f.Classification = "internal"
	}
	g.fillPool(&f, false, false)
	f.Mapping, f.Default = nil, nil // fillPool sets them
	for _, w := range c.Fields {
		if w.Staged && w.Type == contract.Text && w.Classification != "personal" && w.Match == nil && !w.Derived() && g.once(2) {
			f.Match.Within, f.Match.Group = w.Name, "group"
		}
	}
	added := []contract.Field{f}
	if !g.once(4) {
		added = append(added, contract.Field{Name: f.Name + "_how", Type: contract.Text, Staged: true, MethodOf: f.Name})
	}
	if !g.once(4) {
		added = append(added, contract.Field{Name: f.Name + "_sure", Type: contract.Number, Staged: true, ConfidenceOf: f.Name})
	}
	for _, f := range added { // at random positions
		c.Fields = slices.Insert(c.Fields, g.IntN(len(c.Fields)+1), f)
	}
	if g.finders == nil {
		g.finders = map[string]matching.Finder{}
	}
	g.finders[f.Name] = finderOf(i)
}

// finderOf returns every kind of result, depending only on the lengths of the name and the group.
type finderOf int

func (o finderOf) Find(name, group string) matching.Result {
	id := fmt.Sprintf("id-%d-%d", len(name)%7, len(group)%3)
	switch n := (int(o) + len(name) + 3*len(group)) % 8; {
	case name == "":
		return matching.Result{Method: matching.NoName}
	case n < 4:
		return matching.Result{ID: id, Method: matching.ExactInGroup, Confidence: 1}
	case n == 4:
		return matching.Result{ID: id, Method: matching.TokensInGroup, Confidence: float64(700+len(name)%300) / 1000}
	case n == 5:
		return matching.Result{Method: matching.NotMatched}
	}
	return matching.Result{Method: matching.Ambiguous}
}

func (g *generator) field(i int) contract.Field {
	f := contract.Field{Name: fmt.Sprintf("c%d", i), Source: fmt.Sprintf("f%d", i), Type: pick(g, genTypes...),
		Staged: !g.once(10), Required: g.once(6)}
	switch {
	case g.once(10):
		f.Source = pick(g, `camp "ú"/x`, "f\u2028", "😀", ":@computed_region_x", "")
	case i > 0 && g.once(8):
		f.Source = g.contract.Fields[g.IntN(i)].Source // two columns of one field
	}
	if g.once(10) {
		f.Classification = pick(g, "internal", "public")
	}
	if g.once(3) {
		f.NullLiterals = []string{"null", "-", "N/D"}
	}
	f.Squeeze = g.once(4)
	if g.once(8) {
		f.PadLeft = 3
	}
	limit := func(n float64) *float64 { return &n }
	length := func(n int) *int { return &n }
	switch f.Type {
	case contract.Text:
		if g.once(5) {
			f.MinLength, f.MaxLength = length(1), length(40)
		}
		if g.once(6) {
			f.Pattern = pick(g, `[^x]*`, `\PC*`, `.+|`, `(?s).*`)
		}
		if g.once(20) {
			f.Minimum = limit(0)
		}
		if g.once(12) {
			f.CheckDigit, f.CheckDigitExempt = "idescat_municipality", []string{"999998", "Calonge"}
		}
		if g.once(8) {
			f.Default = pick(g, pointer("x"), pointer(""), pointer("00"))
		}
	case contract.Integer, contract.Number:
		if g.once(3) {
			f.Minimum, f.Maximum = limit(-1000), limit(1e15)
		}
		if g.once(8) {
			f.Default = pick(g, pointer("0"), pointer("-1"), pointer("1e2"), pointer("no number"))
		}
	case contract.Decimal:
		f.Precision = 1 + g.IntN(38)
		f.Scale = g.IntN(f.Precision + 1)
		f.Rounding = pick(g, "", cast.Refuse, cast.HalfEven, cast.HalfUp)
		if g.once(4) {
			f.Maximum = limit(1e6)
		}
	case contract.Date:
		f.Format = pick(g, "", "2006-01-02", "02/01/2006", "2/1/06")
		f.Zone = pick(g, "", "Europe/Madrid")
	case contract.Timestamp:
		f.Format = pick(g, "", "", "02/01/2006 15:04:05", "2006-01-02T15:04:05Z07:00")
		f.Zone = pick(g, "", "UTC", "Europe/Madrid", "Australia/Lord_Howe")
	case contract.Boolean:
		if g.once(3) {
			f.Mapping = map[string]string{"sí": "true", "no": "false", "true": "true", "1": "1", "x": "maybe"}
		}
	}
	return f
}

func pointer(s string) *string { return &s }

// fillPool chooses the candidate values of a field's source. Keys and partitions get few.
func (g *generator) fillPool(f *contract.Field, partition, key bool) {
	if g.pools[f.Source] != nil {
		return
	}
	n := pick(g, 1, 2, 5, 20)
	if key {
		n = pick(g, 3, 8, 20)
	}
	if g.once(15) && !(key || partition || f.Required) {
		g.pools[f.Source] = []genCell{{raw: "null"}, {absent: true}, {text: "  "}} // nothing but nulls
		return
	}
	var pool []genCell
	for range n {
		cell := genCell{text: g.valid(f)}
		if f.Type == contract.JSON {
			cell = genCell{raw: cell.text}
		}
		switch {
		case f.CheckDigit != "" && !g.once(8):
			cell.text = pick(g, "080193", "171220", "999998", "Calonge", "170792")
		case partition && (f.Type == contract.Text || f.Type == contract.JSON) && !g.once(8):
			cell = genCell{text: pick(g, "01", "02", "barcelona", "Val_1", "a.b-c", "7")}
			if f.Type == contract.JSON {
				cell = genCell{raw: pick(g, "1", "true", "-7")}
			}
		}
		pool = append(pool, cell)
	}
	if f.Type == contract.Text && g.once(6) {
		f.Mapping = map[string]string{}
		for i, cell := range pool {
			if i%5 < 4 {
				f.Mapping[strings.TrimSpace(cell.text)] = pick(g, "a", "b", "", cell.text)
			}
		}
		if f.Default != nil {
			f.Default = pointer(strings.TrimSpace(pool[0].text)) // as the source would write it
		}
	}
	g.pools[f.Source] = pool
}

// valid returns a text that is usually valid for the field's type.
func (g *generator) valid(f *contract.Field) string {
	switch f.Type {
	case contract.Integer:
		return pick(g, strconv.Itoa(g.IntN(2000)-500), strconv.FormatInt(int64(g.Uint64()), 10), "0", "-0", "+5", "007", "890.0", "12.00",
			"1.2e3", "9007199254740993", "9223372036854775807", "-9223372036854775808", "120e-1", "0.000", "1234.000")
	case contract.Number:
		return pick(g, strconv.Itoa(g.IntN(100)), strconv.FormatFloat(g.NormFloat64(), 'g', -1, 64), "-0", "-0.0", "0e-999",
			"1.0", "1.151", "1e3",
			"1e308", "-1.7976931348623157e308", "4.9e-324", "1e-400", "2.2250738585072014E-308", "12345678901234567890", "0.1",
			"+1.5", "41.7592389")
	case contract.Decimal:
		digits := func(n int) (s string) {
			for range n {
				s += strconv.Itoa(g.IntN(10))
			}
			return s
		}
		s := pick(g, "", "", "-", "+") + pick(g, "", "00") + pick(g, "0", digits(min(3, f.Precision-f.Scale)), digits(f.Precision-f.Scale))
		if !refDigits.MatchString(s[len(s)-min(1, len(s)):]) {
			s += "0"
		}
		if f.Scale > 0 && !g.once(3) {
			s += "." + pick(g, digits(f.Scale), digits(1+g.IntN(f.Scale)), strings.Repeat("9", f.Scale)) +
				pick(g, "", "", "00", "5", "50", "51", "49", digits(3))
		}
		return s + pick(g, "", "", "", "", "e0", "E+1", "e-1", "e-2")
	case contract.Boolean:
		if f.Mapping != nil {
			return pick(g, "sí", "no", "true", "1")
		}
		return pick(g, "true", "false", "TRUE", "False", "1", "0")
	case contract.Date:
		layout := f.Format
		if layout == "" {
			layout = time.DateOnly
		}
		s := g.moment().Format(layout)
		if layout == time.DateOnly {
			s += pick(g, "", "", "T00:00:00", "T00:00:00.000", "T00:00:00.000000000000", "T00:00:00Z", "T00:00:00.000+01:00",
				"T00:00:00+02:00")
		}
		return s
	case contract.Timestamp:
		at := g.moment()
		if f.Zone != "" && !g.once(8) { // near a change of the clocks: in Madrid, or on Lord Howe Island
			day := pick(g, time.Date(2024, 3, 31, 1, 0, 0, 0, time.UTC), time.Date(2024, 10, 27, 1, 0, 0, 0, time.UTC))
			if f.Zone == "Australia/Lord_Howe" {
				day = pick(g, time.Date(2024, 10, 6, 1, 0, 0, 0, time.UTC), time.Date(2024, 4, 7, 1, 0, 0, 0, time.UTC))
			}
			at = day.Add(time.Duration(g.IntN(12)) * 15 * time.Minute)
		}
		if f.Format != "" {
			return at.Format(f.Format)
		}
		return at.Format(pick(g, "2006-01-02", "2006-01-02T15:04:05", "2006-01-02T15:04:05.000", "2006-01-02 15:04:05",
			time.RFC3339, "2006-01-02T15:04:05.999999999Z", "2006-01-02 15:04:05Z07:00"))
	case contract.JSON:
		return pick(g, `{"type":"Point", "coordinates":[2.1,41.4]}`, `[1, 2]`, `"text"`, `""`, `"null"`, `"-"`, `3`, `{}`,
			"[\n]", `{"a":"\ud800","b":"\u0000"}`,
			`{"à":{"b":[{"c":null}]}}`, `{"a":[{"b":1,"\u0062":2}]}`, `{"a":{"a":1}}`, `true`, `-0`, `" - "`)
	}
	return g.text()
}

func (g *generator) moment() time.Time {
	switch g.IntN(4) {
	case 0:
		return time.Date(1+g.IntN(9998), 1, 1+g.IntN(365), g.IntN(24), 0, 0, 0, time.UTC)
	case 1:
		return time.Date(1969, 12, 28+g.IntN(8), g.IntN(24), g.IntN(60), g.IntN(60), g.IntN(1e9), time.FixedZone("", 3600*(g.IntN(25)-12)))
	}
	return time.Date(1990+g.IntN(40), 1, g.IntN(365), g.IntN(24), g.IntN(60), g.IntN(60), g.IntN(1000)*1e6, time.UTC)
}

func (g *generator) text() string {
	switch g.IntN(20) {
	case 0:
		return strings.Repeat(pick(g, "x", "à", "😀 "), g.IntN(3000))
	case 1:
		return pick(g, "", " ", "null", "-", " N/D ", "\u00a0", "\t\n")
	case 2:
		return pick(g, "080193", "80193", "999998", "171220", "7", "00", "-3.5", "1.151")
	}
	var b strings.Builder
	for range 1 + g.IntN(3) {
		b.WriteString(pick(g, "Sant", "Cugat", "l'Hospitalet", "Vallès", "ça", "x", "\"cita\"", `a\b`, "a/b", "😀", "\u2028",
			"\x01", "\x7f", "ｦ", "𝒳"))
		b.WriteString(pick(g, "", " ", "  ", "\u00a0", "\t", "\n", "\u2003"))
	}
	return b.String()
}

// odd returns a value that is invalid for most fields.
func (g *generator) odd() genCell {
	if g.once(2) {
		return genCell{raw: pick(g, `"a\ud800"`, `"\udc00b"`, `"\ud83d\ud83d\ude00"`, `"\u0000"`, `"a\u0000b"`, `{"a":[1, 2]}`,
			`[]`, `{}`, `true`, `0`, `-0.0`, `1e400`, `1E-400`,
			`123456789012345678901234567890123456789`, `""`, `"\\ud800"`, `"\ufffd"`)}
	}
	return genCell{text: pick(g, "1.151", "1.000", "1,5", "x", "9223372036854775808", "2023-02-29", "0000-01-01",
		"10000-01-01", "yes", "NaN", "Inf", "5.", ".5", "１", "0x1f",
		"1_000", "1e19", "15e-1", "2014-10-13T25:00:00", "2014-10-13T10:00:00", "../x", "NULL", "__HIVE_DEFAULT_PARTITION__",
		"1e2147483648", "0e99999999999999999999", "falſe", "9999-12-31T23:59:59-01:00", "+", "-", "null",
		strings.Repeat("9", 39), "0."+strings.Repeat("0", 40)+"1")}
}

// genRecord is the values of one record by source field.
type genRecord map[string]genCell

func (g *generator) record() genRecord {
	r := genRecord{}
	for _, f := range g.contract.Fields { // in order: the same seed gives the same record
		pool, ok := g.pools[f.Source]
		if !ok {
			continue
		}
		switch g.IntN(60) {
		case 0:
			r[f.Source] = g.odd()
		case 1:
			r[f.Source] = genCell{raw: "null"}
		case 2:
			r[f.Source] = genCell{absent: true}
		case 3:
			r[f.Source] = genCell{text: g.valid(&f)}
		default:
			r[f.Source] = pick(g, pool...)
		}
	}
	return r
}

// spell formats a cell as JSON.
func (g *generator) spell(c genCell) string {
	switch {
	case c.raw != "":
		return c.raw
	case g.once(2) && json.Valid([]byte(c.text)) && c.text[0] != '"' && strings.TrimSpace(c.text) == c.text && c.text != "null":
		return c.text // a number or a word, without quotes
	case g.once(10):
		c.text = pick(g, " ", "\t", "\u00a0", "") + c.text + " "
	}
	return g.quote(c.text)
}

// quote formats a JSON string and escapes some characters without need.
func (g *generator) quote(s string) string {
	var b strings.Builder
	escape := func(units ...uint16) {
		for _, u := range units {
			fmt.Fprintf(&b, pick(g, `\u%04x`, `\u%04X`), u)
		}
	}
	rare := pick(g, 2, 30, 1000)
	b.WriteByte('"')
	for _, r := range s {
		short := strings.IndexRune("\"\\/\b\f\n\r\t", r)
		switch {
		case g.once(rare):
			escape(utf16.Encode([]rune{r})...)
		case short >= 0 && (r != '/' || g.once(2)):
			b.WriteByte('\\')
			b.WriteByte(`"\/bfnrt`[short])
		case r < 0x20:
			escape(uint16(r))
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// write formats a record as a JSON object: its fields in random order, and unknown fields.
func (g *generator) write(r genRecord, space func() string) string {
	var members []string
	member := func(name, raw string) string {
		return g.quote(name) + space() + ":" + space() + raw
	}
	seen := map[string]bool{}
	for _, f := range g.contract.Fields {
		c, ok := r[f.Source]
		if !ok || c.absent || seen[f.Source] {
			continue
		}
		seen[f.Source] = true
		members = append(members, member(f.Source, g.spell(c)))
	}
	g.personal++
	members = append(members, member("telèfon", g.quote(fmt.Sprintf("PERSONAL-%d", g.personal))))
	if g.once(4) {
		members = append(members, member(pick(g, "stranger", "f", "F0"), pick(g, `"STRANGER"`, `{"f0":"STRANGER", "f1":[{}]}`,
			`[[["STRANGER"]]]`, `null`)))
	}
	if g.once(6) {
		members = append(members, member(":@llac_origin", pick(g, `"recorded"`, `"invented"`, `"published"`, `"who knows"`,
			`null`, `5`, `"record\u0065d"`)))
	}
	g.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	for g.once(20) { // a name that may occur twice
		f := pick(g, g.contract.Fields...)
		members = slices.Insert(members, 0, member(f.Source, pick(g, `"PERSONAL-0"`, `null`, `{"a":"b"}`)))
	}
	return "{" + space() + strings.Join(members, space()+","+space()) + space() + "}"
}

// pages creates the pages of a run, and returns how many records each holds.
func (g *generator) pages() (bodies []string, rows []int) {
	var all []genRecord
	faults := g.once(2)
	for range 1 + g.IntN(5) {
		space := func() string { return "" }
		if g.once(3) {
			space = func() string { return pick(g, "", "", "", " ", "\n", "\t", "\r\n  ") }
		}
		var records []string
		for range pick(g, 0, 1, 2, 10, 60) {
			r := g.record()
			if len(all) > 0 && g.once(4) {
				r = pick(g, all...) // again, spelt otherwise
			}
			all = append(all, r)
			text := g.write(r, space)
			switch {
			case faults && g.once(30):
				text = pick(g, "5", `"x"`, "null", "true", `[1,{"f0":"PERSONAL-0"}]`, "[]", "-1.5e3")
			case faults && g.once(30):
				text = g.spoil(text)
			}
			records = append(records, text)
		}
		body := "[" + space() + strings.Join(records, space()+","+space()) + space() + "]" + space()
		n := len(records)
		if g.contract.Source.Kind == ckan.Name {
			body = fmt.Sprintf(`{"help":"x","success":true,"result":{"fields":[],"records":%s,"total":%d}}`, body, n)
		} else {
			if g.once(8) {
				body = "\ufeff" + body
			}
			if faults && g.once(5) {
				body, n = g.tear(body), -1
			}
		}
		bodies, rows = append(bodies, body), append(rows, n)
	}
	return bodies, rows
}

// spoil inserts bytes that are not UTF-8 into one of a record's strings.
func (g *generator) spoil(record string) string {
	at := strings.LastIndexByte(record, '"')
	return record[:at] + pick(g, "\xff", "\xc3", "\xed\xa0\x80", "\xf0\x9f", "\xc0\x80") + record[at:]
}

// tear returns a page that usually cannot be read to its end.
func (g *generator) tear(body string) string {
	at := g.IntN(len(body))
	switch g.IntN(8) {
	case 0:
		return pick(g, "", " \n", "\ufeff", "nul", "null", `{"error":true,"message":"PERSONAL-0"}`, `"PERSONAL-0"`,
			"<html>PERSONAL-0</html>", "[", "[,]", "]")
	case 1:
		return body + pick(g, "]", ",", "{}", "x", "\x00", "[]")
	case 2:
		return body[:at] + pick(g, "\x00", "\xff", "\n", `"`, `\`, "{", "}", "[", "]", ",", ":", "0", "x") + body[at:]
	case 3:
		return body[:at] + body[at+1:]
	case 4:
		return strings.Replace(body, `"`, pick(g, `'`, `"\x`, `"\u12`, "\"\n"), 1)
	}
	return body[:at]
}
