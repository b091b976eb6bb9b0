package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/services"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/platform/local/portal"
	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/telemetry"
)

// Settings are the settings of a pipeline. Only Dir is required.
type Settings struct {
	Dir    string // state directory, created if missing
	Portal string // "simulator" (the default), "live", or "socrata=http://127.0.0.1:9000,idescat=…"

	Simulator        *portal.Portal // a running simulator, used if Portal is the simulator. Nil: Start starts one
	SimulatorOptions portal.Options // of the one that Start starts

	Clock       clock.Clock       // default: the system's
	LogLevel    slog.Level        // of the log file
	AppTokens   map[string]string // of portals, by the environment variable of their kind; sent only when set, never logged
	Endpoint    string            // OTLP/HTTP collector; empty: none
	Backoff     messaging.Backoff // of failed messages; default: half a second, doubled up to ten seconds
	MaxReceives int               // attempts per message; default messaging.DefaultMaxReceives
	Grace       time.Duration     // for work in progress when the pipeline is stopped; default 10 s
	Failpoint   string            // "<service>.<point>" at which the process kills itself; only tests of crashes set it
	MetricLines io.Writer         // receives metrics as CloudWatch would; nil: none
	Note        string            // shown to processes that cannot own the directory
	Faults      func(*http.Request) aws.Fault
	Trouble     func(string) // called once per host if a portal fails; nil: not reported
}

// laptopBackoff is shorter than the backoff on AWS, because a person is waiting.
var laptopBackoff = messaging.Backoff{First: 500 * time.Millisecond, Max: 10 * time.Second}

func (s *Settings) fill() {
	if s.Clock == nil {
		s.Clock = clock.System{}
	}
	if s.Backoff.First == 0 && s.Backoff.Max == 0 {
		s.Backoff = laptopBackoff
	}
	if s.MaxReceives <= 0 {
		s.MaxReceives = messaging.DefaultMaxReceives
	}
	if s.Grace <= 0 {
		s.Grace = 10 * time.Second
	}
	if s.Trouble == nil {
		s.Trouble = func(string) {}
	}
	if s.Note == "" {
		s.Note = "llac run"
	}
}

// Pipeline is the running services of the local cloud of a directory.
type Pipeline struct {
	Cloud    *Cloud
	Portals  string // which portals are read, in words
	settings Settings
	topology *messaging.Topology
	portals  *portalSetup
	tracker  *tracker

	operator  *telemetry.Telemetry // of the requests of the operator
	publisher *messaging.Publisher
	log       *os.File

	stop     context.CancelFunc
	stopped  sync.WaitGroup
	failed   chan error // a service that could not run
	shutdown []func(context.Context) error
}

// Start opens the directory and starts the local cloud, the portals and the services. It returns when all services receive
// messages. The pipeline runs until Close; ctx bounds only the start. The error is an *aws.OwnedError if another process owns
// the directory.
func Start(ctx context.Context, s Settings) (*Pipeline, error) {
	s.fill()
	if _, err := checkPortal(s.Portal); err != nil {
		return nil, err
	}
	cloud, err := open(ctx, s.Dir, s.Note)
	if err != nil {
		return nil, err
	}
	if s.Faults != nil {
		cloud.own.SetFault(s.Faults)
	}
	p := &Pipeline{Cloud: cloud, settings: s, tracker: newTracker(), failed: make(chan error, len(services.All)+1)}
	if err := p.start(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *Pipeline) start(ctx context.Context) (err error) {
	for _, file := range []string{LogFile(p.settings.Dir), SpanFile(p.settings.Dir)} {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return fmt.Errorf("create the folder of the logs: %w", err)
		}
	}
	if p.log, err = os.OpenFile(LogFile(p.settings.Dir), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644); err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	if p.operator, err = p.telemetry(ctx, events.Operator, nil); err != nil {
		return err
	}
	if p.portals, err = openPortals(ctx, p.settings.Portal, p.settings.Simulator, p.settings.SimulatorOptions); err != nil {
		return err
	}
	p.Portals = p.portals.describe()
	if p.topology, err = messaging.Deploy(ctx, p.Cloud.AWS, Env, services.Declarations(),
		topologyOptions(p.settings.MaxReceives)); err != nil {
		return fmt.Errorf("create the local topics and queues: %w", err)
	}
	p.publisher, err = messaging.NewPublisher(messaging.PublisherConfig{AWS: p.Cloud.AWS, Tracer: p.operator.Tracer})
	if err != nil {
		return err
	}
	return p.startServices(ctx)
}

