package runtime

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/llac-project/llac/platform/memory"
	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/source/portals"
)

// settings are the values that a service's program reads from the environment.
type settings struct {
	env, dataBucket, configBucket     string
	glueDatabase                      string
	queueURL, deadLetterURL, topicARN string
	portals                           Portals
	appTokens                         map[string]string // by the environment variable of their portal kind
	allowSimulated                    bool
	pollers, concurrency, maxReceives int
	visibility, timeout, grace        time.Duration
	backoff                           messaging.Backoff
	level                             slog.Level
	endpoint, spanFile                string
	failpoint                         string
	memory, lambdaMemory              memory.Size
	temporary                         string
}

// headroom is the minimum memory that a Lambda function keeps free. Lambda kills a function that exceeds its memory.
const headroom = 32 << 20

// memoryLimit returns the maximum memory of the process in bytes; 0 means that it is not set.
func (set settings) memoryLimit() int64 {
	if set.memory > 0 {
		return int64(set.memory)
	}
	return int64(set.lambdaMemory - min(set.lambdaMemory, max(set.lambdaMemory/8, headroom)))
}

// setting is one environment variable. The help text is generated from the same list.
type setting struct {
	name, help string
	set        func(*settings, string) error
	required   bool
	port       string // only services that ask for this port read the setting; empty means all services
	elsewhere  bool   // read by the AWS SDK or the Lambda runtime; listed only for the help text
}

func text(field func(*settings) *string) func(*settings, string) error {
	return func(s *settings, v string) error { *field(s) = v; return nil }
}

func count(field func(*settings) *int) func(*settings, string) error {
	return func(s *settings, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 1000 {
			return fmt.Errorf("want a number from 1 to 1000")
		}
		*field(s) = n
		return nil
	}
}

func duration(least, most time.Duration, field func(*settings) *time.Duration) func(*settings, string) error {
	return func(s *settings, v string) error {
		d, err := time.ParseDuration(v)
		if err != nil || d < least || d > most {
			return fmt.Errorf("want a duration from %s to %s, such as 30s or 5m", least, most)
		}
		*field(s) = d
		return nil
	}
}

func address(field func(*settings) *string) func(*settings, string) error {
	return func(s *settings, v string) error {
		u, err := url.Parse(v)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("want an http or https address")
		}
		*field(s) = v
		return nil
	}
}

// lowerOrDigits reports whether text has only characters of a-z, 0-9 and extra.
func lowerOrDigits(text string, extra rune) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != extra })
}

// memorySetting returns the name of the variable that limits the memory of a service's process, such as LLAC_STAGER_MEMORY.
func memorySetting(service string) string {
	return "LLAC_" + strings.ToUpper(strings.ReplaceAll(service, "-", "_")) + "_MEMORY"
}

// settingsOf lists the variables that a service reads: those of all services, and those of the ports that it asks for.
func settingsOf(s Service) []setting {
	var out []setting
	for _, e := range environment {
		if e.port != "" && !s.Needs(e.port) {
			continue
		}
		if e.name == "" {
			e.name = memorySetting(s.Name)
		}
		out = append(out, e)
	}
	return out
}

