package source

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sharedTransport keeps connections for all clients of the process.
var sharedTransport = sync.OnceValue(func() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	t.DisableCompression = true // gzip is requested and decompressed here, where the size can be bounded
	t.MaxIdleConnsPerHost = 4
	return t
})

// Caller sends the requests of a kind's client: to permitted addresses only, under the host's rate limit, and with
// retries while the failure is transient. Every error of Do is a *TransientError or a *PermanentError, unless the
// request's own Check returns another one.
type Caller struct {
	Kind  Kind
	kinds Kinds
	o     Options
	rate  float64
	http  *http.Client
}

func newCaller(kind Kind, kinds Kinds, o Options) *Caller {
	rate := o.RequestsPerSecond
	if rate <= 0 {
		rate = kind.RequestsPerSecond
	}
	return &Caller{Kind: kind, kinds: kinds, o: o, rate: rate, http: &http.Client{
		Transport:     o.Transport,
		CheckRedirect: redirects(o.Allow, kind.TokenHeader),
	}}
}

// Request is one request to a portal.
type Request struct {
	Op     string // operation and object, for errors: "describe socrata ivft-vegh"
	URL    string
	Method string // GET when empty
	Body   string // form-encoded, of a POST
	Header http.Header

	// HeadersOnly leaves the body of a 200 unread.
	HeadersOnly bool
	// Check validates the body of a 200. A *PageError means that the body is not what it must be, a *MismatchError that it
	// is the response to another request, a DoubtfulError that another try may bring a better one; other errors end the request unchanged.
	Check func(*Response) error
}

// Response is an answer of status 200, or 304 to a conditional request.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	System string // source system (invariant 11)
	url    *url.URL
}

// retryError is a failure of one try that another try may not meet.
type retryError struct {
	err    error
	after  time.Duration // requested by the portal; 0: none
	final  error         // returned when the tries are used up; nil: a TransientError
	usable bool          // when the tries are used up, the answer is good enough
}

func (e *retryError) Error() string { return e.err.Error() }

// Do sends the request, with retries.
func (c *Caller) Do(ctx context.Context, q Request) (*Response, error) {
	u, err := url.Parse(q.URL)
	if err == nil {
		err = permit(u, c.o.Allow)
	} else {
		err = refusedError{"the address cannot be parsed"}
	}
	if err != nil {
		return nil, c.Refused(q.Op, err)
	}
	host := c.o.Limits.host(strings.ToLower(u.Host), c.rate, c.o.RequestsPerSecond > 0)
	for try := 1; ; try++ {
		if until := host.quietUntil(); c.isTooFar(ctx, until) {
			return nil, &WaitError{Op: q.Op, Until: until, Err: errors.New("an earlier request was refused for a time")}
		}
		if err := host.wait(ctx, c.o.Clock); err != nil {
			return nil, &TransientError{Op: q.Op, Err: fmt.Errorf("stopped before the request was sent: %w", err)}
		}
		res, err := c.try(ctx, q, u, host, try)
		var again *retryError
		if !errors.As(err, &again) {
			return res, err
		}
		if err := c.rest(ctx, q, host, try, again); err != nil {
			return nil, err
		}
	}
}

// rest waits before the next try. It returns the request's error when there is no next try.
func (c *Caller) rest(ctx context.Context, q Request, host *hostLimit, try int, again *retryError) error {
	if ctx.Err() != nil {
		return &TransientError{Op: q.Op, Err: fmt.Errorf("stopped: %w", context.Cause(ctx))}
	}
	last := try >= c.o.MaxTries
	wait := c.backoff(try)
	if again.after > 0 {
		wait = max(wait, again.after)
		host.quiet(c.o.Clock.Now(), wait)
		if until := c.o.Clock.Now().Add(wait); last || c.isTooFar(ctx, until) {
			return &WaitError{Op: q.Op, Until: until, Err: again.err}
		}
	}
	if last {
		if again.final != nil {
			return again.final
		}
		return &TransientError{Op: q.Op, Err: fmt.Errorf("gave up after %d tries: %w", try, again.err)}
	}
	if err := c.o.Clock.Sleep(ctx, wait); err != nil {
		return &TransientError{Op: q.Op, Err: fmt.Errorf("stopped while waiting to retry after: %w", errors.Join(again.err, err))}
	}
	return nil
}

// isTooFar reports whether a time is too far away to wait for it here.
func (c *Caller) isTooFar(ctx context.Context, until time.Time) bool {
	now := c.o.Clock.Now()
	if deadline, ok := ctx.Deadline(); ok && until.After(deadline) && until.After(now) {
		return true
	}
	return until.Sub(now) > c.o.MaxWait
}

// backoff returns the wait after a failed try: doubled each time, and spread over its upper half, so that clients that
// failed together do not return together.
func (c *Caller) backoff(try int) time.Duration {
	d := c.o.MaxWait
	if try < 32 && c.o.Backoff<<(try-1) > 0 {
		d = min(d, c.o.Backoff<<(try-1))
	}
	return d/2 + time.Duration(c.o.Jitter()*float64(d/2))
}

