package cost

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/telemetry"
)

// Month is a month of 30 days.
const Month = 30 * 24 * time.Hour

// Standing is what stands in an environment, as Terraform's plans say.
type Standing struct {
	Plans    int            `json:"plans"`
	Counts   map[string]int `json:"resources"`       // by type
	Memory   map[string]int `json:"memory_mb"`       // by service
	Unknown  []string       `json:"unknown"`         // types that the table does not know
	Rates    []string       `json:"unknown_rates"`   // schedules that cannot be counted
	Calls    float64        `json:"schedule_calls"`  // a month
	Sweeps   float64        `json:"sweeps"`          // of them, those of once a day
	Envs     []string       `json:"environments"`    // that have functions, each with metrics of its own
	Watched  int            `json:"alarmed_metrics"` // by alarms, beyond the first of each
	Mappings int            `json:"mappings"`        // that wait for messages
	Zones    int            `json:"endpoint_zones"`  // of interface endpoints
	canaries float64        // runs a month
}

// plan is as much of `terraform show -json` as counts.
type plan struct {
	FormatVersion string `json:"format_version"`
	PlannedValues struct {
		RootModule module `json:"root_module"`
	} `json:"planned_values"`
	Values struct { // of a state instead of a plan
		RootModule module `json:"root_module"`
	} `json:"values"`
}

type module struct {
	Resources []struct {
		Mode   string          `json:"mode"`
		Type   string          `json:"type"`
		Name   string          `json:"name"`
		Values json.RawMessage `json:"values"`
	} `json:"resources"`
	Children []module `json:"child_modules"`
}

// values is as much of a resource as has to do with money.
type values struct {
	FunctionName       string   `json:"function_name"`
	MemorySize         int      `json:"memory_size"`
	Enabled            *bool    `json:"enabled"`
	EventSourceARN     string   `json:"event_source_arn"`
	ScheduleExpression string   `json:"schedule_expression"`
	State              string   `json:"state"`
	VPCEndpointType    string   `json:"vpc_endpoint_type"`
	SubnetIDs          []string `json:"subnet_ids"`
	MetricQuery        []struct {
		Metric []json.RawMessage `json:"metric"`
	} `json:"metric_query"`
	Schedule []struct {
		Expression string `json:"expression"`
	} `json:"schedule"`
}

// ErrNoPlan says that a file is no plan of Terraform's.
var ErrNoPlan = errors.New("no plan")

// ReadPlans reads what `terraform show -json <plan>` wrote, of every root: files, or folders of *.json files.
func (t Table) ReadPlans(paths []string) (*Standing, error) {
	s := &Standing{Counts: map[string]int{}, Memory: map[string]int{}}
	var files []string
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, fmt.Errorf("read the plan: %w", err)
		}
		if !info.IsDir() {
			files = append(files, p)
			continue
		}
		in, err := filepath.Glob(filepath.Join(p, "*.json"))
		if err != nil || len(in) == 0 {
			return nil, fmt.Errorf("read the plans of %s: %w: there is no *.json in it", p, ErrNoPlan)
		}
		files = append(files, in...)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the plan: %w", err)
		}
		var one plan
		if err := json.Unmarshal(b, &one); err != nil || one.FormatVersion == "" {
			return nil, fmt.Errorf("read %s: %w of Terraform's in JSON", file, ErrNoPlan)
		}
		s.Plans++
		for _, m := range []module{one.PlannedValues.RootModule, one.Values.RootModule} {
			if err := s.take(t, m); err != nil {
				return nil, fmt.Errorf("read %s: %w", file, err)
			}
		}
	}
	slices.Sort(s.Unknown)
	s.Unknown = slices.Compact(s.Unknown)
	return s, nil
}

