package engine

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/llac-project/llac/platform/source"
)

// quarantined is one rejected row: where it stands, what is wrong with it, and what may be shown of it.
type quarantined struct {
	position
	start, end int // bytes of the page
	rejection
	json []byte
}

// quarantine holds the rejected rows of a run.
type quarantine struct {
	rows []quarantined
}

func (q *quarantine) add(p *plan, page int, rec source.Row, why rejection) {
	q.rows = append(q.rows, quarantined{
		position: position{uint32(page), uint32(rec.Index)}, start: rec.Start, end: rec.End,
		rejection: why, json: p.show(rec),
	})
}

// sort puts the rows in page and row order, so that the file's bytes depend on the pages alone (invariant 6).
func (q *quarantine) sort() {
	slices.SortStableFunc(q.rows, func(a, b quarantined) int {
		return cmp.Or(cmp.Compare(a.page, b.page), cmp.Compare(a.row, b.row))
	})
}

// byReason counts the rows by code; nil when there are none.
func (q *quarantine) byReason() map[string]int64 {
	if len(q.rows) == 0 {
		return nil
	}
	out := map[string]int64{}
	for _, r := range q.rows {
		out[string(r.code)]++
	}
	return out
}

// columns answers the quarantine file's columns in the order of arrowschema.QuarantineSchema.
func (q *quarantine) columns(pages []Page) map[string]reader {
	text := func(at func(quarantined) string) reader {
		return reader{bytes: func(row int) []byte { return []byte(at(q.rows[row])) }}
	}
	whole := func(at func(quarantined) int) reader {
		return reader{whole: func(row int) int64 { return int64(at(q.rows[row])) }}
	}
	return map[string]reader{
		"page_key":    text(func(r quarantined) string { return pages[r.page].Key }),
		"page_sha256": text(func(r quarantined) string { return pages[r.page].SHA256 }),
		"row_index":   whole(func(r quarantined) int { return int(r.row) }),
		"byte_start":  whole(func(r quarantined) int { return r.start }),
		"byte_end":    whole(func(r quarantined) int { return r.end }),
		"field":       text(func(r quarantined) string { return r.field }),
		"code":        text(func(r quarantined) string { return string(r.code) }),
		"message":     text(func(r quarantined) string { return r.message }),
		"row_json":    {bytes: func(row int) []byte { return q.rows[row].json }},
	}
}

// maxShown bounds one value in a quarantine row, in bytes. The whole value is in the page, at the row's position.
const maxShown = 1 << 10

// show renders the part of a record that anybody may see, in contract order (invariant 8: no field that is personal,
// internal or unknown to the contract, and no value longer than it must be).
func (p *plan) show(rec source.Row) []byte {
	values := make(map[string][]byte, len(p.exposed))
	for _, f := range rec.Fields {
		if p.exposed[f.Name] {
			values[f.Name] = bytes.TrimSpace(f.Raw)
		}
	}
	b := []byte{'{'}
	for _, name := range p.exposedAll {
		raw, ok := values[name]
		if !ok {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(appendJSON(b, name), ':'), shorten(raw)...)
	}
	return append(b, '}')
}

// shorten answers raw, or the beginning of it as a JSON string.
func shorten(raw []byte) []byte {
	if len(raw) <= maxShown && json.Valid(raw) {
		return raw
	}
	text, ok := unquote(raw)
	if !ok {
		text = raw
	}
	cut := text[:min(len(text), maxShown)]
	for len(cut) > 0 && len(cut) < len(text) && !utf8.RuneStart(text[len(cut)]) {
		cut = cut[:len(cut)-1]
	}
	return appendJSON(nil, fmt.Sprintf("%s… (%d bytes)", bytes.ToValidUTF8(cut, []byte("\uFFFD")), len(raw)))
}

func appendJSON(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		quoted = []byte(`""`) // cannot happen: every string has a JSON form
	}
	return append(b, quoted...)
}