// try sends the request once and reports the outcome to OnRequest.
func (c *Caller) try(ctx context.Context, q Request, u *url.URL, host *hostLimit, attempt int) (*Response, error) {
	info := RequestInfo{Kind: c.Kind.Name, Host: u.Host, Attempt: attempt, Outcome: OutcomeOK}
	started := c.o.Clock.Now()
	res, err := c.exchange(ctx, q, u, host, &info)
	info.Duration = c.o.Clock.Now().Sub(started)
	var again *retryError
	if errors.As(err, &again) && again.usable && attempt >= c.o.MaxTries {
		err = nil
	}
	switch {
	case err == nil && res.Status == http.StatusNotModified:
		info.Outcome = OutcomeUnchanged
	case err == nil:
	case again != nil:
		info.Outcome = OutcomeRetried
	default:
		info.Outcome = OutcomePermanent
	}
	c.o.OnRequest(info)
	return res, err
}

func (c *Caller) exchange(ctx context.Context, q Request, u *url.URL, host *hostLimit, info *RequestInfo) (*Response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	req, err := c.request(ctx, q)
	if err != nil {
		return nil, c.Refused(q.Op, err)
	}
	got, err := c.http.Do(req)
	if err != nil {
		var refused refusedError
		if errors.As(err, &refused) {
			return nil, c.Refused(q.Op, refused)
		}
		return nil, &retryError{err: fmt.Errorf("request %s: %w", u.Host, err)}
	}
	defer got.Body.Close()
	info.Status = got.StatusCode
	from := u
	if got.Request != nil && got.Request.URL != nil {
		from = got.Request.URL // Invariant 11: an answer belongs to the host that gave it, which a redirect may have changed
	}
	res := &Response{Status: got.StatusCode, Header: got.Header, url: from, System: sourceSystem(from, got.Header, c.kinds.Hosts())}
	c.raiseRate(res, host)

	if got.StatusCode == http.StatusNotModified && len(q.Header) > 0 {
		return res, nil
	}
	if got.StatusCode == http.StatusOK && q.HeadersOnly && !isHTML(got.Header, nil) {
		_, _ = io.CopyN(io.Discard, got.Body, 256<<10) // a short body read to its end keeps the connection
		return res, nil
	}
	res.Body, err = c.read(q, got)
	info.Bytes = int64(len(res.Body))
	if err != nil {
		return nil, err
	}
	return c.judge(q, res)
}

func (c *Caller) request(ctx context.Context, q Request) (*http.Request, error) {
	method := q.Method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, q.URL, strings.NewReader(q.Body))
	if err != nil {
		return nil, err
	}
	for name, values := range q.Header {
		req.Header[name] = values
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Accept-Encoding", "gzip")
	req.Header.Set("User-Agent", c.o.UserAgent)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if c.sendsToken() {
		req.Header.Set(c.Kind.TokenHeader, c.o.AppToken)
	}
	return req, nil
}

// sendsToken reports whether requests carry the app token.
func (c *Caller) sendsToken() bool { return c.Kind.TokenHeader != "" && c.o.AppToken != "" }

// raiseRate lets a simulator on this machine raise its own rate limit. Portals on the network cannot.
func (c *Caller) raiseRate(res *Response, host *hostLimit) {
	if c.o.RequestsPerSecond > 0 || res.System != Simulator || !isLoopback(res.url) {
		return
	}
	if n, err := strconv.ParseFloat(res.Header.Get("X-Llac-Rate-Limit"), 64); err == nil && n > 0 && n <= 1e6 {
		host.raise(c.o.Clock.Now(), n)
	}
}

// read reads and decompresses a body, which may be cut short or larger than MaxBody.
func (c *Caller) read(q Request, got *http.Response) ([]byte, error) {
	in := io.Reader(got.Body)
	switch e := strings.ToLower(got.Header.Get("Content-Encoding")); e {
	case "", "identity":
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(got.Body)
		if err == io.EOF {
			return nil, nil // an empty body, as some servers send with an error status
		}
		if err != nil {
			return nil, &retryError{err: fmt.Errorf("decompress the answer: %w", err)}
		}
		in = z
	default:
		return nil, c.Permanent(q.Op, got.StatusCode, fmt.Errorf("the answer has the encoding %.40q, which was not requested", e),
			"check whether a proxy stands between here and the portal")
	}
	var body bytes.Buffer
	if n := got.ContentLength; n > 0 && n <= c.o.MaxBody {
		body.Grow(int(n) + bytes.MinRead)
	}
	_, err := body.ReadFrom(io.LimitReader(in, c.o.MaxBody+1))
	if err != nil {
		return nil, &retryError{err: fmt.Errorf("the answer was cut short after %d bytes: %w", body.Len(), err)}
	}
	if int64(body.Len()) > c.o.MaxBody {
		e := c.Permanent(q.Op, got.StatusCode, fmt.Errorf("the answer is larger than %d bytes", c.o.MaxBody), smallerPages)
		e.TooLarge = true
		return nil, e
	}
	_, _ = io.CopyN(io.Discard, got.Body, 1<<10) // what may follow the gzip stream: the end of the last chunk
	return body.Bytes(), nil
}

