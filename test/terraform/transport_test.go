package terraform

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A holder is a kind of resource with a resource policy, and the kind of resource that carries that policy.
type holder struct{ kind, policyKind, denied string }

var holders = []holder{
	{"aws_sqs_queue", "aws_sqs_queue", "sqs:*"},
	{"aws_sns_topic", "aws_sns_topic_policy", "sns:Publish"},
	{"aws_s3_bucket", "aws_s3_bucket_policy", "s3:*"},
}

// declared lists the queues, topics and buckets of a folder's own files: "aws_sqs_queue.this".
func declared(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.tf"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range holders {
			for _, m := range regexp.MustCompile(`(?m)^\s*resource\s+"`+h.kind+`"\s+"([^"]+)"`).FindAllStringSubmatch(string(b), -1) {
				out = append(out, h.kind+"."+m[1])
			}
		}
	}
	return out
}

// index is the part in brackets at the end of an address.
var index = regexp.MustCompile(`\[[^\]]*\]$`)

// insecure lists the queues, topics and buckets of a folder whose planned policy allows requests without TLS, and those that no
// run plans, which are therefore not checked.
func insecure(runs map[string][]resource, own []string) []string {
	var out []string
	seen := map[string]bool{}
	for run, resources := range runs {
		for _, r := range resources {
			i := slices.IndexFunc(holders, func(h holder) bool { return h.kind == r.Type })
			if i < 0 || r.Change.After == nil {
				continue
			}
			seen[index.ReplaceAllString(r.Address, "")] = true
			h := holders[i]
			// A topic or bucket and its policy have one name, so that none is overlooked.
			at := strings.LastIndex(r.Address, h.kind+".")
			address := r.Address[:at] + h.policyKind + r.Address[at+len(h.kind):]
			j := slices.IndexFunc(resources, func(p resource) bool { return p.Address == address })
			if j < 0 {
				out = append(out, fmt.Sprintf("%s, %s: missing %s", run, r.Address, address))
				continue
			}
			text, _ := resources[j].Change.After["policy"].(string)
			if problem := denies(h, r, text); problem != "" {
				out = append(out, fmt.Sprintf("%s, %s: %s", run, r.Address, problem))
			}
		}
	}
	for _, name := range own {
		if !seen[name] {
			out = append(out, name+": no run of the folder's tests plans it; add one")
		}
	}
	return out
}

// denies returns why a policy allows requests without TLS, or "" if it denies them.
func denies(h holder, r resource, text string) string {
	var policy struct {
		Statement []struct {
			Effect                      string
			Principal, Action, Resource any
			Condition                   any
			NotAction, NotPrincipal     any
			NotResource                 any
		}
	}
	if err := json.Unmarshal([]byte(text), &policy); err != nil {
		return fmt.Sprintf("read its policy: %v; the plan must contain all of it", err)
	}
	name := func(attributes ...string) string {
		for _, a := range attributes {
			if s, ok := r.Change.After[a].(string); ok && s != "" {
				return s
			}
		}
		return ""
	}
	for _, s := range policy.Statement {
		if s.Effect != "Deny" || !reflect.DeepEqual(s.Principal, "*") || !slices.Contains(list(s.Action), h.denied) ||
			!reflect.DeepEqual(s.Condition, map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}}) {
			continue
		}
		of := list(s.Resource)
		switch h.kind {
		case "aws_sqs_queue":
			if slices.ContainsFunc(of, func(arn string) bool { return strings.HasSuffix(arn, ":"+name("name")) }) {
				return ""
			}
		case "aws_sns_topic":
			if slices.ContainsFunc(of, func(arn string) bool { return arn == name("arn") || strings.HasSuffix(arn, ":"+name("name")) }) {
				return ""
			}
		case "aws_s3_bucket":
			bucket := name("bucket")
			ends := func(end string) bool {
				return slices.ContainsFunc(of, func(arn string) bool {
					return arn == name("arn")+strings.TrimPrefix(end, bucket) || strings.HasSuffix(arn, ":::"+end)
				})
			}
			if ends(bucket) && ends(bucket+"/*") {
				return ""
			}
		}
	}
	return "its policy does not deny " + h.denied + " without TLS for every principal: " + text
}

// list returns a text, or a list of texts, as a list.
func list(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, e := range v {
			out = append(out, fmt.Sprint(e))
		}
		return out
	}
	return nil
}

// TestInsecure checks that each mistake in a policy is found.
func TestInsecure(t *testing.T) {
	t.Parallel()
	const good = `{"Statement":[{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"arn:aws:sqs:r:1:q",` +
		`"Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`
	for name, c := range map[string]struct {
		policy string
		found  bool
	}{
		"good":                   {good, false},
		"none":                   {"", true},
		"no statement":           {`{"Statement":[]}`, true},
		"for one principal":      {strings.Replace(good, `"Principal":"*"`, `"Principal":{"AWS":"1"}`, 1), true},
		"for one action":         {strings.Replace(good, "sqs:*", "sqs:SendMessage", 1), true},
		"for another queue":      {strings.Replace(good, ":1:q", ":1:r", 1), true},
		"with another condition": {strings.Replace(good, `"false"}`, `"false"},"StringEquals":{"a":"b"}`, 1), true},
		"with TLS":               {strings.Replace(good, `"false"`, `"true"`, 1), true},
		"allowed and not denied": {strings.Replace(good, "Deny", "Allow", 1), true},
	} {
		r := resource{Address: "aws_sqs_queue.q", Type: "aws_sqs_queue"}
		r.Change.After = map[string]any{"name": "q", "policy": c.policy}
		if found := insecure(map[string][]resource{"run": {r}}, []string{"aws_sqs_queue.q"}); len(found) > 0 != c.found {
			t.Errorf("%s: found %v", name, found)
		}
	}
	topic := resource{Address: `aws_sns_topic.t["a"]`, Type: "aws_sns_topic"}
	topic.Change.After = map[string]any{"name": "t", "arn": "a"}
	if found := insecure(map[string][]resource{"run": {topic}}, []string{"aws_sns_topic.t", "aws_sns_topic.other"}); len(found) != 2 {
		t.Errorf("a topic without a policy and one that is not planned: found %v", found)
	}
}

// TestEveryHolderIsTested checks that queues, topics and buckets are declared only in folders with tests.
func TestEveryHolderIsTested(t *testing.T) {
	t.Parallel()
	folders := map[string]bool{}
	for _, pattern := range []string{"*", "*/*", "*/*/*", "*/*/*/*"} {
		files, err := filepath.Glob(filepath.Join(repository, "terraform", pattern, "*.tf"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if !strings.Contains(f, "/.terraform/") {
				folders[filepath.Dir(f)] = true
			}
		}
	}
	found := 0
	for folder := range folders {
		own := declared(t, folder)
		found += len(own)
		if _, err := os.Stat(filepath.Join(folder, "tests")); err != nil && len(own) > 0 {
			t.Errorf("%s declares %v and has no tests, which would check that they refuse plain HTTP", folder, own)
		}
	}
	if found < 8 {
		t.Errorf("found only %d queues, topics and buckets", found)
	}
}
