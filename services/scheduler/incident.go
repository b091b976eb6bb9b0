package scheduler

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
)

// incident is a problem of a dataset of which people are notified once when it starts and once when it is over: its runs fail,
// or it is stale. Further failed runs, and staleness besides, belong to the same incident.
type incident struct {
	Open    bool      `json:"open"`
	Since   time.Time `json:"since"`
	RunID   string    `json:"run_id,omitempty"`
	Service string    `json:"service,omitempty"`
	Success time.Time `json:"last_success,omitzero"` // that closed it
	Summary string    `json:"summary"`               // of the last notice
	EventID string    `json:"event_id"`              // the event that opened or closed it; a redelivery emits the same again
}

func (i *incident) open() bool { return i != nil && i.Open }

// events returns the events that follow for an incident from the event with this id: one if it opened or closed it.
func (i *incident) events(id, dataset string) []events.Event {
	switch {
	case i == nil || i.EventID != id:
		return nil
	case i.Open && i.RunID != "":
		return []events.Event{events.New(events.IncidentOpened{
			Dataset: dataset, RunID: i.RunID, Service: i.Service, Since: i.Since, Summary: i.Summary,
			Next: "llac show " + dataset + "/" + i.RunID,
		})}
	case i.Open:
		return []events.Event{events.New(events.IncidentOpened{
			Dataset: dataset, Since: i.Since, Summary: i.Summary, Next: "llac runs --dataset " + dataset,
		})}
	}
	return []events.Event{events.New(events.IncidentClosed{
		Dataset: dataset, RunID: i.RunID, Since: i.Since, LastSuccess: i.Success, Summary: i.Summary, Next: "llac runs --dataset " + dataset,
	})}
}

// close returns the incident after a success.
func (i *incident) close(id, dataset string, success time.Time) *incident {
	closed := *i
	closed.Open, closed.EventID, closed.Success = false, id, success
	closed.Summary = fmt.Sprintf("%s is well again: its source was read with success at %s. The incident began at %s",
		dataset, stamp(success), stamp(i.Since))
	return &closed
}

// staleIncident returns the incident of a dataset that is stale although no run has failed: its runs are held back, or none was
// requested.
func staleIncident(id, dataset string, now, last, deadline time.Time) *incident {
	return &incident{Open: true, Since: now, EventID: id, Summary: fmt.Sprintf("%s is stale: its source was last read with success at "+
		"%s, and should have been again by %s. No run of it has ended badly since: is one under way or held back",
		dataset, stamp(last), stamp(deadline))}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// ending describes a run that failed or was rejected.
type ending struct {
	run     events.Run
	service string
	reason  string
}

// badEnd returns the ending that an event reports, and false for an event that reports none.
func badEnd(in events.Event) (ending, bool) {
	payload, err := in.Decode()
	if err != nil {
		return ending{}, false
	}
	switch p := payload.(type) {
	case events.ExtractionFailed:
		return ending{p.Run, p.Failure.Service, gaveUp(p.Failure)}, true
	case events.RunFailed:
		return ending{p.Run, p.Failure.Service, gaveUp(p.Failure)}, true
	case events.LandingRejected:
		return ending{p.Run, "validator", "the validator refused what was landed: " + problems(p.Problems)}, true
	case events.StagingRejected:
		return ending{p.Run, "quality-gate", "the quality gate refused the candidate: " + problems(p.Problems)}, true
	}
	return ending{}, false
}

func gaveUp(f events.Failure) string {
	tries := "at once"
	if f.Tries > 1 {
		tries = fmt.Sprintf("after %d tries", f.Tries)
	}
	return fmt.Sprintf("the %s gave up %s: %s", f.Service, tries, f.Reason)
}

func problems(all []events.Problem) string {
	switch len(all) {
	case 0:
		return "no reason is given"
	case 1:
		return all[0].Message
	}
	return fmt.Sprintf("%s (and %d more)", strings.TrimRight(all[0].Message, "."), len(all)-1)
}

// endedBadly opens an incident, unless one is open or the source was read successfully after the run had ended.
func (s scheduler) endedBadly(ctx context.Context, in events.Event, bad ending) ([]events.Event, error) {
	dataset, since := bad.run.Dataset, in.Time
	if since.IsZero() {
		since = s.ports.Clock.Now()
	}
	state, etag, err := s.lastEmitted(ctx, dataset)
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
		Open: true, Since: since, RunID: bad.run.RunID, Service: bad.service, EventID: in.ID,
		Summary: plain(fmt.Sprintf("%s, run %s: %s", dataset, bad.run.RunID, bad.reason)),
	}
	if _, err := s.ports.Lake.CompareAndSwap(ctx, lake.StateKey(dataset, "freshness"), lake.Encode(state), etag); err != nil {
		return nil, err
	}
	return state.Incident.events(in.ID, dataset), nil
}

// longestSummary is in characters: a notice is read on a telephone, and llac show has the rest.
const longestSummary = 400

// plain returns text as one line that is valid within quotation marks: AWS copies it into JSON without escaping.
func plain(text string) string {
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
