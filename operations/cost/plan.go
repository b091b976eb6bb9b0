package cost

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Month is a month of 30 days.
const Month = 30 * 24 * time.Hour

// day is how often a daily schedule fires.
const day = 24 * time.Hour

// Standing lists the resources of an environment, as Terraform's plans have them.
type Standing struct {
	Plans    int            `json:"plans"`
	Counts   map[string]int `json:"resources"`       // by type
	Memory   map[string]int `json:"memory_mb"`       // by service
	Unknown  []string       `json:"unknown"`         // types that are not in the price table
	Rates    []string       `json:"unknown_rates"`   // schedules whose calls cannot be counted
	Calls    float64        `json:"schedule_calls"`  // per month
	Sweeps   float64        `json:"sweeps"`          // calls of schedules that fire at most once a day
	Envs     []string       `json:"environments"`    // environments with functions; each has its own metrics
	Watched  int            `json:"alarmed_metrics"` // metrics of alarms, beyond the first of each alarm
	Mappings int            `json:"mappings"`        // event source mappings that wait for messages
	Zones    int            `json:"endpoint_zones"`  // of interface endpoints
	canaries float64        // runs per month
}

// plan is the part of the output of `terraform show -json` that is read here.
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
	Resources []resource `json:"resources"`
	Children  []module   `json:"child_modules"`
}

type resource struct {
	Mode   string          `json:"mode"`
	Type   string          `json:"type"`
	Name   string          `json:"name"`
	Values json.RawMessage `json:"values"`
}

// values are the attributes of resources that affect the cost.
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

// ErrNoPlan reports that a file is not a Terraform plan.
var ErrNoPlan = errors.New("not a Terraform plan in JSON")

// ReadPlans reads the output of `terraform show -json <plan>` of every root: files, or folders of *.json files.
func (t Table) ReadPlans(paths []string) (*Standing, error) {
	files, err := planFiles(paths)
	if err != nil {
		return nil, err
	}
	s := &Standing{Counts: map[string]int{}, Memory: map[string]int{}}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the plan: %w", err)
		}
		var one plan
		if err := json.Unmarshal(b, &one); err != nil || one.FormatVersion == "" {
			return nil, fmt.Errorf("read %s: %w", file, ErrNoPlan)
		}
		s.Plans++
		for _, m := range []module{one.PlannedValues.RootModule, one.Values.RootModule} {
			if err := s.addModule(t, m); err != nil {
				return nil, fmt.Errorf("read %s: %w", file, err)
			}
		}
	}
	slices.Sort(s.Unknown)
	s.Unknown = slices.Compact(s.Unknown)
	return s, nil
}

// planFiles lists the files, and the *.json files of the folders, that paths name.
func planFiles(paths []string) ([]string, error) {
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
		found, err := filepath.Glob(filepath.Join(p, "*.json"))
		if err != nil || len(found) == 0 {
			return nil, fmt.Errorf("read the plans of %s: %w: the folder has no *.json file", p, ErrNoPlan)
		}
		files = append(files, found...)
	}
	return files, nil
}

func (s *Standing) addModule(t Table, m module) error {
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
		s.addResource(r.Type, v)
	}
	for _, child := range m.Children {
		if err := s.addModule(t, child); err != nil {
			return err
		}
	}
	return nil
}

// addResource adds what a resource costs beyond being there.
func (s *Standing) addResource(kind string, v values) {
	switch kind {
	case "aws_lambda_function":
		s.addFunction(v)
	case "aws_lambda_event_source_mapping":
		if v.Enabled == nil || *v.Enabled {
			s.Mappings++
		}
	case "aws_cloudwatch_metric_alarm": // an alarm on an expression is billed for each of its metrics
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
		if v.State != "DISABLED" {
			s.addSchedule(v.ScheduleExpression)
		}
	case "aws_synthetics_canary":
		for _, one := range v.Schedule {
			n, ok := callsPerMonth(one.Expression)
			if !ok {
				s.Rates = append(s.Rates, one.Expression)
			}
			s.canaries += n
		}
	}
}

func (s *Standing) addFunction(v values) {
	name := v.FunctionName
	if service := serviceOf(name); service != nil {
		name = service.Name
	}
	s.Memory[name] = v.MemorySize
	env := strings.TrimSuffix(strings.TrimPrefix(v.FunctionName, "llac-"), "-"+name)
	if !slices.Contains(s.Envs, env) {
		s.Envs = append(s.Envs, env)
	}
}

func (s *Standing) addSchedule(expression string) {
	n, ok := callsPerMonth(expression)
	if !ok {
		s.Rates = append(s.Rates, expression)
		return
	}
	s.Calls += n
	if n <= float64(Month/day) {
		s.Sweeps += n
	}
}

var rate = regexp.MustCompile(`^rate\((\d+) (minute|hour|day)s?\)$`)

// callsPerMonth returns how often a schedule fires. It understands fixed rates, and cron expressions that fire once a day.
func callsPerMonth(expression string) (float64, bool) {
	if m := rate.FindStringSubmatch(expression); m != nil {
		n, err := strconv.Atoi(m[1])
		unit := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": day}[m[2]]
		if err != nil || n == 0 {
			return 0, false
		}
		return float64(Month) / float64(time.Duration(n)*unit), true
	}
	fields := strings.Fields(strings.TrimSuffix(strings.TrimPrefix(expression, "cron("), ")"))
	if len(fields) != 6 || !strings.HasPrefix(expression, "cron(") {
		return 0, false
	}
	for _, f := range fields[:2] { // one minute and one hour
		if _, err := strconv.Atoi(f); err != nil {
			return 0, false
		}
	}
	for _, f := range fields[2:] {
		if f != "*" && f != "?" {
			return 0, false
		}
	}
	return float64(Month / day), true
}
