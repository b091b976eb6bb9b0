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

const tokenHeader = "X-App-Token"

// sharedTransport keeps connections for all clients of the process.
var sharedTransport = sync.OnceValue(func() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	t.DisableCompression = true // gzip is asked for and undone here, where sizes can be bounded
	t.MaxIdleConnsPerHost = 4
	return t
})

// caller sends requests to one portal kind: permitted addresses only, under the host's rate limit, tried again
// while the trouble is a passing one. Every error it answers is a *TransientError or a *PermanentError.
type caller struct {
	kind string
	o    Options
	rate float64
	http *http.Client
}

func newCaller(kind string, o Options, polite float64) *caller {
	rate := o.RequestsPerSecond
	if rate <= 0 {
		rate = polite
	}
	return &caller{kind: kind, o: o, rate: rate, http: &http.Client{
		Transport:     o.Transport,
		CheckRedirect: redirects(o.Allow),
	}}
}

// request is one question to a portal.
type request struct {
	op     string // what is being done to what, for errors
	url    string
	method string // GET when empty
	body   string // form-encoded, of a POST
	header http.Header

	// headersOnly leaves the body of a 200 unread.
	headersOnly bool
	// check looks at the body of a 200. A *PageError means that the body is not what it must be, a doubtfulError that
	// another try may bring a better one; other errors end the request as they are.
	check func(*response) error
}

// response is an answer of status 200, or 304 to a conditional request.
type response struct {
	status int
	header http.Header
	body   []byte
	url    *url.URL
	system string // source system
}

// retryError is a failure of one try that another try may not meet.
type retryError struct {
	err    error
	after  time.Duration // asked for by the portal; 0: nothing asked
	final  error         // what to answer when the tries are spent; nil: a TransientError
	usable bool          // when the tries are spent, the answer is good enough
}

func (e *retryError) Error() string { return e.err.Error() }

// do sends the request, again and again while that may help.
func (c *caller) do(ctx context.Context, q request) (*response, error) {
	u, err := url.Parse(q.url)
	if err == nil {
		err = permit(u, c.o.Allow)
	} else {
		err = refusedError{"the address cannot be read"}
	}
	if err != nil {
		return nil, c.refused(q, err)
	}
	host := c.o.Limits.host(strings.ToLower(u.Host), c.rate, c.o.RequestsPerSecond > 0)
	for try := 1; ; try++ {
		if err := host.wait(ctx, c.o.Clock); err != nil {
			return nil, &TransientError{Op: q.op, Err: fmt.Errorf("stopped before the request was sent: %w", err)}
		}
		res, err := c.try(ctx, q, u, host, try)
		var again *retryError
		if !errors.As(err, &again) {
			return res, err
		}
		if ctx.Err() != nil {
			return nil, &TransientError{Op: q.op, Err: fmt.Errorf("stopped: %w", context.Cause(ctx))}
		}
		if try >= c.o.MaxTries {
			if again.final != nil {
				return nil, again.final
			}
			return nil, &TransientError{Op: q.op, Err: fmt.Errorf("gave up after %d tries: %w", try, again.err)}
		}
		wait := c.backoff(try)
		if again.after > 0 {
			wait = min(max(wait, again.after), c.o.MaxWait)
			host.quiet(c.o.Clock.Now(), wait)
		}
		if err := c.o.Clock.Sleep(ctx, wait); err != nil {
			return nil, &TransientError{Op: q.op, Err: fmt.Errorf("stopped while waiting to try again after: %w", errors.Join(again.err, err))}
		}
	}
}

// backoff is the wait after a failed try: doubled each time, and spread over its upper half, so that clients
// that failed together do not come back together.
func (c *caller) backoff(try int) time.Duration {
	d := c.o.MaxWait
	if try < 32 && c.o.Backoff<<(try-1) > 0 {
		d = min(d, c.o.Backoff<<(try-1))
	}
	return d/2 + time.Duration(c.o.Jitter()*float64(d/2))
}

