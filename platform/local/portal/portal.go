package portal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/portals"
)

// Headers of every response of the simulator.
const (
	SystemHeader    = source.SystemHeader // always SystemName (invariant 11)
	RateLimitHeader = "X-Llac-Rate-Limit" // requests per second that a client may send to the simulator
	SystemName      = source.Simulator
)

// inventedHost is the host of all links in the simulator's responses. It does not exist: such a link cannot be confused with
// one of the real portal, and the bytes of a response do not depend on the port.
const inventedHost = "http://simulator.invalid"

// Options configure the simulator's data and behaviour. The zero value is the default simulator.
type Options struct {
	Seed         uint64        // of all generated data
	RegisterRows int           // rows of the register of services; 0: DefaultRegisterRows; at most MaxRegisterRows
	Clock        clock.Clock   // for delays and the request log; nil: the system's
	UpdatedAt    time.Time     // when the datasets were published; zero: 2026-04-30 14:30:13 UTC
	PageDelay    time.Duration // delay of each page of data
	RateLimit    int           // advertised requests per second; 0: 1000

	// Addresses to listen on, by portal kind, all loopback; none: a free port of 127.0.0.1.
	Addresses map[string]string
}

// DefaultUpdatedAt is the default time of publication of the simulated datasets.
var DefaultUpdatedAt = time.Date(2026, 4, 30, 14, 30, 13, 0, time.UTC)

// Portal is the simulator of all portal kinds. Its methods may be called at any time from any goroutine.
type Portal struct {
	options  Options
	register RegisterCounts

	publishing sync.Mutex // held while a new version is created, so that two do not overwrite each other

	mu       sync.Mutex
	series   map[string]map[string]*series // datasets of rows, by portal kind and id
	tables   map[string]*Table
	order    []string // of tables, as added
	faults   []*armedFault
	requests []Request
	served   uint64
	servers  []*http.Server
	urls     map[string]string
	stop     func() bool
	waiting  sync.WaitGroup
}

// New returns a simulator. It listens only after Start; the handlers work without it.
func New(o Options) *Portal {
	if o.RegisterRows == 0 {
		o.RegisterRows = DefaultRegisterRows
	}
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.UpdatedAt.IsZero() {
		o.UpdatedAt = DefaultUpdatedAt
	}
	if o.RateLimit <= 0 {
		o.RateLimit = 1000
	}
	p := &Portal{
		options: o, series: map[string]map[string]*series{}, tables: map[string]*Table{}, urls: map[string]string{},
	}
	f := loadFacts()
	for _, protocol := range protocols {
		if err := protocol.load(p, f); err != nil {
			panic(err) // built only from the embedded facts: a defect of the build, never of an input
		}
	}
	return p
}

// Start listens on the loopback addresses of the options and serves until Close, or until ctx ends.
func (p *Portal) Start(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("start the portal simulator: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.servers) > 0 {
		return errors.New("start the portal simulator: it is already running")
	}
	for kind := range p.options.Addresses {
		if _, err := portals.All.Find(kind); err != nil {
			return fmt.Errorf("start the portal simulator: %w", err)
		}
	}
	for _, kind := range portals.All.Names() {
		if err := p.listen(kind); err != nil {
			p.closeServers()
			return fmt.Errorf("start the portal simulator for %s: %w", kind, err)
		}
	}
	p.stop = context.AfterFunc(ctx, p.Close)
	return nil
}

// listen starts serving one portal kind.
func (p *Portal) listen(kind string) error {
	handler, err := p.Handler(kind)
	if err != nil {
		return err
	}
	listener, err := listen(p.options.Addresses[kind])
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	p.servers = append(p.servers, server)
	p.urls[kind] = "http://" + listener.Addr().String()
	p.waiting.Go(func() { _ = server.Serve(listener) }) // ends with ErrServerClosed
	return nil
}

// Handler returns the server of one portal kind. It works without Start.
func (p *Portal) Handler(kind string) (http.Handler, error) {
	protocol, err := findProtocol(kind)
	if err != nil {
		return nil, err
	}
	return p.handler(protocol), nil
}

// listen opens a TCP listener. It rejects addresses that are not loopback.
func listen(address string) (net.Listener, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", address, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("address %q is not loopback; use 127.0.0.1", address)
	}
	return net.Listen("tcp", address)
}

// Close stops listening and closes open connections. The datasets remain, and Start may be called again.
func (p *Portal) Close() {
	p.mu.Lock()
	if p.stop != nil {
		p.stop()
		p.stop = nil
	}
	p.closeServers()
	p.mu.Unlock()
	p.waiting.Wait()
}

func (p *Portal) closeServers() {
	for _, s := range p.servers {
		_ = s.Close() // the listener is gone either way
	}
	p.servers = nil
	clear(p.urls)
}

// URLs returns the base URL of each portal kind: scheme, host and port, without a trailing slash; empty before Start.
func (p *Portal) URLs() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.urls)
}

// Setting returns the value of --portal and LLAC_PORTAL with which this simulator is read:
// "socrata=http://127.0.0.1:9000,idescat=…".
func (p *Portal) Setting() string {
	urls := p.URLs()
	var pairs []string
	for _, kind := range portals.All.Names() {
		pairs = append(pairs, kind+"="+urls[kind])
	}
	return strings.Join(pairs, ",")
}

// URL returns the base URL of one portal kind; empty before Start.
func (p *Portal) URL(kind string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.urls[kind]
}

// Register returns the counts of the register of services as created; republishing does not change them.
func (p *Portal) Register() RegisterCounts { return p.register }
