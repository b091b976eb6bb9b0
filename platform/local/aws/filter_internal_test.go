package aws

import (
	"strings"
	"testing"
)

func TestUnsupportedFilterPoliciesAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`[]`, `{"a":"text"}`, `{"a":[]}`, `{"a":null}`, `{"a":[null]}`, `{"a":[1]}`, `{"a":[true]}`, `{"a":[["b"]]}`, `{"a":{"b":["c"]}}`,
		`{"a":[{"prefix":"b"}]}`, `{"a":[{"anything-but":["b"]}]}`, `{"a":[{"exists":true}]}`, `{"a":[{"numeric":["=",1]}]}`,
		`{"$or":[{"a":["b"]},{"c":["d"]}]}`, `{"a":["b"]} more`, `{`,
	} {
		if _, err := parseFilterPolicy(text); err == nil || !strings.Contains(err.Error(), "InvalidParameter") ||
			!strings.Contains(err.Error(), "exact strings") {
			t.Errorf("%s: %v, want InvalidParameter that names what is supported", text, err)
		}
	}
}

func TestFilterPolicyPasses(t *testing.T) {
	t.Parallel()
	attributes := map[string]attribute{"type": {DataType: "String", String: "a"}, "dataset": {DataType: "String", String: "towns"}}
	for policy, want := range map[string]bool{
		``: true, `{}`: true, `{"type":["a"]}`: true, `{"type":["b","a"]}`: true, `{"type":["b"]}`: false, `{"other":["a"]}`: false,
		`{"type":["a"],"dataset":["towns"]}`: true, `{"type":["a"],"dataset":["cities"]}`: false,
	} {
		p, err := parseFilterPolicy(policy)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.passes(attributes); got != want {
			t.Errorf("%s passes: %v, want %v", policy, got, want)
		}
	}
}
