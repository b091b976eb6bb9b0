package events

import "time"

// catalogue contains one empty payload per event type, in the order of the flow. The schemas, the AsyncAPI document, the golden
// files and Decode are derived from it.
var catalogue = []Payload{
	ScheduleTicked{}, SweepTicked{}, RunRequested{},
	ExtractionRequested{}, ExtractionContinued{}, ExtractionUnchanged{}, ExtractionFailed{},
	LandingWritten{}, LandingValidated{}, LandingRejected{},
	StagingWritten{}, StagingAccepted{}, StagingPublished{}, StagingRejected{},
	RunSuperseded{}, RunFailed{}, LandingDeleted{},
	DatasetStale{}, DatasetRecovered{},
	IncidentOpened{}, IncidentClosed{},
}

// Object identifies one stored object by its key, version, size and digest.
type Object struct {
	Key       string `json:"key"`
	VersionID string `json:"version_id,omitempty"` // empty on a store without versioning
	Size      int64  `json:"size"`                 // bytes
	SHA256    string `json:"sha256"`               // lower-case hex of the bytes
}

// Run identifies one run of one dataset, and what the run must read.
type Run struct {
	Dataset        string   `json:"dataset"`
	RunID          string   `json:"run_id"`           // "20250803T140512" or, for a slice, "20250803T140512-y2024"
	Slot           string   `json:"slot"`             // the due slot or request time in UTC: "20250803T140512"
	Slice          string   `json:"slice,omitempty"`  // the slice's value, e.g. "2024"; empty when the dataset is not sliced
	Slices         []string `json:"slices,omitempty"` // every slice of the slot; the gate publishes when it has all of them
	ContractSHA256 string   `json:"contract_sha256"`  // all stages of a run read exactly this contract version
	Trigger        string   `json:"trigger"`          // "schedule", "manual" or "backfill"
	Repeats        string   `json:"repeats,omitempty"`
}

// About implements Payload for every payload that embeds a Run.
func (r Run) About() (dataset, run string) { return r.Dataset, r.RunID }

func (Run) carriesRun() {}

// Failure describes why a stage gave up.
type Failure struct {
	Service string `json:"service"`
	EventID string `json:"event_id"` // id of the event that failed; the copy of its dead letter in the lake has this name
	Class   string `json:"class"`    // "permanent" or "transient" (retries exhausted)
	Reason  string `json:"reason"`   // text; never contains a personal value
	Tries   int    `json:"tries"`
}

// Problem is one reason why a landing or a candidate was rejected.
type Problem struct {
	Code    string `json:"code"`
	Field   string `json:"field,omitempty"`
	Page    string `json:"page,omitempty"` // landing key
	Message string `json:"message"`
}

// Validators identify the source's current version. They are used in conditional requests.
type Validators struct {
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"` // as the source wrote it
	UpdatedAt    string `json:"updated_at,omitempty"`    // RFC 3339 or YYYY-MM-DD, as precise as the source is
	Rows         int64  `json:"rows,omitempty"`          // the source's own count; -1 or 0 if it has none
	// Weak: the source is known not to change them with every change of its data; equal validators prove nothing.
	Weak bool `json:"weak,omitempty"`
}

// Same reports whether two validators are equal, whatever their strength.
func (v Validators) Same(other Validators) bool {
	v.Weak = other.Weak
	return v == other
}

// ScheduleTicked is the scheduler's clock. EventBridge Scheduler sends it to the scheduler's queue.
type ScheduleTicked struct {
	ScheduledAt time.Time `json:"scheduled_at"`
}

func (ScheduleTicked) EventType() string       { return "cat.llac.schedule.ticked.v1" }
func (ScheduleTicked) About() (string, string) { return "", "" }

// SweepTicked starts the landing-janitor's daily sweep.
type SweepTicked struct {
	ScheduledAt time.Time `json:"scheduled_at"`
}

func (SweepTicked) EventType() string       { return "cat.llac.sweep.ticked.v1" }
func (SweepTicked) About() (string, string) { return "", "" }

// RunRequested starts a run now. An operator emits it, for a manual run or a backfill.
type RunRequested struct {
	Dataset     string    `json:"dataset"`
	RequestedAt time.Time `json:"requested_at"`
	RequestedBy string    `json:"requested_by,omitempty"`
	Reason      string    `json:"reason,omitempty"`
	Trigger     string    `json:"trigger"`           // "manual" or "backfill"
	Slices      []string  `json:"slices,omitempty"`  // empty: all slices of the contract
	Repeats     string    `json:"repeats,omitempty"` // the run this one repeats
	Force       bool      `json:"force,omitempty"`   // fetch even if the source reports no change
}

