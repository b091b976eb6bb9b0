package terraform

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/llac-project/llac/cmd/llac/cli"
	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/filelake"
	"github.com/llac-project/llac/operations/pipeline"
	registered "github.com/llac-project/llac/operations/services"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/portal"
	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/telemetry"
)

// monitored returns the resources that monitor an environment: the stacks, and the alarms of the services.
func monitored(t *testing.T) []resource {
	t.Helper()
	all := slices.Clone(mocked(t, "stacks/monitoring", bothDashboards))
	all = append(all, mocked(t, "stacks/messaging", "")...)
	for _, r := range ofServices(t) {
		if r.Type == "aws_cloudwatch_metric_alarm" {
			all = append(all, r)
		}
	}
	return all
}

// ofServices returns the resources of all services. The module's own test is about the stager; the others differ by name, and a
// service that invokes itself by having no alarm "slow".
func ofServices(t *testing.T) []resource {
	var all []resource
	for _, r := range mocked(t, "modules/service", "") {
		for _, service := range services() {
			if invokesItself(service) && r.Index == "slow" {
				continue
			}
			b, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			var one resource
			if err := json.Unmarshal(bytes.ReplaceAll(b, []byte("stager"), []byte(service)), &one); err != nil {
				t.Fatal(err)
			}
			all = append(all, one)
		}
	}
	return all
}

// invokesItself reports whether a service consumes what it emits.
func invokesItself(service string) bool {
	return slices.ContainsFunc(events.Emits(service), func(t string) bool { return slices.Contains(events.Consumes(service), t) })
}

// metric is one that an alarm or a widget uses.
type metric struct {
	by, namespace, name string
	dimensions          map[string]string
}

// metrics returns all metrics in use, and their number by dashboard.
func metrics(t *testing.T, all []resource) ([]metric, map[string]int) {
	t.Helper()
	var out []metric
	texts := func(v any) map[string]string {
		m := map[string]string{}
		for k, one := range v.(map[string]any) {
			m[k] = one.(string)
		}
		return m
	}
	shown := map[string]int{}
	for _, r := range all {
		switch r.Type {
		case "aws_cloudwatch_metric_alarm":
			if r.text("metric_name") != "" {
				out = append(out, metric{r.text("alarm_name"), r.text("namespace"), r.text("metric_name"),
					texts(r.Change.After["dimensions"])})
			}
			queries, _ := r.Change.After["metric_query"].([]any)
			for _, q := range queries {
				uses, _ := q.(map[string]any)["metric"].([]any)
				for _, m := range uses {
					m := m.(map[string]any)
					out = append(out, metric{r.text("alarm_name"), m["namespace"].(string), m["metric_name"].(string),
						texts(m["dimensions"])})
				}
			}
		case "aws_cloudwatch_dashboard":
			for _, w := range widgets(t, r) {
				for _, line := range w.Properties.Metrics {
					if _, ok := line[0].(map[string]any); ok {
						continue // an expression
					}
					m := metric{r.text("dashboard_name") + ": " + w.Properties.Title, line[0].(string), line[1].(string),
						map[string]string{}}
					for i := 2; i+1 < len(line); i += 2 {
						m.dimensions[line[i].(string)] = line[i+1].(string)
					}
					out = append(out, m)
					shown[fmt.Sprint(r.Index)]++
				}
			}
		}
	}
	return out, shown
}

type widget struct {
	Type       string
	Properties struct {
		Title, Query string
		Metrics      [][]any
		Alarms       []string
	}
}

func widgets(t *testing.T, r resource) []widget {
	t.Helper()
	var body struct{ Widgets []widget }
	if err := json.Unmarshal([]byte(r.text("dashboard_body")), &body); err != nil || len(body.Widgets) == 0 {
		t.Fatalf("%s: %v", r.Address, err)
	}
	return body.Widgets
}

// awsMetrics are AWS's own metrics in use, with their dimensions (the page "metrics" of each service in AWS's documentation).
var awsMetrics = map[string][]string{
	"AWS/Lambda Errors":                          {"FunctionName"},
	"AWS/Lambda Duration":                        {"FunctionName"},
	"AWS/SQS ApproximateAgeOfOldestMessage":      {"QueueName"},
	"AWS/SQS ApproximateNumberOfMessagesVisible": {"QueueName"},
	"AWS/Athena TotalExecutionTime":              {"QueryState", "QueryType", "WorkGroup"},
	"AWS/Athena ProcessedBytes":                  {"QueryState", "QueryType", "WorkGroup"},
	"AWS/S3 BucketSizeBytes":                     {"BucketName", "StorageType"},
	"AWS/Billing EstimatedCharges":               {"Currency"},
}

