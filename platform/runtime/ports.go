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
	Portals        Portals           // addresses that replace those of the contracts; may be empty
	AppTokens      map[string]string // application tokens of portals, by the environment variable of their kind; may be empty
	AllowSimulated bool
	Clock          clock.Clock          // default: clock.System
	Telemetry      *telemetry.Telemetry // default: none
	Failpoint      string               // "<service>.<point>"; only crash tests set it
	Memory         int64                // maximum memory of the process in bytes; 0 means the service's default
	Temporary      string               // folder for data that do not fit into memory; empty means the system's temporary folder
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

// fill sets the optional ports that are not set.
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
			took := float64(i.Duration) / float64(time.Millisecond)
			metrics.Record(context.Background(), metricPortalResponse, took, telemetry.Milliseconds,
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

// ParsePortals parses a list such as "socrata=http://127.0.0.1:9000,idescat=https://…". An address must be https,
// except on loopback.
func ParsePortals(spec string) (Portals, error) {
	p := Portals{}
	for one := range strings.SplitSeq(spec, ",") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		kind, address, _ := strings.Cut(one, "=")
		if _, err := portals.All.Find(kind); err != nil {
			return nil, fmt.Errorf("portal %q: %w; use kind=address, such as %s=http://127.0.0.1:9000", one, err, portals.All[0].Name)
		}
		u, err := url.Parse(address)
		switch {
		case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
			return nil, fmt.Errorf("portal %q: the address is not valid; use an address such as https://host/path", kind)
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

// BaseURL returns the address to which requests to the portal of a contract go.
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

// NewAttempt returns the id of an attempt: eight characters of [a-z2-7], which are 40 random bits.
func NewAttempt() string {
	var b [5]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
}

// version is set by the linker: -X github.com/llac-project/llac/platform/runtime.version=…
var version string

// Build returns the name of this build: the version that the linker set, else the commit, else "dev".
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
