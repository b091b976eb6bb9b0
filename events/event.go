package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// SpecVersion is the CloudEvents version of every envelope.
const SpecVersion = "1.0"

// schemaBase is the address space of the payload schemas (the dataschema attribute).
const schemaBase = "https://llac-project.github.io/llac/events/"

// Event is one CloudEvents 1.0 envelope in structured JSON mode.
type Event struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`                    // derived from run, stage and ordinal: the same on every redelivery
	Source          string    `json:"source"`                // "/llac/<service>"
	Type            string    `json:"type"`                  // "cat.llac.<noun>.<verb>.v<n>"
	Subject         string    `json:"subject,omitempty"`     // the dataset
	Time            time.Time `json:"time"`                  // UTC
	DataContentType string    `json:"datacontenttype"`       // always application/json
	DataSchema      string    `json:"dataschema"`            // address of the payload's JSON Schema
	CorrelationID   string    `json:"correlationid"`         // the run id
	CausationID     string    `json:"causationid,omitempty"` // id of the event that caused this one
	TraceParent     string    `json:"traceparent,omitempty"` // W3C trace context
	TraceState      string    `json:"tracestate,omitempty"`

	Data json.RawMessage `json:"data"`
}

// Payload is the data of one event type. Each event type has one Go type and one JSON Schema.
type Payload interface {
	// EventType is the CloudEvents type, version included.
	EventType() string
	// About returns the dataset and the run that the payload is about; either may be empty.
	About() (dataset, run string)
}

// ErrUnknownType is the error for an event whose type this build does not know.
var ErrUnknownType = errors.New("unknown event type")

// ErrMalformed is the error for bytes that are not an event envelope.
var ErrMalformed = errors.New("malformed event")

// New returns an event with a payload. Type, subject, correlation id and schema come from the payload. The platform sets id,
// time, source, causation and trace context when the handler returns.
func New(p Payload) Event {
	data, err := json.Marshal(p)
	if err != nil {
		// Payloads are plain structs of strings, numbers and times: this cannot fail for any value.
		panic(fmt.Sprintf("events: encode %s: %v", p.EventType(), err))
	}
	dataset, run := p.About()
	return Event{
		SpecVersion: SpecVersion, Type: p.EventType(), Subject: dataset, CorrelationID: run,
		DataContentType: "application/json", DataSchema: SchemaURL(p.EventType()), Data: data,
	}
}

// SchemaURL returns the dataschema attribute of an event type.
func SchemaURL(eventType string) string { return schemaBase + eventType + ".json" }

// Marshal returns the encoded envelope.
func (e Event) Marshal() ([]byte, error) { return json.Marshal(e) }

// Parse decodes an envelope and checks the attributes that every consumer relies on. It returns ErrMalformed for bytes that
// are not an envelope. It does not check the payload.
func Parse(b []byte) (Event, error) {
	var e Event
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(&e); err != nil {
		return Event{}, fmt.Errorf("%w: not a CloudEvents JSON document: %w", ErrMalformed, err)
	}
	switch {
	case e.SpecVersion != SpecVersion:
		return Event{}, fmt.Errorf("%w: specversion is %q, want %q", ErrMalformed, e.SpecVersion, SpecVersion)
	case e.ID == "":
		return Event{}, fmt.Errorf("%w: id is missing", ErrMalformed)
	case e.Type == "":
		return Event{}, fmt.Errorf("%w: type is missing", ErrMalformed)
	case len(e.Data) == 0:
		return Event{}, fmt.Errorf("%w: data is missing", ErrMalformed)
	}
	return e, nil
}

// As decodes the payload of e as T. The event's type must be that of T. Unknown fields are ignored.
func As[T Payload](e Event) (T, error) {
	var p T
	if e.Type != p.EventType() {
		return p, fmt.Errorf("%w: event %s is %q, want %q", ErrUnknownType, e.ID, e.Type, p.EventType())
	}
	if err := json.Unmarshal(e.Data, &p); err != nil {
		return p, fmt.Errorf("%w: payload of %s %s: %w", ErrMalformed, e.Type, e.ID, err)
	}
	return p, nil
}

// Types returns every event type of the catalogue, in the order of the flow.
func Types() []string {
	out := make([]string, len(catalogue))
	for i, p := range catalogue {
		out[i] = p.EventType()
	}
	return out
}

// Known reports whether this build can decode the event type.
func Known(eventType string) bool {
	for _, p := range catalogue {
		if p.EventType() == eventType {
			return true
		}
	}
	return false
}

// Catalogue returns an empty payload of every event type, in the order of the flow.
func Catalogue() []Payload { return append([]Payload(nil), catalogue...) }

// Name returns the short name of an event type: "landing.written" for "cat.llac.landing.written.v1".
func Name(eventType string) string {
	s := strings.TrimPrefix(eventType, "cat.llac.")
	if i := strings.LastIndex(s, ".v"); i > 0 {
		s = s[:i]
	}
	return s
}

// Base is an event type without its version: "cat.llac.landing.written" for "cat.llac.landing.written.v1". All versions of an
// event have one base.
func Base(eventType string) string {
	if i := strings.LastIndex(eventType, ".v"); i > 0 && i+2 < len(eventType) && strings.Trim(eventType[i+2:], "0123456789") == "" {
		return eventType[:i]
	}
	return eventType
}

// RunOf returns the run of an event of which some version is in the catalogue and carries a Run. An event that only names a
// dataset and a run belongs to none.
func RunOf(e Event) (Run, bool) {
	for _, p := range catalogue {
		if _, carries := p.(interface{ carriesRun() }); !carries || Base(p.EventType()) != Base(e.Type) {
			continue
		}
		var run Run
		return run, json.Unmarshal(e.Data, &run) == nil
	}
	return Run{}, false
}

// Decode returns the payload, decoded into the Go type of the event's type (a value, not a pointer).
func (e Event) Decode() (Payload, error) {
	for _, p := range catalogue {
		if p.EventType() != e.Type {
			continue
		}
		v := reflect.New(reflect.TypeOf(p))
		if err := json.Unmarshal(e.Data, v.Interface()); err != nil {
			return nil, fmt.Errorf("%w: payload of %s %s: %w", ErrMalformed, e.Type, e.ID, err)
		}
		return v.Elem().Interface().(Payload), nil
	}
	return nil, fmt.Errorf("%w %q (event %s): this build knows %d types; deploy the consumer before the producer",
		ErrUnknownType, e.Type, e.ID, len(catalogue))
}