// TestMetricsExist checks that every metric in use is one that the services write for this environment, or that AWS measures of
// existing functions and queues.
func TestMetricsExist(t *testing.T) {
	t.Parallel()
	all := monitored(t)
	series := map[string]bool{}
	for _, service := range registered.All {
		for _, s := range service.AllSeries() {
			for _, outcome := range []string{"ok", "failed"}[:s.Outcomes] {
				series[s.Name+" "+service.Name+" "+outcome] = true
			}
		}
	}
	resources := map[string]bool{}
	for _, s := range services() {
		resources["FunctionName llac-dev-"+s] = true
		for _, queue := range []string{messaging.QueueName("dev", s), messaging.DeadLetterQueueName("dev", s), "llac-dev-" + s +
			"-undelivered"} {
			resources["QueueName "+queue] = true
		}
	}
	for _, r := range all {
		if r.Type == "aws_sqs_queue" {
			resources["QueueName "+r.text("name")] = true
		}
	}
	used, shown := metrics(t, all)
	if len(used) < 60 {
		t.Fatalf("only %d metrics are in use", len(used))
	}
	seen := map[string]bool{}
	for _, m := range used {
		if strings.HasPrefix(m.namespace, "Llac") {
			id := m.name + " " + m.dimensions["service"] + " " + m.dimensions["outcome"]
			if m.namespace != telemetry.Namespace("dev") || len(m.dimensions) != 2 || !series[id] {
				t.Errorf("%s uses %+v, which no service writes", m.by, m)
			}
			seen[id] = true
			continue
		}
		dimensions, ok := awsMetrics[m.namespace+" "+m.name]
		if got := slices.Sorted(maps.Keys(m.dimensions)); !ok || !slices.Equal(got, dimensions) {
			t.Errorf("%s uses %+v, which AWS does not measure", m.by, m)
		}
		for _, d := range []string{"FunctionName", "QueueName"} {
			if v, ok := m.dimensions[d]; ok && !resources[d+" "+v] {
				t.Errorf("%s uses %s %s, which does not exist", m.by, d, v)
			}
		}
	}
	for id := range series {
		if !seen[id] {
			t.Errorf("%s costs money, and no alarm or widget uses it", id)
		}
	}
	for dashboard, n := range shown {
		if n > 50 {
			t.Errorf("dashboard %s shows %d metrics: above 50 it is not one of the three free ones", dashboard, n)
		}
	}
	// Every alarm is on the dashboard, and every alarm on the dashboard exists.
	var alarms, shownAlarms []string
	for _, r := range all {
		switch r.Type {
		case "aws_cloudwatch_metric_alarm":
			alarms = append(alarms, r.text("alarm_name"))
		case "aws_cloudwatch_dashboard":
			for _, w := range widgets(t, r) {
				for _, arn := range w.Properties.Alarms {
					shownAlarms = append(shownAlarms, arn[strings.LastIndex(arn, ":")+1:])
				}
			}
		}
	}
	slices.Sort(alarms)
	slices.Sort(shownAlarms)
	if !slices.Equal(alarms, shownAlarms) {
		t.Errorf("the alarms are\n%v, and the dashboard shows\n%v", alarms, shownAlarms)
	}
}

// logCollector collects what CloudWatch Logs would get.
type logCollector struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logCollector) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// faultyRun runs two datasets, sends a tick, then runs one that its portal has removed. It returns the log lines of the services and
// the events about incidents.
var faultyRun = sync.OnceValues(func() ([]map[string]any, error) {
	dir, err := os.MkdirTemp("", "llac-monitored-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	sim := portal.New(portal.Options{RegisterRows: 400})
	if err := sim.Start(ctx); err != nil {
		return nil, err
	}
	defer sim.Close()
	var out logCollector
	settings := pipeline.Settings{Dir: dir, Simulator: sim, MetricLines: &out, Grace: time.Second}
	contracts := filepath.Join(repository, "datasets")
	if _, err := pipeline.Run(ctx, pipeline.Options{Settings: settings, Contracts: contracts, Datasets: []string{"municipalities",
		"population"}, Timeout: time.Minute}); err != nil {
		return nil, err
	}
	if err := tick(ctx, settings); err != nil {
		return nil, err
	}
	broken := portal.New(portal.Options{RegisterRows: 400})
	if err := broken.SetFaults(portal.Fault{Kind: portal.Status, Portal: "socrata", Status: 404}); err != nil {
		return nil, err
	}
	if err := broken.Start(ctx); err != nil {
		return nil, err
	}
	defer broken.Close()
	settings.Simulator = broken
	if _, err := pipeline.Run(ctx, pipeline.Options{Settings: settings, Contracts: contracts, Datasets: []string{"municipalities"},
		Force: true, Timeout: time.Minute}); err != nil {
		return nil, err
	}
	log, err := os.ReadFile(pipeline.LogFile(dir))
	if err != nil {
		return nil, err
	}
	var lines []map[string]any
	for line := range bytes.Lines(append(out.b.Bytes(), log...)) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			return nil, fmt.Errorf("%w in %s", err, line)
		}
		lines = append(lines, m)
	}
	store := filelake.Open(dir, pipeline.DataBucket)
	var keys []string
	if err := store.List(ctx, "runs/", func(i lake.Info) bool { keys = append(keys, i.Key); return true }); err != nil {
		return nil, err
	}
	for _, key := range keys {
		if !strings.Contains(key, "/scheduler-incident.") {
			continue
		}
		r, _, err := lake.ReadState[lake.Receipt](ctx, store, key)
		if err != nil {
			return nil, err
		}
		for _, e := range r.Events {
			b, err := e.Marshal()
			if err != nil {
				return nil, err
			}
			lines = append(lines, map[string]any{incidentLine: string(b)})
		}
	}
	return lines, nil
})

