package document

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/llac-project/llac/events"
)

// dialect is the version of JSON Schema of every schema.
const dialect = "https://json-schema.org/draft/2020-12/schema"

// Object is a JSON object whose members keep their order, so that documents are the same every time.
type Object []Member

// Member is one pair of an Object.
type Member struct {
	Name  string
	Value any // string, bool, int, []string, []any or Object
}

// MarshalJSON writes the members in order.
func (o Object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := encode(m.Name)
		if err != nil {
			return nil, err
		}
		value, err := encode(m.Value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// encode is JSON without the escapes that are only for HTML.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// Indent is the document as indented JSON with a final newline.
func Indent(v any) ([]byte, error) {
	raw, err := encode(v)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// Schema is the JSON Schema of a payload. It leaves room for fields that it does not know, as decoders do.
func Schema(p events.Payload, c Comments) (Object, error) {
	t := reflect.TypeOf(p)
	w := &writer{comments: c, definitions: map[string]Object{}}
	body, err := w.object(t)
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", p.EventType(), err)
	}
	out := Object{
		{"$schema", dialect},
		{"$id", events.SchemaURL(p.EventType())},
		{"title", p.EventType()},
		{"description", c.types[t.Name()]},
	}
	out = append(out, body...)
	if definitions := w.defs(); len(definitions) > 0 {
		out = append(out, Member{"$defs", definitions})
	}
	return out, nil
}

// EnvelopeSchema is the JSON Schema of the CloudEvents envelope that carries every payload.
func EnvelopeSchema(c Comments) (Object, error) {
	w := &writer{comments: c, definitions: map[string]Object{}}
	body, err := w.object(reflect.TypeFor[events.Event]())
	if err != nil {
		return nil, fmt.Errorf("schema of the envelope: %w", err)
	}
	return append(Object{{"title", "CloudEvents 1.0 envelope"}, {"description", c.types["Event"]}}, body...), nil
}

// writer collects the definitions that a schema refers to.
type writer struct {
	comments    Comments
	definitions map[string]Object
	order       []string
}

func (w *writer) defs() Object {
	var out Object
	for _, name := range w.order {
		out = append(out, Member{name, w.definitions[name]})
	}
	return out
}

// object describes a struct: type, properties, required.
func (w *writer) object(t reflect.Type) (Object, error) {
	var properties Object
	var required []string
	if err := w.fields(t, &properties, &required); err != nil {
		return nil, err
	}
	out := Object{{"type", "object"}, {"properties", properties}}
	if len(required) > 0 {
		out = append(out, Member{"required", required})
	}
	return out, nil
}

func (w *writer) fields(t reflect.Type, properties *Object, required *[]string) error {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			if err := w.fields(f.Type, properties, required); err != nil {
				return err
			}
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			return fmt.Errorf("the field %s.%s has no json name", t.Name(), f.Name)
		}
		optional := strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
		schema, err := w.value(f.Type, !optional)
		if err != nil {
			return fmt.Errorf("the field %s.%s: %w", t.Name(), f.Name, err)
		}
		if text := w.comments.fields[t.Name()+"."+f.Name]; text != "" {
			schema = append(schema, Member{"description", text})
		}
		*properties = append(*properties, Member{name, schema})
		if !optional {
			*required = append(*required, name)
		}
	}
	return nil
}

// value describes a field's type. Go writes an empty list or map that is always present as null.
func (w *writer) value(t reflect.Type, null bool) (Object, error) {
	kind := func(name string) any {
		if null {
			return []string{name, "null"}
		}
		return name
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return Object{{"type", "string"}, {"format", "date-time"}}, nil
	case t == reflect.TypeFor[json.RawMessage]():
		return Object{{"type", "object"}}, nil
	}
	switch t.Kind() {
	case reflect.String:
		return Object{{"type", "string"}}, nil
	case reflect.Bool:
		return Object{{"type", "boolean"}}, nil
	case reflect.Int, reflect.Int64:
		return Object{{"type", "integer"}}, nil
	case reflect.Float64:
		return Object{{"type", "number"}}, nil
	case reflect.Slice:
		items, err := w.value(t.Elem(), false)
		if err != nil {
			return nil, err
		}
		return Object{{"type", kind("array")}, {"items", items}}, nil
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			return nil, fmt.Errorf("a map must have text keys, not %s", t.Key())
		}
		values, err := w.value(t.Elem(), false)
		if err != nil {
			return nil, err
		}
		return Object{{"type", kind("object")}, {"additionalProperties", values}}, nil
	case reflect.Struct:
		if _, done := w.definitions[t.Name()]; !done {
			w.definitions[t.Name()] = nil // a type that holds itself ends here
			w.order = append(w.order, t.Name())
			body, err := w.object(t)
			if err != nil {
				return nil, err
			}
			if text := w.comments.types[t.Name()]; text != "" {
				body = append(Object{{"description", text}}, body...)
			}
			w.definitions[t.Name()] = body
		}
		return Object{{"$ref", "#/$defs/" + t.Name()}}, nil
	}
	return nil, fmt.Errorf("a payload cannot hold %s", t)
}
