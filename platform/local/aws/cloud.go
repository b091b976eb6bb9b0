package aws

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/llac-project/llac/platform/clock"
)

// Options are the settings of a Cloud. Only Dir is required.
type Options struct {
	Dir       string        // state directory, created if missing: ".llac"
	Addr      string        // host:port to listen on; default "127.0.0.1:0", a free port. Loopback addresses only
	Buckets   []string      // created if missing
	Region    string        // default "eu-west-1"
	AccountID string        // twelve digits; default "000000000000"
	Clock     clock.Clock   // default: the system's
	NewID     func() string // returns message and request ids; default: random UUIDs
	OwnerNote string        // in the error of another process that opens the directory, e.g. "llac run"

	// If StrictMissing is true, reading an object that does not exist returns 403 AccessDenied instead of 404, as S3 does for a
	// role without ListBucket.
	StrictMissing bool
}

// Cloud is a running local cloud.
type Cloud struct {
	endpoint string
	region   string
	lakeDir  string
	newID    func() string
	strict   bool

	owner   *ownership
	broker  *broker
	objects *objects
	s3      http.Handler
	unused  connections // opened by clients and not used yet
	server  *http.Server
	served  chan struct{}

	life  context.Context // ends on Close, and with it the long polls
	end   context.CancelFunc
	fault atomic.Pointer[func(*http.Request) Fault]
	once  sync.Once
	ended error
}

// Start locks the directory, opens its state and listens. It returns an error that matches ErrOwned if another process owns the
// directory. ctx bounds the start only: the Cloud runs until Close.
func Start(ctx context.Context, o Options) (*Cloud, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if o.Dir == "" {
		return nil, errors.New("start the local cloud: Options.Dir is empty; set a state directory")
	}
	setDefault(&o.Addr, "127.0.0.1:0")
	setDefault(&o.Region, "eu-west-1")
	setDefault(&o.AccountID, "000000000000")
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.NewID == nil {
		o.NewID = randomUUID
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("local cloud: make state directory: %w", err)
	}
	owner, err := takeOwnership(o.Dir, o.OwnerNote, o.Clock.Now())
	if err != nil {
		return nil, err
	}
	c := &Cloud{owner: owner, newID: o.NewID, region: o.Region, strict: o.StrictMissing, served: make(chan struct{})}
	c.life, c.end = context.WithCancel(context.Background())
	if err := c.open(ctx, o); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// open opens the state and listens.
func (c *Cloud) open(ctx context.Context, o Options) (err error) {
	own := names{region: o.Region, account: o.AccountID}
	if c.broker, err = openBroker(filepath.Join(o.Dir, "queues"), o.Clock, o.NewID, own); err != nil {
		return err
	}
	if c.lakeDir, err = filepath.Abs(filepath.Join(o.Dir, "lake")); err != nil {
		return fmt.Errorf("local cloud: %w", err)
	}
	if c.objects, err = openObjects(c.lakeDir, o.Clock); err != nil {
		return err
	}
	for _, name := range o.Buckets {
		if err := c.objects.ensureBucket(name); err != nil {
			return fmt.Errorf("local cloud: make bucket %q: %w", name, err)
		}
	}
	c.s3 = c.objects.handler(c.strict)
	listener, err := listenLoopback(ctx, o.Addr)
	if err != nil {
		return err
	}
	c.endpoint = "http://" + listener.Addr().String()
	server := &http.Server{
		Handler:           c,
		BaseContext:       func(net.Listener) context.Context { return c.life },
		ReadHeaderTimeout: 30 * time.Second,
		ConnState:         c.unused.follow,
	}
	if err := c.owner.announce(c.endpoint); err != nil {
		return errors.Join(err, listener.Close())
	}
	c.server = server
	go func() {
		defer close(c.served)
		_ = server.Serve(listener) // returns an error when Close ends it
	}()
	return nil
}

// listenLoopback listens. It refuses addresses that other machines could reach, because requests are not authenticated.
func listenLoopback(ctx context.Context, addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("local cloud: address %q: %w; use 127.0.0.1:<port>", addr, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("local cloud: %q is not a loopback address; it has no access control, so use 127.0.0.1", addr)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("local cloud: listen: %w", err)
	}
	return l, nil
}

// Endpoint returns the address of all three services: "http://127.0.0.1:40123".
func (c *Cloud) Endpoint() string { return c.endpoint }

// Region returns the region of all resources.
func (c *Cloud) Region() string { return c.region }

// TopicARN returns the ARN of a topic of this cloud.
func (c *Cloud) TopicARN(name string) string { return c.broker.names.topicARN(name) }

// QueueARN returns the ARN of a queue of this cloud.
func (c *Cloud) QueueARN(name string) string { return c.broker.names.queueARN(name) }

// BucketDir returns the folder with a bucket's objects as plain files.
func (c *Cloud) BucketDir(bucket string) string { return filepath.Join(c.lakeDir, bucket) }

// Config returns the configuration for SDK clients of this cloud.
func (c *Cloud) Config() awssdk.Config { return ConfigFor(c.endpoint, c.region) }

// SetFault sets a function that returns the fault of each request before it is executed; nil: no faults. For requests of the
// query protocol (SNS), r.Form is set. The function must not read bodies.
func (c *Cloud) SetFault(f func(*http.Request) Fault) {
	if f == nil {
		c.fault.Store(nil)
		return
	}
	c.fault.Store(&f)
}

// Close ends long polls, waits for requests in progress, closes the state and releases the directory. It may be called more
// than once.
func (c *Cloud) Close() error {
	c.once.Do(func() {
		c.end()
		var problems []error
		if c.server != nil {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			c.unused.close()
			if c.server.Shutdown(ctx) != nil {
				problems = append(problems, c.server.Close()) // a client that does not finish its request
			}
			<-c.served
		}
		if c.broker != nil {
			problems = append(problems, c.broker.journal.close())
		}
		problems = append(problems, c.owner.release())
		c.ended = errors.Join(problems...)
	})
	return c.ended
}

// maxMessageRequest bounds an SQS or SNS request: ten messages of 1 MiB in all, with the protocols' overhead.
const maxMessageRequest = 16 << 20

// ServeHTTP passes a request to the service of its protocol.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	serve := c.s3.ServeHTTP
	if isSQS(r) || isQuery(r) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessageRequest))
		if err != nil {
			http.Error(w, "the request body is too large or incomplete", http.StatusRequestEntityTooLarge)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		serve = func(w http.ResponseWriter, r *http.Request) { c.serveSQS(w, r, body) }
		if isQuery(r) {
			if r.Form, err = url.ParseQuery(string(body)); err != nil {
				http.Error(w, "the form cannot be parsed", http.StatusBadRequest)
				return
			}
			serve = func(w http.ResponseWriter, r *http.Request) { c.serveSNS(w, r, r.Form) }
		}
	}
	if f := c.fault.Load(); f != nil {
		if c.inject(w, r, (*f)(r), serve) {
			return
		}
	}
	serve(w, r)
}

func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

// randomUUID returns a version 4 UUID.
func randomUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// connections are those without a request so far. Shutdown would wait five seconds for each of them.
type connections struct {
	mu     sync.Mutex
	open   map[net.Conn]bool
	closed bool
}

func (u *connections) follow(c net.Conn, state http.ConnState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if state != http.StateNew {
		delete(u.open, c)
		return
	}
	if u.closed {
		_ = c.Close() // the server has ended
		return
	}
	if u.open == nil {
		u.open = map[net.Conn]bool{}
	}
	u.open[c] = true
}

func (u *connections) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	for c := range u.open {
		_ = c.Close() // it has no request
	}
}
