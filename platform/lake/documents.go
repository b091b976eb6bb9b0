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

// Manifest lists the pages that an extraction landed. The complete manifest has no part number. The fetcher writes it last:
// a landing is complete when this manifest exists. A continued extraction also writes part manifests 1, 2, …, one for each
// earlier event that it handled.
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
	Restarts    int                `json:"restarts,omitempty"` // attempts abandoned because the source changed or its pages overlapped
	Parts       []events.Object    `json:"parts,omitempty"`    // part manifests of a continued extraction, in order
	Manual      *Manual            `json:"manual,omitempty"`   // set if a person collected the pages and no portal was called
	Comparing   *Comparing         `json:"comparing,omitempty"`
}

// Comparing is the state of an extraction that compares the source's pages with the published ones and has landed none. Only
// part manifests have it.
type Comparing struct {
	Snapshot string `json:"snapshot"` // the published snapshot
	Pages    int    `json:"pages"`    // number of pages that are equal so far
}

// ReadManifest reads a landing manifest and checks that it belongs to the run. A manifest of another run, or of another version
// of the contract, is a *WrongRunError.
func ReadManifest(ctx context.Context, s Store, o events.Object, run events.Run) (Manifest, error) {
	m, err := ReadDocument[Manifest](ctx, s, o)
	if err != nil {
		return m, fmt.Errorf("read manifest %s: %w", o.Key, err)
	}
	return m, m.BelongsTo(run, o.Key)
}

// BelongsTo returns a *WrongRunError if the manifest, read from key, is of another run or another version of the contract.
func (m Manifest) BelongsTo(run events.Run, key string) error {
	if m.Run.Dataset != run.Dataset || m.Run.RunID != run.RunID || m.Run.ContractSHA256 != run.ContractSHA256 {
		return &WrongRunError{Key: key, Got: m.Run, Want: run}
	}
	return nil
}

// WrongRunError reports that a manifest belongs to another run. It is permanent: a retry reads the same manifest.
type WrongRunError struct {
	Key       string
	Got, Want events.Run
}

func (e *WrongRunError) Error() string {
	return fmt.Sprintf("read manifest %s: it belongs to run %s of %s, not to run %s of %s; run the dataset again",
		e.Key, e.Got.RunID, e.Got.Dataset, e.Want.RunID, e.Want.Dataset)
}

// Permanent marks the error for the runtime.
func (e *WrongRunError) Permanent() bool { return true }

// Manual records who collected a landing's pages by hand, and why.
type Manual struct {
	By      string   `json:"by"`
	Reason  string   `json:"reason"`
	Files   []string `json:"files"`         // base names, one per page
	URL     string   `json:"url,omitempty"` // where the pages are from, according to the person
	Vouched bool     `json:"vouched"`       // the person confirms that the contract's portal sent exactly these bytes
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

// Candidate lists the Parquet objects of one staged run, with its counts. The gate audits exactly these objects.
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
	Cells        map[string]Cells  `json:"cells,omitempty"`             // by column, those with a count above 0
	CellReasons  map[string]int64  `json:"refused_by_reason,omitempty"` // refused cells by reason
	Warnings     map[string]int64  `json:"warnings_by_rule,omitempty"`  // staged rows by the row rule that only warns
	Bytes        int64             `json:"bytes"`
	References   map[string]string `json:"references,omitempty"` // dataset -> snapshot in which the stager looked values up
}

// Cells counts the cells of a column, in the staged rows, that are not simply what the source sent.
type Cells struct {
	Refused   int64 `json:"refused,omitempty"`   // null because the source's value is invalid
	Defaulted int64 `json:"defaulted,omitempty"` // the contract's default, because the source has no value
	Repaired  int64 `json:"repaired,omitempty"`  // another value than the source's, by a rule of the contract
}

// TotalCells adds up the cells of all columns.
func TotalCells(columns map[string]Cells) (all Cells) {
	for _, c := range columns {
		all.Refused += c.Refused
		all.Defaulted += c.Defaulted
		all.Repaired += c.Repaired
	}
	return all
}

