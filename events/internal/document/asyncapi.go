package document

import (
	"fmt"
	"slices"
	"strings"

	"github.com/llac-project/llac/events"
)

// AsyncAPI is the AsyncAPI 3.1.0 document of all services: a channel for each topic and for each queue that is written
// to directly, an operation for whatever a service sends or receives, a message for each event type.
func AsyncAPI(c Comments) (Object, error) {
	envelope, err := EnvelopeSchema(c)
	if err != nil {
		return nil, err
	}
	messages, err := messages(c)
	if err != nil {
		return nil, err
	}
	channels, err := channels()
	if err != nil {
		return nil, err
	}
	return Object{
		{"asyncapi", "3.1.0"},
		{"info", Object{
			{"title", "Llac events"},
			{"version", "1.0.0"},
			{"description", "What the services of Llac say to each other: CloudEvents 1.0 in structured JSON. Payloads carry keys, counts and digests, never rows of data. Made from the Go types of the events module; do not edit."},
			{"license", Object{{"name", "Apache-2.0"}, {"url", "https://www.apache.org/licenses/LICENSE-2.0"}}},
		}},
		{"defaultContentType", "application/cloudevents+json"},
		{"channels", channels},
		{"operations", operations()},
		{"components", Object{
			{"schemas", Object{{"Envelope", envelope}}},
			{"messages", messages},
			{"parameters", Object{{"environment", Object{{"description", "The deployment's name, e.g. local or production."}}}}},
		}},
	}, nil
}

func ref(parts ...string) Object { return Object{{"$ref", "#/" + strings.Join(parts, "/")}} }

// queueChannel names the channel of what goes straight into a service's queue.
func queueChannel(service string) string { return service + ".queue" }

func channels() (Object, error) {
	var out Object
	channel := func(name, address, description string, types []string) error {
		var list Object
		for _, t := range types {
			if !events.Known(t) {
				return fmt.Errorf("the flow of %s names the unknown event type %s", name, t)
			}
			list = append(list, Member{events.Name(t), ref("components", "messages", events.Name(t))})
		}
		out = append(out, Member{name, Object{
			{"address", "llac-{environment}-" + address},
			{"description", description},
			{"parameters", Object{{"environment", ref("components", "parameters", "environment")}}},
			{"messages", list},
		}})
		return nil
	}
	for _, f := range events.Flow {
		if len(f.Emits) > 0 {
			description := fmt.Sprintf("SNS topic of the %s. Its subscribers' queues filter on the attribute type.", f.Service)
			if err := channel(f.Service, f.Service, description, f.Emits); err != nil {
				return nil, err
			}
		}
		if len(f.Direct) > 0 {
			description := fmt.Sprintf("SQS queue of the %s, written to directly by EventBridge Scheduler.", f.Service)
			if err := channel(queueChannel(f.Service), f.Service, description, f.Direct); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func operations() Object {
	var out Object
	for _, f := range events.Flow {
		if len(f.Emits) > 0 {
			out = append(out, operation(f.Service, "send", f.Service, f.Emits, "What the "+f.Service+" says."))
		}
		for _, source := range events.Flow {
			var heard []string
			for _, t := range source.Emits {
				if slices.Contains(f.Consumes, t) && !slices.Contains(f.Direct, t) {
					heard = append(heard, t)
				}
			}
			if len(heard) > 0 {
				out = append(out, operation(f.Service, "receive", source.Service, heard, fmt.Sprintf("What the %s hears from the %s.", f.Service, source.Service)))
			}
		}
		if len(f.Direct) > 0 {
			out = append(out, operation(f.Service, "receive", queueChannel(f.Service), f.Direct, "What is put into the queue of the "+f.Service+" directly."))
		}
	}
	return out
}

func operation(service, action, channel string, types []string, summary string) Member {
	var list []any
	for _, t := range types {
		list = append(list, ref("channels", channel, "messages", events.Name(t)))
	}
	name := service + "." + action
	if action == "receive" {
		name += "." + channel
	}
	return Member{name, Object{
		{"action", action},
		{"channel", ref("channels", channel)},
		{"summary", summary},
		{"messages", list},
	}}
}

func messages(c Comments) (Object, error) {
	var out Object
	for _, p := range events.Catalogue() {
		schema, err := Schema(p, c)
		if err != nil {
			return nil, err
		}
		description := ""
		for _, m := range schema {
			if m.Name == "description" {
				description, _ = m.Value.(string)
			}
		}
		out = append(out, Member{events.Name(p.EventType()), Object{
			{"name", p.EventType()},
			{"title", events.Name(p.EventType())},
			{"summary", description},
			{"contentType", "application/cloudevents+json"},
			{"payload", Object{{"allOf", []any{
				ref("components", "schemas", "Envelope"),
				Object{
					{"type", "object"},
					{"properties", Object{
						{"type", Object{{"const", p.EventType()}}},
						{"dataschema", Object{{"const", events.SchemaURL(p.EventType())}}},
						{"data", Object{{"$ref", "./schemas/" + p.EventType() + ".json"}}},
					}},
				},
			}}}},
		}})
	}
	return out, nil
}
