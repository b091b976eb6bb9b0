package driver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/llac-project/llac/platform/runtime/lambdatest"
)

// Options say with what a Cloud acts.
type Options struct {
	AWS      aws.Config
	Binaries string            // folder of <service>/bootstrap, for this machine
	Extra    map[string]string // variables that the functions get beyond their own
	Logs     string            // folder for what the functions print
	// Invoked, when set, is told of the process that has just been given a batch.
	Invoked func(service string, process *os.Process)
}

// Cloud acts out a Deployed.
type Cloud struct {
	options  Options
	deployed Deployed
	sqs      *sqs.Client
	cancel   context.CancelFunc
	stop     chan struct{}
	once     sync.Once
	running  sync.WaitGroup

	mu      sync.Mutex
	heard   map[string]int // by service: messages that reached its function
	kills   map[string]int // by service: instances killed at their timeout
	trouble []string
	busy    int
	latest  time.Time // when anything was last heard
}

// Start begins to poll for every enabled mapping. Close the Cloud.
func Start(ctx context.Context, d Deployed, o Options) (*Cloud, error) {
	ctx, cancel := context.WithCancel(ctx)
	c := &Cloud{options: o, deployed: d, sqs: sqs.NewFromConfig(o.AWS), cancel: cancel, stop: make(chan struct{}), heard: map[string]int{}, kills: map[string]int{}, latest: time.Now()}
	for _, m := range d.Mappings {
		if !m.Enabled {
			continue
		}
		url, err := queueURL(m.Queue, aws.ToString(o.AWS.BaseEndpoint))
		if err == nil {
			_, err = c.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url})
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("the mapping of %s reads %s: %w", m.Function.Name, m.Queue, err), c.Close())
		}
		c.running.Go(func() { c.poll(ctx, m, url) })
	}
	return c, nil
}

// patience is how long Close waits for batches in hand.
const patience = 3 * time.Second

// Close stops polling and the functions. A poll under way is waited for: broken off, it would go on in the cloud, and what it receives
// would be nobody's for a visibility.
func (c *Cloud) Close() error {
	c.once.Do(func() { close(c.stop) })
	late := time.AfterFunc(patience, c.cancel)
	defer late.Stop()
	c.running.Wait()
	c.cancel()
	return nil
}

func (c *Cloud) stopped() bool {
	select {
	case <-c.stop:
		return true
	default:
		return false
	}
}

// poll is the poller of one mapping, with one instance of its function. An instance that failed to start, ended, or ran into its timeout is
// followed by another, as Lambda does it.
func (c *Cloud) poll(ctx context.Context, m Mapping, url string) {
	for ctx.Err() == nil && !c.stopped() {
		c.instance(ctx, m, url)
	}
}

func (c *Cloud) instance(ctx context.Context, m Mapping, url string) {
	service := m.Function.Service()
	api := lambdatest.StartRuntimeAPI()
	defer api.Close()
	process, err := c.start(m.Function, api.Address())
	if err != nil {
		c.note("%s: %v", m.Function.Name, err)
		pause(ctx, time.Second)
		return
	}
	ended := make(chan struct{})
	alive, dies := context.WithCancel(ctx)
	defer dies()
	go func() {
		_ = process.Wait() // how it ended is told where it matters
		close(ended)
		dies() // nobody will answer a batch that it has in hand
	}()
	defer func() {
		_ = syscall.Kill(-process.Process.Pid, syscall.SIGKILL)
		<-ended
	}()
	source := lambdatest.EventSource{API: api, SQS: c.sqs, QueueURL: url, QueueARN: m.Queue, Batch: m.Batch, Hidden: m.Hidden, Timeout: m.Function.Timeout, Received: func(n int) {
		c.count(service, n, 1)
		if c.options.Invoked != nil {
			c.options.Invoked(service, process.Process)
		}
	}}
	for ctx.Err() == nil && !c.stopped() {
		select {
		case <-ended:
			// Lambda starts another for the next batch. One that ends at once never becomes ready: its configuration is wrong.
			c.note("%s: its process ended: %s; the end of its log: %s", m.Function.Name, process.ProcessState, c.tail(service))
			pause(ctx, time.Second)
			return
		default:
		}
		r, err := source.Once(alive)
		if r.Received > 0 {
			c.count(service, 0, -1)
		}
		switch {
		case ctx.Err() != nil:
			return
		case alive.Err() != nil: // told above
		case err != nil && r.Received > 0:
			c.mu.Lock()
			c.kills[service]++
			c.mu.Unlock()
			c.note("%s: killed at its timeout of %s, with %d messages", m.Function.Name, m.Function.Timeout, r.Received)
			return
		case err != nil:
			c.note("%s: %v", m.Function.Name, err)
			pause(ctx, time.Second)
		case r.Answer.Failed:
			c.note("%s: the function failed: %s", m.Function.Name, r.Answer.Payload)
		case !m.Partial && len(r.Failed) > 0:
			c.note("%s: reports failed messages, but its mapping does not know ReportBatchItemFailures: they would be deleted", m.Function.Name)
		}
	}
}

