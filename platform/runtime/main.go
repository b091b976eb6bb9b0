package runtime

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/aws/aws-lambda-go/lambda"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"github.com/llac-project/llac/platform/telemetry"
)

// Main runs a service as a program and exits. It reads the environment and runs the service as a Lambda function, or as a
// consumer until SIGINT or SIGTERM.
func Main(s Service) {
	os.Exit(program(s, os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr))
}

// program runs a service and returns the exit status.
func program(s Service, args []string, lookup func(string) (string, bool), stdout, stderr io.Writer) int {
	for _, a := range args {
		switch a {
		case "--help", "-h", "help":
			writeHelp(stdout, s)
			return 0
		case "--version":
			fmt.Fprintln(stdout, s.Name, Build())
			return 0
		default:
			fmt.Fprintf(stderr, "%s: unknown argument %q; see %s --help\n", s.Name, a, s.Name)
			return 2
		}
	}
	set, err := readSettings(s, lookup)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\nSee %s --help.\n", s.Name, err, s.Name)
		return 2
	}
	if _, inLambda := lookup("AWS_LAMBDA_RUNTIME_API"); inLambda {
		f := newFunction(s, func(ctx context.Context) (Options, error) { return set.options(ctx, s, stdout, stdout) })
		lambda.Start(f.Handle) // never returns
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	o, err := set.options(ctx, s, stderr, nil)
	if err == nil {
		// A second signal ends the process at once.
		context.AfterFunc(ctx, stop)
		err = Run(ctx, s, o)
		flush, cancel := context.WithTimeout(context.Background(), flushTime)
		defer cancel()
		if err := o.Telemetry.Shutdown(flush); err != nil {
			o.Telemetry.Log.Warn("telemetry was not exported", "error", err)
		}
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", s.Name, err)
		return 1
	}
	return 0
}

// options returns the options of Run. Metric lines are written to standard output in Lambda only.
func (set settings) options(ctx context.Context, s Service, log, metricLines io.Writer) (Options, error) {
	config, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return Options{}, fmt.Errorf("read the AWS configuration: %w", err)
	}
	if config.Region == "" {
		return Options{}, fmt.Errorf("no AWS region is set: set AWS_REGION")
	}
	config.AppID = "llac"
	t, err := telemetry.Setup(ctx, telemetry.Config{
		Service: s.Name, Env: set.env, Build: Build(), Log: log, Level: set.level,
		Series:   s.AllSeries(),
		Endpoint: set.endpoint, SpanFile: set.spanFile, MetricLines: metricLines,
	})
	if err != nil {
		return Options{}, err
	}
	ports := NewPorts(s.Name, PortOptions{
		AWS: config, DataBucket: set.dataBucket, ConfigBucket: set.configBucket, Portals: set.portals, AppTokens: set.appTokens,
		AllowSimulated: set.allowSimulated, Telemetry: t, Failpoint: set.failpoint, Memory: set.memoryLimit(), Temporary: set.temporary,
	})
	if s.Catalogue != nil && set.glueDatabase != "" {
		ports.Catalogue = s.Catalogue(ports, CatalogueOptions{AWS: config, Database: set.glueDatabase, Bucket: set.dataBucket})
	}
	return Options{
		AWS: config, Env: set.env, Telemetry: t, Ports: ports,
		QueueURL: set.queueURL, DeadLetterURL: set.deadLetterURL, TopicARN: set.topicARN,
		Pollers: set.pollers, Concurrency: set.concurrency, MaxReceives: set.maxReceives,
		Visibility: set.visibility, Timeout: set.timeout, Grace: set.grace, Backoff: set.backoff,
	}, nil
}
