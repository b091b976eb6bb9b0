package ledger

import (
	"slices"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/services"
	"github.com/llac-project/llac/platform/runtime"
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
func (s State) Ended() bool { return slices.Contains(runtime.FinalStates, string(s)) }

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
	landingRejected *events.LandingRejected
	staged          *events.StagingWritten
	accepted        *events.StagingAccepted
	published       *events.StagingPublished
	rejected        *events.StagingRejected
	superseded      *events.RunSuperseded
	deleted         *events.LandingDeleted
	failures        []events.Failure
	manual          bool            // a person landed it
	types           map[string]bool // event types seen
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
	of, ok := events.RunOf(e)
	if !ok {
		return false
	}
	if a.seen == nil {
		a.seen, a.runs = map[string]bool{}, map[string]*run{}
	}
	a.seen[e.ID] = true
	r := a.of(of)
	r.types[e.Type] = true
	r.take(e, payload)
	return true
}

// take keeps what a summary needs of an event.
func (r *run) take(e events.Event, payload events.Payload) {
	switch p := payload.(type) {
	case events.ExtractionUnchanged:
		r.unchanged = &p
	case events.ExtractionFailed:
		r.failures = append(r.failures, p.Failure)
	case events.LandingWritten:
		r.written, r.manual = &p, e.Source == "/llac/"+events.Operator
	case events.LandingRejected:
		r.landingRejected = &p
	case events.StagingWritten:
		r.staged = &p
	case events.StagingAccepted:
		r.accepted = &p
	case events.StagingPublished:
		r.published = &p
	case events.StagingRejected:
		r.rejected = &p
	case events.RunSuperseded:
		r.superseded = &p
	case events.RunFailed:
		r.failures = append(r.failures, p.Failure)
	case events.LandingDeleted:
		r.deleted = &p
	}
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
		known = &run{Run: r, types: map[string]bool{events.ExtractionRequested{}.EventType(): true}} // it exists: it was requested
		a.runs[r.RunID] = known
	}
	return known
}

// ended reports whether an event that ends the stage of a service was seen.
func (r *run) ended(s runtime.Service) bool {
	return slices.ContainsFunc(s.Stage.Ends, func(eventType string) bool { return r.types[eventType] })
}

// stage returns the index in services.All of the service at work: the last one that consumes an event which was seen. A run
// of which nothing was seen is at the first.
func (r *run) stage() int {
	for i, s := range slices.Backward(services.All) {
		if !s.Stage.Outside && slices.ContainsFunc(s.Consumes, func(eventType string) bool { return r.types[eventType] }) {
			return i
		}
	}
	return 0
}

// failure returns the latest unresolved failure: one of a stage that ended later was replayed.
func (r *run) failure() *events.Failure {
	for i := len(r.failures) - 1; i >= 0; i-- {
		f := &r.failures[i]
		if service, ok := services.ByName(f.Service); !ok || !r.ended(service) {
			return f
		}
	}
	return nil
}

// state returns the state of one run. An accepted slice that waits for others is Checking.
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
	}
	return State(services.All[r.stage()].Stage.State)
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
		if !s.Ended() && r.accepted != nil {
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
	case len(a.runs) < all:
		return Extracting // of a slice nothing is known yet
	}
	return a.slowest()
}

// slowest returns the state of the run that has come least far among those under way.
func (a *Account) slowest() State {
	at := len(services.All)
	for _, r := range a.runs {
		if !r.state().Ended() {
			at = min(at, r.stage())
		}
	}
	return State(services.All[at].Stage.State)
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
	Refused     int64 // cells
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
			p.Refused += r.staged.Refused
		}
	}
	return p
}