// tick sends the scheduler of a state directory a tick, and waits until nothing is left to do.
func tick(ctx context.Context, settings pipeline.Settings) (err error) {
	p, err := pipeline.Start(ctx, settings)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	client := sqs.NewFromConfig(p.Cloud.AWS)
	queue, err := messaging.QueueURL(ctx, client, messaging.QueueName(pipeline.Env, "scheduler"))
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	e := events.New(events.ScheduleTicked{ScheduledAt: now})
	e.ID, e.Source, e.Time = "clock/tick/"+now.Format(time.RFC3339), "/llac/clock", now
	body, err := e.Marshal()
	if err != nil {
		return err
	}
	if _, err := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String(queue),
		MessageBody: aws.String(string(body))}); err != nil {
		return err
	}
	return p.Drain(ctx)
}

// incidentLine is the key under which faultyRun returns an event about an incident.
const incidentLine = "incident"

var (
	quotedText  = regexp.MustCompile(`"[^"]*"|/[^/\n]*/`)
	aliasText   = regexp.MustCompile(`\bas\s+(\w+)`)
	fieldText   = regexp.MustCompile(`@?[A-Za-z_]\w*`)
	insightsOwn = []string{"fields", "filter", "stats", "sort", "limit", "by", "as", "asc", "desc", "or", "and", "like", "max", "min",
		"sum", "count", "pct", "latest", "ispresent"}
	// of Lambda's REPORT lines
	lambdasOwn = []string{"@timestamp", "@message", "@log", "@type", "@maxMemoryUsed", "@memorySize", "@billedDuration"}
	present    = regexp.MustCompile(`ispresent\((\w+)\)`)
	equals     = regexp.MustCompile(`(\w+) = "([^"]*)"`)
)

// TestSavedQueriesFindLines checks that each field in a saved query or a widget is in the lines that its filter accepts, among the lines
// that services really write.
func TestSavedQueriesFindLines(t *testing.T) {
	t.Parallel()
	queries := map[string]string{}
	for _, r := range monitored(t) {
		switch r.Type {
		case "aws_cloudwatch_query_definition":
			queries[r.text("name")] = r.text("query_string")
		case "aws_cloudwatch_dashboard":
			for _, w := range widgets(t, r) {
				if w.Type == "log" {
					lines := strings.Split(w.Properties.Query, " | ")
					queries["widget "+w.Properties.Title] = strings.Join(slices.DeleteFunc(lines,
						func(l string) bool { return strings.HasPrefix(l, "SOURCE ") }), " | ")
				}
			}
		}
	}
	if len(queries) < 9 {
		t.Fatalf("only %d queries: %v", len(queries), queries)
	}
	lines, err := faultyRun()
	if err != nil {
		t.Fatal(err)
	}
	for name, query := range queries {
		filter := ""
		for part := range strings.SplitSeq(query, "\n|") {
			if rest, ok := strings.CutPrefix(strings.TrimSpace(part), "filter "); ok {
				filter = rest
			}
		}
		if strings.HasPrefix(filter, `@type = "REPORT"`) {
			continue // Lambda's own lines
		}
		found := map[string]bool{}
		for _, line := range lines {
			if passes(filter, line) {
				for k := range line {
					found[k] = true
				}
			}
		}
		if len(found) == 0 {
			t.Errorf("%s: its filter accepts no line: %s", name, filter)
			continue
		}
		bare := quotedText.ReplaceAllString(query, "")
		var own []string
		for _, m := range aliasText.FindAllStringSubmatch(bare, -1) {
			own = append(own, m[1])
		}
		for _, field := range fieldText.FindAllString(bare, -1) {
			if !found[field] && !slices.Contains(own, field) && !slices.Contains(insightsOwn, field) && !slices.Contains(lambdasOwn,
				field) {
				t.Errorf("%s uses %s, which no line that its filter accepts has", name, field)
			}
		}
	}
}

