package runtime

import (
	"fmt"
	"slices"
)

// Stage is a service's place in a run: how a request is called while the service is at work, and when its work is done. The
// order of the stages is that of the services.
type Stage struct {
	// State is the state of a request while its latest event waits for the service or is handled by it, such as "extracting".
	State string
	// Ends are the event types of which one ends the service's work on a run. A failure that the service reported before no
	// longer counts after that: the message was replayed.
	Ends []string
	// Outside is true for a service that has no part in a run, such as one that only notifies. It then sets nothing else.
	Outside bool
}

func (s Stage) check(emits []string) []string {
	switch {
	case s.Outside && (s.State != "" || len(s.Ends) > 0):
		return []string{"stage: a service outside runs has neither State nor Ends"}
	case s.Outside:
		return nil
	case s.State == "" || len(s.Ends) == 0:
		return []string{"no Stage: state its place in a run (State and Ends), or Outside: true"}
	}
	var problems []string
	for _, eventType := range s.Ends {
		if !slices.Contains(emits, eventType) {
			problems = append(problems, fmt.Sprintf("stage: it ends with %s, which the service does not emit", eventType))
		}
	}
	return problems
}
