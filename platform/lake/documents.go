package lake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/source"
)

// Manifest lists what an extraction landed. The fetcher writes it last, so that a landing with a manifest is whole.
type Manifest struct {
	Run         events.Run         `json:"run"`
	Attempt     string             `json:"attempt"`
	Source      source.Target      `json:"source"`
	Description source.Description `json:"description"`
	Pages       []ManifestPage     `json:"pages"`
	Rows        int64              `json:"rows"`
	Bytes       int64              `json:"bytes"`
	StartedAt   time.Time          `json:"started_at"`
	FinishedAt  time.Time          `json:"finished_at"`
	Restarts    int                `json:"restarts,omitempty"` // attempts given up because the source changed under us
	Parts       []events.Object    `json:"parts,omitempty"`    // part manifests that earlier deliveries handed on
	Manual      *Manual            `json:"manual,omitempty"`   // set where a person collected the pages, and no portal was asked
}

// Manual says who collected a landing's pages by hand, and why.
type Manual struct {
	By      string   `json:"by"`
	Reason  string   `json:"reason"`
	Files   []string `json:"files"`         // their names, one a page; not where they lay
	URL     string   `json:"url,omitempty"` // where the person says they are from
	Vouched bool     `json:"vouched"`       // whether the person says that the contract's portal sent exactly these bytes
}

// ManifestPage is one landed page.
type ManifestPage struct {
	events.Object
	Index     int       `json:"index"`
	Rows      int64     `json:"rows"`
	URL       string    `json:"url"`
	ETag      string    `json:"etag,omitempty"`
	RequestID string    `json:"request_id,omitempty"`
	FetchedAt time.Time `json:"fetched_at"`
}

// Candidate lists the Parquet objects and counts of one staged run. The gate audits exactly these objects.
type Candidate struct {
	Run          events.Run        `json:"run"`
	Attempt      string            `json:"attempt"`
	Manifest     events.Object     `json:"manifest"`
	SourceSystem string            `json:"source_system"`
	Validators   events.Validators `json:"validators"`
	Objects      []CandidateObject `json:"objects"`
	Quarantine   *events.Object    `json:"quarantine,omitempty"`
	RowsIn       int64             `json:"rows_in"`
	Staged       int64             `json:"staged"`
	Duplicates   int64             `json:"duplicates"`
	Quarantined  int64             `json:"quarantined"`
	ByReason     map[string]int64  `json:"quarantined_by_reason,omitempty"`
	Bytes        int64             `json:"bytes"`
	References   map[string]string `json:"references,omitempty"` // dataset to the snapshot that columns were matched with
}

// CandidateObject is one Parquet file with its partition values in contract order.
type CandidateObject struct {
	events.Object
	Partition []PartitionValue `json:"partition,omitempty"`
	Rows      int64            `json:"rows"`
}

// PartitionValue is one hive partition column and its text.
type PartitionValue struct {
	Column string `json:"column"`
	Value  string `json:"value"`
}

// Pointer is state/<dataset>/current.json: what readers see.
type Pointer struct {
	Dataset        string            `json:"dataset"`
	Snapshot       string            `json:"snapshot"` // the slot: pointers only move to a later one (invariant 10)
	PublishedAt    time.Time         `json:"published_at"`
	RunID          string            `json:"run_id"` // the run that moved it
	ContractSHA256 string            `json:"contract_sha256"`
	SourceSystem   string            `json:"source_system"`
	Parts          []PointerPart     `json:"parts"`
	Rows           int64             `json:"rows"`
	Bytes          int64             `json:"bytes"`
	Previous       string            `json:"previous,omitempty"`
	PreviousObject *events.Object    `json:"previous_object,omitempty"` // the superseded pointer, kept under state/<dataset>/history/
	Held           *Hold             `json:"held,omitempty"`
	SupersededAt   time.Time         `json:"superseded_at,omitzero"` // only in the history
	SweptAt        time.Time         `json:"swept_at,omitzero"`      // only in the history: its objects are deleted, with evidence
	Attribution    map[string]string `json:"attribution,omitempty"`  // licence, source, updated
}

// PointerPart is one run's share of the snapshot.
type PointerPart struct {
	events.PublishedPart
	Validators events.Validators `json:"validators"`
	Rows       int64             `json:"rows"`
	Bytes      int64             `json:"bytes"`
	Objects    []CandidateObject `json:"objects"`
}

// Hold keeps the pointer where a person put it.
type Hold struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Part returns the pointer's part for a slice ("" for a dataset that is not sliced), or nil.
func (p *Pointer) Part(slice string) *PointerPart {
	for i := range p.Parts {
		if p.Parts[i].Slice == slice {
			return &p.Parts[i]
		}
	}
	return nil
}

// Encode writes a document as indented JSON with a final newline, the same bytes for the same value.
func Encode(v any) []byte {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("lake: encode %T: %v", v, err)) // documents are plain structs: a bug, not bad input
	}
	return append(b, '\n')
}

// ReadDocument reads exactly the object named and decodes it.
func ReadDocument[T any](ctx context.Context, s Store, o events.Object) (T, error) {
	var v T
	b, err := Read(ctx, s, o)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return v, &DecodeError{Key: o.Key, Err: err}
	}
	return v, nil
}

// DecodeError says that a document of the lake is not what its key promises. No retry changes its bytes: it is permanent.
type DecodeError struct {
	Key string
	Err error
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("decode %s: %v; look at it before replaying", e.Key, e.Err)
}

func (e *DecodeError) Unwrap() error { return e.Err }

