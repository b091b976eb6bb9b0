package document

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/llac-project/llac/events"
)

// Example returns an event of the payload's type. Every field of envelope and payload has a value, the same each time.
func Example(p events.Payload) (events.Event, error) {
	filled := reflect.New(reflect.TypeOf(p)).Elem()
	f := &filler{}
	if err := f.fill(filled, ""); err != nil {
		return events.Event{}, fmt.Errorf("example of %s: %w", p.EventType(), err)
	}
	e := events.New(filled.Interface().(events.Payload))
	envelope := reflect.ValueOf(&e).Elem()
	for i := range envelope.NumField() {
		// The platform sets the fields that events.New leaves empty. Here the filler sets them.
		if field := envelope.Field(i); field.IsZero() {
			name, _, _ := strings.Cut(envelope.Type().Field(i).Tag.Get("json"), ",")
			if err := f.fill(field, name); err != nil {
				return events.Event{}, fmt.Errorf("example of %s: %w", p.EventType(), err)
			}
		}
	}
	return e, nil
}

// filler gives each field a distinct value.
type filler struct{ count int }

// fixed contains the values of fields whose text has a format.
var fixed = map[string]string{
	"dataset": "social_services", "run_id": "20250803T140512-y2024", "slot": "20250803T140512", "slice": "2024",
	"snapshot": "20250803T140512", "sha256": strings.Repeat("0a", 32), "contract_sha256": strings.Repeat("0b", 32),
	"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}

func (f *filler) fill(v reflect.Value, name string) error {
	f.count++
	if _, ok := v.Interface().(time.Time); ok {
		v.Set(reflect.ValueOf(time.Date(2025, 8, 3, 14, 5, 12, 0, time.UTC).Add(time.Duration(f.count) * time.Second)))
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		text, ok := fixed[name]
		if !ok {
			text = fmt.Sprintf("%s-%d", name, f.count)
		}
		v.SetString(text)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(f.count))
	case reflect.Float64:
		v.SetFloat(float64(f.count) + 0.5)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		return f.fill(v.Index(0), name)
	case reflect.Map:
		value := reflect.New(v.Type().Elem()).Elem()
		if err := f.fill(value, name); err != nil {
			return err
		}
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("reason").Convert(v.Type().Key()), value)
	case reflect.Struct:
		for i := range v.NumField() {
			inner, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			if err := f.fill(v.Field(i), inner); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("no example of %s for %s", v.Type(), name)
	}
	return nil
}
