package portal

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/llac-project/llac/platform/source/portals"
)

// FaultKind names a way to misbehave.
type FaultKind string

// Faults of the response: the client does not receive the page.
const (
	Status           FaultKind = "status"            // Fault.Status and the portal's own error body: 202, 403, 408, 429, 5xx
	ClassError       FaultKind = "class-error"       // Idescat: HTTP 200 and a body of class "error" (elsewhere as status 500)
	TruncatedChunked FaultKind = "truncated-chunked" // chunked, ends early
	TruncatedLength  FaultKind = "truncated-length"  // Content-Length promises more than is sent
	Malformed        FaultKind = "malformed"         // complete, but not JSON
	NotUTF8          FaultKind = "not-utf8"          // a byte that is not UTF-8, in a text
	ObjectPage       FaultKind = "object-page"       // an object where rows are an array; an array where a cube is an object
	Reset            FaultKind = "reset"             // the connection is reset, nothing is sent
	Slow             FaultKind = "slow"              // Fault.Delay passes first, on the portal's clock
)

// Faults of the data: the dataset differs in every response that matches, including its count and headers.
const (
	EmptyDataset FaultKind = "empty"
	Shrink       FaultKind = "shrink"      // its second half is missing
	AddField     FaultKind = "add-field"   // a field (a dimension) that was not there: Fault.Field, "camp_nou" or "NOU"
	DropField    FaultKind = "drop-field"  // Fault.Field is missing; empty: the first field, the dimension SEX
	RetypeField  FaultKind = "retype"      // Fault.Field has another JSON type; empty: the first field, the values
	HugeString   FaultKind = "huge-string" // Fault.Field holds 5 MB of text in Fault.Rows rows, one if 0
)

// Faults of a portal, or of a cache before it, that responds to another request than the one that was sent.
const (
	Misplaced FaultKind = "misplaced" // the page that starts Fault.Rows rows earlier; 0: the first page
	Capped    FaultKind = "capped"    // a page of at most Fault.Rows rows
	Swapped   FaultKind = "swapped"   // the page of the dataset Fault.Other
)

// Republished publishes a new version (Fault.Change) before the response, in the middle of the client's extraction.
const Republished FaultKind = "republish"

// editView is not a fault but a change of RepublishAs.
const editView FaultKind = "edit"

var faultKinds = map[FaultKind]bool{
	Status: true, ClassError: true, TruncatedChunked: true, TruncatedLength: true, Malformed: true, NotUTF8: true,
	ObjectPage: true, Reset: true, Slow: true, EmptyDataset: true, Shrink: true, AddField: true, DropField: true,
	RetypeField: true, HugeString: true, Republished: true, Misplaced: true, Capped: true, Swapped: true,
}

// Fault asks the simulator to misbehave. The first group of fields selects the requests; a field with its zero value
// matches everything. A request may meet several faults.
type Fault struct {
	Kind FaultKind `json:"kind"`

	Portal  string `json:"portal,omitempty"`  // name of a portal kind
	Dataset string `json:"dataset,omitempty"` // 4x4, table id or resource id
	Path    string `json:"path,omitempty"`    // occurs in the request's path and unescaped query
	Pages   bool   `json:"pages,omitempty"`   // only requests for pages of data: no metadata, no count
	Offset  *int   `json:"offset,omitempty"`  // only the page that begins at this row
	Nth     int    `json:"nth,omitempty"`     // not before the nth request that matches, from 1
	Count   int    `json:"count,omitempty"`   // maximum number of times; 0: no limit

	Status     int           `json:"status,omitempty"`      // of Status; 0: 503
	RetryAfter string        `json:"retry_after,omitempty"` // header of Status; empty: none is sent
	ErrorID    string        `json:"error_id,omitempty"`    // of ClassError: "00" … "06"
	Delay      time.Duration `json:"-"`                     // of Slow; "delay" in JSON, as "250ms"
	Field      string        `json:"field,omitempty"`       // of the data faults
	Rows       int           `json:"rows,omitempty"`        // how many rows they alter, from the first, 0: all; of Misplaced, Capped
	Other      string        `json:"other,omitempty"`       // of Swapped: id of the other dataset
	Change     string        `json:"change,omitempty"`      // of Republished: see RepublishAs; empty: "touch"
}

// plainFault is Fault without its methods.
type plainFault Fault

// MarshalJSON writes Delay as "delay", a duration's text.
func (f Fault) MarshalJSON() ([]byte, error) {
	wire := struct {
		plainFault
		Delay string `json:"delay,omitempty"`
	}{plainFault: plainFault(f)}
	if f.Delay != 0 {
		wire.Delay = f.Delay.String()
	}
	return json.Marshal(wire)
}

// UnmarshalJSON reads what MarshalJSON writes and rejects unknown members.
func (f *Fault) UnmarshalJSON(text []byte) error {
	var wire struct {
		plainFault
		Delay string `json:"delay"`
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&wire); err != nil {
		return fmt.Errorf("fault: %w", err)
	}
	*f = Fault(wire.plainFault)
	if wire.Delay == "" {
		return nil
	}
	var err error
	if f.Delay, err = time.ParseDuration(wire.Delay); err != nil {
		return fmt.Errorf("fault %q: delay: %w", f.Kind, err)
	}
	return nil
}

func (f Fault) check() error {
	if !faultKinds[f.Kind] {
		return fmt.Errorf("unknown kind of fault %q", f.Kind)
	}
	if f.Portal != "" {
		if _, err := portals.All.Find(f.Portal); err != nil {
			return fmt.Errorf("fault %q: %w", f.Kind, err)
		}
	}
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		return fmt.Errorf("fault %q: status %d does not end a request", f.Kind, f.Status)
	}
	if f.Kind == Slow && f.Delay <= 0 {
		return errors.New(`fault "slow": it needs a delay`)
	}
	return nil
}

// armedFault is a fault and how often it occurred.
type armedFault struct {
	Fault
	seen, struck int
}

// SetFaults replaces all faults by these and restarts their counts; without any, the simulator behaves normally. An invalid
// fault is an error, and then nothing changes.
func (p *Portal) SetFaults(faults ...Fault) error {
	armed := make([]*armedFault, len(faults))
	for i, f := range faults {
		if err := f.check(); err != nil {
			return fmt.Errorf("set faults: %w", err)
		}
		armed[i] = &armedFault{Fault: f}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = armed
	return nil
}

// strike returns the faults of this request.
func (p *Portal) strike(kind string, at place, target string) []Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Fault
	for _, f := range p.faults {
		switch {
		case f.Portal != "" && f.Portal != kind,
			f.Dataset != "" && f.Dataset != at.dataset,
			f.Path != "" && !strings.Contains(target, f.Path),
			f.Pages && !at.page,
			f.Offset != nil && (!at.page || *f.Offset != at.offset):
			continue
		}
		f.seen++
		if f.seen < f.Nth || f.Count > 0 && f.struck >= f.Count {
			continue
		}
		f.struck++
		out = append(out, f.Fault)
	}
	return out
}

// retyped returns a value as another JSON type: a text that is a number becomes a number, any other value an array.
func retyped(value any) any {
	text, isText := value.(string)
	if _, err := strconv.ParseFloat(text, 64); isText && err == nil && json.Valid([]byte(text)) {
		return json.Number(text)
	}
	return []any{value}
}

// hugeText is 5 MB of one text, in bytes.
var hugeText = sync.OnceValue(func() string { return strings.Repeat("llac ", 1_000_000) })
