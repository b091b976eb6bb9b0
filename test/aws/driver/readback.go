package driver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
)

// Deployed is what there is to act out.
type Deployed struct {
	Schedules []Schedule
	Mappings  []Mapping
}

// Schedule is one of EventBridge Scheduler.
type Schedule struct {
	Name    string
	Enabled bool
	Every   string // its expression
	Target  string // ARN of a queue
	Input   string // with EventBridge's words in it
}

// Mapping is an event source mapping, with the function that it calls.
type Mapping struct {
	ID      string
	Enabled bool
	Queue   string // ARN
	Batch   int
	Partial bool // ReportBatchItemFailures
	AtOnce  int  // maximum concurrency; 0: none is said
	// Hidden overrules the queue's visibility for tests that do not want to wait for it; 0: the queue's own.
	Hidden   time.Duration
	Function Function
}

// Function is a function as it is configured in the version that its mapping calls.
type Function struct {
	Name        string
	ARN         string // with the version
	Version     string
	CodeSHA256  string // base64, of the package
	Handler     string
	Runtime     string
	Arm         bool
	Memory      int // MiB
	Timeout     time.Duration
	Environment map[string]string
	Tracing     bool
}

// ReadBack reads what there is of an environment.
func ReadBack(ctx context.Context, config aws.Config, env string) (Deployed, error) {
	var d Deployed
	functions, clock := lambda.NewFromConfig(config), scheduler.NewFromConfig(config)
	prefix := "llac-" + env
	list, err := clock.ListSchedules(ctx, &scheduler.ListSchedulesInput{GroupName: &prefix})
	if err != nil {
		return d, fmt.Errorf("list the schedules of %s: %w", prefix, err)
	}
	for _, s := range list.Schedules {
		one, err := clock.GetSchedule(ctx, &scheduler.GetScheduleInput{GroupName: &prefix, Name: s.Name})
		if err != nil {
			return d, fmt.Errorf("read the schedule %s: %w", aws.ToString(s.Name), err)
		}
		if one.Target == nil {
			return d, fmt.Errorf("the schedule %s has no target", aws.ToString(s.Name))
		}
		d.Schedules = append(d.Schedules, Schedule{
			Name: aws.ToString(one.Name), Enabled: one.State == "ENABLED", Every: aws.ToString(one.ScheduleExpression),
			Target: aws.ToString(one.Target.Arn), Input: aws.ToString(one.Target.Input),
		})
	}
	for pages := lambda.NewListEventSourceMappingsPaginator(functions, &lambda.ListEventSourceMappingsInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return d, fmt.Errorf("list the event source mappings: %w", err)
		}
		for _, m := range page.EventSourceMappings {
			f, err := function(ctx, functions, aws.ToString(m.FunctionArn))
			if err != nil {
				return d, err
			}
			if !strings.HasPrefix(f.Name, prefix+"-") {
				continue
			}
			one := Mapping{
				ID: aws.ToString(m.UUID), Enabled: aws.ToString(m.State) == "Enabled", Queue: aws.ToString(m.EventSourceArn), Batch: int(aws.ToInt32(m.BatchSize)), Function: f,
			}
			for _, r := range m.FunctionResponseTypes {
				one.Partial = one.Partial || r == types.FunctionResponseTypeReportBatchItemFailures
			}
			if m.ScalingConfig != nil {
				one.AtOnce = int(aws.ToInt32(m.ScalingConfig.MaximumConcurrency))
			}
			d.Mappings = append(d.Mappings, one)
		}
	}
	return d, nil
}

// function reads a function's configuration in the version that an ARN names.
func function(ctx context.Context, client *lambda.Client, arn string) (Function, error) {
	in := &lambda.GetFunctionConfigurationInput{FunctionName: &arn}
	if parts := strings.Split(arn, ":"); len(parts) == 8 {
		in.FunctionName, in.Qualifier = aws.String(strings.Join(parts[:7], ":")), &parts[7]
	}
	c, err := client.GetFunctionConfiguration(ctx, in)
	if err != nil {
		return Function{}, fmt.Errorf("a mapping calls %s: %w", arn, err)
	}
	f := Function{
		Name: aws.ToString(c.FunctionName), ARN: aws.ToString(c.FunctionArn), Version: aws.ToString(c.Version), CodeSHA256: aws.ToString(c.CodeSha256), Handler: aws.ToString(c.Handler),
		Runtime: string(c.Runtime), Arm: len(c.Architectures) == 1 && c.Architectures[0] == types.ArchitectureArm64, Memory: int(aws.ToInt32(c.MemorySize)),
		Timeout: time.Duration(aws.ToInt32(c.Timeout)) * time.Second, Environment: map[string]string{}, Tracing: c.TracingConfig != nil && c.TracingConfig.Mode == types.TracingModeActive,
	}
	if c.Environment != nil {
		f.Environment = c.Environment.Variables
	}
	return f, nil
}

// Service is the service that a function is of, by its name: llac-<env>-<service>.
func (f Function) Service() string {
	_, rest, _ := strings.Cut(f.Name, "-")
	_, service, _ := strings.Cut(rest, "-")
	return service
}

// queueURL finds the queue of an ARN.
func queueURL(arn, endpoint string) (string, error) {
	parts := strings.Split(arn, ":")
	if len(parts) != 6 || parts[2] != "sqs" {
		return "", errors.New("not the ARN of a queue: " + arn)
	}
	return endpoint + "/" + parts[4] + "/" + parts[5], nil
}
