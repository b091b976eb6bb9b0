package events

// ServiceFlow says what one service hears and says. The services, their queues' filters and the AsyncAPI document all
// take it from Flow.
type ServiceFlow struct {
	Service  string
	Consumes []string // event types, full
	Emits    []string // event types, full; they go to the topic that bears the service's name
	Direct   []string // those of Consumes that are sent straight into the service's queue, past any topic
}

// Operator is who speaks through the command line or the console: not a service, but it has a topic as one.
const Operator = "operator"

// Flow is the whole of the conversation, in the order in which a run passes through it.
var Flow = []ServiceFlow{
	{
		Service: Operator,
		Emits:   types(RunRequested{}, LandingWritten{}), // the latter of files that a person collected
	},
	{
		Service:  "scheduler",
		Consumes: types(ScheduleTicked{}, RunRequested{}, StagingPublished{}, ExtractionFailed{}, LandingRejected{}, StagingRejected{}, RunFailed{}),
		Emits:    types(ExtractionRequested{}, DatasetStale{}, DatasetRecovered{}, IncidentOpened{}, IncidentClosed{}),
		Direct:   types(ScheduleTicked{}),
	},
	{
		Service:  "fetcher",
		Consumes: types(ExtractionRequested{}, ExtractionContinued{}),
		Emits:    types(LandingWritten{}, ExtractionUnchanged{}, ExtractionFailed{}, ExtractionContinued{}),
	},
	{
		Service:  "validator",
		Consumes: types(LandingWritten{}),
		Emits:    types(LandingValidated{}, LandingRejected{}, RunFailed{}),
	},
	{
		Service:  "stager",
		Consumes: types(LandingValidated{}),
		Emits:    types(StagingWritten{}, RunFailed{}),
	},
	{
		Service:  "quality-gate",
		Consumes: types(StagingWritten{}, ExtractionUnchanged{}),
		Emits:    types(StagingAccepted{}, StagingPublished{}, StagingRejected{}, RunSuperseded{}, RunFailed{}),
	},
	{
		Service:  "landing-janitor",
		Consumes: types(StagingPublished{}, SweepTicked{}),
		Emits:    types(LandingDeleted{}, RunFailed{}),
		Direct:   types(SweepTicked{}),
	},
}

// Consumes lists the event types that a service hears; none for an unknown service.
func Consumes(service string) []string { return flowOf(service).Consumes }

// Emits lists the event types that a service says; none for an unknown service.
func Emits(service string) []string { return flowOf(service).Emits }

// Direct lists the event types that are sent straight into a service's queue; none for an unknown service.
func Direct(service string) []string { return flowOf(service).Direct }

// Emitters lists the services that say an event type, in the order of the flow.
func Emitters(eventType string) []string {
	var out []string
	for _, f := range Flow {
		if has(f.Emits, eventType) {
			out = append(out, f.Service)
		}
	}
	return out
}

func flowOf(service string) ServiceFlow {
	for _, f := range Flow {
		if f.Service == service {
			return f
		}
	}
	return ServiceFlow{}
}

func types(payloads ...Payload) []string {
	out := make([]string, len(payloads))
	for i, p := range payloads {
		out[i] = p.EventType()
	}
	return out
}

func has(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}
