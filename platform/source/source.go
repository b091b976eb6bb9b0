package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/llac-project/llac/events"
)

// Target identifies what to fetch: a contract's source, with the parameters of the slice.
type Target struct {
	Kind     string            // name of the portal kind
	BaseURL  string            // scheme and host, no trailing slash
	ID       string            // in the form of the kind's IDRule
	PageSize int               // rows per page; 0: the kind's default
	Params   map[string]string // fixed filters, and the slice's
}

// Description describes what the portal serves now. It is stored in the landing manifest, so that another process can
// continue the extraction from a description and a page index alone.
type Description struct {
	Validators   events.Validators `json:"validators"`
	Rows         int64             `json:"rows"`              // the source's own count of rows; -1 if it gives none
	Pages        []PageRequest     `json:"pages"`             // the requests, in order
	AtOnce       int               `json:"at_once,omitempty"` // how many of them may be sent before the first has its answer; 0: one
	Fields       []SourceField     `json:"fields,omitempty"`  // the source's own schema, if it publishes one
	Title        string            `json:"title,omitempty"`
	SourceText   string            `json:"source_text,omitempty"` // the attribution line that the source sends
	URL          string            `json:"url"`                   // for a person: where the data come from
	SourceSystem string            `json:"source_system"`         // the portal's host, or "simulator" (invariant 11)
	// Unproved: the validators are those that Describe was given, but they are weak: only the pages can show that the source
	// has not changed.
	Unproved bool `json:"-"`
}

// SourceField is one field of the source's published schema.
type SourceField struct {
	Name string   `json:"name"`
	Type string   `json:"type"`         // as the source names it
	Of   []string `json:"of,omitempty"` // the dimensions that a pseudo-field by role represents
}

// PageRequest is one request of an extraction.
type PageRequest struct {
	Index  int    `json:"index"` // 0-based
	URL    string `json:"url"`
	Method string `json:"method,omitempty"` // "GET" when empty
	Body   string `json:"body,omitempty"`   // of a POST
	Rows   int64  `json:"rows"`             // expected rows; -1: unknown
}

// Page is one answer, as received.
type Page struct {
	Index      int
	Body       []byte
	Rows       int64 // counted in Body
	Identity   Identity
	RowIDs     []uint64 // hashes of the portal's numbers of the rows, valid in this process; none if it does not number them
	Records    []uint64 // hashes of the rows without such a number, valid in this process
	Validators events.Validators
	URL        string
	RequestID  string // the portal's id of the request, for its operators
}

// Client reads one portal kind.
//
// An extraction calls Describe once; Page for each index, in any process; and Verify once after the last page. A client
// retries transient failures itself, within the rate limit, and returns a transient error when its tries are used up. It obeys
// Retry-After in full: it waits, or returns a *WaitError.
type Client interface {
	// Describe requests what the source serves now. If since is not zero and strong validators prove that the source has not
	// changed since then, it returns ErrUnchanged. If equal validators are weak, the description is Unproved.
	Describe(ctx context.Context, t Target, since events.Validators) (Description, error)
	// Page fetches page index of d. It returns ErrChanged if the source has changed since Describe, and an error that wraps a
	// *MismatchError if the portal keeps sending another page than the requested one. Up to d.AtOnce calls may be made at once.
	Page(ctx context.Context, t Target, d Description, index int) (Page, error)
	// Verify returns ErrChanged if the source no longer is what d describes.
	Verify(ctx context.Context, t Target, d Description) error
}

// ErrUnchanged is returned by Describe when the source still has the given version.
var ErrUnchanged = errors.New("source unchanged")

// ErrChanged means that the source was re-published during the extraction.
var ErrChanged = errors.New("source changed during the extraction")

// TransientError is a failure that may not recur in a later try.
type TransientError struct {
	Op  string // operation and object
	Err error
}

func (e *TransientError) Error() string { return fmt.Sprintf("%s: %v (transient)", e.Op, e.Err) }
func (e *TransientError) Unwrap() error { return e.Err }

// WaitError is a failure after which the portal must not be requested before a time, by its Retry-After, and which is too far
// away to wait for here. It is transient.
type WaitError struct {
	Op    string // operation and object
	Until time.Time
	Err   error
}

func (e *WaitError) Error() string {
	return fmt.Sprintf("%s: %v; the portal asked for no request before %s", e.Op, e.Err, e.Until.UTC().Format("2006-01-02 15:04:05 MST"))
}
func (e *WaitError) Unwrap() error { return e.Err }

// NotBefore returns the time before which the runtime does not deliver the message again.
func (e *WaitError) NotBefore() time.Time { return e.Until }

// PermanentError is a failure that retrying cannot fix: the request is wrong, or the answer is not what was requested.
type PermanentError struct {
	Op     string
	Err    error
	Status int    // HTTP status; 0 if there was no answer
	Body   string // the beginning of the portal's own error body, at most 2 KiB
	Hint   string // what a person can do next
	// TooLarge: the portal refuses the size of the answer, or sends more than a client accepts. A request for less may succeed.
	TooLarge bool
}

func (e *PermanentError) Error() string {
	s := fmt.Sprintf("%s: %v", e.Op, e.Err)
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}
func (e *PermanentError) Unwrap() error { return e.Err }

// PageError is the error of a page that is not of its kind's form, and of a record that cannot be read (Row.Bad). Offset
// counts bytes from the beginning of the page.
type PageError struct {
	Offset int
	Index  int // index of the row being read; -1 outside any row
	Err    error
}

func (e *PageError) Error() string { return fmt.Sprintf("byte %d: %v", e.Offset, e.Err) }
func (e *PageError) Unwrap() error { return e.Err }

// Permanent reports true: the runtime does not retry, and the message goes to its dead-letter queue at once.
func (e *PermanentError) Permanent() bool { return true }
