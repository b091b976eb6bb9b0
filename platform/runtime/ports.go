package runtime

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"net"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/portals"
	"github.com/llac-project/llac/platform/telemetry"
)

// PortOptions configure the ports of a service. AWS and the buckets are required.
type PortOptions struct {
	AWS            aws.Config
	DataBucket     string
	ConfigBucket   string
	Portals        Portals           // where portals are really asked; empty: at the contract's address
	AppTokens      map[string]string // of portals, by the environment variable of their kind; sent only when set
	AllowSimulated bool
	Clock          clock.Clock          // default clock.System
	Telemetry      *telemetry.Telemetry // default: none
	Failpoint      string               // "<service>.<point>"; only tests of crashes set it
	Memory         int64                // bytes that the process stays within; 0: the service's default
	Temporary      string               // folder for what does not fit into memory; empty: the system's
}

// NewPorts returns the ports of a service.
func NewPorts(service string, o PortOptions) Ports {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	p := Ports{
		Lake:      lake.Counted(lake.NewS3(o.AWS, o.DataBucket, o.Clock)),
		Contracts: &ConfigContracts{Store: lake.Counted(lake.NewS3(o.AWS, o.ConfigBucket, o.Clock))},
		BaseURL:   o.Portals.BaseURL, NewAttempt: NewAttempt, Clock: o.Clock, Build: Build(), AllowSimulated: o.AllowSimulated,
		Memory: o.Memory, Temporary: o.Temporary, Failpoint: Failpoints(service, o.Failpoint),
	}
	p.fill(o.Telemetry)
	p.Portal = portalClients(o, p.Metrics)
	return p
}

// fill sets the ports that may be left out.
func (p *Ports) fill(t *telemetry.Telemetry) {
	if p.Clock == nil {
		p.Clock = clock.System{}
	}
	if p.Metrics == nil && t != nil {
		p.Metrics = t.Metrics
	}
	if p.Metrics == nil {
		p.Metrics = telemetry.Discard{}
	}
	if p.Log == nil && t != nil {
		p.Log = t.Log
	}
	if p.Log == nil {
		p.Log = telemetry.NoLog()
	}
	if p.Failpoint == nil {
		p.Failpoint = func(string) {}
	}
	if p.NewAttempt == nil {
		p.NewAttempt = NewAttempt
	}
	if p.BaseURL == nil {
		p.BaseURL = Portals(nil).BaseURL
	}
	if p.Build == "" {
		p.Build = Build()
	}
}

// portalClients returns a function that creates the client of a portal kind on first use.
func portalClients(o PortOptions, metrics telemetry.Metrics) func(string) (source.Client, error) {
	var mu sync.Mutex
	clients := map[string]source.Client{}
	options := source.Options{
		Clock: o.Clock, Allow: slices.Concat(portals.All.Hosts(), o.Portals.Hosts()),
		OnRequest: func(i source.RequestInfo) {
			metrics.Record(context.Background(), metricPortalResponse, float64(i.Duration)/float64(time.Millisecond), telemetry.Milliseconds,
				telemetry.KeyOutcome, i.Outcome, "kind", i.Kind, "host", i.Host, "status", i.Status, "attempt", i.Attempt, "bytes", i.Bytes)
		},
	}
	return func(name string) (source.Client, error) {
		mu.Lock()
		defer mu.Unlock()
		if c := clients[name]; c != nil {
			return c, nil
		}
		kind, err := portals.All.Find(name)
		if err != nil {
			return nil, Permanent(err)
		}
		options := options
		options.AppToken = o.AppTokens[kind.TokenVariable]
		c, err := portals.All.NewClient(name, options)
		if err != nil {
			return nil, Permanent(err)
		}
		clients[name] = c
		return c, nil
	}
}

// Portals maps a portal kind to the base URL that replaces the contract's address.
type Portals map[string]string

// ParsePortals parses a list such as "socrata=http://127.0.0.1:9000,idescat=https://…". Only loopback may be http.
func ParsePortals(spec string) (Portals, error) {
	p := Portals{}
	for one := range strings.SplitSeq(spec, ",") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		kind, address, _ := strings.Cut(one, "=")
		if _, err := portals.All.Find(kind); err != nil {
			return nil, fmt.Errorf("portal %q: %w; write kind=address, as in %s=http://127.0.0.1:9000", one, err, portals.All[0].Name)
		}
		u, err := url.Parse(address)
		switch {
		case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
			return nil, fmt.Errorf("portal %q: the address is not valid; write an address such as https://host/path", kind)
		case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
			return nil, fmt.Errorf("portal %q: the address must be https; http is for loopback only", kind)
		}
		p[kind] = strings.TrimSuffix(address, "/")
	}
	return p, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// BaseURL returns the address at which the portal of a contract is requested.
func (p Portals) BaseURL(kind, contractURL string) string {
	if address, ok := p[kind]; ok {
		return address
	}
	return contractURL
}

// Hosts returns the hosts of all addresses.
func (p Portals) Hosts() []string {
	var hosts []string
	for _, address := range p {
		if u, err := url.Parse(address); err == nil {
			hosts = append(hosts, u.Hostname())
		}
	}
	slices.Sort(hosts)
	return hosts
}

// NewAttempt returns the id of an attempt: eight of [a-z2-7], 40 random bits.
func NewAttempt() string {
	var b [5]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
}

// version is set by the linker: -X github.com/llac-project/llac/platform/runtime.version=…
var version string

// Build returns the name of this build: the version it was linked with, else the commit, else "dev".
func Build() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				return s.Value[:12]
			}
		}
	}
	return "dev"
}
