package deploy

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/llac-project/llac/events"
)

// EventTypes is what a build of a service consumes and emits, in full event types, as its Terraform root records it.
type EventTypes struct {
	Consumes []string `json:"consumes"`
	Emits    []string `json:"emits"`
	Build    string   `json:"build"`
}

// Deployed has the event types of several services' builds, by service.
type Deployed map[string]EventTypes

// EventTypesOf returns what this build of a service consumes and emits.
func EventTypesOf(service, build string) EventTypes {
	return EventTypes{Consumes: events.Consumes(service), Emits: events.Emits(service), Build: build}
}

// Refusal is one reason not to deploy a service now.
type Refusal struct {
	Event     string `json:"event"`
	Neighbour string `json:"neighbour"`
	Why       string `json:"why"`
	First     string `json:"deploy_first,omitempty"` // the service whose deploy removes the reason
}

// Verdict reports whether a service may be deployed into an environment.
type Verdict struct {
	Service  string    `json:"service"`
	Build    string    `json:"build"`
	Running  string    `json:"running_build,omitempty"`
	OK       bool      `json:"ok"`
	Refusals []Refusal `json:"refusals"`
	Notes    []string  `json:"notes"`           // what a person should know and need not act on
	Order    []string  `json:"order,omitempty"` // if refused: the services to deploy, the requested one last
}

// Check reports whether the build of a service in next is compatible with the running builds. next has the builds that this
// source tree would deploy of all services: they determine which event types a neighbour will support after its deploy.
func Check(service string, next, running Deployed) Verdict {
	v := Verdict{
		Service: service, Build: next[service].Build, Running: running[service].Build, Refusals: []Refusal{}, Notes: []string{},
	}
	v.check(next, running)
	v.OK = len(v.Refusals) == 0
	if !v.OK {
		v.Order = order(service, next, running)
	}
	return v
}

func (v *Verdict) check(next, running Deployed) {
	v.checkEmitted(next, running)
	v.checkNoLongerEmitted(next, running)
	v.checkNoLongerConsumed(next, running)
}

// checkEmitted checks that the running neighbours consume what the new build emits.
func (v *Verdict) checkEmitted(next, running Deployed) {
	for _, event := range next[v.Service].Emits {
		for _, neighbour := range Services() {
			current, runs := running[neighbour]
			if neighbour == v.Service {
				current, runs = next[neighbour], true // it consumes its own events: a long extraction is continued
			}
			will := slices.Contains(next[neighbour].Consumes, event)
			switch older := otherVersion(current.Consumes, event); {
			case runs && slices.Contains(current.Consumes, event):
			case runs && older != "" && !slices.Contains(next[v.Service].Emits, older):
				v.refuse(event, neighbour, firstIf(will, neighbour), "the running build %s of %s consumes %s and not %s: it "+
					"would receive neither",
					current.Build, neighbour, short(older), short(event))
			case runs && older == "" && will:
				v.refuse(event, neighbour, neighbour, "the running build %s of %s does not consume %s yet: events published "+
					"before it does are lost",
					current.Build, neighbour, short(event))
			case !runs && will:
				v.note("%s does not run yet: each %s that is published before it runs is lost", neighbour, short(event))
			}
		}
	}
}

// checkNoLongerEmitted checks that no running neighbour needs what the running build emits and the new one does not.
func (v *Verdict) checkNoLongerEmitted(next, running Deployed) {
	for _, event := range running[v.Service].Emits {
		if slices.Contains(next[v.Service].Emits, event) || otherVersion(next[v.Service].Emits, event) != "" {
			continue
		}
		for _, neighbour := range Services() {
			current := running[neighbour]
			if neighbour == v.Service || !slices.Contains(current.Consumes, event) {
				continue
			}
			if !slices.Contains(next[neighbour].Consumes, event) { // the neighbour drops it too
				v.note("the running build %s of %s will receive no more %s; deploy %s after this one", current.Build,
					neighbour, short(event),
					neighbour)
				continue
			}
			v.refuse(event, neighbour, "", "the running build %s of %s consumes %s, and build %s of %s no longer emits it",
				current.Build, neighbour, short(event), v.Build, v.Service)
		}
	}
}

