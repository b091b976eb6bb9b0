//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package aws

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/llac-project/llac/operations/services"
	"github.com/llac-project/llac/test/aws/driver"
)

// checkConfiguration checks the settings of each function and queue that the flow does not depend on.
func checkConfiguration(t *testing.T, e *environment, d driver.Deployed) {
	var invoked []string
	for _, m := range d.Mappings {
		f := m.Function
		invoked = append(invoked, f.Service())
		if !m.Enabled || !m.Partial || m.AtOnce < 2 {
			t.Errorf("%s: its mapping is %+v; want it enabled, with ReportBatchItemFailures and a concurrency of at least two", f.Name, m)
		}
		if s, ok := services.ByName(f.Service()); !ok || m.Batch != s.Size.BatchSize {
			t.Errorf("%s: batches of %d, want %d, as its service states", f.Name, m.Batch, s.Size.BatchSize)
		}
		if !f.Arm || !f.Tracing || f.Timeout < time.Minute || f.Memory < 256 || f.Version == "$LATEST" {
			t.Errorf("%+v; want arm64, active tracing and a published version", f)
		}
		q := e.attributes(t, m.Queue)
		visibility := itoa(6 * int(f.Timeout.Seconds()))
		if q["VisibilityTimeout"] != visibility || q["SqsManagedSseEnabled"] != "true" || !strings.Contains(q["RedrivePolicy"], "-dlq") {
			t.Errorf("%s reads a queue with %v; want it encrypted, with a dead-letter queue and a visibility timeout of %s seconds, "+
				"six times the function's timeout", f.Name, q, visibility)
		}
	}
	slices.Sort(invoked)
	want := slices.Sorted(slices.Values(flow))
	if !slices.Equal(invoked, want) {
		t.Errorf("mappings invoke %v, want each of %v once", invoked, want)
	}
	if len(d.Schedules) != 2 {
		t.Errorf("%d schedules, want the tick and the sweep: %+v", len(d.Schedules), d.Schedules)
	}
}