func (s *Standing) take(t Table, m module) error {
	for _, r := range m.Resources {
		if r.Mode != "managed" {
			continue
		}
		s.Counts[r.Type]++
		if t.Resources[r.Type] == "" && !slices.Contains(t.Free, r.Type) && r.Type != "aws_synthetics_canary" {
			s.Unknown = append(s.Unknown, r.Type)
		}
		var v values
		if len(r.Values) > 0 {
			if err := json.Unmarshal(r.Values, &v); err != nil {
				return fmt.Errorf("resource %s.%s: %w", r.Type, r.Name, err)
			}
		}
		switch r.Type {
		case "aws_lambda_function":
			service := serviceOf(v.FunctionName)
			s.Memory[service] = v.MemorySize
			if env := strings.TrimSuffix(strings.TrimPrefix(v.FunctionName, "llac-"), "-"+service); !slices.Contains(s.Envs, env) {
				s.Envs = append(s.Envs, env)
			}
		case "aws_lambda_event_source_mapping":
			if v.Enabled == nil || *v.Enabled {
				s.Mappings++
			}
		case "aws_cloudwatch_metric_alarm": // one of an expression over several metrics is paid for each of them
			metrics := 0
			for _, q := range v.MetricQuery {
				metrics += len(q.Metric)
			}
			s.Watched += max(0, metrics-1)
		case "aws_vpc_endpoint":
			if v.VPCEndpointType == "Interface" {
				s.Zones += max(1, len(v.SubnetIDs))
			}
		case "aws_scheduler_schedule":
			if n, ok := callsAMonth(v.ScheduleExpression); v.State == "DISABLED" {
			} else if ok {
				s.Calls += n
				if n <= float64(Month/(24*time.Hour)) {
					s.Sweeps += n
				}
			} else {
				s.Rates = append(s.Rates, v.ScheduleExpression)
			}
		case "aws_synthetics_canary":
			for _, one := range v.Schedule {
				n, ok := callsAMonth(one.Expression)
				if !ok {
					s.Rates = append(s.Rates, one.Expression)
				}
				s.canaries += n
			}
		}
	}
	for _, child := range m.Children {
		if err := s.take(t, child); err != nil {
			return err
		}
	}
	return nil
}

// serviceOf is the service of a function's name, llac-<env>-<service>.
func serviceOf(function string) string {
	for _, f := range events.Flow {
		if strings.HasSuffix(function, "-"+f.Service) {
			return f.Service
		}
	}
	return function
}

var rate = regexp.MustCompile(`^rate\((\d+) (minute|hour|day)s?\)$`)

// callsAMonth is how often a schedule of a fixed rate, or a cron of once a day, fires in a month.
func callsAMonth(expression string) (float64, bool) {
	if m := rate.FindStringSubmatch(expression); m != nil {
		n, err := strconv.Atoi(m[1])
		unit := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[m[2]]
		if err != nil || n == 0 {
			return 0, false
		}
		return float64(Month) / float64(time.Duration(n)*unit), true
	}
	fields := strings.Fields(strings.TrimSuffix(strings.TrimPrefix(expression, "cron("), ")"))
	if len(fields) != 6 || !strings.HasPrefix(expression, "cron(") {
		return 0, false
	}
	for _, f := range fields[:2] { // minute and hour: one each
		if _, err := strconv.Atoi(f); err != nil {
			return 0, false
		}
	}
	for _, f := range fields[2:] {
		if f != "*" && f != "?" {
			return 0, false
		}
	}
	return float64(Month / (24 * time.Hour)), true
}

// Idle is what an environment uses in a month in which no source changes.
func (t Table) Idle(s *Standing, datasets int) []Usage {
	var out []Usage
	add := func(what, service string, n float64) {
		if n > 0 {
			out = append(out, Usage{What: what, Service: service, Quantity: n})
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(t.Resources)) {
		add(t.Resources[kind], "", float64(s.Counts[kind]))
	}
	// The services' own metrics are in no plan: they come to be when something is measured.
	add("custom_metric", "", float64(telemetry.CountSeries()*len(s.Envs)))
	add("alarm", "", float64(s.Watched))
	add("interface_endpoint", "", float64(s.Zones))
	add("canary_run", "", s.canaries)
	polls := t.assume("pollers") * Month.Seconds() / t.assume("poll_seconds")
	add("sqs_request", "", float64(s.Mappings)*polls)
	add("sqs_request", "", float64(s.Counts["aws_pipes_pipe"])*polls) // a pipe waits at its queue as a mapping does

	// The ticks find nothing to do, and look.
	ticks, sweeps := s.Calls-s.Sweeps, s.Sweeps
	add("schedule_call", "", s.Calls)
	for _, one := range []struct {
		service string
		calls   float64
		gets    float64
		lists   float64
	}{{"scheduler", ticks, 1 + float64(datasets)*t.assume("idle_gets"), 0}, {"landing-janitor", sweeps, float64(datasets), float64(datasets) * t.assume("sweep_lists")}} {
		add("sqs_request", one.service, 2*one.calls)
		add("lambda_request", one.service, one.calls)
		add("lambda_gb_second", one.service, one.calls*t.assume("idle_seconds")*t.memory(s, one.service))
		add("s3_get", one.service, one.calls*one.gets)
		add("s3_put", one.service, one.calls*(1+one.lists)) // the receipt
		add("log_gb", one.service, one.calls*t.assume("log_bytes")/1e9)
		add("log_gb_month", one.service, one.calls*t.assume("log_bytes")/1e9)
		add("xray_trace", one.service, one.calls)
	}
	return out
}

// memory is a function's memory in GB.
func (t Table) memory(s *Standing, service string) float64 {
	if s != nil && s.Memory[service] > 0 {
		return float64(s.Memory[service]) / 1024
	}
	return t.assume("memory_mb") / 1024
}
