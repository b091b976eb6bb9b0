package source

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/llac-project/llac/platform/clock"
)

// The portal kinds.
const (
	Socrata = "socrata" // SODA 2.1: analisi.transparenciacatalunya.cat
	Idescat = "idescat" // tables API v2, JSON-stat: api.idescat.cat
	CKAN    = "ckan"    // the CKAN datastore: opendata-ajuntament.barcelona.cat
)

// Kinds lists the portal kinds.
func Kinds() []string { return []string{Socrata, Idescat, CKAN} }

// OfficialHosts lists the hosts of the official portals: the default allow-list, and the only hosts whose data
// carry the host's own name as source system (invariant 11).
func OfficialHosts() []string {
	return []string{"analisi.transparenciacatalunya.cat", "api.idescat.cat", "opendata-ajuntament.barcelona.cat"}
}

// politeRate is the requests a second asked of a portal where nothing else is said. No portal publishes a
// limit; third-party crawlers pause 250 ms on Socrata and 400 ms to 3 s on Idescat.
var politeRate = map[string]float64{Socrata: 4, Idescat: 1, CKAN: 2}

// Options configure a client. The zero value is ready for the official portals.
type Options struct {
	// Clock tells the time and waits between tries; nil: the machine's.
	Clock clock.Clock
	// Allow lists the hosts that may be asked, by https; empty: OfficialHosts. Loopback is always allowed, and
	// only loopback may be http.
	Allow []string
	// AppToken is sent to Socrata as X-App-Token; empty: no header at all, since an invalid token is refused.
	// It is never logged nor put into an address.
	AppToken string
	// RequestsPerSecond bounds the requests to one host; 0: polite for the kind (Socrata 4, CKAN 2, Idescat 1).
	// A simulator on loopback may raise the default, not a rate given here.
	RequestsPerSecond float64
	// Limits holds the hosts' rate limits; nil: the ones all clients of the process share.
	Limits *Limits

	MaxTries  int           // tries of one request; 0: 5
	Timeout   time.Duration // of one try, body included; 0: 60 s
	Backoff   time.Duration // wait after the first failed try, doubled after each; 0: 500 ms
	MaxWait   time.Duration // longest wait between tries, also of Retry-After; 0: 60 s
	MaxBody   int64         // bytes of one answer after decompression; 0: 256 MiB
	UserAgent string        // empty: "llac (+https://github.com/llac-project/llac)"

	// Jitter answers a number in [0,1) that spreads the waits; nil: math/rand.
	Jitter func() float64
	// OnRequest is told of every try, for metrics; it may be called from several goroutines at once.
	OnRequest func(RequestInfo)
	// Transport carries the requests; nil: TLS 1.2 or later, connections shared by all clients of the process.
	Transport http.RoundTripper
}

// RequestInfo is what one try of one request was like.
type RequestInfo struct {
	Kind     string
	Host     string
	Status   int // 0: no answer came
	Attempt  int // 1 for the first try
	Duration time.Duration
	Bytes    int64 // of the answer's body after decompression
	Outcome  string
}

// The outcomes of a try.
const (
	OutcomeOK        = "ok"
	OutcomeUnchanged = "unchanged" // 304
	OutcomeRetried   = "transient" // will be tried again while the budget lasts
	OutcomePermanent = "permanent"
)

// New makes the client of a portal kind. A client may be used by several goroutines at once.
func New(kind string, o Options) (Client, error) {
	rate, known := politeRate[kind]
	if !known {
		return nil, fmt.Errorf("make a portal client: kind %q is not known: use one of %s", kind, strings.Join(Kinds(), ", "))
	}
	o.AppToken = strings.TrimSpace(o.AppToken)
	if strings.ContainsFunc(o.AppToken, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fmt.Errorf("make a %s client: the app token holds a space or a control character: set it again", kind)
	}
	c := newCaller(kind, o.filled(), rate)
	switch kind {
	case Idescat:
		return &idescatClient{c}, nil
	case CKAN:
		return &ckanClient{c}, nil
	}
	return &socrataClient{c}, nil
}

// filled returns the options with every default in place, but for RequestsPerSecond, whose zero means that a
// simulator may raise it.
func (o Options) filled() Options {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if len(o.Allow) == 0 {
		o.Allow = OfficialHosts()
	}
	if o.Limits == nil {
		o.Limits = processLimits
	}
	if o.MaxTries <= 0 {
		o.MaxTries = 5
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	if o.Backoff <= 0 {
		o.Backoff = 500 * time.Millisecond
	}
	if o.MaxWait <= 0 {
		o.MaxWait = time.Minute
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 256 << 20
	}
	if o.UserAgent == "" {
		o.UserAgent = "llac (+https://github.com/llac-project/llac)"
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.OnRequest == nil {
		o.OnRequest = func(RequestInfo) {}
	}
	if o.Transport == nil {
		o.Transport = sharedTransport()
	}
	return o
}