// environment lists the variables of all services. A setting with an empty name has the name that memorySetting returns.
var environment = slices.Concat([]setting{
	{name: "LLAC_ENV", required: true, help: "environment, such as dev; part of the names of queues and topics",
		set: func(s *settings, v string) error {
			if len(v) > 20 || !lowerOrDigits(v, '-') {
				return fmt.Errorf("want at most 20 characters of a-z, 0-9 and -")
			}
			s.env = v
			return nil
		}},
	{name: "LLAC_DATA_BUCKET", required: true, help: "data bucket", set: text(func(s *settings) *string { return &s.dataBucket })},
	{name: "LLAC_CONFIG_BUCKET", required: true, help: "config bucket, which contains the contracts",
		set: text(func(s *settings) *string { return &s.configBucket })},
	{name: "LLAC_GLUE_DATABASE", port: PortCatalogue,
		help: "Glue database whose tables are updated to match the pointers; default: no tables",
		set: func(s *settings, v string) error {
			if len(v) > 255 || !lowerOrDigits(v, '_') {
				return fmt.Errorf("want at most 255 characters of a-z, 0-9 and _, such as llac_dev_staging")
			}
			s.glueDatabase = v
			return nil
		}},
	{name: "LLAC_QUEUE_URL", help: "URL of the queue to consume; default: the queue llac-<env>-<service>",
		set: address(func(s *settings) *string { return &s.queueURL })},
	{name: "LLAC_DEAD_LETTER_QUEUE_URL", help: "URL of the dead-letter queue; default: the queue llac-<env>-<service>-dlq",
		set: address(func(s *settings) *string { return &s.deadLetterURL })},
	{name: "LLAC_TOPIC_ARN", help: "ARN of the topic to publish to; default: llac-<env>-<service> in the queue's account and region",
		set: func(s *settings, v string) error {
			if parts := strings.Split(v, ":"); len(parts) != 6 || parts[0] != "arn" || parts[2] != "sns" {
				return fmt.Errorf("want the ARN of an SNS topic")
			}
			s.topicARN = v
			return nil
		}},
	{name: "LLAC_PORTAL", port: PortPortal,
		help: "addresses that replace those of the contracts, by portal kind: socrata=http://127.0.0.1:9000,idescat=…",
		set:  func(s *settings, v string) (err error) { s.portals, err = ParsePortals(v); return err }},
}, tokenSettings(), []setting{
	{name: "LLAC_ALLOW_SIMULATED", port: PortAllowSimulated,
		help: "true allows the publication of simulated data; never set it in the cloud",
		set: func(s *settings, v string) (err error) {
			if s.allowSimulated, err = strconv.ParseBool(v); err != nil {
				return fmt.Errorf("want true or false")
			}
			return nil
		}},
	{name: "LLAC_CONCURRENCY", help: "maximum number of events handled at once; default 10",
		set: count(func(s *settings) *int { return &s.concurrency })},
	{name: "LLAC_POLLERS", help: "number of concurrent requests that wait for messages; default 2; not used in Lambda",
		set: count(func(s *settings) *int { return &s.pollers })},
	{name: "LLAC_MAX_RECEIVES",
		help: "number of tries before the service gives up on an event; default 5; the queue's maxReceiveCount should be 10 higher",
		set:  count(func(s *settings) *int { return &s.maxReceives })},
	{name: "LLAC_VISIBILITY",
		help: "visibility timeout of a received message, renewed while it is handled; default 30s; not used in Lambda",
		set:  duration(2*time.Second, 12*time.Hour, func(s *settings) *time.Duration { return &s.visibility })},
	{name: "LLAC_TIMEOUT",
		help: "maximum time to handle one event; default 15m; not used in Lambda, which has its own timeout",
		set:  duration(time.Second, 6*time.Hour, func(s *settings) *time.Duration { return &s.timeout })},
	{name: "LLAC_GRACE", help: "time to finish events in progress when the service stops; default 25s",
		set: duration(time.Millisecond, time.Hour, func(s *settings) *time.Duration { return &s.grace })},
	{name: "LLAC_BACKOFF",
		help: "delay after the first failed try; each further failure doubles it, up to LLAC_BACKOFF_MAX; default 5s",
		set:  duration(time.Millisecond, time.Hour, func(s *settings) *time.Duration { return &s.backoff.First })},
	{name: "LLAC_BACKOFF_MAX", help: "maximum delay after a failed try; default 5m",
		set: duration(time.Millisecond, 12*time.Hour, func(s *settings) *time.Duration { return &s.backoff.Max })},
	{port: PortMemory,
		help: "maximum memory of the process, such as 256MiB; at least 192MiB; default: most of a Lambda function's memory, else 256MiB",
		set: func(s *settings, v string) (err error) {
			if s.memory, err = memory.Parse(v); err == nil && s.memory < memory.Least {
				err = fmt.Errorf("want at least %s", memory.Least)
			}
			return err
		}},
	{name: "LLAC_TEMP", port: PortTemporary, help: "folder for data that do not fit into memory; default: the system's temporary folder",
		set: func(s *settings, v string) error {
			if info, err := os.Stat(v); err != nil || !info.IsDir() {
				return fmt.Errorf("want an existing folder")
			}
			s.temporary = v
			return nil
		}},
	{name: "LLAC_LOG_LEVEL", help: "minimum level of log lines: debug, info, warn or error; default info",
		set: func(s *settings, v string) error {
			if s.level.UnmarshalText([]byte(v)) != nil {
				return fmt.Errorf("want debug, info, warn or error")
			}
			return nil
		}},
	{name: "LLAC_SPAN_FILE", help: "file to which finished spans are appended as JSON lines",
		set: text(func(s *settings) *string { return &s.spanFile })},
	{name: "OTEL_EXPORTER_OTLP_ENDPOINT", help: "OTLP/HTTP collector for traces and metrics; default: none",
		set: address(func(s *settings) *string { return &s.endpoint })},
	{name: "LLAC_FAILPOINT", help: "for crash tests: point at which the process kills itself, such as stager.effect-receipt",
		set: text(func(s *settings) *string { return &s.failpoint })},
	{name: "AWS_REGION", help: "AWS region; the other variables of the AWS SDKs apply too, such as those for credentials", elsewhere: true},
	{name: "AWS_ENDPOINT_URL", help: "address of a local cloud; read by the AWS SDK", elsewhere: true},
	{name: "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", port: PortMemory, help: "memory of the function in MiB; set by Lambda",
		set: func(s *settings, v string) error {
			n, err := strconv.ParseUint(v, 10, 24)
			s.lambdaMemory = memory.Size(n) << 20
			if err != nil {
				return fmt.Errorf("want a number of MiB")
			}
			return nil
		}},
	{name: "AWS_LAMBDA_RUNTIME_API", help: "set by Lambda; the service then runs as a function", elsewhere: true},
})

