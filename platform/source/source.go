package source

import (
	"context"
	"errors"
	"fmt"

	"github.com/llac-project/llac/events"
)

// Target is what to fetch: a contract's source with the slice filled in.
type Target struct {
	Kind     string            // "socrata", "idescat" or "ckan"
	BaseURL  string            // scheme and host, no trailing slash
	ID       string            // Socrata 4x4, Idescat "statistics/node/table/geo", CKAN resource id
	PageSize int               // rows a page; 0: the kind's default
	Params   map[string]string // fixed filters, and the slice's
}

// Description is what the portal serves now. It is stored in the landing manifest, so an extraction can be
// continued by another process from a description and a page index alone.
type Description struct {
	Validators   events.Validators `json:"validators"`
	Rows         int64             `json:"rows"`             // the source's own count of rows; -1 where it gives none
	Pages        []PageRequest     `json:"pages"`            // what to ask for, in order
	Fields       []SourceField     `json:"fields,omitempty"` // the source's own schema, where it publishes one
	Title        string            `json:"title,omitempty"`
	SourceText   string            `json:"source_text,omitempty"` // the attribution line that the source sends
	URL          string            `json:"url"`                   // for a person: where the data come from
	SourceSystem string            `json:"source_system"`         // the portal's host, or "simulator" (invariant 11)
}

// SourceField is one field of the source's published schema.
type SourceField struct {
	Name string   `json:"name"`
	Type string   `json:"type"`         // in the source's own words
	Of   []string `json:"of,omitempty"` // the dimensions that a pseudo-field by role stands for
}

// PageRequest is one request of an extraction.
type PageRequest struct {
	Index  int    `json:"index"` // 0-based
	URL    string `json:"url"`
	Method string `json:"method,omitempty"` // "GET" when empty
	Body   string `json:"body,omitempty"`   // of a POST
	Rows   int64  `json:"rows"`             // rows expected; -1: not known
}

// Page is one answer, as received.
type Page struct {
	Index      int
	Body       []byte
	Rows       int64 // counted in Body
	Validators events.Validators
	URL        string
	RequestID  string // the portal's id of the request, for its operators
}

// Client reads one portal kind.
//
// The life of an extraction: Describe once; Page for each index, in any process; Verify once after the last
// page. A client retries transient failures itself, politely, and gives up with a transient error when its
// budget is spent.
type Client interface {
	// Describe asks what the source serves now. When since is not zero and the source has not changed since
	// then it answers ErrUnchanged.
	Describe(ctx context.Context, t Target, since events.Validators) (Description, error)
	// Page fetches page index of d. A source that has changed since Describe is ErrChanged.
	Page(ctx context.Context, t Target, d Description, index int) (Page, error)
	// Verify asks whether the source still is what d describes; if not, ErrChanged.
	Verify(ctx context.Context, t Target, d Description) error
}

// Row is one record of a page, before any contract is applied. It is valid until yield returns.
type Row struct {
	Index  int     // 0-based position in the page
	Start  int     // byte range of the record in the page; for a cell of a JSON-stat cube, of its value
	End    int     //
	Fields []Value // in the source's order; a name may repeat, and then the last one counts
	Bad    error   // a *PageError that says why the record cannot be read, though the page goes on after it; some or all fields are missing then
}

// Value is one field of a record: its name and the raw JSON of its value.
type Value struct {
	Name string
	ID   int    // of the name, for the Reader that yields it: the same name has the same ID in all pages, counted from 0; -1: too many names
	Raw  []byte // JSON text: a string with its quotes, a number, true, false, null, an object or an array
}

// Origin is the name of the pseudo-field by which a simulator says of a row whether it is "recorded" (a real
// fact, carried) or "invented". Real portals never send it.
const Origin = ":@llac_origin"

// ErrUnchanged is answered by Describe when the source is still the version asked about.
var ErrUnchanged = errors.New("source unchanged")

// ErrChanged says that the source was re-published during the extraction.
var ErrChanged = errors.New("source changed during the extraction")

// TransientError is a failure that a later try may not meet.
type TransientError struct {
	Op  string // what was being done to what
	Err error
}

func (e *TransientError) Error() string { return fmt.Sprintf("%s: %v (transient)", e.Op, e.Err) }
func (e *TransientError) Unwrap() error { return e.Err }

// PermanentError is a failure that no retry mends: the request is wrong, or the answer is not what was asked.
type PermanentError struct {
	Op     string
	Err    error
	Status int    // HTTP status; 0 when there was no answer
	Body   string // the beginning of the portal's own error body, at most 2 KiB
	Hint   string // what a person can do next
}

func (e *PermanentError) Error() string {
	s := fmt.Sprintf("%s: %v", e.Op, e.Err)
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}
func (e *PermanentError) Unwrap() error { return e.Err }

// PageError is answered by Rows for a page that is not what its kind must be, and stands in Row.Bad for a record that
// cannot be read. Offset is in bytes from the page's beginning.
type PageError struct {
	Offset int
	Index  int // of the row being read; -1 outside any row
	Err    error
}

func (e *PageError) Error() string { return fmt.Sprintf("byte %d: %v", e.Offset, e.Err) }
func (e *PageError) Unwrap() error { return e.Err }

// Permanent marks the error for the runtime: the message goes to its dead-letter queue at once.
func (e *PermanentError) Permanent() bool { return true }
