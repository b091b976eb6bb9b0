package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/llac-project/llac/events"
)

// object is a JSON or YAML object. It is encoded with its keys sorted.
type object = map[string]any

// AsyncAPI returns the AsyncAPI 3.1.0 document of all services. It contains a channel for each topic and for each queue that
// is written to directly, an operation for whatever a service sends or receives, and a message for each event type.
func AsyncAPI() (map[string]any, error) {
	envelope, err := envelopeSchema()
	if err != nil {
		return nil, err
	}
	messages, err := messages()
	if err != nil {
		return nil, err
	}
	channels, err := channels()
	if err != nil {
		return nil, err
	}
	return object{
		"asyncapi": "3.1.0",
		"info": object{
			"title":   "Llac events",
			"version": "1.0.0",
			"description": "The events that the services of Llac publish and consume: CloudEvents 1.0 in structured JSON. " +
				"Payloads contain keys, counts and digests, never rows of data. " +
				"Generated from the Go types of the events module; do not edit.",
			"license": object{"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
		},
		"defaultContentType": "application/cloudevents+json",
		"channels":           channels,
		"operations":         operations(),
		"components": object{
			"schemas":    object{"Envelope": envelope},
			"messages":   messages,
			"parameters": object{"environment": object{"description": "The deployment's name, e.g. local or production."}},
		},
	}, nil
}

// YAML returns a document as YAML. The document is encoded as JSON first, because the schemas have JSON tags only.
func YAML(document any) ([]byte, error) {
	raw, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	var plain any
	if err := json.Unmarshal(raw, &plain); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	err = e.Encode(plain)
	return b.Bytes(), err
}

func ref(parts ...string) object { return object{"$ref": "#/" + strings.Join(parts, "/")} }

// queueChannel returns the name of the channel of events that are sent directly to a service's queue.
func queueChannel(service string) string { return service + ".queue" }

func channels() (object, error) {
	out := object{}
	add := func(name, service, description string, types []string) error {
		messages := object{}
		for _, t := range types {
			if !events.Known(t) {
				return fmt.Errorf("the flow of %s names the unknown event type %s", service, t)
			}
			messages[events.Name(t)] = ref("components", "messages", events.Name(t))
		}
		if len(messages) > 0 {
			out[name] = object{
				"address":     "llac-{environment}-" + service,
				"description": fmt.Sprintf(description, service),
				"parameters":  object{"environment": ref("components", "parameters", "environment")},
				"messages":    messages,
			}
		}
		return nil
	}
	for _, f := range events.Flow {
		err := errors.Join(
			add(f.Service, f.Service, "SNS topic of the %s. Its subscribers' queues filter on the attribute type.", f.Emits),
			add(queueChannel(f.Service), f.Service, "SQS queue of the %s. EventBridge Scheduler sends to it directly.", f.Direct))
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func operations() object {
	out := object{}
	add := func(name, action, channel, summary string, types []string) {
		var messages []object
		for _, t := range types {
			messages = append(messages, ref("channels", channel, "messages", events.Name(t)))
		}
		if len(messages) > 0 {
			out[name] = object{"action": action, "channel": ref("channels", channel), "summary": summary, "messages": messages}
		}
	}
	for _, f := range events.Flow {
		add(f.Service+".send", "send", f.Service, "Events that the "+f.Service+" emits.", f.Emits)
		for _, source := range events.Flow {
			var consumed []string
			for _, t := range source.Emits {
				if slices.Contains(f.Consumes, t) && !slices.Contains(f.Direct, t) {
					consumed = append(consumed, t)
				}
			}
			summary := fmt.Sprintf("Events that the %s consumes from the %s.", f.Service, source.Service)
			add(f.Service+".receive."+source.Service, "receive", source.Service, summary, consumed)
		}
		channel := queueChannel(f.Service)
		summary := "Events that are sent directly to the queue of the " + f.Service + "."
		add(f.Service+".receive."+channel, "receive", channel, summary, f.Direct)
	}
	return out
}

func messages() (object, error) {
	out := object{}
	for _, p := range events.Catalogue() {
		schema, err := Schema(p)
		if err != nil {
			return nil, err
		}
		out[events.Name(p.EventType())] = object{
			"name":        p.EventType(),
			"title":       events.Name(p.EventType()),
			"summary":     schema.Description,
			"contentType": "application/cloudevents+json",
			"payload": object{"allOf": []any{
				ref("components", "schemas", "Envelope"),
				object{"type": "object", "properties": object{
					"type":       object{"const": p.EventType()},
					"dataschema": object{"const": events.SchemaURL(p.EventType())},
					"data":       object{"$ref": "./schemas/" + p.EventType() + ".json"},
				}},
			}},
		}
	}
	return out, nil
}
