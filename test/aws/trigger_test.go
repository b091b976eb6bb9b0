//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package aws

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/llac-project/llac/test/terraform"
)

// TestTriggerToken writes GitHub's token into the connection without Terraform, as in docs/deploying.md. Neither a state nor a plan then
// contains the token, a plan changes nothing, and the connection still has the token after another apply.
func TestTriggerToken(t *testing.T) {
	if os.Getenv("LLAC_TEST_AWS") == "" {
		return // as TestCloud
	}
	t.Parallel()
	m, err := StartMoto(t.Context(), "moto_server.py", os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	config, err := terraform.CLIConfig(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	const (
		bucket = "llac-state-" + Account
		token  = "github_pat_TOKEN"
	)
	call(t, m, http.MethodPut, "/"+bucket, "s3", "", `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`+
		`<LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>`)
	call(t, m, http.MethodPost, "/", "sns", "", "Action=CreateTopic&Name=llac-dev-quality-gate&Version=2010-03-31")
	call(t, m, http.MethodPost, "/", "ssm", "AmazonSSM.PutParameter",
		`{"Name": "/llac/dev/messaging/topic/alarms/arn", "Type": "String", "Value": "arn:aws:sns:eu-west-1:`+Account+`:llac-dev-alarms"}`)
	data := t.TempDir()
	tf := func(args ...string) (string, error) {
		c := exec.CommandContext(t.Context(), "../../terraform/tf", append([]string{"dev", "stacks/marts"}, args...)...)
		c.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+m.Endpoint, "TF_CLI_CONFIG_FILE="+config,
			"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_REGION=eu-west-1", "LLAC_LOCAL=1",
			"LLAC_STATE_BUCKET="+bucket, "LLAC_TF_DATA="+data, "CHECKPOINT_DISABLE=1")
		out, err := c.CombinedOutput()
		return string(out), err
	}
	const repository = "-var=github_repository=llac-project/llac"
	if out, err := tf("apply", "-auto-approve", "-no-color", repository); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	call(t, m, http.MethodPost, "/", "events", "AWSEvents.UpdateConnection",
		`{"Name": "llac-dev-marts-trigger", "AuthorizationType": "API_KEY",
		  "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "Authorization", "ApiKeyValue": "Bearer `+token+`"}}}`)
	plan := filepath.Join(t.TempDir(), "plan")
	if out, err := tf("plan", "-no-color", "-out="+plan, repository); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	shown, err := tf("show", "-json", plan)
	if err != nil || strings.Contains(shown, token) {
		t.Errorf("the plan contains the token, or cannot be shown: %v", err)
	}
	differences, err := Differences([]byte(shown[strings.Index(shown, `{"format_version"`):])) // the output of init comes before it
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("plan_allow.txt")
	if err != nil {
		t.Fatal(err)
	}
	allowed, err := ParseAllowed(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if unexpected, _ := Judge(differences, allowed); len(unexpected) > 0 {
		t.Errorf("with the token in the connection, a plan would %v", unexpected)
	}
	if out, err := tf("apply", "-auto-approve", "-no-color", repository, "-var=settle_seconds=60"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	state := call(t, m, http.MethodGet, "/"+bucket+"/dev/stacks/marts.tfstate", "s3", "", "")
	if strings.Contains(state, token) || !strings.Contains(state, "none-yet") {
		t.Error("the state contains the token, or is not that of the trigger")
	}
	// AWS never returns the value; moto does, which shows that the apply has not changed it.
	connection := call(t, m, http.MethodPost, "/", "events", "AWSEvents.DescribeConnection", `{"Name": "llac-dev-marts-trigger"}`)
	if !strings.Contains(connection, token) {
		t.Errorf("the apply has removed the token: %s", connection)
	}
}

// call sends one request to moto, which does not check signatures, and returns the body of the response.
func call(t *testing.T, m *Moto, method, path, service, target, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, m.Endpoint+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization",
		"AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	switch {
	case target != "":
		r.Header.Set("X-Amz-Target", target)
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	case service == "sns":
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		t.Fatalf("%s %s %s: %s, %v\n%s", service, method, path, response.Status, err, b)
	}
	return string(b)
}
