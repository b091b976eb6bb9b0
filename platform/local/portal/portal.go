package portal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/source"
)

// Headers of every answer of the simulator.
const (
	SystemHeader    = "X-Llac-Source-System" // always "simulator" (invariant 11)
	RateLimitHeader = "X-Llac-Rate-Limit"    // requests a second that the simulator invites a client to send
	SystemName      = "simulator"
)

// inventedHost is where all links of the simulator's answers point. It is no host: nobody mistakes such a link for the
// real portal's, and the bytes of an answer do not depend on the port.
const inventedHost = "http://simulator.invalid"

// Options say what the simulator serves and how. The zero value is the default simulator.
type Options struct {
	Seed         uint64        // of everything invented
	RegisterRows int           // rows of the register of services; 0: DefaultRegisterRows; at most MaxRegisterRows
	Clock        clock.Clock   // for delays and the request log; nil: the system's
	UpdatedAt    time.Time     // when the datasets were published; zero: 2026-04-30 14:30:13 UTC
	PageDelay    time.Duration // how long a page of data takes
	RateLimit    int           // requests a second to advertise; 0: 1000

	// Addresses to listen on, all loopback; empty: a free port of 127.0.0.1.
	SocrataAddress, IdescatAddress, CKANAddress string
}

// DefaultUpdatedAt is when the simulated datasets say they were published.
var DefaultUpdatedAt = time.Date(2026, 4, 30, 14, 30, 13, 0, time.UTC)

// Portal is the simulator of all three portals. Its methods may be called at any time from any goroutine.
type Portal struct {
	options  Options
	register RegisterCounts

	publishing sync.Mutex // held while a new version is made, so that two do not overwrite each other

	mu       sync.Mutex
	socrata  map[string]*series
	ckan     map[string]*series
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

// New makes a simulator. Nothing listens until Start; the handlers work without it.
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
		options: o, socrata: map[string]*series{}, ckan: map[string]*series{},
		tables: map[string]*Table{}, urls: map[string]string{},
	}
	f := loadFacts()
	register, counts := newRegister(f, o.Seed, o.RegisterRows)
	p.register = counts
	built := []error{
		p.Add(municipalitiesDataset(f)), p.Add(register), p.AddResource(facilities(f, o.Seed)),
		p.Add(housingDataset(f, o.Seed)),
		p.AddTable(populationTable(f, o.Seed)), p.AddTable(ageTable(f, o.Seed)), p.AddTable(closedGDPTable(f, o.Seed)),
		p.AddTable(largeTable(f, o.Seed)), p.AddTable(sparseTable(f, o.Seed)),
	}
	for _, t := range gdpTables(o.Seed) {
		built = append(built, p.AddTable(t))
	}
	if err := errors.Join(built...); err != nil {
		panic(err) // built from the embedded facts alone: a defect of the build, never of an input
	}
	return p
}

// Start listens on the loopback addresses of the options and serves until Close, or until ctx ends.
func (p *Portal) Start(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("starting the portal simulator: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.servers) > 0 {
		return errors.New("starting the portal simulator: it runs already")
	}
	for _, part := range []struct {
		kind, address string
		handler       http.Handler
	}{
		{source.Socrata, p.options.SocrataAddress, p.Socrata()},
		{source.Idescat, p.options.IdescatAddress, p.Idescat()},
		{source.CKAN, p.options.CKANAddress, p.CKAN()},
	} {
		listener, err := listen(part.address)
		if err != nil {
			p.closeServers()
			return fmt.Errorf("starting the portal simulator for %s: %w", part.kind, err)
		}
		server := &http.Server{Handler: part.handler, ReadHeaderTimeout: 10 * time.Second}
		p.servers = append(p.servers, server)
		p.urls[part.kind] = "http://" + listener.Addr().String()
		p.waiting.Go(func() { _ = server.Serve(listener) }) // ends with ErrServerClosed
	}
	p.stop = context.AfterFunc(ctx, p.Close)
	return nil
}

// listen opens a TCP listener and refuses every address that is not loopback.
func listen(address string) (net.Listener, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", address, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("address %q is not loopback: the simulator is not for the network; use 127.0.0.1", address)
	}
	return net.Listen("tcp", address)
}

// Close stops listening and ends open connections. The datasets stay, and Start may be called again.
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

// SocrataURL is the base URL of the Socrata portal: scheme, host and port, no trailing slash; empty before Start.
func (p *Portal) SocrataURL() string { return p.url(source.Socrata) }

// IdescatURL is the base URL under which /taules/v2 lies; empty before Start.
func (p *Portal) IdescatURL() string { return p.url(source.Idescat) }

// CKANURL is the base URL under which /data/api/3/action lies; empty before Start.
func (p *Portal) CKANURL() string { return p.url(source.CKAN) }

func (p *Portal) url(kind string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.urls[kind]
}

// Register says what the register of services was made with; a republication does not change the answer.
func (p *Portal) Register() RegisterCounts { return p.register }
