//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package deploy

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// motoAccount is the account that moto answers for.
const motoAccount = "123456789012"

// startMoto starts moto and answers the environment in which programs meet it. What they ask is held against the policies
// of the role that they would have; parts are the statements that the test needs all of.
func startMoto(t *testing.T, policies, parts []string) (*conformance.Moto, []string) {
	t.Helper()
	moto, err := conformance.StartMoto(t.Context(), os.Stderr)
	if err != nil {
		if os.Getenv("LLAC_REQUIRE_ALL") == "1" {
			t.Fatal(err)
		}
		t.Skip("moto is not available: ", err)
	}
	t.Cleanup(func() { _ = moto.Close() })
	address, err := url.Parse(*moto.Config.BaseEndpoint)
	if err != nil {
		t.Fatal(err)
	}
	here := iam.Environment{Name: "dev", Account: iam.Account{Region: "eu-west-1", ID: motoAccount}}
	recorder, err := iam.NewRecorder(t.Context(), here.Account, http.DefaultTransport.(*http.Transport).Clone(), func(iam.Operation) *url.URL { return address }, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = recorder.Close()
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
	return moto, []string{"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=person", "AWS_SECRET_ACCESS_KEY=test", "AWS_ENDPOINT_URL=" + recorder.Address()}
}

// TestDeploy deploys the validator: first refused, because the stager that runs does not hear it; then as it should be.
func TestDeploy(t *testing.T) {
	t.Parallel()
	moto, env := startMoto(t, []string{"deploy"}, []string{"deploy/ReadPackages", "deploy/UploadPackages"})
	parameters, objects := ssm.NewFromConfig(moto.Config), s3.NewFromConfig(moto.Config, func(o *s3.Options) { o.UsePathStyle = true })
	bucket := aws.String("llac-artifacts-" + motoAccount)
	if _, err := objects.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: bucket, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"},
	}); err != nil {
		t.Fatal(err)
	}
	record := func(service string, consumes []string) {
		t.Helper()
		value, err := json.Marshal(map[string]any{"consumes": consumes, "emits": events.Emits(service), "build": "old"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parameters.PutParameter(t.Context(), &ssm.PutParameterInput{
			Name: aws.String("/llac/dev/services/" + service + "/event_types"), Value: aws.String(string(value)), Type: types.ParameterTypeString, Overwrite: aws.Bool(true),
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
		return run(t, root(t), env, "deploy-of-validator", "SERVICE=validator", "ENV=dev", "APPLY=yes", "TERRAFORM="+program, "FUNCTIONS_DIR="+out+"/functions", "PACKAGES_DIR="+out)
	}

	record("stager", []string{"cat.llac.landing.validated.v9"})
	said, ok := deploy()
	if ok || !strings.Contains(said, "build old of stager, which runs, consumes landing.validated.v9 and not landing.validated.v1") || !strings.Contains(said, "next: deploy stager, then validator") {
		t.Errorf("succeeded %v, said\n%s", ok, said)
	}
	if left, _ := os.ReadDir(out); len(left) > 0 {
		t.Errorf("it was refused, and something was done: %v", left)
	}

	record("stager", events.Consumes("stager"))
	if said, ok = deploy(); !ok {
		t.Fatal(said)
	}
	r, zip := packed(t, out, "validator")
	key := "functions/validator/" + r.SHA256 + ".zip"
	head, err := objects.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: bucket, Key: &key})
	if err != nil || aws.ToInt64(head.ContentLength) != int64(len(zip)) {
		t.Errorf("the package in the bucket: %+v, error %v", head, err)
	}
	var told struct {
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
		err = json.Unmarshal(b, &told)
	}
	if err != nil || told.ArtifactKey != key || told.ArtifactSHA256 != r.SHA256 || told.Version != r.Build || !slices.Equal(told.EventTypes.Consumes, events.Consumes("validator")) {
		t.Errorf("terraform is told %+v, error %v", told, err)
	}
	backend, err := os.ReadFile(filepath.Join(out, "validator.dev.backend.hcl"))
	if err != nil || !strings.Contains(string(backend), `"llac-state-`+motoAccount+`"`) || !strings.Contains(string(backend), `"dev/services/validator.tfstate"`) {
		t.Errorf("backend %s, error %v", backend, err)
	}
	log, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	if len(lines) != 3 {
		t.Fatalf("terraform was called as\n%s", log)
	}
	for i, verb := range []string{"init", "plan", "apply"} {
		if !strings.HasPrefix(lines[i], "-chdir=terraform/service "+verb+" ") || !strings.Contains(lines[i], "/validator.dev.") {
			t.Errorf("call %d is %q, want %s of the validator", i+1, lines[i], verb)
		}
	}
	if !strings.Contains(lines[1], "-var=env=dev -var=service=validator") || !strings.Contains(lines[1], "validator.dev.tfvars.json") || !strings.HasSuffix(lines[2], "validator.dev.plan") {
		t.Errorf("terraform was called as\n%s", log)
	}

	if said, ok = deploy(); !ok || !strings.Contains(said, "was there already") {
		t.Errorf("deployed again: %v\n%s", ok, said)
	}
}