// CandidateObject is one Parquet file, with its partition values in the contract's order.
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
	Snapshot       string            `json:"snapshot"` // the slot; a pointer only moves to a later one (invariant 10)
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
	Cells      map[string]Cells  `json:"cells,omitempty"` // by column, as in the candidate
	Bytes      int64             `json:"bytes"`
	Objects    []CandidateObject `json:"objects"`
}

// Cells returns the cells of the whole snapshot, by column; nil if none is counted.
func (p *Pointer) Cells() map[string]Cells {
	var all map[string]Cells
	for _, part := range p.Parts {
		for column, c := range part.Cells {
			if all == nil {
				all = map[string]Cells{}
			}
			sum := all[column]
			all[column] = Cells{sum.Refused + c.Refused, sum.Defaulted + c.Defaulted, sum.Repaired + c.Repaired}
		}
	}
	return all
}

// Hold stops the pointer from moving. The gate and the restore respect it. No command sets or removes it yet.
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

// DecodeError reports that a document of the lake cannot be decoded. It is permanent: a retry reads the same bytes.
type DecodeError struct {
	Key string
	Err error
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("decode %s: %v; inspect the object before you replay its run", e.Key, e.Err)
}

func (e *DecodeError) Unwrap() error { return e.Err }

// Permanent marks the error for the runtime.
func (e *DecodeError) Permanent() bool { return true }

// ReadPointer returns a dataset's pointer and the ETag for CompareAndSwap; nil and "" if the dataset was never published.
func ReadPointer(ctx context.Context, s Store, dataset string) (*Pointer, string, error) {
	p, info, err := ReadState[Pointer](ctx, s, PointerKey(dataset))
	if p == nil {
		return nil, "", err
	}
	return p, info.ETag, nil
}

// ReadState returns a small mutable document; nil without an error if it does not exist.
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

// Receipt is a stage's create-only record that its effects are done, with the events that it emits (invariant 1). A
// redelivery finds the receipt and emits the same events again: nothing is done twice and nothing is lost.
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

// FailureRecord records that a service gave up on an event of a run, with the events that it emitted for that.
type FailureRecord struct {
	Service  string         `json:"service"`
	Build    string         `json:"build"`
	Event    events.Event   `json:"event"`
	Failure  events.Failure `json:"failure"`
	Answer   string         `json:"portal_answer,omitempty"` // the first 2 KiB of the portal's error body
	FailedAt time.Time      `json:"failed_at"`
	TraceID  string         `json:"trace_id,omitempty"`
	Events   []events.Event `json:"events"`
}

// Wait records that a stage put a message back, because a portal asked for no request before a time. The last one of a stage and
// run is kept.
type Wait struct {
	Service   string    `json:"service"`
	EventID   string    `json:"event_id"`
	EventType string    `json:"event_type"`
	Until     time.Time `json:"until"`
	Since     time.Time `json:"since"` // when the message was put back first
	At        time.Time `json:"at"`    // when the portal asked to wait last
	Asked     int       `json:"asked"` // how often the portal asked to wait
	Times     int       `json:"times"` // how often the message was put back; more often if it came before its time
	Reason    string    `json:"reason"`
}

// DeadLetter is a copy of a dead letter, kept because SQS deletes the message after fourteen days.
type DeadLetter struct {
	Service         string    `json:"service"`
	MessageID       string    `json:"message_id"`
	EventID         string    `json:"event_id,omitempty"`
	EventType       string    `json:"event_type,omitempty"`
	Reason          string    `json:"reason,omitempty"` // empty if SQS moved the message to the dead-letter queue itself
	Receives        int       `json:"receives,omitempty"`
	FirstReceivedAt time.Time `json:"first_received_at,omitzero"`
	FailedAt        time.Time `json:"failed_at,omitzero"`
	SentAt          time.Time `json:"sent_at"` // start of the fourteen days
	TraceID         string    `json:"trace_id,omitempty"`
	Size            int       `json:"size"`   // of the body, in bytes
	SHA256          string    `json:"sha256"` // of the body
	// Body is kept only if it is an event of Llac, byte for byte. Another message may contain anything (invariant 8).
	Body string `json:"body,omitempty"`
}

