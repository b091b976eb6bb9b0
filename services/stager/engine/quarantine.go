package engine

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// action is what was done because of a reason.
type action uint8

const (
	actionRow    action = iota // the row is not staged
	actionCell                 // the row is staged, with null in the column
	actionRepair               // the row is staged, with another value in the column
	actionWarn                 // the row is staged as it is
	actions
)

var actionNames = [actions]string{"row", "cell", "repair", "warn"}

// quarantined is one rejected row, refused or repaired cell, or warning: its position, the reason, and the part of it that may be shown.
type quarantined struct {
	page, row  int // row is source.Row.Index
	start, end int // byte offsets in the page
	action     action
	column     int // of a cell
	rejection
	value []byte // raw value of the cell's source field; nil: absent or not public
	json  []byte
}

// quarantine is the file of rejected rows and cells. They arrive in the order in which pages are processed and are submitted
// one row group at a time. Invariant 5: everything that was added is in the file, or the run has failed.
type quarantine struct {
	outputFile
	open    []quarantined
	bytes   int // memory of the open rows
	counts  [actions]int64
	reasons [actions]map[string]int64 // by code
}

const (
	quarantineRows  = 32 << 10
	quarantineBytes = 4 << 20
)

// add takes rows until a row group is full, and returns the number of rows taken.
func (q *quarantine) add(rows []quarantined) (taken int) {
	for _, r := range rows {
		if q.full() {
			break
		}
		q.open = append(q.open, r)
		q.bytes += r.size()
		q.counts[r.action]++
		if q.reasons[r.action] == nil {
			q.reasons[r.action] = map[string]int64{}
		}
		q.reasons[r.action][string(r.code)]++
		taken++
	}
	return taken
}

// rows returns the number of rows in the file.
func (q *quarantine) rows() (n int64) {
	for _, count := range q.counts {
		n += count
	}
	return n
}

// size returns the approximate memory of a row.
func (r *quarantined) size() int { return len(r.json) + len(r.value) + 160 }

// full reports whether the open rows fill a row group.
func (q *quarantine) full() bool { return len(q.open) >= quarantineRows || q.bytes >= quarantineBytes }

// encode encodes rejected rows in the column order of arrowschema.QuarantineSchema.
func (q *quarantine) encode(e *encoder, f *format, rows []quarantined, pages []Page) error {
	text := func(at func(*quarantined) string) func(*quarantined) []byte {
		return func(r *quarantined) []byte { return []byte(at(r)) }
	}
	whole := func(at func(*quarantined) int) func(*quarantined) []byte {
		return func(r *quarantined) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(at(r))) }
	}
	columns := map[string]func(*quarantined) []byte{
		"source_page":  whole(func(r *quarantined) int { return r.page }),
		"source_row":   whole(func(r *quarantined) int { return r.row }),
		"page_sha256":  text(func(r *quarantined) string { return pages[r.page].SHA256 }),
		"byte_start":   whole(func(r *quarantined) int { return r.start }),
		"byte_end":     whole(func(r *quarantined) int { return r.end }),
		"action":       text(func(r *quarantined) string { return actionNames[r.action] }),
		"field":        text(func(r *quarantined) string { return r.field }),
		"code":         text(func(r *quarantined) string { return string(r.code) }),
		"message":      text(func(r *quarantined) string { return r.message }),
		"source_value": func(r *quarantined) []byte { return r.value },
		"row_json":     func(r *quarantined) []byte { return r.json },
	}
	e.reset()
	for _, col := range f.columns {
		at, ok := columns[col.name]
		if !ok {
			return &Fault{"write quarantine", fmt.Errorf("the stager does not fill column %s; this is a bug in the stager", col.name)}
		}
		if err := e.distinct(col, len(rows), func(row int) []byte { return at(&rows[row]) }); err != nil {
			return fmt.Errorf("write quarantine: column %s: %w", col.name, err)
		}
	}
	return nil
}

// maxShown bounds one value in a quarantine row, in bytes. The page holds the whole value, at the row's position.
const maxShown = 1 << 10

// show formats the public part of a record as JSON, in contract order (invariant 8: no field that is personal, internal
// or unknown to the contract, and no long value in full). raw is laid out like worker.raw.
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

// nothingShown is shown for a record without public values.
var nothingShown = []byte("{}")

// shorten returns raw, or its beginning as a JSON string when it is long.
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
		quoted = []byte(`""`) // cannot happen: every string can be encoded as JSON
	}
	return append(b, quoted...)
}