func (RunRequested) EventType() string         { return "cat.llac.run.requested.v1" }
func (p RunRequested) About() (string, string) { return p.Dataset, "" }

// ExtractionRequested starts a run.
type ExtractionRequested struct {
	Run
	Force bool `json:"force,omitempty"`
}

func (ExtractionRequested) EventType() string { return "cat.llac.extraction.requested.v1" }

// ExtractionContinued continues a long extraction in another invocation of the fetcher, before the deadline of this one.
type ExtractionContinued struct {
	Run
	Attempt  string `json:"attempt"`
	Part     int    `json:"part"`      // 1 for the first continuation
	Partial  Object `json:"partial"`   // the part manifest so far
	NextPage int    `json:"next_page"` // index of the first page not yet landed, or not yet compared
	Force    bool   `json:"force,omitempty"`
	// NotBefore is the time before which the portal asked for no request; zero if it did not.
	NotBefore time.Time `json:"not_before,omitzero"`
}

func (ExtractionContinued) EventType() string { return "cat.llac.extraction.continued.v1" }

// ExtractionUnchanged ends a run whose source has not changed since the published snapshot.
type ExtractionUnchanged struct {
	Run
	Snapshot   string     `json:"snapshot"` // the published snapshot that stays
	Validators Validators `json:"validators"`
	CheckedAt  time.Time  `json:"checked_at"`
	ReadInFull bool       `json:"read_in_full,omitempty"` // every page was fetched, and is byte for byte the published one
}

func (ExtractionUnchanged) EventType() string { return "cat.llac.extraction.unchanged.v1" }

// ExtractionFailed ends a run whose source could not be read.
type ExtractionFailed struct {
	Run
	Failure Failure `json:"failure"`
}

func (ExtractionFailed) EventType() string { return "cat.llac.extraction.failed.v1" }

// LandingWritten reports that every page of a run is stored, byte for byte, and listed in the manifest.
type LandingWritten struct {
	Run
	Attempt      string `json:"attempt"`
	Manifest     Object `json:"manifest"`
	Pages        int    `json:"pages"`
	Rows         int64  `json:"rows"`
	Bytes        int64  `json:"bytes"`
	SourceRows   int64  `json:"source_rows"`   // the source's own count; -1 if it has none
	SourceSystem string `json:"source_system"` // the portal's host, "simulator" or "unofficial:<host or way>" (invariant 11)
}

func (LandingWritten) EventType() string { return "cat.llac.landing.written.v1" }

// LandingValidated reports that the landing is complete, well-formed and of the contract's shape.
type LandingValidated struct {
	Run
	Attempt  string    `json:"attempt"`
	Manifest Object    `json:"manifest"`
	Pages    int       `json:"pages"`
	Rows     int64     `json:"rows"`
	Bytes    int64     `json:"bytes"`
	Drift    []Problem `json:"drift,omitempty"` // drift that the contract's policy allows
}

func (LandingValidated) EventType() string { return "cat.llac.landing.validated.v1" }

// LandingRejected ends a run whose landing is invalid. The landing is kept for inspection.
type LandingRejected struct {
	Run
	Attempt  string    `json:"attempt"`
	Manifest Object    `json:"manifest"`
	Problems []Problem `json:"problems"`
}

func (LandingRejected) EventType() string { return "cat.llac.landing.rejected.v1" }

// StagingWritten reports that a candidate snapshot exists. It stays invisible until the gate publishes it.
type StagingWritten struct {
	Run
	Attempt     string           `json:"attempt"`
	Candidate   Object           `json:"candidate"` // the candidate manifest: every Parquet object, counts, lineage
	RowsIn      int64            `json:"rows_in"`
	Staged      int64            `json:"staged"`
	Duplicates  int64            `json:"duplicates"`
	Quarantined int64            `json:"quarantined"` // rows_in = staged + duplicates + quarantined (invariant 5)
	ByReason    map[string]int64 `json:"quarantined_by_reason,omitempty"`
	Bytes       int64            `json:"bytes"` // Parquet bytes of the candidate

	// Refused counts the cells of staged rows that are null because the source's value is invalid.
	Refused         int64            `json:"refused_cells,omitempty"`
	RefusedByReason map[string]int64 `json:"refused_by_reason,omitempty"`

	References map[string]string `json:"references,omitempty"` // by dataset, the snapshot that columns were matched with
}

func (StagingWritten) EventType() string { return "cat.llac.staging.written.v1" }

// StagingAccepted reports that one slice passed the gate and waits for the other slices of its slot.
type StagingAccepted struct {
	Run
	Candidate Object   `json:"candidate"`
	Verdict   Object   `json:"verdict"`
	Missing   []string `json:"missing"` // slices still to come
}