// try sends the request once and tells OnRequest how it went.
func (c *caller) try(ctx context.Context, q request, u *url.URL, host *hostLimit, attempt int) (*response, error) {
	info := RequestInfo{Kind: c.kind, Host: u.Host, Attempt: attempt, Outcome: OutcomeOK}
	begun := c.o.Clock.Now()
	res, err := c.exchange(ctx, q, u, host, &info)
	info.Duration = c.o.Clock.Now().Sub(begun)
	var again *retryError
	if errors.As(err, &again) && again.usable && attempt >= c.o.MaxTries {
		err = nil
	}
	switch {
	case err == nil && res.status == http.StatusNotModified:
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

func (c *caller) exchange(ctx context.Context, q request, u *url.URL, host *hostLimit, info *RequestInfo) (*response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	req, err := c.request(ctx, q)
	if err != nil {
		return nil, c.refused(q, err)
	}
	got, err := c.http.Do(req)
	if err != nil {
		var refused refusedError
		if errors.As(err, &refused) {
			return nil, c.refused(q, refused)
		}
		return nil, &retryError{err: fmt.Errorf("ask %s: %w", u.Host, err)}
	}
	defer got.Body.Close()
	info.Status = got.StatusCode
	from := u
	if got.Request != nil && got.Request.URL != nil {
		from = got.Request.URL // Invariant 11: an answer is of who gave it, which a redirect may have changed
	}
	res := &response{status: got.StatusCode, header: got.Header, url: from, system: sourceSystem(from, got.Header)}
	c.heed(res, host)

	if got.StatusCode == http.StatusNotModified && len(q.header) > 0 {
		return res, nil
	}
	if got.StatusCode == http.StatusOK && q.headersOnly && !isHTML(got.Header, nil) {
		_, _ = io.CopyN(io.Discard, got.Body, 256<<10) // a short body read to its end keeps the connection
		return res, nil
	}
	res.body, err = c.read(q, got)
	info.Bytes = int64(len(res.body))
	if err != nil {
		return nil, err
	}
	return c.judge(q, res)
}

func (c *caller) request(ctx context.Context, q request) (*http.Request, error) {
	method := q.method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, q.url, strings.NewReader(q.body))
	if err != nil {
		return nil, err
	}
	for name, values := range q.header {
		req.Header[name] = values
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Accept-Encoding", "gzip")
	req.Header.Set("User-Agent", c.o.UserAgent)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if c.kind == Socrata && c.o.AppToken != "" {
		req.Header.Set(tokenHeader, c.o.AppToken)
	}
	return req, nil
}

// heed lets a simulator on this machine raise its own rate limit. Portals of the network cannot.
func (c *caller) heed(res *response, host *hostLimit) {
	if c.o.RequestsPerSecond > 0 || res.system != simulator || !isLoopback(res.url) {
		return
	}
	if n, err := strconv.ParseFloat(res.header.Get("X-Llac-Rate-Limit"), 64); err == nil && n > 0 && n <= 1e6 {
		host.raise(c.o.Clock.Now(), n)
	}
}

// read reads and decompresses a body, which may be cut short or larger than we are ready to hold.
func (c *caller) read(q request, got *http.Response) ([]byte, error) {
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
		return nil, c.permanent(q, got.StatusCode, fmt.Errorf("the answer is encoded as %.40q, which was not asked for", e),
			"a proxy between here and the portal may be in the way")
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
		return nil, c.permanent(q, got.StatusCode, fmt.Errorf("the answer is larger than %d bytes", c.o.MaxBody),
			"set a smaller page size in datasets/<dataset>.odcs.yaml")
	}
	_, _ = io.CopyN(io.Discard, got.Body, 1<<10) // what may follow the gzip stream: the end of the last chunk
	return body.Bytes(), nil
}

// judge decides what an answer is: good, worth another try, or final. Portals send errors with status 200 too.
func (c *caller) judge(q request, res *response) (*response, error) {
	p, known := readProblem(res.body)
	html := isHTML(res.header, res.body)
	status := res.status
	if status == http.StatusOK {
		switch {
		case html:
			return nil, c.passing(res, errors.New("the portal answered 200 with an HTML page instead of data"))
		case known && passing(p.status):
			return nil, c.passing(res, describeFailure(p.status, p, known, html))
		case known:
			if p.status >= 400 {
				status = p.status
			}
			return nil, c.final(q, res, status, p, known, html)
		case q.check == nil:
			return res, nil
		}
		return res, c.checked(q, res)
	}
	if passing(status) {
		return nil, c.passing(res, describeFailure(status, p, known, html))
	}
	if status == http.StatusNotModified {
		return nil, c.passing(res, errors.New("the portal answered 304 to a request without conditions"))
	}
	return nil, c.final(q, res, status, p, known, html)
}

func (c *caller) passing(res *response, err error) error {
	return &retryError{err: err, after: retryAfter(res.header.Get("Retry-After"), c.o.Clock.Now())}
}

// retryAfter reads a Retry-After header: seconds or a date; 0 where it says nothing.
func retryAfter(v string, now time.Time) time.Duration {
	v = strings.TrimSpace(v)
	if s, err := strconv.ParseInt(v, 10, 32); err == nil {
		return time.Duration(max(s, 0)) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(t.Sub(now), 0)
	}
	return 0
}

// checked runs the request's own check on a body.
func (c *caller) checked(q request, res *response) error {
	err := q.check(res)
	var doubtful doubtfulError
	if errors.As(err, &doubtful) {
		return &retryError{err: err, usable: true}
	}
	var page *PageError
	if !errors.As(err, &page) {
		return err
	}
	if errors.Is(err, errForm) {
		return c.permanent(q, res.status, err, "the portal's answers have changed: compare one with the documentation of its API")
	}
	again := &retryError{err: fmt.Errorf("the answer is malformed: %w", err)}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		// A body that is whole and still malformed, every time, will not mend itself.
		again.final = c.permanent(q, res.status, fmt.Errorf("the answer is whole but malformed, also on the last of %d tries: %w", c.o.MaxTries, err),
			"report it to the portal's operators"+requestNote(res))
	}
	return again
}

