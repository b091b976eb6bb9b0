package driver

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
)

// Deployed is the wiring of an environment: its schedules and its mappings.
type Deployed struct {
	Schedules []Schedule
	Mappings  []Mapping
}

// Schedule is a schedule of EventBridge Scheduler.
type Schedule struct {
	Name    string
	Enabled bool
	Every   string // schedule expression
	Target  string // ARN of a queue
	Input   string // may contain placeholders such as <aws.scheduler.scheduled-time>
}

// Mapping is an event source mapping, with the function that it invokes.
type Mapping struct {
	ID      string
	Enabled bool
	Queue   string // ARN
	Batch   int
	Partial bool // ReportBatchItemFailures
	AtOnce  int  // maximum concurrency; 0: not set
	// Hidden overrides the queue's visibility timeout, for tests that should not wait for it; 0: the queue's own.
	Hidden   time.Duration
	Function Function
}

// Function is the configuration of a function in the version that its mapping invokes.
type Function struct {
	Name        string
	ARN         string // with the version
	Version     string
	CodeSHA256  string // of the package, in base64
	Handler     string
	Runtime     string
	Arm         bool
	Memory      int // MiB
	Timeout     time.Duration
	Environment map[string]string
	Tracing     bool
}

// ReadBack reads the schedules and mappings of an environment from the cloud's API.
func ReadBack(ctx context.Context, config aws.Config, env string) (Deployed, error) {
	prefix := "llac-" + env
	schedules, err := readSchedules(ctx, scheduler.NewFromConfig(config), prefix)
	if err != nil {
		return Deployed{}, err
	}
	mappings, err := readMappings(ctx, lambda.NewFromConfig(config), prefix+"-")
	return Deployed{Schedules: schedules, Mappings: mappings}, err
}

// readSchedules reads the schedules of a group.
func readSchedules(ctx context.Context, client *scheduler.Client, group string) ([]Schedule, error) {
	list, err := client.ListSchedules(ctx, &scheduler.ListSchedulesInput{GroupName: &group})
	if err != nil {
		return nil, fmt.Errorf("list the schedules of %s: %w", group, err)
	}
	var out []Schedule
	for _, s := range list.Schedules {
		one, err := client.GetSchedule(ctx, &scheduler.GetScheduleInput{GroupName: &group, Name: s.Name})
		if err != nil {
			return nil, fmt.Errorf("read schedule %s: %w", aws.ToString(s.Name), err)
		}
		if one.Target == nil {
			return nil, fmt.Errorf("read schedule %s: it has no target", aws.ToString(s.Name))
		}
		out = append(out, Schedule{
			Name: aws.ToString(one.Name), Enabled: one.State == "ENABLED", Every: aws.ToString(one.ScheduleExpression),
			Target: aws.ToString(one.Target.Arn), Input: aws.ToString(one.Target.Input),
		})
	}
	return out, nil
}

// readMappings reads the event source mappings of the functions whose names have a prefix.
func readMappings(ctx context.Context, client *lambda.Client, prefix string) ([]Mapping, error) {
	var out []Mapping
	for pages := lambda.NewListEventSourceMappingsPaginator(client, &lambda.ListEventSourceMappingsInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the event source mappings: %w", err)
		}
		for _, m := range page.EventSourceMappings {
			f, err := readFunction(ctx, client, aws.ToString(m.FunctionArn))
			if err != nil {
				return nil, err
			}
			if !strings.HasPrefix(f.Name, prefix) {
				continue
			}
			one := Mapping{
				ID: aws.ToString(m.UUID), Enabled: aws.ToString(m.State) == "Enabled", Queue: aws.ToString(m.EventSourceArn),
				Batch: int(aws.ToInt32(m.BatchSize)), Function: f,
			}
			for _, r := range m.FunctionResponseTypes {
				one.Partial = one.Partial || r == types.FunctionResponseTypeReportBatchItemFailures
			}
			if m.ScalingConfig != nil {
				one.AtOnce = int(aws.ToInt32(m.ScalingConfig.MaximumConcurrency))
			}
			out = append(out, one)
		}
	}
	return out, nil
}

// readFunction reads a function's configuration in the version that an ARN names.
func readFunction(ctx context.Context, client *lambda.Client, arn string) (Function, error) {
	in := &lambda.GetFunctionConfigurationInput{FunctionName: &arn}
	if parts := strings.Split(arn, ":"); len(parts) == 8 {
		in.FunctionName, in.Qualifier = aws.String(strings.Join(parts[:7], ":")), &parts[7]
	}
	c, err := client.GetFunctionConfiguration(ctx, in)
	if err != nil {
		return Function{}, fmt.Errorf("read function %s, which a mapping invokes: %w", arn, err)
	}
	f := Function{
		Name:        aws.ToString(c.FunctionName),
		ARN:         aws.ToString(c.FunctionArn),
		Version:     aws.ToString(c.Version),
		CodeSHA256:  aws.ToString(c.CodeSha256),
		Handler:     aws.ToString(c.Handler),
		Runtime:     string(c.Runtime),
		Arm:         len(c.Architectures) == 1 && c.Architectures[0] == types.ArchitectureArm64,
		Memory:      int(aws.ToInt32(c.MemorySize)),
		Timeout:     time.Duration(aws.ToInt32(c.Timeout)) * time.Second,
		Environment: map[string]string{},
		Tracing:     c.TracingConfig != nil && c.TracingConfig.Mode == types.TracingModeActive,
	}
	if c.Environment != nil {
		f.Environment = c.Environment.Variables
	}
	return f, nil
}

// Service returns the service of a function, from its name llac-<env>-<service>.
func (f Function) Service() string {
	_, rest, _ := strings.Cut(f.Name, "-")
	_, service, _ := strings.Cut(rest, "-")
	return service
}

// queueURL returns the URL of the queue that an ARN names.
func queueURL(arn, endpoint string) (string, error) {
	parts := strings.Split(arn, ":")
	if len(parts) != 6 || parts[2] != "sqs" {
		return "", fmt.Errorf("%q is not the ARN of a queue", arn)
	}
	return endpoint + "/" + parts[4] + "/" + parts[5], nil
}
