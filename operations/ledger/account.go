package ledger

import (
	"slices"

	"github.com/llac-project/llac/events"
)

// State is the state of a request.
type State string

// The states. The first five are intermediate, the others are final.
const (
	Requested  State = "requested"  // only the request itself is known
	Held       State = "held back"  // the scheduler waits for the datasets that this one refers to
	Extracting State = "extracting" // the portal is being read
	Checking   State = "checking"   // landed; being validated, staged or audited
	Clearing   State = "clearing"   // published; the raw pages are being archived

	Published  State = "published"  // there is a new snapshot, and its landing is cleared
	Unchanged  State = "unchanged"  // the source has not changed since the published snapshot
	Superseded State = "superseded" // a later slot was published first
	Rejected   State = "rejected"   // the validator or the gate rejected it; the old snapshot stays
	Failed     State = "failed"     // a stage gave up; its message is in the dead-letter queue
	Uncleared  State = "uncleared"  // published, but the landing-janitor gave up; its message is in the dead-letter queue
)

// Ended reports whether the state is final: nothing more happens by itself.
func (s State) Ended() bool {
	return slices.Contains([]State{Published, Unchanged, Superseded, Rejected, Failed, Uncleared}, s)
}

// Good reports whether the state is final and requires no action.
func (s State) Good() bool { return s == Published || s == Unchanged }

// Account is what is known of one request from its events. Events may be added twice and in any order. The zero value is the account
// of a request without events.
type Account struct {
	seen   map[string]bool
	slices []string
	runs   map[string]*run // by run id
}

// run is what is known of one run: the payloads of its events.
type run struct {
	events.Run
	unchanged       *events.ExtractionUnchanged
	written         *events.LandingWritten
	validated       *events.LandingValidated
	landingRejected *events.LandingRejected
	staged          *events.StagingWritten
	accepted        *events.StagingAccepted
	published       *events.StagingPublished
	rejected        *events.StagingRejected
	superseded      *events.RunSuperseded
	deleted         *events.LandingDeleted
	failures        []events.Failure
	manual          bool // a person landed it
}

// Add adds an event and reports whether it was new.
func (a *Account) Add(e events.Event) bool {
	if a.seen[e.ID] {
		return false
	}
	payload, err := e.Decode()
	if err != nil {
		return false // an event type of a later build
	}
	if a.seen == nil {
		a.seen, a.runs = map[string]bool{}, map[string]*run{}
	}
	a.seen[e.ID] = true
	switch p := payload.(type) {
	case events.ExtractionRequested:
		a.of(p.Run)
	case events.ExtractionContinued:
		a.of(p.Run)
	case events.ExtractionUnchanged:
		a.of(p.Run).unchanged = &p
	case events.ExtractionFailed:
		a.of(p.Run).fail(p.Failure)
	case events.LandingWritten:
		a.of(p.Run).written, a.of(p.Run).manual = &p, e.Source == "/llac/"+events.Operator
	case events.LandingValidated:
		a.of(p.Run).validated = &p
	case events.LandingRejected:
		a.of(p.Run).landingRejected = &p
	case events.StagingWritten:
		a.of(p.Run).staged = &p
	case events.StagingAccepted:
		a.of(p.Run).accepted = &p
	case events.StagingPublished:
		a.of(p.Run).published = &p
	case events.StagingRejected:
		a.of(p.Run).rejected = &p
	case events.RunSuperseded:
		a.of(p.Run).superseded = &p
	case events.RunFailed:
		a.of(p.Run).fail(p.Failure)
	case events.LandingDeleted:
		a.of(p.Run).deleted = &p
	default:
		return false
	}
	return true
}

// of returns what is known of a run, and adds the run if it is new.
func (a *Account) of(r events.Run) *run {
	for _, s := range r.Slices {
		if !slices.Contains(a.slices, s) {
			a.slices = append(a.slices, s)
		}
	}
	known := a.runs[r.RunID]
	if known == nil {
		known = &run{Run: r}
		a.runs[r.RunID] = known
	}
	return known
}

func (r *run) fail(f events.Failure) { r.failures = append(r.failures, f) }

// failure returns the latest unresolved failure: a stage that failed and emitted an event later was replayed.
func (r *run) failure() *events.Failure {
	for i := len(r.failures) - 1; i >= 0; i-- {
		f := &r.failures[i]
		resolved := false
		switch f.Service {
		case "fetcher":
			resolved = r.written != nil || r.unchanged != nil
		case "validator":
			resolved = r.validated != nil || r.landingRejected != nil
		case "stager":
			resolved = r.staged != nil
		case "quality-gate":
			resolved = r.accepted != nil || r.published != nil || r.rejected != nil || r.superseded != nil
		case "landing-janitor":
			resolved = r.deleted != nil
		}
		if !resolved {
			return f
		}
	}
	return nil
}

// state returns the state of one run. A slice that waits for others is Checking.
func (r *run) state() State {
	failure := r.failure()
	switch {
	case r.deleted != nil:
		return Published
	case r.published != nil && failure != nil:
		return Uncleared
	case r.published != nil:
		return Clearing
	case r.superseded != nil:
		return Superseded
	case r.rejected != nil, r.landingRejected != nil:
		return Rejected
	case failure != nil:
		return Failed
	case r.unchanged != nil:
		return Unchanged
	case r.written != nil:
		return Checking
	}
	return Extracting
}

// Started reports whether any run of the request has started. If none has, the scheduler may hold the request back.
func (a *Account) Started() bool { return len(a.runs) > 0 }

// State returns the state of the request, all its slices together.
func (a *Account) State() State {
	if len(a.runs) == 0 {
		return Requested
	}
	count := map[State]int{}
	waiting := 0
	for _, r := range a.runs {
		s := r.state()
		count[s]++
		if s == Checking && r.accepted != nil {
			waiting++
		}
	}
	all := max(len(a.slices), len(a.runs))
	for _, s := range []State{Published, Uncleared, Clearing} {
		if count[s] > 0 {
			return s // the last slice to arrive published all of them
		}
	}
	bad := Requested
	for _, s := range []State{Failed, Rejected, Superseded} {
		if count[s] > 0 {
			bad = s
			break
		}
	}
	resting := count[Failed] + count[Rejected] + count[Superseded] + count[Unchanged]
	switch {
	case bad != Requested && resting+waiting == all:
		return bad // accepted slices wait for one that will not arrive
	case count[Unchanged] == all:
		return Unchanged
	case count[Checking]+resting == all:
		return Checking
	}
	return Extracting
}

// ordered returns the runs, ordered by run id.
func (a *Account) ordered() []*run {
	ids := make([]string, 0, len(a.runs))
	for id := range a.runs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	out := make([]*run, len(ids))
	for i, id := range ids {
		out[i] = a.runs[id]
	}
	return out
}

// Progress is the progress of a request in numbers.
type Progress struct {
	State       State
	Runs        int // slices that have started
	Ended       int // slices that have ended
	Rows        int64
	Staged      int64
	Quarantined int64
}

// Progress counts what has been done so far.
func (a *Account) Progress() Progress {
	p := Progress{State: a.State(), Runs: max(len(a.slices), len(a.runs))}
	for _, r := range a.runs {
		if s := r.state(); s.Ended() || r.accepted != nil {
			p.Ended++
		}
		if r.written != nil {
			p.Rows += r.written.Rows
		}
		if r.staged != nil {
			p.Staged += r.staged.Staged
			p.Quarantined += r.staged.Quarantined
		}
	}
	return p
}