// Permanent marks the error for the runtime.
func (e *DecodeError) Permanent() bool { return true }

// ReadPointer reads a dataset's pointer with the ETag to swap it by; a dataset never published answers nil and "".
func ReadPointer(ctx context.Context, s Store, dataset string) (*Pointer, string, error) {
	p, info, err := ReadState[Pointer](ctx, s, PointerKey(dataset))
	if p == nil {
		return nil, "", err
	}
	return p, info.ETag, nil
}

// ReadState reads a small mutable document; a missing one is nil without error.
func ReadState[T any](ctx context.Context, s Store, key string) (*T, Info, error) {
	b, info, err := s.Get(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return nil, Info{}, nil
	}
	if err != nil {
		return nil, Info{}, err
	}
	v := new(T)
	if err := json.Unmarshal(b, v); err != nil {
		return nil, Info{}, &DecodeError{Key: key, Err: err}
	}
	return v, info, nil
}

// Receipt is a stage's create-only record that its effects are done, with the events it emits (invariant 1). A
// redelivery finds it and publishes the same events again, so that nothing is done twice and nothing is lost.
type Receipt struct {
	Service    string         `json:"service"`
	Build      string         `json:"build"`
	EventID    string         `json:"event_id"`
	EventType  string         `json:"event_type"`
	StartedAt  time.Time      `json:"started_at"`
	FinishedAt time.Time      `json:"finished_at"`
	TraceID    string         `json:"trace_id,omitempty"`
	SpanID     string         `json:"span_id,omitempty"`
	Events     []events.Event `json:"events"`
}

// FailureRecord is the record of a message that a stage gave up on, with the events that follow from that.
type FailureRecord struct {
	Service  string         `json:"service"`
	Build    string         `json:"build"`
	Event    events.Event   `json:"event"`
	Failure  events.Failure `json:"failure"`
	Answer   string         `json:"portal_answer,omitempty"` // the beginning of the portal's own error body, at most 2 KiB
	FailedAt time.Time      `json:"failed_at"`
	TraceID  string         `json:"trace_id,omitempty"`
	Events   []events.Event `json:"events"`
}

// DeadLetter is a dead letter that is kept before SQS forgets it.
type DeadLetter struct {
	Service         string    `json:"service"`
	MessageID       string    `json:"message_id"`
	EventID         string    `json:"event_id,omitempty"`
	EventType       string    `json:"event_type,omitempty"`
	Reason          string    `json:"reason,omitempty"` // none where SQS moved the message itself
	Receives        int       `json:"receives,omitempty"`
	FirstReceivedAt time.Time `json:"first_received_at,omitzero"`
	FailedAt        time.Time `json:"failed_at,omitzero"`
	SentAt          time.Time `json:"sent_at"` // from here SQS counts its fourteen days
	TraceID         string    `json:"trace_id,omitempty"`
	Size            int       `json:"size"`           // of the body, in bytes
	SHA256          string    `json:"sha256"`         // of the body
	Body            string    `json:"body,omitempty"` // of an event of ours, byte for byte; what else is in a message nobody knows (invariant 8)
}

// Cursor is the dataset's last look at its source, published or not.
type Cursor struct {
	Dataset     string            `json:"dataset"`
	RunID       string            `json:"run_id"`
	LastSuccess time.Time         `json:"last_success"` // when the source was last seen to be what is published, every slice of it
	Validators  events.Validators `json:"validators"`

	Slices map[string]time.Time `json:"slices,omitempty"` // by slice: when it was last seen to be what is published
}

// ReadHistory reads the pointer of a superseded snapshot; a slot that was never published, or is the current one, answers nil.
func ReadHistory(ctx context.Context, s Store, dataset, snapshot string) (*Pointer, error) {
	p, _, err := ReadState[Pointer](ctx, s, HistoryKey(dataset, snapshot))
	return p, err
}

// ReadCursor reads a dataset's cursor; a dataset never looked at answers nil.
func ReadCursor(ctx context.Context, s Store, dataset string) (*Cursor, error) {
	c, _, err := ReadState[Cursor](ctx, s, CursorKey(dataset))
	return c, err
}

// ReadCursorToSwap reads a cursor with the ETag to swap it by; a dataset never looked at answers an empty one and "".
func ReadCursorToSwap(ctx context.Context, s Store, dataset string) (Cursor, string, error) {
	c, info, err := ReadState[Cursor](ctx, s, CursorKey(dataset))
	if c == nil {
		return Cursor{}, "", err
	}
	return *c, info.ETag, nil
}

// Evidence proves a deletion: what is deleted, why that is allowed, and where the bytes are now. It is durable before
// the first delete (invariant 4).
type Evidence struct {
	Dataset   string          `json:"dataset"`
	RunID     string          `json:"run_id,omitempty"`
	Snapshot  string          `json:"snapshot,omitempty"`
	Reason    string          `json:"reason"`
	RawPolicy string          `json:"raw_policy,omitempty"` // "archive", or "delete": provable by hash, not re-makeable
	Manifest  *events.Object  `json:"manifest,omitempty"`   // the landing manifest
	Candidate *events.Object  `json:"candidate,omitempty"`  // what was made from the landing
	Verdict   *events.Object  `json:"verdict,omitempty"`    // the verdict that passed it
	Deletes   []EvidenceEntry `json:"deletes"`
	DecidedAt time.Time       `json:"decided_at"`
	Build     string          `json:"build"`
}

// EvidenceEntry is one object to delete and, where it is archived, its copy, read back and compared.
type EvidenceEntry struct {
	events.Object
	Archive *events.Object `json:"archive,omitempty"`
}