// wrongWiring breaks the wiring in one place at a time and checks that the flow stops there. Faults of schedules, mappings and functions
// are made in what the driver read back; faults of subscriptions are made in moto, and repaired after the case.
func wrongWiring(t *testing.T, e *environment, d driver.Deployed) {
	for _, c := range []struct {
		name   string
		inject func(t *testing.T, d *driver.Deployed) (repair func())
		want   string
	}{
		{"the tick goes to another queue", func(t *testing.T, d *driver.Deployed) func() {
			i := slices.IndexFunc(d.Schedules, func(s driver.Schedule) bool { return strings.HasSuffix(s.Name, "-tick") })
			d.Schedules[i].Target = strings.Replace(d.Schedules[i].Target, "-scheduler", "-clock-dlq", 1)
			return nil
		}, "nothing reached the scheduler"},
		{"the tick's input is not what the scheduler reads", func(t *testing.T, d *driver.Deployed) func() {
			i := slices.IndexFunc(d.Schedules, func(s driver.Schedule) bool { return strings.HasSuffix(s.Name, "-tick") })
			d.Schedules[i].Input = strings.Replace(d.Schedules[i].Input, "scheduled_at", "scheduled", 1)
			return nil
		}, "nothing reached the fetcher"},
		{"a mapping reads another queue", func(t *testing.T, d *driver.Deployed) func() {
			m := mapping(d, "validator")
			m.Queue = strings.Replace(m.Queue, "-validator", "-validator-undelivered", 1)
			return nil
		}, "nothing reached the validator from the fetcher"},
		{"a mapping invokes another function", func(t *testing.T, d *driver.Deployed) func() {
			m := mapping(d, "stager")
			m.Function = mapping(d, "validator").Function
			return nil
		}, "nothing reached the stager from the validator"},
		{"a function lacks a variable", func(t *testing.T, d *driver.Deployed) func() {
			delete(mapping(d, "fetcher").Function.Environment, "LLAC_DATA_BUCKET")
			return nil
		}, "LLAC_DATA_BUCKET is not set"},
		{"a function publishes to another service's topic", func(t *testing.T, d *driver.Deployed) func() {
			variables := mapping(d, "stager").Function.Environment
			variables["LLAC_TOPIC_ARN"] = strings.Replace(variables["LLAC_TOPIC_ARN"], "-stager", "-operator", 1)
			return nil
		}, "nothing reached the quality-gate from the stager"},
		{"a filter matches no event", func(t *testing.T, d *driver.Deployed) func() {
			return e.refilter(t, "validator", "stager", `{"type":["cat.llac.nothing.v1"]}`)
		}, "nothing reached the stager from the validator"},
		{"a subscription delivers to another queue", func(t *testing.T, d *driver.Deployed) func() {
			return e.redirect(t, "fetcher", "validator")
		}, "nothing reached the validator from the fetcher"},
	} {
		t.Run(c.name, func(t *testing.T) {
			copied := clone(d)
			if repair := c.inject(t, &copied); repair != nil {
				defer repair()
			}
			cloud := e.drive(t, copied, nil)
			defer e.purge(t)
			defer func() { _ = cloud.Close() }()
			e.forget(t, "service_types")
			if err := cloud.Fire(t.Context(), "llac-"+env+"-tick", time.Now()); err != nil {
				t.Fatal(err)
			}
			err := waitFor(cloud, 3*time.Second, func() (bool, string) {
				return e.isPublished(t, "service_types"), "service_types is not published"
			})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// mapping returns the mapping that invokes the function of a service.
func mapping(d *driver.Deployed, service string) *driver.Mapping {
	i := slices.IndexFunc(d.Mappings, func(m driver.Mapping) bool { return m.Function.Service() == service })
	return &d.Mappings[i]
}

// clone copies d, so that a test can change the copy.
func clone(d driver.Deployed) driver.Deployed {
	d.Schedules, d.Mappings = slices.Clone(d.Schedules), slices.Clone(d.Mappings)
	for i := range d.Mappings {
		d.Mappings[i].Function.Environment = maps.Clone(d.Mappings[i].Function.Environment)
	}
	return d
}

// subscription finds the subscription through which a consumer receives the events of a producer.
func (e *environment) subscription(t *testing.T, producer, consumer string) (client *sns.Client, arn, topic, endpoint string) {
	t.Helper()
	client = sns.NewFromConfig(e.config)
	topic = "arn:aws:sns:eu-west-1:" + Account + ":llac-" + env + "-" + producer
	list, err := client.ListSubscriptionsByTopic(t.Context(), &sns.ListSubscriptionsByTopicInput{TopicArn: &topic})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list.Subscriptions {
		if strings.HasSuffix(aws.ToString(s.Endpoint), ":llac-"+env+"-"+consumer) {
			return client, aws.ToString(s.SubscriptionArn), topic, aws.ToString(s.Endpoint)
		}
	}
	t.Fatalf("%s is not subscribed to the events of %s", consumer, producer)
	return
}

// refilter sets the filter policy of a subscription. It returns a function that restores the one before.
func (e *environment) refilter(t *testing.T, producer, consumer, policy string) func() {
	client, arn, _, _ := e.subscription(t, producer, consumer)
	before, err := client.GetSubscriptionAttributes(t.Context(), &sns.GetSubscriptionAttributesInput{SubscriptionArn: &arn})
	if err != nil {
		t.Fatal(err)
	}
	set := func(value string) {
		in := &sns.SetSubscriptionAttributesInput{SubscriptionArn: &arn, AttributeName: aws.String("FilterPolicy"), AttributeValue: &value}
		if _, err := client.SetSubscriptionAttributes(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	set(policy)
	return func() { set(before.Attributes["FilterPolicy"]) }
}

// redirect makes a subscription deliver to a queue without a consumer. It returns a function that restores the queue before.
func (e *environment) redirect(t *testing.T, producer, consumer string) func() {
	client, arn, topic, endpoint := e.subscription(t, producer, consumer)
	before, err := client.GetSubscriptionAttributes(t.Context(), &sns.GetSubscriptionAttributesInput{SubscriptionArn: &arn})
	if err != nil {
		t.Fatal(err)
	}
	attributes := map[string]string{}
	for _, name := range []string{"FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy"} {
		if v := before.Attributes[name]; v != "" {
			attributes[name] = v
		}
	}
	move := func(from, to string) string {
		if _, err := client.Unsubscribe(t.Context(), &sns.UnsubscribeInput{SubscriptionArn: &from}); err != nil {
			t.Fatal(err)
		}
		created, err := client.Subscribe(t.Context(), &sns.SubscribeInput{
			TopicArn: &topic, Protocol: aws.String("sqs"), Endpoint: &to, Attributes: attributes, ReturnSubscriptionArn: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		return aws.ToString(created.SubscriptionArn)
	}
	moved := move(arn, endpoint+"-undelivered")
	return func() { move(moved, endpoint) }
}

// checkSchedules checks that each schedule is enabled and that its input is JSON with placeholders for the time that EventBridge inserts.
func checkSchedules(t *testing.T, d driver.Deployed) {
	for _, s := range d.Schedules {
		if !s.Enabled || !strings.HasPrefix(s.Every, "rate(") {
			t.Errorf("%+v", s)
		}
		if !json.Valid([]byte(s.Input)) || strings.Count(s.Input, "<aws.scheduler.scheduled-time>") < 2 {
			t.Errorf("%s sends %s", s.Name, s.Input)
		}
	}
}
