package runtime

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/llac-project/llac/events"
)

// validName matches the valid names of services. The name is part of the names of queues, a topic and a function.
var validName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

// Check returns one error that lists every missing or invalid field of the service. The runtime checks a service when it starts;
// operations/services checks all services together.
func (s Service) Check() error {
	var problems []string
	report := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}
	report(!validName.MatchString(s.Name), "name %q: use at most 40 characters of a-z, 0-9 and -, the first a letter", s.Name)
	report(len(s.Consumes) == 0, "no event types to consume: add the service to events.Flow")
	for _, eventType := range slices.Concat(s.Consumes, s.Emits) {
		report(!events.Known(eventType), "event type %s: not in the catalogue of events", eventType)
	}
	problems = append(problems, s.New.check()...)
	problems = append(problems, s.Size.check()...)
	report(s.Needs(PortPortal) && s.Size.BatchSize > 1,
		"size: BatchSize %d for a service that reads portals: use 1, so that MaximumConcurrency bounds its requests", s.Size.BatchSize)
	problems = append(problems, s.Stage.check(s.Emits)...)
	report(s.Receipt == nil, "no Receipt: return the key of the receipt, or \"\" for events that may be handled twice")
	report(s.GaveUp == nil, "no GaveUp: set it to runtime.FailsRun, runtime.FailsSilently or a function of its own")
	report(s.Needs(PortCatalogue) != (s.Catalogue != nil),
		"port Catalogue: set Service.Catalogue if and only if the ports struct has a field Catalogue")
	for _, m := range s.Series {
		report(m.Name == "" || m.Outcomes < 1 || m.Outcomes > 2, "series %q: name it and give it 1 outcome or 2", m.Name)
	}
	if len(problems) == 0 {
		return nil
	}
	return errors.New("service " + s.Name + ":\n  " + strings.Join(problems, "\n  "))
}

func (z Size) check() []string {
	if z == (Size{}) {
		return []string{"no Size: state memory, timeout, batch size and maximum concurrency"}
	}
	var problems []string
	within := func(what string, n, least, most int) {
		if n < least || n > most {
			problems = append(problems, fmt.Sprintf("size: %s %d is not between %d and %d", what, n, least, most))
		}
	}
	within("MemoryMiB", z.MemoryMiB, 128, 10240)
	within("Timeout in seconds", int(z.Timeout/time.Second), 1, 900)
	within("BatchSize", z.BatchSize, 1, 10)
	within("MaximumConcurrency", z.MaximumConcurrency, 2, 1000)
	if batch := time.Duration(z.BatchSize) * z.PerMessage; batch > z.Timeout || z.PerMessage < 0 {
		problems = append(problems, fmt.Sprintf("size: %d messages of up to %s do not fit into a timeout of %s; use a smaller BatchSize",
			z.BatchSize, z.PerMessage, z.Timeout))
	}
	if z.EphemeralStorageMiB != 0 {
		within("EphemeralStorageMiB", z.EphemeralStorageMiB, 512, 10240)
	}
	return problems
}
