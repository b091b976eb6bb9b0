package deploy

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/llac-project/llac/events"
)

// Speech is what a build of a service consumes and emits, in full event types, as its root records it.
type Speech struct {
	Consumes []string `json:"consumes"`
	Emits    []string `json:"emits"`
	Build    string   `json:"build"`
}

// Deployed is what runs in an environment, by service.
type Deployed map[string]Speech

// This is what this build of a service consumes and emits.
func This(service, build string) Speech {
	return Speech{Consumes: events.Consumes(service), Emits: events.Emits(service), Build: build}
}

// Refusal is one reason not to deploy a service now.
type Refusal struct {
	Event     string `json:"event"`
	Neighbour string `json:"neighbour"`
	Why       string `json:"why"`
	First     string `json:"deploy_first,omitempty"` // the service whose deploy would mend it
}

// Verdict says whether a service may be deployed into an environment.
type Verdict struct {
	Service  string    `json:"service"`
	Build    string    `json:"build"`
	Running  string    `json:"running_build,omitempty"`
	OK       bool      `json:"ok"`
	Refusals []Refusal `json:"refusals"`
	Notes    []string  `json:"notes"`           // what a person should know and need not act on
	Order    []string  `json:"order,omitempty"` // refused: the services to deploy, the one asked for at the end
}

// Check says whether the build next of a service can live with what runs. The services of next are what this source tree
// would deploy; they say who learns what when it is deployed.
func Check(service string, next, running Deployed) Verdict {
	v := Verdict{Service: service, Build: next[service].Build, Running: running[service].Build, Refusals: []Refusal{}, Notes: []string{}}
	v.said(next, running)
	v.unsaid(next, running)
	v.unheard(next, running)
	v.OK = len(v.Refusals) == 0
	if !v.OK {
		v.Order = order(service, next, running)
	}
	return v
}

// said checks what the new build emits against those who run.
func (v *Verdict) said(next, running Deployed) {
	for _, e := range next[v.Service].Emits {
		for _, neighbour := range Services() {
			there, runs := running[neighbour]
			if neighbour == v.Service {
				there, runs = next[neighbour], true // it hears itself: a long extraction goes on
			}
			will := slices.Contains(next[neighbour].Consumes, e)
			switch older := other(there.Consumes, e); {
			case runs && slices.Contains(there.Consumes, e):
			case runs && older != "" && !slices.Contains(next[v.Service].Emits, older):
				v.refuse(e, neighbour, first(will, neighbour), "build %s of %s, which runs, consumes %s and not %s: it would hear nothing", there.Build, neighbour, short(older), short(e))
			case runs && older == "" && will:
				v.refuse(e, neighbour, neighbour, "build %s of %s, which runs, does not consume %s yet: what is said before it does is lost", there.Build, neighbour, short(e))
			case !runs && will:
				v.note("%s does not run yet: no %s may be said before it does, or it is lost", neighbour, short(e))
			}
		}
	}
}

// unsaid checks what the running build emits and the new one does not.
func (v *Verdict) unsaid(next, running Deployed) {
	for _, e := range running[v.Service].Emits {
		if slices.Contains(next[v.Service].Emits, e) || other(next[v.Service].Emits, e) != "" {
			continue
		}
		for _, neighbour := range Services() {
			there := running[neighbour]
			if neighbour == v.Service || !slices.Contains(there.Consumes, e) {
				continue
			}
			if !slices.Contains(next[neighbour].Consumes, e) { // it may forget it when nobody says it any more
				v.note("build %s of %s, which runs, hears %s no more; deploy %s after", there.Build, neighbour, short(e), neighbour)
				continue
			}
			v.refuse(e, neighbour, "", "build %s of %s, which runs, waits for %s, and build %s of %s says it no more", there.Build, neighbour, short(e), v.Build, v.Service)
		}
	}
}

// unheard checks what the running build consumes and the new one does not.
func (v *Verdict) unheard(next, running Deployed) {
	for _, e := range running[v.Service].Consumes {
		if slices.Contains(next[v.Service].Consumes, e) {
			continue
		}
		said := false
		for _, neighbour := range Services() {
			there := running[neighbour]
			if neighbour == v.Service || !slices.Contains(there.Emits, e) {
				continue
			}
			said = true
			still := slices.Contains(next[neighbour].Emits, e)
			v.refuse(e, neighbour, first(!still, neighbour), "build %s of %s, which runs, still says %s, which build %s of %s does not consume: it would go to the dead letters", there.Build, neighbour, short(e), v.Build, v.Service)
		}
		if !said {
			v.note("messages of %s may still wait in the queue of %s: let it run empty, or they go to the dead letters", short(e), v.Service)
		}
	}
}

