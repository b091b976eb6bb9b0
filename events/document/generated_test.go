package document_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/events/document"
)

// `go generate ./events/...` passes this flag. It rewrites the schemas and the AsyncAPI document. Golden events and released
// schemas pin what is released: the flag only adds missing ones. To change the pin of a version that is not deployed yet, delete
// its files first.
var update = flag.Bool("update", false, "write the schemas and asyncapi.yaml, and add missing golden files")

func schemaOf(t *testing.T, p events.Payload) []byte {
	t.Helper()
	schema, err := document.Schema(p)
	if err != nil {
		t.Fatal(err)
	}
	text, err := document.Indent(schema)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestGeneratedSchemasAreFresh(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, p := range events.Catalogue() {
		name := p.EventType() + ".json"
		known[name] = true
		fresh(t, filepath.Join("..", "schemas", name), schemaOf(t, p))
	}
	entries, err := os.ReadDir("../schemas")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !known[e.Name()] {
			t.Errorf("schemas/%s has no event type; a released type stays in the catalogue", e.Name())
		}
	}
}

func TestGeneratedAsyncAPIIsFresh(t *testing.T) {
	t.Parallel()
	api, err := document.AsyncAPI()
	if err != nil {
		t.Fatal(err)
	}
	text, err := document.YAML(api)
	if err != nil {
		t.Fatal(err)
	}
	fresh(t, "../asyncapi.yaml", text)
	checkReferences(t, text)
}

// fresh compares a generated file with what the code writes now.
func fresh(t *testing.T, path string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with go generate ./events/...", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is stale; write it with go generate ./events/...", path)
	}
}

// pinned returns the file that pins a released version. With -update, it adds a missing file.
func pinned(t *testing.T, path string, now []byte) []byte {
	t.Helper()
	got, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && *update {
		if err := os.WriteFile(path, now, 0o644); err != nil {
			t.Fatal(err)
		}
		return now
	}
	if err != nil {
		t.Fatalf("%v; pin the new type with go generate ./events/...", err)
	}
	return got
}

// checkReferences resolves every reference of the AsyncAPI document, inside the document and into the schemas.
func checkReferences(t *testing.T, text []byte) {
	t.Helper()
	var root any
	if err := yaml.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	found := 0
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if target, ok := v["$ref"].(string); ok {
				found++
				if !resolves(root, target) {
					t.Errorf("the reference %s has no target", target)
				}
			}
			for _, member := range v {
				walk(member)
			}
		case []any:
			for _, item := range v {
				walk(item)
			}
		}
	}
	walk(root)
	if found == 0 {
		t.Error("no references found: the search is wrong")
	}
}

func resolves(at any, target string) bool {
	path, inside := strings.CutPrefix(target, "#/")
	if !inside {
		_, err := os.Stat(filepath.Join("..", target))
		return err == nil
	}
	for _, name := range strings.Split(path, "/") {
		object, ok := at.(map[string]any)
		if !ok {
			return false
		}
		if at, ok = object[name]; !ok {
			return false
		}
	}
	return true
}

func TestGoldenEventsOfEveryReleasedVersionKeepDecoding(t *testing.T) {
	t.Parallel()
	for _, p := range events.Catalogue() {
		t.Run(events.Name(p.EventType()), func(t *testing.T) {
			t.Parallel()
			example, err := document.Example(p)
			if err != nil {
				t.Fatal(err)
			}
			text, err := document.Indent(example)
			if err != nil {
				t.Fatal(err)
			}
			golden := pinned(t, filepath.Join("..", "testdata", "v1", events.Name(p.EventType())+".json"), text)

			event, err := events.Parse(golden)
			if err != nil {
				t.Fatal(err)
			}
			payload, err := event.Decode()
			if err != nil {
				t.Fatal(err)
			}
			if reflect.TypeOf(payload) != reflect.TypeOf(p) {
				t.Fatalf("decoded as %T, want %T", payload, p)
			}
			// Encoded again from the Go values, the event is unchanged: decoding lost nothing.
			again := events.New(payload)
			event.Data = again.Data
			encoded, err := event.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if want, got := canonical(t, golden), canonical(t, encoded); want != got {
				t.Errorf("the re-encoded event differs\ngot  %s\nwant %s", got, want)
			}
			// Unknown fields are ignored: a producer may be newer than this build.
			newer := bytes.Replace(golden, []byte(`"data": {`), []byte(`"future": 1, "data": {"a_field_of_the_future": {"x": [1]},`), 1)
			if bytes.Equal(newer, golden) {
				t.Fatal("the golden event has no data object")
			}
			later, err := events.Parse(newer)
			if err != nil {
				t.Fatal(err)
			}
			if decoded, err := later.Decode(); err != nil || !reflect.DeepEqual(decoded, payload) {
				t.Errorf("with unknown fields: %v, %v", decoded, err)
			}
		})
	}
}

func canonical(t *testing.T, raw []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestReleasedSchemasStayCompatible(t *testing.T) {
	t.Parallel()
	for _, p := range events.Catalogue() {
		current := schemaOf(t, p)
		released := pinned(t, filepath.Join("..", "testdata", "released", p.EventType()+".json"), current)
		breaks, err := document.Compatible(released, current)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range breaks {
			t.Errorf("%s: %s; a released version never changes, add a new version", p.EventType(), b)
		}
	}
	entries, err := os.ReadDir(filepath.Join("..", "testdata", "released"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if released := strings.TrimSuffix(e.Name(), ".json"); !events.Known(released) {
			t.Errorf("the released type %s is missing from the catalogue; consumers of old events need it", released)
		}
	}
}
