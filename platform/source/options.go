package source

import (
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/llac-project/llac/platform/clock"
)

// Options configure a client. The zero value is ready for the official portals.
type Options struct {
	// Clock gives the time and waits between tries; nil: the machine's clock.
	Clock clock.Clock
	// Allow lists the hosts that may be requested, by https; empty: the official hosts. Loopback is always allowed, and
	// only loopback may be http.
	Allow []string
	// AppToken is sent in the kind's TokenHeader, if it has one; empty: the header is not sent, because portals refuse an
	// invalid token. The token is never logged or put into an address.
	AppToken string
	// RequestsPerSecond limits the requests to one host; 0: the kind's default rate. A simulator on loopback may raise the
	// default, but not a rate given here.
	RequestsPerSecond float64
	// Limits holds the hosts' rate limits; nil: the limits that all clients of the process share.
	Limits *Limits

	MaxTries  int           // tries of one request; 0: 5
	Timeout   time.Duration // of one try, body included; 0: 60 s
	Backoff   time.Duration // wait after the first failed try, doubled after each; 0: 500 ms
	MaxWait   time.Duration // longest wait between tries; a longer Retry-After gives a *WaitError; 0: 60 s
	MaxBody   int64         // bytes of one answer after decompression; 0: 256 MiB
	UserAgent string        // empty: "llac (+https://github.com/llac-project/llac)"

	// Jitter returns a number in [0,1) that spreads the waits; nil: math/rand.
	Jitter func() float64
	// OnRequest is called after every try, for metrics; several goroutines may call it at once.
	OnRequest func(RequestInfo)
	// Transport carries the requests; nil: TLS 1.2 or later, with connections that all clients of the process share.
	Transport http.RoundTripper
}

// RequestInfo describes one try of one request.
type RequestInfo struct {
	Kind     string
	Host     string
	Status   int // 0: no answer
	Attempt  int // 1 for the first try
	Duration time.Duration
	Bytes    int64 // of the answer's body after decompression
	Outcome  string
}

// The outcomes of a try.
const (
	OutcomeOK        = "ok"
	OutcomeUnchanged = "unchanged" // 304
	OutcomeRetried   = "transient" // retried until the tries are used up
	OutcomePermanent = "permanent"
)

// filled returns the options with every default set, except RequestsPerSecond, whose zero lets a simulator raise the rate.
func (o Options) filled(officialHosts []string) Options {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if len(o.Allow) == 0 {
		o.Allow = officialHosts
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
