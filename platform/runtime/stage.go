package runtime

import (
	"fmt"
	"slices"
)

// Stage is a service's place in a run: the state of a request while the service works on it, and the events that end this
// work. services.All in operations/services gives the order of the stages.
type Stage struct {
	// State is the state of a request while its latest event waits for the service or is handled by it, such as "extracting".
	// Several services may have one state. It is not one of FinalStates.
	State string
	// Ends lists the event types that end the service's work on a run; one of them is enough. If one of these events follows a
	// failure of the service, the failure counts as resolved by a replay.
	Ends []string
	// Outside is true for a service that is not part of a run, such as one that only notifies. The other fields are then empty.
	Outside bool
}

// FinalStates are the states of a request on which no service works any more. operations/ledger defines them.
var FinalStates = []string{"published", "unchanged", "superseded", "rejected", "failed", "uncleared"}

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
	if slices.Contains(FinalStates, s.State) {
		problems = append(problems, fmt.Sprintf("stage: State %q is final: name what the service does, such as \"checking\"", s.State))
	}
	for _, eventType := range s.Ends {
		if !slices.Contains(emits, eventType) {
			problems = append(problems, fmt.Sprintf("stage: it ends with %s, which the service does not emit", eventType))
		}
	}
	return problems
}
