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

// Options configures a Cloud.
type Options struct {
	AWS      aws.Config
	Binaries string            // folder of <service>/bootstrap, built for this machine
	Extra    map[string]string // variables that the functions get besides their own
	Logs     string            // folder for the output of the functions
	// Invoked, if set, is called with the process that has just been given a batch.
	Invoked func(service string, process *os.Process)
}

// Cloud runs a Deployed: it polls the queues of its mappings and invokes their functions.
type Cloud struct {
	options  Options
	deployed Deployed
	sqs      *sqs.Client
	cancel   context.CancelFunc
	stop     chan struct{}
	once     sync.Once
	running  sync.WaitGroup

	mu       sync.Mutex
	received map[string]int // by service: messages that reached its function
	kills    map[string]int // by service: instances killed at their timeout
	problems []string
	busy     int       // batches that functions are processing
	latest   time.Time // when a function last received or finished a batch
}

// Start starts a poller for every enabled mapping. Call Close to stop them.
func Start(ctx context.Context, d Deployed, o Options) (*Cloud, error) {
	ctx, cancel := context.WithCancel(ctx)
	c := &Cloud{
		options: o, deployed: d, sqs: sqs.NewFromConfig(o.AWS), cancel: cancel, stop: make(chan struct{}),
		received: map[string]int{}, kills: map[string]int{}, latest: time.Now(),
	}
	for _, m := range d.Mappings {
		if !m.Enabled {
			continue
		}
		url, err := queueURL(m.Queue, aws.ToString(o.AWS.BaseEndpoint))
		if err == nil {
			_, err = c.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url})
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open queue %s of the mapping of %s: %w", m.Queue, m.Function.Name, err), c.Close())
		}
		c.running.Go(func() { c.poll(ctx, m, url) })
	}
	return c, nil
}

// closeWait is how long Close waits for batches in progress.
const closeWait = 3 * time.Second

// Close stops the pollers and the functions. It waits for a poll in progress: the cloud would continue a cancelled poll, and the messages
// it received would stay invisible for the visibility timeout.
func (c *Cloud) Close() error {
	c.once.Do(func() { close(c.stop) })
	late := time.AfterFunc(closeWait, c.cancel)
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

// poll polls for one mapping, with one instance of its function at a time. Like Lambda, it replaces an instance that failed to start,
// exited, or exceeded its timeout.
func (c *Cloud) poll(ctx context.Context, m Mapping, url string) {
	for ctx.Err() == nil && !c.stopped() {
		c.instance(ctx, m, url)
	}
}

// instance runs one instance of a function and gives it batches until the instance ends or the Cloud is stopped.
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
	alive, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_ = process.Wait() // reported below, from process.ProcessState
		close(ended)
		cancel() // no response will come for the batch in progress
	}()
	defer func() {
		_ = syscall.Kill(-process.Process.Pid, syscall.SIGKILL)
		<-ended
	}()
	source := lambdatest.EventSource{
		API: api, SQS: c.sqs, QueueURL: url, QueueARN: m.Queue, Batch: m.Batch, Hidden: m.Hidden, Timeout: m.Function.Timeout,
		Received: func(n int) {
			c.count(service, n, 1)
			if c.options.Invoked != nil {
				c.options.Invoked(service, process.Process)
			}
		},
	}
	for ctx.Err() == nil && !c.stopped() {
		select {
		case <-ended:
			// Lambda starts another for the next batch. A process that exits at once never becomes ready: its configuration is wrong.
			c.note("%s: the process exited: %s; the end of its log: %s", m.Function.Name, process.ProcessState, c.tail(service))
			pause(ctx, time.Second)
			return
		default:
		}
		if killed := c.batch(ctx, alive, m, source); killed {
			return
		}
	}
}

// batch polls once, gives the function what was received and notes what goes wrong. It reports whether the instance exceeded its timeout.
func (c *Cloud) batch(ctx, alive context.Context, m Mapping, source lambdatest.EventSource) (killed bool) {
	service := m.Function.Service()
	r, err := source.Once(alive)
	if r.Received > 0 {
		c.count(service, 0, -1)
	}
	switch {
	case ctx.Err() != nil:
	case alive.Err() != nil: // the process exited; instance notes it
	case err != nil && r.Received > 0:
		c.mu.Lock()
		c.kills[service]++
		c.mu.Unlock()
		c.note("%s: killed at its timeout of %s, with %d messages", m.Function.Name, m.Function.Timeout, r.Received)
		return true
	case err != nil:
		c.note("%s: %v", m.Function.Name, err)
		pause(ctx, time.Second)
	case r.Answer.Failed:
		c.note("%s: the function failed: %s", m.Function.Name, r.Answer.Payload)
	case !m.Partial && len(r.Failed) > 0:
		c.note("%s: reports failed messages, but its mapping has no ReportBatchItemFailures: they would be deleted", m.Function.Name)
	}
	return false
}

