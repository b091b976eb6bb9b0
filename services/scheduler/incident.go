package scheduler

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
)

// incident is a period in which a dataset's runs fail or the dataset is stale. People are notified once when it opens and
// once when it closes. Further failures, and becoming stale, belong to the open incident.
type incident struct {
	Open    bool      `json:"open"`
	Since   time.Time `json:"since"`
	RunID   string    `json:"run_id,omitempty"`
	Service string    `json:"service,omitempty"`
	Success time.Time `json:"last_success,omitzero"` // the publication, or check without a change, that closed it
	Summary string    `json:"summary"`               // of the latest notification
	EventID string    `json:"event_id"`              // the event that opened or closed it; a redelivery emits the same again
}

func (i *incident) open() bool { return i != nil && i.Open }

// events returns the notification that the event id caused; none if that event did not open or close the incident.
func (i *incident) events(id, dataset string) []events.Event {
	runs := "llac runs --dataset " + dataset
	switch {
	case i == nil || i.EventID != id:
		return nil
	case i.Open && i.RunID != "":
		return []events.Event{events.New(events.IncidentOpened{
			Dataset: dataset, RunID: i.RunID, Service: i.Service, Since: i.Since, Summary: i.Summary,
			Next: "llac show " + dataset + "/" + i.RunID,
		})}
	case i.Open:
		return []events.Event{events.New(events.IncidentOpened{Dataset: dataset, Since: i.Since, Summary: i.Summary, Next: runs})}
	}
	return []events.Event{events.New(events.IncidentClosed{
		Dataset: dataset, RunID: i.RunID, Since: i.Since, LastSuccess: i.Success, Summary: i.Summary, Next: runs,
	})}
}

// close returns the incident, closed because the dataset was published, or found unchanged, at the time success.
func (i *incident) close(id, dataset string, success time.Time) *incident {
	closed := *i
	closed.Open, closed.EventID, closed.Success = false, id, success
	closed.Summary = fmt.Sprintf("%s recovered: it was published, or found unchanged, at %s. The incident opened at %s",
		dataset, stamp(success), stamp(i.Since))
	return &closed
}

// staleIncident returns the incident of a dataset that is stale although no run has failed: its runs are held back, or
// none was requested.
func staleIncident(id, dataset string, now, last, deadline time.Time) *incident {
	return &incident{Open: true, Since: now, EventID: id, Summary: fmt.Sprintf(
		"%s is stale: it was last published, or found unchanged, at %s; the next time was due by %s. "+
			"No run has failed since; check whether a run is in progress or held back",
		dataset, stamp(last), stamp(deadline))}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// failedRun is a run that failed or was rejected.
type failedRun struct {
	run     events.Run
	service string
	reason  string
}

// failedRunOf decodes an event of a run that failed or was rejected. It returns false for any other event.
func failedRunOf(in events.Event) (failedRun, bool) {
	payload, err := in.Decode()
	if err != nil {
		return failedRun{}, false
	}
	switch p := payload.(type) {
	case events.ExtractionFailed:
		return failedRun{p.Run, p.Failure.Service, failureReason(p.Failure)}, true
	case events.RunFailed:
		return failedRun{p.Run, p.Failure.Service, failureReason(p.Failure)}, true
	case events.LandingRejected:
		return failedRun{p.Run, "validator", "the validator rejected the landed data: " + problems(p.Problems)}, true
	case events.StagingRejected:
		return failedRun{p.Run, "quality-gate", "the quality gate rejected the candidate: " + problems(p.Problems)}, true
	}
	return failedRun{}, false
}

func failureReason(f events.Failure) string {
	tries := "without a retry"
	if f.Tries > 1 {
		tries = fmt.Sprintf("after %d tries", f.Tries)
	}
	return fmt.Sprintf("the %s failed %s: %s", f.Service, tries, f.Reason)
}

func problems(all []events.Problem) string {
	switch len(all) {
	case 0:
		return "no problem was reported"
	case 1:
		return all[0].Message
	}
	return fmt.Sprintf("%s (and %d more)", strings.TrimRight(all[0].Message, "."), len(all)-1)
}

// openIncident opens an incident for a failed run, unless one is open or the dataset was published, or found unchanged,
// after the failure.
func (s scheduler) openIncident(ctx context.Context, in events.Event, failed failedRun) ([]events.Event, error) {
	dataset, since := failed.run.Dataset, in.Time
	if since.IsZero() {
		since = s.ports.Clock.Now()
	}
	state, etag, err := s.readFreshness(ctx, dataset)
	if err != nil {
		return nil, err
	}
	if state.Incident != nil && state.Incident.EventID == in.ID {
		return state.Incident.events(in.ID, dataset), nil
	}
	last, err := s.lastSuccess(ctx, dataset)
	if err != nil || state.Incident.open() || last.After(since) {
		return nil, err
	}
	state.Incident = &incident{
		Open: true, Since: since, RunID: failed.run.RunID, Service: failed.service, EventID: in.ID,
		Summary: singleLine(fmt.Sprintf("%s, run %s: %s", dataset, failed.run.RunID, failed.reason)),
	}
	if _, err := s.ports.Lake.CompareAndSwap(ctx, lake.StateKey(dataset, "freshness"), lake.Encode(state), etag); err != nil {
		return nil, err
	}
	return state.Incident.events(in.ID, dataset), nil
}

// longestSummary is the maximum length in characters. People read notifications on a phone; llac show prints all details.
const longestSummary = 400

// singleLine turns a text into one line without quotation marks and backslashes, because AWS inserts it into JSON unescaped.
func singleLine(text string) string {
	text = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r == 0x7f:
			return ' '
		case r == '"' || r == '`':
			return '\''
		case r == '\\':
			return '/'
		}
		return r
	}, strings.ToValidUTF8(text, "?"))), " ")
	if r := []rune(text); len(r) > longestSummary {
		text = string(r[:longestSummary]) + "…"
	}
	return strings.TrimRight(text, ".")
}