func requestNote(res *response) string {
	if id := requestID(res.header); id != "" {
		return ", with request id " + clip(id, 64)
	}
	return ""
}

// final is the error of a refusal. The body is kept only where it is an error body: anything else might be
// somebody's row (invariant 8).
func (c *caller) final(q request, res *response, status int, p problem, known, html bool) error {
	e := c.permanent(q, status, describeFailure(status, p, known, html), hint(c.kind, status, p, c.kind == Socrata && c.o.AppToken != ""))
	e.Body = c.redact(clip(string(res.body[:min(len(res.body), maxErrorBody)]), maxErrorBody))
	e.Err = errors.New(c.redact(e.Err.Error()))
	return e
}

// redact removes the app token from what a portal says, should it repeat it.
func (c *caller) redact(t string) string {
	if c.o.AppToken == "" {
		return t
	}
	return strings.ReplaceAll(t, c.o.AppToken, "[app token]")
}

func (c *caller) permanent(q request, status int, err error, hint string) *PermanentError {
	return &PermanentError{Op: q.op, Err: err, Status: status, Hint: hint}
}

func (c *caller) refused(q request, err error) error {
	return c.permanent(q, 0, err, "check the base address of the source and the portal options")
}

// requestID is the portal's own id of a request, where it gives one.
func requestID(h http.Header) string {
	for _, name := range []string{"X-Socrata-RequestId", "X-Request-Id"} {
		if id := h.Get(name); id != "" {
			return id
		}
	}
	return ""
}