// checkNoLongerConsumed checks that no running neighbour emits what the running build consumes and the new one does not.
func (v *Verdict) checkNoLongerConsumed(next, running Deployed) {
	for _, event := range running[v.Service].Consumes {
		if slices.Contains(next[v.Service].Consumes, event) {
			continue
		}
		emitted := false
		for _, neighbour := range Services() {
			current := running[neighbour]
			if neighbour == v.Service || !slices.Contains(current.Emits, event) {
				continue
			}
			emitted = true
			still := slices.Contains(next[neighbour].Emits, event)
			v.refuse(event, neighbour, firstIf(!still, neighbour),
				"the running build %s of %s still emits %s, which build %s of %s does not consume: it would be lost",
				current.Build, neighbour, short(event), v.Build, v.Service)
		}
		if !emitted {
			v.note("messages of %s may still be in the queue of %s: wait until it is empty, or they are lost, because "+
				"a build acknowledges what it does not consume",
				short(event), v.Service)
		}
	}
}

func (v *Verdict) refuse(event, neighbour, first, format string, args ...any) {
	v.Refusals = append(v.Refusals, Refusal{Event: event, Neighbour: neighbour, First: first, Why: fmt.Sprintf(format, args...)})
}

func (v *Verdict) note(format string, args ...any) {
	if n := fmt.Sprintf(format, args...); !slices.Contains(v.Notes, n) {
		v.Notes = append(v.Notes, n)
	}
}

// firstIf returns the service if its deploy removes the reason for a refusal, or "".
func firstIf(removes bool, service string) string {
	if removes {
		return service
	}
	return ""
}

// order returns the order in which to deploy services that differ, so that the given one can be deployed last: in each step a
// service that may be deployed, consumers before producers. Nil if no order works, because two builds would have to change at
// the same time.
func order(service string, next, running Deployed) []string {
	now := maps.Clone(running)
	candidates := Services()
	slices.Reverse(candidates) // the end of the flow first: consumers before producers
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

// needed removes the deploys from an order that the service does not need.
func needed(all []string, service string, next, running Deployed) []string {
	for i := len(all) - 1; i >= 0; i-- {
		without := slices.Delete(slices.Clone(all), i, i+1)
		if possible(append(slices.Clone(without), service), next, running) {
			all = without
		}
	}
	return all
}

// possible reports whether each service of an order may be deployed in its turn.
func possible(order []string, next, running Deployed) bool {
	now := maps.Clone(running)
	for _, s := range order {
		if refusals(s, next, now) > 0 {
			return false
		}
		now[s] = next[s]
	}
	return true
}

func refusals(service string, next, running Deployed) int {
	v := Verdict{Service: service}
	v.check(next, running)
	return len(v.Refusals)
}

func same(a, b EventTypes) bool {
	sorted := func(s []string) []string { return slices.Sorted(slices.Values(s)) }
	return slices.Equal(sorted(a.Consumes), sorted(b.Consumes)) && slices.Equal(sorted(a.Emits), sorted(b.Emits))
}

// Order returns the order in which to deploy all services whose event types differ from the running builds, consumers before
// producers. The services in stuck cannot be deployed without a build in between that supports both versions.
func Order(next, running Deployed) (ordered, stuck []string) {
	now := maps.Clone(running)
	if now == nil {
		now = Deployed{}
	}
	waiting := Services()
	slices.Reverse(waiting)
	waiting = slices.DeleteFunc(waiting, func(s string) bool {
		_, runs := now[s]
		return runs && same(now[s], next[s])
	})
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

// otherVersion returns another version of an event type from a list; "" if none.
func otherVersion(types []string, event string) string {
	stem, _ := version(event)
	for _, t := range types {
		if s, _ := version(t); s == stem && t != event {
			return t
		}
	}
	return ""
}

// version splits an event type into its name and its version.
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

// short returns an event type without the prefix that all have.
func short(event string) string { return strings.TrimPrefix(event, "cat.llac.") }
