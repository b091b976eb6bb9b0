package document_test

import (
	"testing"

	"github.com/llac-project/llac/events/internal/document"
)

func TestYAMLQuotesWhatIsNotPlainText(t *testing.T) {
	t.Parallel()
	got, err := document.YAML(document.Object{
		{"plain", "two words"},
		{"version", "3.1.0"},
		{"yes", "no"},
		{"colon", "a: b"},
		{"lines", "a\n\"b\""},
		{"empty", document.Object{}},
		{"list", []any{"x", document.Object{{"a", 1}, {"b", []string{"c"}}}, true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `plain: two words
version: "3.1.0"
"yes": "no"
colon: "a: b"
lines: "a\n\"b\""
empty: {}
list:
  - x
  - a: 1
    b:
      - c
  - true
`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if _, err := document.YAML(document.Object{{"x", 1.5}}); err == nil {
		t.Error("no error for a value that YAML is not written for")
	}
}