// tokenSettings returns the variables of the application tokens of the portal kinds.
func tokenSettings() []setting {
	var out []setting
	for _, kind := range portals.All {
		if kind.TokenVariable == "" {
			continue
		}
		out = append(out, setting{
			name: kind.TokenVariable, port: PortPortal, help: "application token for " + kind.Title +
				", never logged; default: no token is sent",
			set: func(s *settings, v string) error {
				if s.appTokens == nil {
					s.appTokens = map[string]string{}
				}
				s.appTokens[kind.TokenVariable] = v
				return nil
			},
		})
	}
	return out
}

// readSettings reads the environment. Its error lists every missing or invalid variable.
func readSettings(service Service, lookup func(string) (string, bool)) (settings, error) {
	s := settings{backoff: messaging.DefaultBackoff}
	var problems []string
	for _, e := range settingsOf(service) {
		v, ok := lookup(e.name)
		v = strings.TrimSpace(v)
		switch {
		case e.elsewhere:
		case !ok || v == "":
			if e.required {
				problems = append(problems, fmt.Sprintf("%s is not set: %s", e.name, e.help))
			}
		default:
			if err := e.set(&s, v); err != nil {
				problems = append(problems, fmt.Sprintf("%s: %v", e.name, err)) // never the value: it may be a secret
			}
		}
	}
	if len(problems) > 0 {
		return settings{}, fmt.Errorf("configuration:\n  %s", strings.Join(problems, "\n  "))
	}
	return s, nil
}

// writeHelp writes the help text of the service's program.
func writeHelp(w io.Writer, s Service) {
	fmt.Fprintf(w, "%s is a service of Llac. It runs as a Lambda function, or consumes its queue until it receives SIGINT or "+
		"SIGTERM.\n\n", s.Name)
	fmt.Fprintf(w, "Consumes  %s\nEmits     %s\n\n", strings.Join(s.Consumes, "\n          "), strings.Join(s.Emits, "\n          "))
	fmt.Fprintf(w, "Flags\n  --help     print this text\n  --version  print the name of the build\n\nEnvironment (* required)\n")
	all := settingsOf(s)
	width := len(slices.MaxFunc(all, func(a, b setting) int { return len(a.name) - len(b.name) }).name)
	for _, e := range all {
		mark := " "
		if e.required {
			mark = "*"
		}
		fmt.Fprintf(w, "%s %-*s  %s\n", mark, width, e.name, e.help)
	}
	fmt.Fprintf(w, "\nExit status\n  0  stopped by a signal\n  1  failed to start or to run\n  2  invalid flags or configuration\n")
}
