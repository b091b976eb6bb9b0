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

	"github.com/llac-project/llac/test/aws/driver"
)

// configured says of each function what Terraform must have made of it. What the flow needs, the flow shows; this is what it would not
// notice.
func configured(t *testing.T, w *world, d driver.Deployed) {
	var services []string
	for _, m := range d.Mappings {
		f := m.Function
		services = append(services, f.Service())
		if !m.Enabled || !m.Partial || m.AtOnce < 2 {
			t.Errorf("%s: its mapping is %+v; want it enabled, with ReportBatchItemFailures and at least two at once", f.Name, m)
		}
		if want := map[string]int{"scheduler": 10, "landing-janitor": 10}[f.Service()]; m.Batch != max(want, 1) {
			t.Errorf("%s: batches of %d, want %d: a heavy stage needs its memory for one event", f.Name, m.Batch, max(want, 1))
		}
		if !f.Arm || !f.Tracing || f.Timeout < time.Minute || f.Memory < 256 || f.Version == "$LATEST" {
			t.Errorf("%+v; want arm64, active tracing and a published version", f)
		}
		q := w.attributes(t, m.Queue)
		if q["VisibilityTimeout"] != itoa(6*int(f.Timeout.Seconds())) || q["SqsManagedSseEnabled"] != "true" || !strings.Contains(q["RedrivePolicy"], "-dlq") {
			t.Errorf("%s reads a queue with %v; want six times the timeout of %s, encrypted, with a dead-letter queue", f.Name, q, f.Timeout)
		}
	}
	slices.Sort(services)
	want := slices.Sorted(slices.Values(flow))
	if !slices.Equal(services, want) {
		t.Errorf("mappings call %v, want each of %v once", services, want)
	}
	if len(d.Schedules) != 2 {
		t.Errorf("%d schedules, want the tick and the sweep: %+v", len(d.Schedules), d.Schedules)
	}
}

// broken breaks one thing of the wiring after the other and sees the flow end where it is broken. The first breaks are of what the driver
// read back, as if Terraform had made it so; those of subscriptions are made in moto, and taken back.
func broken(t *testing.T, w *world, d driver.Deployed) {
	for _, c := range []struct {
		name   string
		breaks func(t *testing.T, d *driver.Deployed) (mend func())
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
		{"a mapping calls another function", func(t *testing.T, d *driver.Deployed) func() {
			m := mapping(d, "stager")
			m.Function = mapping(d, "validator").Function
			return nil
		}, "nothing reached the stager from the validator"},
		{"a function lacks a variable", func(t *testing.T, d *driver.Deployed) func() {
			delete(mapping(d, "fetcher").Function.Environment, "LLAC_DATA_BUCKET")
			return nil
		}, "LLAC_DATA_BUCKET is not set"},
		{"a function speaks on another's topic", func(t *testing.T, d *driver.Deployed) func() {
			e := mapping(d, "stager").Function.Environment
			e["LLAC_TOPIC_ARN"] = strings.Replace(e["LLAC_TOPIC_ARN"], "-stager", "-operator", 1)
			return nil
		}, "nothing reached the quality-gate from the stager"},
		{"a filter lets nothing through", func(t *testing.T, d *driver.Deployed) func() {
			return w.refilter(t, "validator", "stager", `{"type":["cat.llac.nothing.v1"]}`)
		}, "nothing reached the stager from the validator"},
		{"a subscription leads elsewhere", func(t *testing.T, d *driver.Deployed) func() {
			return w.redirect(t, "fetcher", "validator")
		}, "nothing reached the validator from the fetcher"},
	} {
		t.Run(c.name, func(t *testing.T) {
			copied := clone(d)
			if mend := c.breaks(t, &copied); mend != nil {
				defer mend()
			}
			cloud := w.act(t, copied, nil)
			defer w.clean(t)
			defer func() { _ = cloud.Close() }()
			w.forget(t, "service_types")
			if err := cloud.Fire(t.Context(), "llac-"+env+"-tick", time.Now()); err != nil {
				t.Fatal(err)
			}
			err := waitFor(cloud, 3*time.Second, func() (bool, string) { return w.isPublished(t, "service_types"), "service_types is not published" })
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func mapping(d *driver.Deployed, service string) *driver.Mapping {
	i := slices.IndexFunc(d.Mappings, func(m driver.Mapping) bool { return m.Function.Service() == service })
	return &d.Mappings[i]
}

func clone(d driver.Deployed) driver.Deployed {
	d.Schedules, d.Mappings = slices.Clone(d.Schedules), slices.Clone(d.Mappings)
	for i := range d.Mappings {
		d.Mappings[i].Function.Environment = maps.Clone(d.Mappings[i].Function.Environment)
	}
	return d
}

// subscription finds the one by which a consumer hears a producer.
func (w *world) subscription(t *testing.T, producer, consumer string) (client *sns.Client, arn, topic, endpoint string) {
	t.Helper()
	client = sns.NewFromConfig(w.config)
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
	t.Fatalf("the %s does not hear the %s", consumer, producer)
	return
}

func (w *world) refilter(t *testing.T, producer, consumer, policy string) func() {
	client, arn, _, _ := w.subscription(t, producer, consumer)
	was, err := client.GetSubscriptionAttributes(t.Context(), &sns.GetSubscriptionAttributesInput{SubscriptionArn: &arn})
	if err != nil {
		t.Fatal(err)
	}
	set := func(value string) {
		if _, err := client.SetSubscriptionAttributes(t.Context(), &sns.SetSubscriptionAttributesInput{SubscriptionArn: &arn, AttributeName: aws.String("FilterPolicy"), AttributeValue: &value}); err != nil {
			t.Fatal(err)
		}
	}
	set(policy)
	return func() { set(was.Attributes["FilterPolicy"]) }
}

// redirect lets a subscription lead to a queue that nobody reads.
func (w *world) redirect(t *testing.T, producer, consumer string) func() {
	client, arn, topic, endpoint := w.subscription(t, producer, consumer)
	was, err := client.GetSubscriptionAttributes(t.Context(), &sns.GetSubscriptionAttributesInput{SubscriptionArn: &arn})
	if err != nil {
		t.Fatal(err)
	}
	attributes := map[string]string{}
	for _, name := range []string{"FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy"} {
		if v := was.Attributes[name]; v != "" {
			attributes[name] = v
		}
	}
	move := func(from, to string) string {
		if _, err := client.Unsubscribe(t.Context(), &sns.UnsubscribeInput{SubscriptionArn: &from}); err != nil {
			t.Fatal(err)
		}
		made, err := client.Subscribe(t.Context(), &sns.SubscribeInput{TopicArn: &topic, Protocol: aws.String("sqs"), Endpoint: &to, Attributes: attributes, ReturnSubscriptionArn: true})
		if err != nil {
			t.Fatal(err)
		}
		return aws.ToString(made.SubscriptionArn)
	}
	elsewhere := move(arn, endpoint+"-undelivered")
	return func() { move(elsewhere, endpoint) }
}

// templates says that a schedule's input is an event but for the time that EventBridge puts in.
func templates(t *testing.T, d driver.Deployed) {
	for _, s := range d.Schedules {
		if !s.Enabled || !strings.HasPrefix(s.Every, "rate(") {
			t.Errorf("%+v", s)
		}
		if !json.Valid([]byte(s.Input)) || strings.Count(s.Input, "<aws.scheduler.scheduled-time>") < 2 {
			t.Errorf("%s sends %s", s.Name, s.Input)
		}
	}
}