// passes reports whether a filter accepts a line. It supports the forms that the queries use; the run id of an example stands for any.
func passes(filter string, line map[string]any) bool {
	if m := present.FindStringSubmatch(filter); m != nil {
		return line[m[1]] != nil
	}
	for _, m := range equals.FindAllStringSubmatch(filter, -1) {
		v, ok := line[m[1]].(string)
		if ok && v != "" && (v == m[2] || m[1] == telemetry.KeyCorrelationID) {
			return true
		}
	}
	return false
}

// TestNotices evaluates the pipe's template on what the scheduler really emitted about a failed run, and on the released form of both
// events.
func TestNotices(t *testing.T) {
	t.Parallel()
	template, filters := "", []string{}
	for _, r := range monitored(t) {
		switch r.Type {
		case "aws_pipes_pipe":
			template = r.Change.After["target_parameters"].([]any)[0].(map[string]any)["input_template"].(string)
		case "aws_sns_topic_subscription":
			filters = append(filters, r.text("topic_arn")+" "+r.text("filter_policy"))
		}
	}
	want := fmt.Sprintf(`arn:aws:sns:eu-west-1:123456789012:llac-dev-scheduler {"type":["%s","%s"]}`,
		events.IncidentOpened{}.EventType(), events.IncidentClosed{}.EventType())
	if !slices.Equal(filters, []string{want}) {
		t.Errorf("notices are subscribed to %v, want %s", filters, want)
	}
	lines, err := faultyRun()
	if err != nil {
		t.Fatal(err)
	}
	var bodies []string
	for _, l := range lines {
		if b, ok := l[incidentLine].(string); ok && strings.Contains(b, `"subject":"municipalities"`) {
			bodies = append(bodies, b)
		}
	}
	if len(bodies) != 1 {
		t.Fatalf("a dataset that its portal removed is one incident, got %d: %v", len(bodies), bodies)
	}
	text := pipesTemplate(t, template, bodies[0])
	for _, part := range []string{"Llac dev: municipalities, run 2", ": the fetcher failed without a retry: ", "404",
		"Next: `llac show municipalities/2", " --env dev`"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in the notice: %s", part, text)
		}
	}
	t.Log(text)
	checkCommands(t, "a notice", text)
	for _, name := range []string{"incident.opened", "incident.closed"} {
		body := string(read(t, "events/testdata/v1/"+name+".json"))
		text := pipesTemplate(t, template, body)
		if !regexp.MustCompile("^Llac dev: [^ ].*[^ ]\\. Next: `[^ ].* --env dev`$").MatchString(text) {
			t.Errorf("%s: malformed notice: %s", name, text)
		}
		var schema struct{ Required []string }
		if err := json.Unmarshal(read(t, "events/schemas/cat.llac."+name+".v1.json"), &schema); err != nil {
			t.Fatal(err)
		}
		for _, m := range pipesPath.FindAllStringSubmatch(template, -1) {
			if field, ok := strings.CutPrefix(m[1], "body.data."); !ok || !slices.Contains(schema.Required, field) {
				t.Errorf("%s may lack %s, which the template uses", name, m[1])
			}
		}
	}
}

var pipesPath = regexp.MustCompile(`<\$\.([A-Za-z0-9_.\-\[\]]+)>`)

// pipesTemplate evaluates an input template of EventBridge Pipes on a queue's message with this body, as AWS documents it ("Amazon
// EventBridge Pipes input transformation"). A body that is JSON is parsed. A path in a string is replaced with its value, or with nothing
// if the value is missing. A value with a quotation mark or a control character would break the JSON, and fails here.
func pipesTemplate(t *testing.T, template, body string) string {
	t.Helper()
	record := map[string]any{"messageId": "1", "eventSource": "aws:sqs", "body": body}
	var inner any
	if json.Unmarshal([]byte(body), &inner) == nil {
		record["body"] = inner
	}
	text := pipesPath.ReplaceAllStringFunc(template, func(p string) string {
		var at any = record
		for step := range strings.SplitSeq(strings.ReplaceAll(strings.ReplaceAll(p[3:len(p)-1], "[", "."), "]", ""), ".") {
			switch v := at.(type) {
			case map[string]any:
				at = v[step]
			case []any:
				var i int
				if _, err := fmt.Sscan(step, &i); err != nil || i < 0 || i >= len(v) {
					return ""
				}
				at = v[i]
			default:
				return ""
			}
		}
		switch v := at.(type) {
		case nil:
			return ""
		case string:
			return v
		default:
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
	})
	var out string
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("the template did not produce a JSON text: %v\n%s", err, text)
	}
	return out
}

