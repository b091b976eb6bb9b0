package document_test

import (
	"strings"
	"testing"

	"github.com/llac-project/llac/events/document"
)

const released = `{
  "type": "object",
  "properties": {
    "run": {"type": "string"},
    "at": {"type": "string", "format": "date-time"},
    "note": {"type": "string"},
    "rows": {"type": "integer"},
    "pages": {"type": ["array", "null"], "items": {"$ref": "#/$defs/Page"}},
    "reasons": {"type": "object", "additionalProperties": {"type": "integer"}}
  },
  "required": ["run", "at", "rows", "pages"],
  "$defs": {"Page": {"type": "object", "properties": {"key": {"type": "string"}, "size": {"type": "integer"}}, "required": ["key"]}}
}`

// Each case edits the released schema. Compatible must report exactly what broke.
func TestCompatibleCatchesEachBreak(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, from, to, want string }{
		{"nothing changed", "", "", ""},
		{"a field removed", `"note": {"type": "string"},`, ``, "note: was removed"},
		{"a required field removed", `"run": {"type": "string"},`, ``, "run: was removed"},
		{"a type changed", `"rows": {"type": "integer"}`, `"rows": {"type": "string"}`, "rows: was integer, is string"},
		{"a format changed", `"format": "date-time"`, `"format": "date"`, "at: was string (date-time), is string (date)"},
		{"a list that stops allowing null", `["array", "null"]`, `"array"`, "pages: was [array null], is array"},
		{"optional became required", `"rows", "pages"]`, `"rows", "pages", "note"]`, "note: was optional, is required"},
		{"required became optional", `"rows", "pages"]`, `"rows"]`, "pages: was required, is optional"},
		{"a new required field", `"rows", "pages"]`, `"rows", "pages", "fresh"]`, "fresh: is new and required"},
		{"a new optional field", `"note": {"type": "string"},`, `"note": {"type": "string"}, "fresh": {"type": "string"},`, ""},
		{"a field inside a list removed", `, "size": {"type": "integer"}}`, `}`, "pages[].size: was removed"},
		{"a type inside a list changed", `"size": {"type": "integer"}`, `"size": {"type": "number"}`,
			"pages[].size: was integer, is number"},
		{"values of a map changed", `"additionalProperties": {"type": "integer"}`, `"additionalProperties": {"type": "string"}`,
			"reasons{}: was integer, is string"},
		{"values of a map untyped", `, "additionalProperties": {"type": "integer"}`, ``, "reasons{}: changed its shape"},
		{"a description added", `"note": {"type": "string"`, `"note": {"description": "for people", "type": "string"`, ""},
		{"a definition renamed", "Page", "Leaf", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			current := strings.ReplaceAll(released, test.from, test.to)
			if test.from == "" {
				current = released
			} else if current == released {
				t.Fatal("the edit changed nothing")
			}
			breaks, err := document.Compatible([]byte(released), []byte(current))
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(breaks, "|")
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestCompatibleReportsInvalidSchemas(t *testing.T) {
	t.Parallel()
	if _, err := document.Compatible([]byte("{"), []byte("{}")); err == nil {
		t.Error("no error for a broken released schema")
	}
	if _, err := document.Compatible([]byte("{}"), []byte("[]")); err == nil {
		t.Error("no error for a current schema that is a list")
	}
}
