package aws

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestFilterPolicyRefusals(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`[]`, `{"a":"text"}`, `{"a":[]}`, `{"a":[["b"]]}`, `{"a":{"b":["c"]}}`, `{"a":[{"prefix":1}]}`, `{"a":[{"exists":"yes"}]}`,
		`{"a":[{"numeric":[">"]}]}`, `{"a":[{"numeric":["~",1]}]}`, `{"a":[{"numeric":["<","1"]}]}`, `{"a":[{"anything-but":[]}]}`,
		`{"a":[{"prefix":"b","suffix":"c"}]}`, `{"a":[{"cidr":"nonsense"}]}`, `{"a":["b"]} more`, `{"a":[{"numeric":["=",1e999999999]}]}`,
	} {
		if _, err := parseFilterPolicy(text, false); err == nil {
			t.Errorf("%s is not refused", text)
		}
	}
}

func TestFilterPolicyOperators(t *testing.T) {
	t.Parallel()
	text := func(s string) map[string]attribute { return map[string]attribute{"a": {DataType: "String", String: s}} }
	for _, c := range []struct {
		policy string
		pass   string
		stop   string
	}{
		{`{"a":[{"equals-ignore-case":"Llac"}]}`, "LLAC", "lac"},
		{`{"a":[{"wildcard":"cat.*.written.v*"}]}`, "cat.llac.landing.written.v1", "cat.llac.landing.deleted.v1"},
		{`{"a":[{"wildcard":"x*x"}]}`, "xx", "x"},
		{`{"a":[{"cidr":"10.0.0.0/8"}]}`, "10.1.2.3", "11.1.2.3"},
		{`{"a":[{"anything-but":{"prefix":"cat."}}]}`, "dog.", "cat.llac"},
		{`{"a":[{"anything-but":"x"}]}`, "y", "x"},
	} {
		p, err := parseFilterPolicy(c.policy, false)
		if err != nil {
			t.Fatal(err)
		}
		if !p.passes(text(c.pass), "") || p.passes(text(c.stop), "") {
			t.Errorf("%s: %q must pass and %q must not", c.policy, c.pass, c.stop)
		}
	}
}

// FuzzFilterPolicy looks for policies and messages that make the filter fail or hang.
func FuzzFilterPolicy(f *testing.F) {
	f.Add(`{"a":[{"numeric":[">",1e9,"<",2]}],"$or":[{"b":["c"]},{"d":[null]}]}`, `{"a":1.5e3,"b":["c",{"x":[[]]}]}`)
	f.Add(`{"a":{"b":[{"wildcard":"*a*b*"}]}}`, `{"a":[{"b":"xaxb"}]}`)
	f.Fuzz(func(t *testing.T, policy, body string) {
		for _, overBody := range []bool{true, false} {
			if p, err := parseFilterPolicy(policy, overBody); err == nil {
				p.passes(map[string]attribute{"a": {DataType: "Number", String: body}, "b": {DataType: "String.Array", String: body}}, body)
			}
		}
	})
}

func TestUnchunk(t *testing.T) {
	t.Parallel()
	decode := func(body string) (string, error) {
		r, err := http.NewRequest(http.MethodPut, "http://127.0.0.1/b/k", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
		r.Header.Set("X-Amz-Decoded-Content-Length", "11")
		if err := unchunk(r); err != nil {
			return "", err
		}
		b, err := io.ReadAll(r.Body)
		return string(b), err
	}
	got, err := decode("6\r\nhello \r\n5;chunk-signature=abc\r\nworld\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n")
	if err != nil || got != "hello world" {
		t.Errorf("decoded %q, %v", got, err)
	}
	for _, broken := range []string{"6\r\nhel", "zz\r\nx\r\n0\r\n\r\n", "-1\r\nx", "", "6\r\nhello \r\n"} {
		if got, err := decode(broken); err == nil {
			t.Errorf("%q decodes to %q", broken, got)
		}
	}
}