func (v *Verdict) refuse(event, neighbour, mends, format string, args ...any) {
	v.Refusals = append(v.Refusals, Refusal{Event: event, Neighbour: neighbour, First: mends, Why: fmt.Sprintf(format, args...)})
}

func (v *Verdict) note(format string, args ...any) {
	if n := fmt.Sprintf(format, args...); !slices.Contains(v.Notes, n) {
		v.Notes = append(v.Notes, n)
	}
}

func first(mends bool, service string) string {
	if mends {
		return service
	}
	return ""
}

// order is in what order to deploy what differs so that the service can be deployed last: whoever may go goes, consumers
// before producers. Nil: no order does, because two builds would have to change at once.
func order(service string, next, running Deployed) []string {
	now := maps.Clone(running)
	candidates := Services()
	slices.Reverse(candidates) // a run's end first: who hears is deployed before who says
	var out []string
	for {
		moved := ""
		for _, s := range candidates {
			if s == service || slices.Contains(out, s) || same(now[s], next[s]) {
				continue
			}
			if refusals(s, next, now) == 0 {
				moved = s
				break
			}
		}
		if moved == "" {
			return nil
		}
		out = append(out, moved)
		now[moved] = next[moved]
		if refusals(service, next, now) == 0 {
			return append(needed(out, service, next, running), service)
		}
	}
}

// needed leaves out of an order what the service can do without.
func needed(all []string, service string, next, running Deployed) []string {
	for i := len(all) - 1; i >= 0; i-- {
		without := slices.Delete(slices.Clone(all), i, i+1)
		if possible(append(slices.Clone(without), service), next, running) {
			all = without
		}
	}
	return all
}

// possible says whether each service of an order may be deployed when it is its turn.
func possible(services []string, next, running Deployed) bool {
	now := maps.Clone(running)
	for _, s := range services {
		if refusals(s, next, now) > 0 {
			return false
		}
		now[s] = next[s]
	}
	return true
}

func refusals(service string, next, running Deployed) int {
	v := Verdict{Service: service}
	v.said(next, running)
	v.unsaid(next, running)
	v.unheard(next, running)
	return len(v.Refusals)
}

func same(a, b Speech) bool {
	sorted := func(s []string) []string { return slices.Sorted(slices.Values(s)) }
	return slices.Equal(sorted(a.Consumes), sorted(b.Consumes)) && slices.Equal(sorted(a.Emits), sorted(b.Emits))
}

// Order is in what order all services are deployed that speak otherwise than what runs, consumers before producers. What
// is left over cannot be deployed without a build in between that knows both versions.
func Order(next, running Deployed) (ordered, stuck []string) {
	now := maps.Clone(running)
	if now == nil {
		now = Deployed{}
	}
	waiting := Services()
	slices.Reverse(waiting)
	waiting = slices.DeleteFunc(waiting, func(s string) bool { _, runs := now[s]; return runs && same(now[s], next[s]) })
	for len(waiting) > 0 {
		i := slices.IndexFunc(waiting, func(s string) bool { return refusals(s, next, now) == 0 })
		if i < 0 {
			return ordered, waiting
		}
		s := waiting[i]
		ordered, now[s], waiting = append(ordered, s), next[s], slices.Delete(waiting, i, i+1)
	}
	return ordered, nil
}

// other is another version of an event type in a list; "" where there is none.
func other(types []string, event string) string {
	stem, _ := version(event)
	for _, t := range types {
		if s, _ := version(t); s == stem && t != event {
			return t
		}
	}
	return ""
}

// version cuts an event type into what it is about and its version.
func version(event string) (stem string, number int) {
	i := strings.LastIndex(event, ".v")
	if i < 0 {
		return event, 0
	}
	n, err := strconv.Atoi(event[i+2:])
	if err != nil {
		return event, 0
	}
	return event[:i], n
}

// short is an event type as people say it, with its version.
func short(event string) string { return strings.TrimPrefix(event, "cat.llac.") }