func (c *Cloud) start(f Function, api string) (*exec.Cmd, error) {
	if f.Handler != "bootstrap" || f.Runtime != "provided.al2023" {
		return nil, fmt.Errorf("handler %q on %q: nothing of ours is that", f.Handler, f.Runtime)
	}
	log, err := os.OpenFile(c.log(f.Service()), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	command := exec.Command(filepath.Join(c.options.Binaries, f.Service(), f.Handler))
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	environment := map[string]string{
		// Lambda's own.
		"AWS_LAMBDA_RUNTIME_API": api, "AWS_LAMBDA_FUNCTION_NAME": f.Name, "AWS_LAMBDA_FUNCTION_VERSION": f.Version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": fmt.Sprint(f.Memory), "AWS_REGION": c.options.AWS.Region, "AWS_DEFAULT_REGION": c.options.AWS.Region,
		"AWS_ACCESS_KEY_ID": f.Service(), "AWS_SECRET_ACCESS_KEY": "acted", "TMPDIR": os.TempDir(), "PATH": "/usr/bin:/bin", "TZ": ":UTC",
	}
	maps.Copy(environment, f.Environment)
	maps.Copy(environment, c.options.Extra)
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		command.Env = append(command.Env, name+"="+environment[name])
	}
	return command, command.Start()
}

func (c *Cloud) log(service string) string { return filepath.Join(c.options.Logs, service+".log") }

func (c *Cloud) tail(service string) string {
	b, err := os.ReadFile(c.log(service))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func (c *Cloud) count(service string, messages, busy int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard[service] += messages
	c.busy += busy
	c.latest = time.Now()
}

func (c *Cloud) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if line := fmt.Sprintf(format, args...); !slices.Contains(c.trouble, line) {
		c.trouble = append(c.trouble, line)
	}
}

// Heard is how many messages have reached a service's function, those of repeated deliveries too.
func (c *Cloud) Heard(service string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heard[service]
}

// Kills is how many instances of a service were killed at their timeout.
func (c *Cloud) Kills(service string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kills[service]
}

// Trouble is what went wrong with functions, each thing once.
func (c *Cloud) Trouble() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.trouble)
}

// Quiet says how long nothing has reached any function, while none is at work.
func (c *Cloud) Quiet() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy > 0 {
		return 0
	}
	return time.Since(c.latest)
}

// Fire does what EventBridge Scheduler does when a schedule is due.
func (c *Cloud) Fire(ctx context.Context, schedule string, at time.Time) error {
	i := slices.IndexFunc(c.deployed.Schedules, func(s Schedule) bool { return s.Name == schedule })
	if i < 0 {
		return fmt.Errorf("there is no schedule %s", schedule)
	}
	s := c.deployed.Schedules[i]
	if !s.Enabled {
		return fmt.Errorf("the schedule %s is not enabled", schedule)
	}
	url, err := queueURL(s.Target, aws.ToString(c.options.AWS.BaseEndpoint))
	if err != nil {
		return fmt.Errorf("the schedule %s: %w", schedule, err)
	}
	body := strings.ReplaceAll(s.Input, "<aws.scheduler.scheduled-time>", at.UTC().Format(time.RFC3339))
	if _, err := c.sqs.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body}); err != nil {
		return fmt.Errorf("the schedule %s sends to %s: %w", schedule, s.Target, err)
	}
	c.count("", 0, 0)
	return nil
}

// Missing says at which hop the flow ended: the first service, in the order of the flow, that has heard nothing. Empty: all have.
func (c *Cloud) Missing(flow []string) string {
	for i, service := range flow {
		if c.Heard(service) > 0 {
			continue
		}
		reads := "no mapping calls it"
		for _, m := range c.deployed.Mappings {
			if m.Function.Service() == service {
				reads = "its mapping reads " + m.Queue
			}
		}
		from := "the schedule"
		if i > 0 {
			from = "the " + flow[i-1]
		}
		said := "nothing reached the " + service + " from " + from + ": " + reads
		if trouble := c.Trouble(); len(trouble) > 0 {
			said += "\n" + strings.Join(trouble, "\n")
		}
		return said
	}
	return ""
}
