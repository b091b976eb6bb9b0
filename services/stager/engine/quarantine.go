package engine

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// quarantined is one rejected row: where it stands, what is wrong with it, and what may be shown of it.
type quarantined struct {
	page, row  int // row is source.Row.Index
	start, end int // bytes of the page
	rejection
	json []byte
}

// quarantine is the file of rejected rows. They come in the order in which the pages are read and go to the encoder a row
// group at a time. Invariant 5: what has been added is in the file, or the run has failed.
type quarantine struct {
	outputFile
	open     []quarantined
	bytes    int // of the open rows' texts
	rows     int64
	byReason map[string]int64
}

const (
	quarantineRows  = 32 << 10
	quarantineBytes = 4 << 20
)

// add takes rows until they are a row group, and answers how many.
func (q *quarantine) add(rows []quarantined) (taken int) {
	if q.byReason == nil {
		q.byReason = map[string]int64{}
	}
	for _, r := range rows {
		if q.full() {
			break
		}
		q.open = append(q.open, r)
		q.bytes += r.size()
		q.byReason[string(r.code)]++
		taken++
	}
	q.rows += int64(taken)
	return taken
}

// size is the memory that a row takes, about.
func (r *quarantined) size() int { return len(r.json) + 128 }

// full says whether the open rows are a row group.
func (q *quarantine) full() bool { return len(q.open) >= quarantineRows || q.bytes >= quarantineBytes }

// encode encodes rejected rows in the order of arrowschema.QuarantineSchema.
func (q *quarantine) encode(e *encoder, f *form, rows []quarantined, pages []Page) error {
	text := func(at func(*quarantined) string) func(*quarantined) []byte {
		return func(r *quarantined) []byte { return []byte(at(r)) }
	}
	whole := func(at func(*quarantined) int) func(*quarantined) []byte {
		return func(r *quarantined) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(at(r))) }
	}
	columns := map[string]func(*quarantined) []byte{
		"page_key":    text(func(r *quarantined) string { return pages[r.page].Key }),
		"page_sha256": text(func(r *quarantined) string { return pages[r.page].SHA256 }),
		"row_index":   whole(func(r *quarantined) int { return r.row }),
		"byte_start":  whole(func(r *quarantined) int { return r.start }),
		"byte_end":    whole(func(r *quarantined) int { return r.end }),
		"field":       text(func(r *quarantined) string { return r.field }),
		"code":        text(func(r *quarantined) string { return string(r.code) }),
		"message":     text(func(r *quarantined) string { return r.message }),
		"row_json":    func(r *quarantined) []byte { return r.json },
	}
	e.begin()
	for _, col := range f.columns {
		at, ok := columns[col.name]
		if !ok {
			return &Fault{"write quarantine", fmt.Errorf("its schema has a column %s that staging does not make; this is a fault of the build", col.name)}
		}
		if err := e.distinct(col, len(rows), func(row int) []byte { return at(&rows[row]) }); err != nil {
			return fmt.Errorf("write quarantine: column %s: %w", col.name, err)
		}
	}
	return nil
}

// maxShown bounds one value in a quarantine row, in bytes. The whole value is in the page, at the row's position.
const maxShown = 1 << 10

// show renders the part of a record that anybody may see, in contract order (invariant 8: no field that is personal,
// internal or unknown to the contract, and no value longer than it must be). raw holds its values as a worker lays them out.
func (p *plan) show(raw [][]byte) []byte {
	b := nothingShown[:1:1]
	for _, f := range p.exposed {
		if raw[f.raw] == nil {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(b, f.name...), shorten(raw[f.raw])...)
	}
	if len(b) == 1 {
		return nothingShown
	}
	return append(b, '}')
}

// nothingShown is what is shown of a record of which nothing can be.
var nothingShown = []byte("{}")

// shorten answers raw, or the beginning of it as a JSON string.
func shorten(raw []byte) []byte {
	if len(raw) <= maxShown {
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
