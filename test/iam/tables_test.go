package iam

import (
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestPerformed compares the statements for what AWS performs with the roles with the second table, and checks that each change of one is
// found.
func TestPerformed(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	files, err := filepath.Glob(filepath.Join(root, "terraform", "policies", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("no policies: ", err)
	}
	roles := Services()
	for _, file := range files {
		if role := strings.TrimSuffix(filepath.Base(file), ".json"); role != "common" && !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	for _, role := range roles {
		read := Read
		if slices.Contains(Services(), role) {
			read = ReadService
		}
		p, err := read(root, role)
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range JudgePerformed(role, p.Statements) {
			t.Errorf("%s: %s", role, problem)
		}
		for i, s := range p.Statements {
			if s.By == "" {
				continue
			}
			for name, change := range map[string]func(*Statement){
				"no statement":     func(s *Statement) { s.Action = nil },
				"an action less":   func(s *Statement) { s.Action = s.Action[1:] },
				"an action more":   func(s *Statement) { s.Action = append(slices.Clone(s.Action), "sqs:PurgeQueue") },
				"a resource less":  func(s *Statement) { s.Resource = s.Resource[1:] },
				"a resource more":  func(s *Statement) { s.Resource = append(slices.Clone(s.Resource), "*") },
				"a condition":      func(s *Statement) { s.Condition = map[string]any{"Bool": map[string]any{"x": "y"}} },
				"the same again":   func(s *Statement) { s.Action = append(slices.Clone(s.Action), s.Action[0]) },
				"by somebody else": func(s *Statement) { s.By += "?" },
			} {
				changed := slices.Clone(p.Statements)
				change(&changed[i])
				if len(JudgePerformed(role, changed)) == 0 {
					t.Errorf("%s, %s: %s is not found", role, s.Sid, name)
				}
			}
		}
	}
}

// TestToggles compares the statements that modules/service adds for a variable with the second table.
func TestToggles(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(filepath.Join("..", "..", "terraform", "modules", "service", "role.tf"))
	if err != nil {
		t.Fatal(err)
	}
	var has, want []string
	statement := regexp.MustCompile(`Sid\s+= "(\w+)"\s+Effect\s+= "Allow"\s+Action\s+= \[([^\]]*)\]\s+Resource\s+= \[([^\]]*)\]`)
	for _, m := range statement.FindAllStringSubmatch(string(b), -1) {
		actions := strings.FieldsFunc(m[2], func(r rune) bool { return strings.ContainsRune("\", \n", r) })
		has = append(has, m[1]+": "+strings.Join(actions, ", ")+" on "+m[3])
	}
	for _, p := range performeds {
		if p.Toggle != "" {
			want = append(want, p.Toggle+": "+strings.Join(p.Action, ", ")+" on "+strings.Join(p.Resource, ", "))
		}
	}
	if n := strings.Count(string(b), "Effect"); n != len(want)+1 || !slices.Equal(has, want) { // one more is the trust
		t.Errorf("role.tf adds\n%s\nthe table has\n%s\n(%d statements)", strings.Join(has, "\n"), strings.Join(want, "\n"), n)
	}
}

// TestTable checks that each line occurs once and has a source.
func TestTable(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, l := range actions {
		at := l.Service + " " + l.Operation + " " + l.When
		if seen[at] || l.Source == "" {
			t.Errorf("%s: a line must occur once and have a source", at)
		}
		seen[at] = true
		for _, n := range l.Needs {
			if len(n.On) == 0 || !regexp.MustCompile(`^[a-z0-9]+:[A-Z][A-Za-z]+$`).MatchString(n.Action) {
				t.Errorf("%s: %s of %v", at, n.Action, n.On)
			}
		}
	}
}

// TestRead parses requests as the SDK sends them.
func TestRead(t *testing.T) {
	t.Parallel()
	here := Account{Region: "eu-west-1", ID: "123456789012"}
	const form, sqs, glue = "application/x-www-form-urlencoded; charset=utf-8", "AmazonSQS.", "AWSGlue."
	for _, c := range []struct {
		method, url, headers, body string
		want                       string // operation, and its needs
	}{
		{"GET", "/b/state/x/current.json", "", "", "s3 GetObject: s3:GetObject arn:aws:s3:::b/state/x/current.json"},
		{"GET", "/b/k?versionId=v", "", "", "s3 GetObject with versionId: s3:GetObjectVersion arn:aws:s3:::b/k"},
		{"HEAD", "/b/k", "", "", "s3 HeadObject: s3:GetObject arn:aws:s3:::b/k"},
		{"PUT", "/b/a%20b", "If-None-Match: *", "x", "s3 PutObject: s3:PutObject arn:aws:s3:::b/a b"},
		{"PUT", "/b/k", `If-Match: "e"`, "x", "s3 PutObject with If-Match: s3:PutObject arn:aws:s3:::b/k"},
		{"PUT", "/b/k", "X-Amz-Copy-Source: other/from%20here?versionId=v", "",
			"s3 CopyObject with versionId: s3:GetObjectVersion arn:aws:s3:::other/from here, s3:PutObject arn:aws:s3:::b/k"},
		{"POST", "/b/k?uploads=", "", "", "s3 CreateMultipartUpload: s3:PutObject arn:aws:s3:::b/k"},
		{"PUT", "/b/k?partNumber=1&uploadId=u", "", "x", "s3 UploadPart: s3:PutObject arn:aws:s3:::b/k"},
		{"POST", "/b/k?uploadId=u", "", "x", "s3 CompleteMultipartUpload: s3:PutObject arn:aws:s3:::b/k"},
		{"DELETE", "/b/k?uploadId=u", "", "", "s3 AbortMultipartUpload: s3:AbortMultipartUpload arn:aws:s3:::b/k"},
		{"DELETE", "/b/k", "", "", "s3 DeleteObject: s3:DeleteObject arn:aws:s3:::b/k"},
		{"DELETE", "/b/k", "If-Match: e", "",
			"s3 DeleteObject with If-Match: s3:DeleteObject arn:aws:s3:::b/k, s3:GetObject arn:aws:s3:::b/k"},
		{"DELETE", "/b/k?versionId=v", "", "", "s3 DeleteObject with versionId: s3:DeleteObjectVersion arn:aws:s3:::b/k"},
		{"POST", "/b/?delete=", "",
			"<Delete><Object><Key>k</Key></Object><Object><Key>l</Key><VersionId>v</VersionId></Object></Delete>",
			"s3 DeleteObjects: s3:DeleteObject arn:aws:s3:::b/k, s3:DeleteObjectVersion arn:aws:s3:::b/l"},
		{"GET", "/b/?list-type=2&prefix=landing%2Fx%2F", "", "",
			"s3 ListObjectsV2: s3:ListBucket arn:aws:s3:::b where s3:prefix=landing/x/"},
		{"GET", "/b?versions=&prefix=p", "", "", "s3 ListObjectVersions: s3:ListBucketVersions arn:aws:s3:::b where s3:prefix=p"},
		{"GET", "/b?acl=", "", "", "error"},
		{"PUT", "/b/k", "X-Amz-Tagging: a=b", "", "error"},
		{"POST", "/", "X-Amz-Target: " + sqs + "SendMessageBatch", `{"QueueUrl":"http://x/1/q"}`,
			"sqs SendMessageBatch: sqs:SendMessage arn:aws:sqs:eu-west-1:123456789012:q"},
		{"POST", "/", "X-Amz-Target: " + sqs + "GetQueueUrl", `{"QueueName":"q"}`,
			"sqs GetQueueUrl: sqs:GetQueueUrl arn:aws:sqs:eu-west-1:123456789012:q"},
		{"POST", "/", "X-Amz-Target: " + sqs + "PurgeQueue", `{"QueueUrl":"http://x/1/q"}`, "error"},
		{"POST", "/", "X-Amz-Target: AWSMoon.Land", `{}`, "error"},
		{"POST", "/", "Content-Type: " + form, "Action=PublishBatch&TopicArn=arn:aws:sns:r:1:t",
			"sns PublishBatch: sns:Publish arn:aws:sns:r:1:t"},
		{"POST", "/", "Content-Type: " + form, "Action=GetCallerIdentity", "sts GetCallerIdentity:"},
		{"POST", "/", "X-Amz-Target: " + glue + "CreateTable", `{"DatabaseName":"d","TableInput":{"Name":"t"}}`,
			"glue CreateTable: glue:CreateTable arn:aws:glue:eu-west-1:123456789012:catalog, glue:CreateTable " +
				"arn:aws:glue:eu-west-1:123456789012:database/d, glue:CreateTable arn:aws:glue:eu-west-1:123456789012:table/d/t"},
		{"POST", "/", "X-Amz-Target: AmazonSSM.GetParametersByPath", `{"Path":"/llac/dev/services"}`,
			"ssm GetParametersByPath: ssm:GetParametersByPath arn:aws:ssm:eu-west-1:123456789012:parameter/llac/dev/services"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, "http://127.0.0.1"+c.url, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization",
			"AWS4-HMAC-SHA256 Credential=stager/20260101/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=0")
		if name, v, ok := strings.Cut(c.headers, ": "); ok {
			r.Header.Set(name, v)
		}
		o, err := here.Read(r)
		var needs []Need
		if err == nil {
			needs, err = o.Needs()
		}
		got := o.String() + ":"
		for i, n := range needs {
			if i > 0 {
				got += ","
			}
			got += " " + n.Action + " " + n.Resource
		}
		if p, ok := o.Context["s3:prefix"]; ok {
			got += " where s3:prefix=" + p
		}
		if err != nil {
			got = "error"
		}
		if got != c.want || o.Role != "stager" {
			t.Errorf("%s %s %s: got %s (%v), want %s", c.method, c.url, c.headers, got, err, c.want)
		}
	}
}

// TestMatches checks IAM's wildcards.
func TestMatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, arn string
		want         bool
	}{
		{"*", "arn:aws:s3:::b/k", true},
		{"arn:aws:s3:::b/*", "arn:aws:s3:::b/k/l", true},
		{"arn:aws:s3:::b/*", "arn:aws:s3:::bc/k", false},
		{"arn:aws:s3:::b/state/*/current.json", "arn:aws:s3:::b/state/x/y/current.json", true},
		{"arn:aws:s3:::b/state/*/current.json", "arn:aws:s3:::b/state/x/current.jsonl", false},
		{"arn:aws:s3:::b/?", "arn:aws:s3:::b/k", true},
		{"arn:aws:s3:::b/?", "arn:aws:s3:::b/", false},
		{"arn:aws:sqs:*:1:q", "arn:aws:sqs:r:1:q", true},
		{"arn:aws:sqs:*:q", "arn:aws:sqs:r:1:q", false},
		{"arn:aws:logs:r:1:log-group:/aws/lambda/x:*", "arn:aws:logs:r:1:log-group:/aws/lambda/x:stream", true},
		{"arn:aws:sqs:r:1:llac-*-dlq", "arn:aws:sqs:r:1:llac-dev-a-dlq", true},
	} {
		if got := matches(c.pattern, c.arn); got != c.want {
			t.Errorf("%s ~ %s: %v", c.pattern, c.arn, got)
		}
	}
}

// TestWords checks that the words are read from Terraform's own lines, and that an unknown one is an error and not an empty text.
func TestWords(t *testing.T) {
	t.Parallel()
	e := Environment{Name: "dev", Account: Account{Region: "eu-west-1", ID: "123456789012"}}
	root := filepath.Join("..", "..")
	for _, service := range Services() {
		words, err := e.ServiceWords(root, service)
		if err != nil {
			t.Fatal(err)
		}
		if words["queue"] != "arn:aws:sqs:eu-west-1:123456789012:llac-dev-"+service ||
			words["glue_tables"] != "arn:aws:glue:eu-west-1:123456789012:table/llac_dev_staging/*" {
			t.Errorf("%v", words)
		}
		if _, err := renderService(root, service, words); err != nil {
			t.Error(err)
		}
		delete(words, "topic")
		if _, err := renderService(root, service, words); err == nil {
			t.Error("a policy is rendered without one of its words")
		}
	}
	words, err := e.SharedWords(root)
	if err != nil {
		t.Fatal(err)
	}
	if words["parameters"] != "arn:aws:ssm:eu-west-1:123456789012:parameter/llac/dev" || words["env"] != "dev" {
		t.Errorf("%v", words)
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "terraform/stacks/security"), 0o755); err != nil {
		t.Fatal(err)
	}
	for text, ok := range map[string]bool{
		"words = {\n  a = \"${local.s3}x\"\n  }\n": true, "words = {\n  a = \"${local.unknown}\"\n  }\n": false,
		"words = {\n  a = lower(var.env)\n  }\n": false, "words = {\n  a = \"x\"\n": false, "other = {\n  }\n": false,
	} {
		if err := os.WriteFile(filepath.Join(dir, "terraform/stacks/security/main.tf"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := e.SharedWords(dir)
		if (err == nil) != ok || ok && !reflect.DeepEqual(got, map[string]string{"a": "arn:aws:s3:::x"}) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