// startServices starts the services and the observer and waits until all of them receive messages.
func (p *Pipeline) startServices(ctx context.Context) error {
	var life context.Context
	life, p.stop = context.WithCancel(context.WithoutCancel(ctx))
	receiving := make(chan struct{}, len(services.All))
	for _, s := range services.All {
		o, err := p.serviceOptions(ctx, s)
		if err != nil {
			return err
		}
		o.Receiving = func() { receiving <- struct{}{} }
		p.stopped.Go(func() {
			if err := runtime.Run(life, s, o); err != nil {
				p.failed <- err
			}
		})
	}
	if err := p.observe(life); err != nil {
		return err
	}
	for range services.All {
		select {
		case <-receiving:
		case err := <-p.failed:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func (p *Pipeline) serviceOptions(ctx context.Context, s runtime.Service) (runtime.Options, error) {
	t, err := p.telemetry(ctx, s.Name, s.AllSeries())
	if err != nil {
		return runtime.Options{}, err
	}
	if s.Needs(runtime.PortPortal) {
		t.Metrics = &listener{Metrics: t.Metrics, tracker: p.tracker, trouble: p.settings.Trouble}
	}
	return runtime.Options{
		AWS: p.Cloud.AWS, Env: Env, Telemetry: t,
		QueueURL: p.topology.Queues[s.Name], DeadLetterURL: p.topology.DeadLetters[s.Name], TopicARN: p.topology.Topics[s.Name],
		Grace: p.settings.Grace, Backoff: p.settings.Backoff, MaxReceives: p.settings.MaxReceives,
		Ports: runtime.NewPorts(s.Name, runtime.PortOptions{
			AWS: p.Cloud.AWS, DataBucket: DataBucket, ConfigBucket: ConfigBucket, Portals: p.portals.addresses,
			AppTokens: p.settings.AppTokens, AllowSimulated: p.portals.simulated, Clock: p.settings.Clock, Telemetry: t,
			Failpoint: p.settings.Failpoint,
		}),
	}, nil
}

func (p *Pipeline) telemetry(ctx context.Context, service string, series []telemetry.Series) (*telemetry.Telemetry, error) {
	t, err := telemetry.Setup(ctx, telemetry.Config{
		Service: service, Series: series, Env: Env, Build: runtime.Build(), Log: p.log, Level: p.settings.LogLevel, Clock: p.settings.Clock,
		Endpoint: p.settings.Endpoint, SpanFile: SpanFile(p.settings.Dir), MetricLines: p.settings.MetricLines,
	})
	if err == nil {
		p.shutdown = append(p.shutdown, t.Shutdown)
	}
	return t, err
}

// Close stops the services and releases the directory. The services finish the work in progress within the grace period and
// put the rest back into the queues.
func (p *Pipeline) Close() error {
	if p.stop != nil {
		p.stop()
	}
	p.stopped.Wait()
	var problems []error
	if p.publisher != nil {
		problems = append(problems, p.publisher.Close())
	}
	if p.portals != nil {
		p.portals.close()
	}
	flush, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, end := range p.shutdown {
		problems = append(problems, end(flush))
	}
	problems = append(problems, p.Cloud.Close())
	if p.log != nil {
		problems = append(problems, p.log.Close())
	}
	return errors.Join(problems...)
}