// TestPipesTemplate checks the evaluator against AWS's documentation.
func TestPipesTemplate(t *testing.T) {
	t.Parallel()
	for template, want := range map[string]string{
		`"Hello, <$.messageId>"`: "Hello, 1",
		`"<$.body.a> <$.body.list[1].b>|<$.nope.x>|<$.body.list[9]>|<$.body.n>"`: "x 2||| 7",
		`"<$.body.list>"`: `[1,2]`,
	} {
		body := `{"a":"x","n":7,"list":[0,{"b":2}]}`
		if strings.Contains(template, "list>") {
			body = `{"list":[1,2]}`
		}
		if got := pipesTemplate(t, template, body); got != strings.ReplaceAll(want, "| 7", "|7") {
			t.Errorf("%s: %q, want %q", template, got, want)
		}
	}
}

// TestCommandsInTexts checks that each command line in the text of an alarm, a rule or a pipe is valid for llac and names this environment.
func TestCommandsInTexts(t *testing.T) {
	t.Parallel()
	count := 0
	for _, r := range monitored(t) {
		b, err := json.Marshal(r.Change.After)
		if err != nil {
			t.Fatal(err)
		}
		var plain map[string]any
		if err := json.Unmarshal(b, &plain); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"alarm_description", "input_transformer"} {
			text := fmt.Sprint(plain[key])
			if key == "alarm_description" && r.Type == "aws_cloudwatch_metric_alarm" && !command.MatchString(text) &&
				!hint.MatchString(text) {
				t.Errorf("%s does not name the next step: %s", r.Address, text)
			}
			count += checkCommands(t, r.Address, text)
		}
	}
	// services/scheduler/incident.go
	for _, next := range []string{"`llac show things/20250803T140512 --env dev`", "`llac runs --dataset things --env dev`"} {
		count += checkCommands(t, "a notice", next)
	}
	if count < 20 {
		t.Errorf("the texts have only %d commands", count)
	}
	for _, wrong := range []string{"`llac status --everything`", "`llac status`", "`llac dlq discuss 1 --env dev`",
		"`llac stats --env dev`"} {
		if problems, _ := commands(wrong); len(problems) != 1 {
			t.Errorf("%s is not reported as wrong", wrong)
		}
	}
}

// hint is a next step other than a command.
var hint = regexp.MustCompile(`saved quer|Look at |Are both deployed`)

// checkCommands fails for each command line in a text that is not valid for llac, and returns the number of valid ones.
func checkCommands(t *testing.T, who, text string) int {
	t.Helper()
	problems, right := commands(text)
	for _, p := range problems {
		t.Errorf("%s has an invalid command: %s", who, p)
	}
	return right
}

// commands parses each command line in a text with llac.
func commands(text string) (problems []string, right int) {
	for _, m := range command.FindAllStringSubmatch(text, -1) {
		line, env := strings.CutSuffix(strings.NewReplacer("<dataset>", "things", "<run>", "20250803T140512", "<id>",
			"1").Replace(m[1]), " --env dev")
		words := strings.Fields(line)[1:]
		path := ""
		for _, w := range words {
			if strings.HasPrefix(w, "-") || w == "things" || strings.ContainsAny(w, "/0123456789") || slices.Contains(services(), w) {
				break
			}
			path += " " + w
		}
		switch trouble := parse(append(words, "--env", "dev"), path); {
		case trouble != "":
			problems = append(problems, fmt.Sprintf("%q: %s", line, trouble))
		case !env:
			problems = append(problems, fmt.Sprintf("%q, which lacks --env", line))
		default:
			right++
		}
	}
	return problems, right
}

// parse lets llac parse a command line without running it, and returns what is wrong.
func parse(words []string, path string) string {
	var out, trouble bytes.Buffer
	a := &cli.App{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &trouble, Clock: clock.System{},
		Getenv: func(string) string { return "" }}
	if status := a.Execute(context.Background(), append(slices.Clone(words), "--help")); status != 0 {
		return fmt.Sprintf("exit status %d, %s", status, trouble.String())
	}
	if !strings.Contains(out.String(), "llac"+path+" ") {
		return "unknown command"
	}
	return ""
}
