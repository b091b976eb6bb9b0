//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/local/aws/conformance"
	"github.com/llac-project/llac/test/iam"
)

// account is an account of moto's that one test has for itself.
type account struct {
	ID     string
	Config aws.Config // of the test's own clients
	base   string     // moto's address
}

var (
	// moto is one process for all tests.
	moto = sync.OnceValues(func() (*conformance.Moto, error) { return conformance.StartMoto(context.Background(), os.Stderr) })
	// accounts counts those that tests have taken.
	accounts atomic.Int64
)

// newAccount returns an account in which nothing exists.
func newAccount(t *testing.T) account {
	t.Helper()
	m, err := moto()
	if err != nil && os.Getenv("LLAC_REQUIRE_ALL") != "1" {
		t.Skip("moto is not available: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	a := account{ID: fmt.Sprint(123456789000 + accounts.Add(1)), Config: m.Config.Copy(), base: *m.Config.BaseEndpoint}
	a.Config.HTTPClient = &http.Client{Transport: a}
	return a
}

// RoundTrip sends a request to moto as one of the account.
func (a account) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Moto-Account-Id", a.ID)
	return http.DefaultTransport.RoundTrip(r)
}

// record lets programs send requests to the account through a recorder, and returns their environment.
func (a account) record(t *testing.T) (*iam.Recorder, iam.Environment, []string) {
	t.Helper()
	address, err := url.Parse(a.base)
	if err != nil {
		t.Fatal(err)
	}
	here := iam.Environment{Name: "dev", Account: iam.Account{Region: "eu-west-1", ID: a.ID}}
	recorder, err := iam.NewRecorder(t.Context(), here.Account, a, func(iam.Operation) *url.URL { return address }, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = recorder.Close() })
	return recorder, here, []string{"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=person", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_ENDPOINT_URL=" + recorder.Address()}
}

// startCloud returns an account and the environment of programs that use it. Their requests are checked against the policies of the
// role that they would have; parts are the statements of which the test needs everything.
func startCloud(t *testing.T, policies, parts []string) (account, []string) {
	t.Helper()
	a := newAccount(t)
	recorder, here, env := a.record(t)
	t.Cleanup(func() {
		if t.Failed() {
			return
		}
		statements, err := here.Role(root(t), policies...)
		if err != nil {
			t.Fatal(err)
		}
		needs := recorder.Needs("person")
		refused, err := iam.Refused(statements, needs)
		if err != nil {
			t.Fatal(err)
		}
		unneeded, err := iam.JudgePart(statements, needs, parts...)
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range slices.Concat(recorder.Strange(), refused, unneeded) {
			t.Errorf("terraform/policies/%v: %s", policies, problem)
		}
	})
	return a, env
}

// createBuckets creates buckets of the account: the name is a prefix of the account's number.
func (a account) createBuckets(t *testing.T, prefixes ...string) {
	t.Helper()
	objects := s3.NewFromConfig(a.Config, func(o *s3.Options) { o.UsePathStyle = true })
	for _, prefix := range prefixes {
		if _, err := objects.CreateBucket(t.Context(), &s3.CreateBucketInput{
			Bucket:                    aws.String(prefix + a.ID),
			CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"},
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDeploy deploys the validator: first refused, because the deployed stager does not consume its events, then successfully.
func TestDeploy(t *testing.T) {
	t.Parallel()
	cloud, env := startCloud(t, []string{"deploy"}, []string{"deploy/ReadPackages", "deploy/UploadPackages"})
	parameters, objects := ssm.NewFromConfig(cloud.Config), s3.NewFromConfig(cloud.Config, func(o *s3.Options) { o.UsePathStyle = true })
	bucket := aws.String("llac-artifacts-" + cloud.ID)
	cloud.createBuckets(t, "llac-artifacts-")
	record := func(service string, consumes []string) {
		t.Helper()
		value, err := json.Marshal(map[string]any{"consumes": consumes, "emits": events.Emits(service), "build": "old"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parameters.PutParameter(t.Context(), &ssm.PutParameterInput{
			Name: aws.String("/llac/dev/services/" + service + "/event_types"), Value: aws.String(string(value)),
			Type: types.ParameterTypeString, Overwrite: aws.Bool(true),
		}); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range events.Flow[1:] {
		record(f.Service, f.Consumes)
	}
	program, calls := terraform(t)
	out := t.TempDir()
	deploy := func() (string, bool) {
		return run(t, root(t), env, "deploy-of-validator", "SERVICE=validator", "ENV=dev", "APPLY=yes", "TERRAFORM="+program,
			"FUNCTIONS_DIR="+out+"/functions", "PACKAGES_DIR="+out)
	}

	record("stager", []string{"cat.llac.landing.validated.v9"})
	output, ok := deploy()
	if ok || !strings.Contains(output, "the running build old of stager consumes landing.validated.v9 and not landing.validated.v1") ||
		!strings.Contains(output, "next: deploy stager, then validator") {
		t.Errorf("succeeded %v, output\n%s", ok, output)
	}
	if left, _ := os.ReadDir(out); len(left) > 0 {
		t.Errorf("the deploy was refused, but left %v", left)
	}

	record("stager", events.Consumes("stager"))
	if output, ok = deploy(); !ok {
		t.Fatal(output)
	}
	r, zip := packed(t, out, "validator")
	key := "functions/validator/" + r.SHA256 + ".zip"
	head, err := objects.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: bucket, Key: &key})
	if err != nil || aws.ToInt64(head.ContentLength) != int64(len(zip)) {
		t.Errorf("the package in the bucket: %+v, error %v", head, err)
	}
	var variables struct {
		ArtifactKey    string `json:"artifact_key"`
		ArtifactSHA256 string `json:"artifact_sha256"`
		Version        string `json:"artifact_version"`
		EventTypes     struct {
			Consumes []string
			Emits    []string
			Build    string
		} `json:"event_types"`
	}
	b, err := os.ReadFile(filepath.Join(out, "validator.dev.tfvars.json"))
	if err == nil {
		err = json.Unmarshal(b, &variables)
	}
	if err != nil || variables.ArtifactKey != key || variables.ArtifactSHA256 != r.SHA256 || variables.Version != r.Build ||
		!slices.Equal(variables.EventTypes.Consumes, events.Consumes("validator")) {
		t.Errorf("terraform got %+v, error %v", variables, err)
	}
	backend, err := os.ReadFile(filepath.Join(out, "validator.dev.backend.hcl"))
	if err != nil || !strings.Contains(string(backend), `"llac-state-`+cloud.ID+`"`) || !strings.Contains(string(backend),
		`"dev/services/validator.tfstate"`) {
		t.Errorf("backend %s, error %v", backend, err)
	}
	log, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	if len(lines) != 3 {
		t.Fatalf("calls of terraform:\n%s", log)
	}
	for i, verb := range []string{"init", "plan", "apply"} {
		if !strings.HasPrefix(lines[i], "-chdir=terraform/service "+verb+" ") || !strings.Contains(lines[i], "/validator.dev.") {
			t.Errorf("call %d is %q, want %s of the validator", i+1, lines[i], verb)
		}
	}
	if !strings.Contains(lines[1], "-var=env=dev -var=service=validator") || !strings.Contains(lines[1], "validator.dev.tfvars.json") ||
		!strings.HasSuffix(lines[2], "validator.dev.plan") {
		t.Errorf("calls of terraform:\n%s", log)
	}

	if output, ok = deploy(); !ok || !strings.Contains(output, "existed already") {
		t.Errorf("second deploy: %v\n%s", ok, output)
	}
}
