package document

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/invopop/jsonschema"

	"github.com/llac-project/llac/events"
)

// Schema returns the JSON Schema of a payload. The schema allows unknown fields, as the decoders do.
func Schema(p events.Payload) (*jsonschema.Schema, error) {
	s, err := reflected(p)
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", p.EventType(), err)
	}
	s.ID = jsonschema.ID(events.SchemaURL(p.EventType()))
	s.Title = p.EventType()
	return s, nil
}

// envelopeSchema returns the JSON Schema of the CloudEvents envelope that carries every payload.
func envelopeSchema() (*jsonschema.Schema, error) {
	s, err := reflected(events.Event{})
	if err != nil {
		return nil, fmt.Errorf("schema of the envelope: %w", err)
	}
	s.Version, s.Title = "", "CloudEvents 1.0 envelope"
	return s, nil
}

// comments returns the comments of the event types and their fields, each as one line.
var comments = sync.OnceValues(func() (map[string]string, error) {
	var r jsonschema.Reflector
	// The library appends the folder to the import path: ".../events/document" and ".." give ".../events".
	if err := r.AddGoComments("github.com/llac-project/llac/events/document", "..", jsonschema.WithFullComment()); err != nil {
		return nil, fmt.Errorf("read the comments of the event types: %w", err)
	}
	for name, text := range r.CommentMap {
		r.CommentMap[name] = strings.Join(strings.Fields(text), " ")
	}
	return r.CommentMap, nil
})

func reflected(v any) (*jsonschema.Schema, error) {
	texts, err := comments()
	if err != nil {
		return nil, err
	}
	r := jsonschema.Reflector{Anonymous: true, ExpandedStruct: true, AllowAdditionalProperties: true, CommentMap: texts,
		Mapper: func(t reflect.Type) *jsonschema.Schema {
			if t == reflect.TypeFor[json.RawMessage]() {
				return &jsonschema.Schema{Type: "object"}
			}
			return nil
		}}
	s := r.Reflect(v)
	allowNull(s)
	for _, definition := range s.Definitions {
		allowNull(definition)
	}
	return s, nil
}

// allowNull allows null for required lists and maps: Go encodes empty ones as null. The library's Type is a single name, so
// that the list of two stands in Extras.
func allowNull(s *jsonschema.Schema) {
	for _, name := range s.Required {
		p, _ := s.Properties.Get(name)
		if p.Type == "array" || p.Type == "object" && p.AdditionalProperties != nil {
			p.Extras = map[string]any{"type": []string{p.Type, "null"}}
			p.Type = ""
		}
	}
}

// Indent returns a document as indented JSON with a final newline.
func Indent(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return b.Bytes(), err
}