func (StagingAccepted) EventType() string { return "cat.llac.staging.accepted.v1" }

// PublishedPart is one run's part of a published snapshot. A sliced dataset has one part per slice, any other has one part.
type PublishedPart struct {
	RunID     string `json:"run_id"`
	Slice     string `json:"slice,omitempty"`
	Manifest  Object `json:"manifest"` // the landing manifest that the part was made from
	Candidate Object `json:"candidate"`
	Verdict   Object `json:"verdict"`
	CarriedOn bool   `json:"carried_on,omitempty"` // carried over from the previous snapshot; its landing is deleted
}

// StagingPublished reports that the pointer has moved to a snapshot.
type StagingPublished struct {
	Run
	Snapshot string          `json:"snapshot"` // the snapshot id: the slot
	Previous string          `json:"previous,omitempty"`
	Pointer  Object          `json:"pointer"`
	Parts    []PublishedPart `json:"parts"`
	Rows     int64           `json:"rows"`
	Bytes    int64           `json:"bytes"`
}

func (StagingPublished) EventType() string { return "cat.llac.staging.published.v1" }

// StagingRejected ends a run whose candidate did not pass the gate. The old snapshot stays published.
type StagingRejected struct {
	Run
	Candidate Object    `json:"candidate"`
	Verdict   Object    `json:"verdict"`
	Problems  []Problem `json:"problems"`
}

func (StagingRejected) EventType() string { return "cat.llac.staging.rejected.v1" }

// RunSuperseded ends a run that finished after a later slot was published (invariant 10).
type RunSuperseded struct {
	Run
	Candidate Object `json:"candidate"`
	Published string `json:"published"` // the published snapshot
}

func (RunSuperseded) EventType() string { return "cat.llac.run.superseded.v1" }

// RunFailed ends a run that a stage after the fetcher gave up on. Its message is in the dead-letter queue.
type RunFailed struct {
	Run
	Failure Failure `json:"failure"`
}

func (RunFailed) EventType() string { return "cat.llac.run.failed.v1" }

// LandingDeleted reports that the raw pages are archived, the evidence is written and the landing objects are deleted.
type LandingDeleted struct {
	Run
	Snapshot string   `json:"snapshot"`
	Evidence []Object `json:"evidence"` // one per part
	Objects  int      `json:"objects"`
	Bytes    int64    `json:"bytes"`
	Archived bool     `json:"archived"` // false if the contract has raw: delete
}

func (LandingDeleted) EventType() string { return "cat.llac.landing.deleted.v1" }

// DatasetStale reports that a dataset was not refreshed within its contract's freshness.
type DatasetStale struct {
	Dataset     string    `json:"dataset"`
	LastSuccess time.Time `json:"last_success,omitzero"`
	Deadline    time.Time `json:"deadline"`
}

func (DatasetStale) EventType() string         { return "cat.llac.dataset.stale.v1" }
func (p DatasetStale) About() (string, string) { return p.Dataset, "" }

// DatasetRecovered reports that a stale dataset is fresh again.
type DatasetRecovered struct {
	Dataset     string    `json:"dataset"`
	LastSuccess time.Time `json:"last_success"`
}

func (DatasetRecovered) EventType() string         { return "cat.llac.dataset.recovered.v1" }
func (p DatasetRecovered) About() (string, string) { return p.Dataset, "" }

// IncidentOpened reports that a run of a dataset failed, or that the dataset became stale. It is emitted once per incident,
// however many runs fail until IncidentClosed. Notifications are sent for it.
type IncidentOpened struct {
	Dataset string    `json:"dataset"`
	RunID   string    `json:"run_id,omitempty"`  // the run that failed; empty if none did
	Service string    `json:"service,omitempty"` // the stage that ended it
	Since   time.Time `json:"since"`
	Summary string    `json:"summary"` // dataset, run and reason in one line without quotation marks; never a personal value
	Next    string    `json:"next"`    // the command to inspect it with, without --env
}

func (IncidentOpened) EventType() string         { return "cat.llac.incident.opened.v1" }
func (p IncidentOpened) About() (string, string) { return p.Dataset, p.RunID }

// IncidentClosed reports that a dataset was published, or found unchanged, after an incident was opened.
type IncidentClosed struct {
	Dataset     string    `json:"dataset"`
	RunID       string    `json:"run_id,omitempty"` // the run that opened it
	Since       time.Time `json:"since"`
	LastSuccess time.Time `json:"last_success"`
	Summary     string    `json:"summary"` // one line, as in IncidentOpened
	Next        string    `json:"next"`
}

func (IncidentClosed) EventType() string         { return "cat.llac.incident.closed.v1" }
func (p IncidentClosed) About() (string, string) { return p.Dataset, p.RunID }