func (c *Cloud) start(f Function, api string) (*exec.Cmd, error) {
	if f.Handler != "bootstrap" || f.Runtime != "provided.al2023" {
		return nil, fmt.Errorf("start %s: handler %q on runtime %q; want bootstrap on provided.al2023", f.Name, f.Handler, f.Runtime)
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
		// What Lambda sets itself.
		"AWS_LAMBDA_RUNTIME_API": api, "AWS_LAMBDA_FUNCTION_NAME": f.Name, "AWS_LAMBDA_FUNCTION_VERSION": f.Version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": fmt.Sprint(f.Memory),
		"AWS_REGION":                      c.options.AWS.Region, "AWS_DEFAULT_REGION": c.options.AWS.Region,
		"AWS_ACCESS_KEY_ID": f.Service(), "AWS_SECRET_ACCESS_KEY": "driver", "TMPDIR": os.TempDir(), "PATH": "/usr/bin:/bin", "TZ": ":UTC",
	}
	maps.Copy(environment, f.Environment)
	maps.Copy(environment, c.options.Extra)
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		command.Env = append(command.Env, name+"="+environment[name])
	}
	return command, command.Start()
}

func (c *Cloud) log(service string) string { return filepath.Join(c.options.Logs, service+".log") }

// tail returns the last lines of a service's log.
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

// count adds messages that a service received, and batches in progress.
func (c *Cloud) count(service string, messages, busy int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.received[service] += messages
	c.busy += busy
	c.latest = time.Now()
}

// note keeps a problem, each text once.
func (c *Cloud) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if line := fmt.Sprintf(format, args...); !slices.Contains(c.problems, line) {
		c.problems = append(c.problems, line)
	}
}

// Received returns how many messages have reached a service's function, including repeated deliveries.
func (c *Cloud) Received(service string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.received[service]
}

// Kills returns how many instances of a service were killed at their timeout.
func (c *Cloud) Kills(service string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kills[service]
}

// Problems returns what went wrong with functions, each text once.
func (c *Cloud) Problems() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.problems)
}

// Quiet returns for how long no function has received or processed a batch; 0 while one is processing.
func (c *Cloud) Quiet() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy > 0 {
		return 0
	}
	return time.Since(c.latest)
}

// Fire sends a schedule's input to its target, as EventBridge Scheduler does when the schedule is due.
func (c *Cloud) Fire(ctx context.Context, schedule string, at time.Time) error {
	i := slices.IndexFunc(c.deployed.Schedules, func(s Schedule) bool { return s.Name == schedule })
	if i < 0 {
		return fmt.Errorf("fire %s: unknown schedule", schedule)
	}
	s := c.deployed.Schedules[i]
	if !s.Enabled {
		return fmt.Errorf("fire %s: the schedule is not enabled", schedule)
	}
	url, err := queueURL(s.Target, aws.ToString(c.options.AWS.BaseEndpoint))
	if err != nil {
		return fmt.Errorf("fire %s: %w", schedule, err)
	}
	body := strings.ReplaceAll(s.Input, "<aws.scheduler.scheduled-time>", at.UTC().Format(time.RFC3339))
	if _, err := c.sqs.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body}); err != nil {
		return fmt.Errorf("fire %s: send to %s: %w", schedule, s.Target, err)
	}
	c.count("", 0, 0)
	return nil
}

// Missing reports where the flow stopped: the first service, in the order of flow, that has received nothing. It returns "" if all have
// received something.
func (c *Cloud) Missing(flow []string) string {
	for i, service := range flow {
		if c.Received(service) > 0 {
			continue
		}
		source := "no mapping invokes it"
		for _, m := range c.deployed.Mappings {
			if m.Function.Service() == service {
				source = "its mapping reads " + m.Queue
			}
		}
		from := "the schedule"
		if i > 0 {
			from = "the " + flow[i-1]
		}
		text := "nothing reached the " + service + " from " + from + ": " + source
		if problems := c.Problems(); len(problems) > 0 {
			text += "\n" + strings.Join(problems, "\n")
		}
		return text
	}
	return ""
}