// judge decides whether an answer is good, worth another try, or final. Portals send errors with status 200 too.
func (c *Caller) judge(q Request, res *Response) (*Response, error) {
	p, known := c.kinds.problem(c.Kind, res.Body)
	html := isHTML(res.Header, res.Body)
	status := res.Status
	if status == http.StatusOK {
		switch {
		case html:
			return nil, c.transient(res, errors.New("the portal returned 200 with an HTML page instead of data"))
		case known && isTransient(p.Status):
			return nil, c.transient(res, describeFailure(p.Status, p, known, html))
		case known:
			if p.Status >= 400 {
				status = p.Status
			}
			return nil, c.final(q, res, status, p, known, html)
		case q.Check == nil:
			return res, nil
		}
		return res, c.checked(q, res)
	}
	if isTransient(status) {
		return nil, c.transient(res, describeFailure(status, p, known, html))
	}
	if status == http.StatusNotModified {
		return nil, c.transient(res, errors.New("the portal returned 304 for a request without conditions"))
	}
	return nil, c.final(q, res, status, p, known, html)
}

func (c *Caller) transient(res *Response, err error) error {
	return &retryError{err: err, after: retryAfter(res.Header.Get("Retry-After"), c.o.Clock.Now())}
}

// retryAfter reads a Retry-After header: seconds or a date; 0 for anything else.
func retryAfter(v string, now time.Time) time.Duration {
	v = strings.TrimSpace(v)
	if s, err := strconv.ParseInt(v, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(max(s, 0), int64(forever/time.Second))) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return min(max(t.Sub(now), 0), forever)
	}
	return 0
}

// forever is the longest wait that is distinguished.
const forever = 10 * 365 * 24 * time.Hour

// checked runs the request's own check on a body.
func (c *Caller) checked(q Request, res *Response) error {
	err := q.Check(res)
	var doubtful DoubtfulError
	if errors.As(err, &doubtful) {
		return &retryError{err: err, usable: true}
	}
	var other *MismatchError
	if errors.As(err, &other) {
		return c.mismatched(q, res, err, other)
	}
	var page *PageError
	if !errors.As(err, &page) {
		return err
	}
	if errors.Is(err, ErrForm) {
		return c.Permanent(q.Op, res.Status, err,
			"the form of the portal's responses has changed: compare one with the documentation of its API")
	}
	again := &retryError{err: fmt.Errorf("the answer is malformed: %w", err)}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		// A body that is complete and malformed in every try is not damage of the transfer.
		again.final = c.Permanent(q.Op, res.Status,
			fmt.Errorf("the answer is complete but malformed, in the last of %d tries too: %w", c.o.MaxTries, err),
			"report it to the portal's operators"+c.requestNote(res))
	}
	return again
}

// mismatched returns the error of an answer to another request. Another try may bring the right one.
func (c *Caller) mismatched(q Request, res *Response, err error, other *MismatchError) error {
	again := &retryError{err: err}
	if other.Fix != "" {
		again.final = c.Permanent(q.Op, res.Status, fmt.Errorf("in the last of %d tries too: %w", c.o.MaxTries, err), other.Fix)
	}
	return again
}

func (c *Caller) requestNote(res *Response) string {
	if id := c.RequestID(res); id != "" {
		return ", with request id " + Clip(id, 64)
	}
	return ""
}

// final returns the error of a refusal. It keeps the body only of a recognised error: anything else might be a person's
// row (invariant 8).
func (c *Caller) final(q Request, res *Response, status int, p Problem, known, html bool) error {
	e := c.Permanent(q.Op, status, describeFailure(status, p, known, html), c.hint(status, p))
	e.TooLarge = status == http.StatusRequestedRangeNotSatisfiable || status == http.StatusRequestEntityTooLarge
	e.Body = c.redact(Clip(string(res.Body[:min(len(res.Body), maxErrorBody)]), maxErrorBody))
	e.Err = errors.New(c.redact(e.Err.Error()))
	return e
}

// redact removes the app token from a portal's text, in case the portal repeats it.
func (c *Caller) redact(t string) string {
	if c.o.AppToken == "" {
		return t
	}
	return strings.ReplaceAll(t, c.o.AppToken, "[app token]")
}

// Permanent returns a permanent error of an operation. status is 0 when there was no answer.
func (c *Caller) Permanent(op string, status int, err error, hint string) *PermanentError {
	return &PermanentError{Op: op, Err: err, Status: status, Hint: hint}
}

// Refused returns the error of a request that must not be sent.
func (c *Caller) Refused(op string, err error) error {
	return c.Permanent(op, 0, err, "check the base address of the source and the portal options")
}

// Misconfigured returns the error of a target that the contract describes wrongly.
func (c *Caller) Misconfigured(op string, err error) error {
	return c.Permanent(op, 0, err, "correct the source section of "+contractFile)
}

// RequestID returns the portal's own id of a request; empty if it sends none.
func (c *Caller) RequestID(res *Response) string {
	if c.Kind.RequestIDHeader != "" {
		if id := res.Header.Get(c.Kind.RequestIDHeader); id != "" {
			return id
		}
	}
	return res.Header.Get("X-Request-Id")
}
