package events

// ServiceFlow lists the event types that one service consumes and emits. The services, their queues' filters and the AsyncAPI
// document are derived from Flow.
type ServiceFlow struct {
	Service  string
	Consumes []string // full event types
	Emits    []string // full event types; emitted to the service's topic
	Direct   []string // the types of Consumes that are sent directly to the service's queue, without a topic
}

// Operator stands for the people who use llac. It is not a service, but it has a topic.
const Operator = "operator"

// Flow lists the operator and all services, in the order in which a run passes through them.
var Flow = []ServiceFlow{
	{
		Service: Operator,
		Emits:   TypesOf(RunRequested{}, LandingWritten{}), // LandingWritten for files that a person collected
	},
	{
		Service: "scheduler",
		Consumes: TypesOf(ScheduleTicked{}, RunRequested{}, StagingPublished{}, ExtractionFailed{},
			LandingRejected{}, StagingRejected{}, RunFailed{}),
		Emits:  TypesOf(ExtractionRequested{}, DatasetStale{}, DatasetRecovered{}, IncidentOpened{}, IncidentClosed{}),
		Direct: TypesOf(ScheduleTicked{}),
	},
	{
		Service:  "fetcher",
		Consumes: TypesOf(ExtractionRequested{}, ExtractionContinued{}),
		Emits:    TypesOf(LandingWritten{}, ExtractionUnchanged{}, ExtractionFailed{}, ExtractionContinued{}),
	},
	{
		Service:  "validator",
		Consumes: TypesOf(LandingWritten{}),
		Emits:    TypesOf(LandingValidated{}, LandingRejected{}, RunFailed{}),
	},
	{
		Service:  "stager",
		Consumes: TypesOf(LandingValidated{}),
		Emits:    TypesOf(StagingWritten{}, RunFailed{}),
	},
	{
		Service:  "quality-gate",
		Consumes: TypesOf(StagingWritten{}, ExtractionUnchanged{}),
		Emits:    TypesOf(StagingAccepted{}, StagingPublished{}, StagingRejected{}, RunSuperseded{}, RunFailed{}),
	},
	{
		Service:  "landing-janitor",
		Consumes: TypesOf(StagingPublished{}, SweepTicked{}),
		Emits:    TypesOf(LandingDeleted{}, RunFailed{}),
		Direct:   TypesOf(SweepTicked{}),
	},
}

// Consumes returns the event types that a service consumes; none for an unknown service.
func Consumes(service string) []string { return flowOf(service).Consumes }

// Emits returns the event types that a service emits; none for an unknown service.
func Emits(service string) []string { return flowOf(service).Emits }

// Direct returns the event types that are sent directly to a service's queue; none for an unknown service.
func Direct(service string) []string { return flowOf(service).Direct }

func flowOf(service string) ServiceFlow {
	for _, f := range Flow {
		if f.Service == service {
			return f
		}
	}
	return ServiceFlow{}
}

// TypesOf lists the event types of payloads.
func TypesOf(payloads ...Payload) []string {
	out := make([]string, len(payloads))
	for i, p := range payloads {
		out[i] = p.EventType()
	}
	return out
}