// Cursor records the last check that found the source unchanged.
type Cursor struct {
	Dataset     string            `json:"dataset"`
	RunID       string            `json:"run_id"`
	LastSuccess time.Time         `json:"last_success"` // when the source last equalled the published snapshot; of slices, the oldest
	Validators  events.Validators `json:"validators"`

	Slices map[string]time.Time `json:"slices,omitempty"` // by slice: when its source last equalled the published snapshot
	// ReadAt is when every page of the source was last fetched and equalled the published pages, by slice; by "" if the dataset
	// is not sliced. A part that was published later was read later.
	ReadAt map[string]time.Time `json:"read_at,omitempty"`
}

// PublishedPages returns the digests of the raw pages from which a part of a snapshot was made, in the order of the pages. It
// returns nil if no document lists them any more. Pages that were deleted with their contract's consent are listed too.
func PublishedPages(ctx context.Context, s Store, dataset string, part PointerPart) ([]string, error) {
	evidence, _, err := ReadState[Evidence](ctx, s, EvidenceKey(dataset, part.RunID))
	if err != nil {
		return nil, err
	}
	var out []string
	if evidence != nil {
		for _, e := range evidence.Deletes {
			if !isManifest(e.Key) {
				out = append(out, e.SHA256)
			}
		}
		return out, nil
	}
	if part.Manifest.Key == "" {
		return nil, nil
	}
	// Published and not cleared yet: the manifest is still in landing.
	m, err := ReadDocument[Manifest](ctx, s, part.Manifest)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	for _, page := range m.Pages {
		out = append(out, page.SHA256)
	}
	return out, err
}

// ReadHistory returns the pointer of a superseded snapshot; nil if the slot was never published or is the current one.
func ReadHistory(ctx context.Context, s Store, dataset, snapshot string) (*Pointer, error) {
	p, _, err := ReadState[Pointer](ctx, s, HistoryKey(dataset, snapshot))
	return p, err
}

// ReadCursor returns a dataset's cursor; nil if no check found the source unchanged.
func ReadCursor(ctx context.Context, s Store, dataset string) (*Cursor, error) {
	c, _, err := ReadState[Cursor](ctx, s, CursorKey(dataset))
	return c, err
}

// ReadCursorToSwap returns a cursor and the ETag for CompareAndSwap; an empty one and "" if no check found the
// source unchanged.
func ReadCursorToSwap(ctx context.Context, s Store, dataset string) (Cursor, string, error) {
	c, info, err := ReadState[Cursor](ctx, s, CursorKey(dataset))
	if c == nil {
		return Cursor{}, "", err
	}
	return *c, info.ETag, nil
}

// Evidence records what is about to be deleted, why, and where the bytes are archived, if they are. It is written before the
// first delete (invariant 4).
type Evidence struct {
	Dataset   string          `json:"dataset"`
	RunID     string          `json:"run_id,omitempty"`
	Snapshot  string          `json:"snapshot,omitempty"`
	Reason    string          `json:"reason"`
	RawPolicy string          `json:"raw_policy,omitempty"` // "archive", or "delete": the digests remain, the bytes do not
	Manifest  *events.Object  `json:"manifest,omitempty"`   // the landing manifest
	Candidate *events.Object  `json:"candidate,omitempty"`  // staged from the landing
	Verdict   *events.Object  `json:"verdict,omitempty"`    // the verdict that passed it
	Deletes   []EvidenceEntry `json:"deletes"`
	DecidedAt time.Time       `json:"decided_at"`
	Build     string          `json:"build"`
}

// EvidenceEntry is one object to delete and, if it is archived, the copy, which was read back and compared.
type EvidenceEntry struct {
	events.Object
	Archive *events.Object `json:"archive,omitempty"`
}
