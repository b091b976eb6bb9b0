//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package deploy

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/llac-project/llac/events"
)

// planningTerraform returns a program that records its calls and shows a plan with a value that must stay secret.
func planningTerraform(t *testing.T) (program, record string) {
	t.Helper()
	dir := t.TempDir()
	program, record = filepath.Join(dir, "terraform"), filepath.Join(dir, "calls")
	const plan = `{"resource_changes": [{"address": "aws_sqs_queue.it", "change": {"actions": ["update"],` +
		` "before": {"tags": "s3cret"}, "after": {"tags": "s3cret-2"}}}]}`
	body := "#!/bin/sh\necho \"$@\" >> " + record + "\ncase \"$*\" in *' show '*) echo '" + plan + "';; esac\n"
	if err := os.WriteFile(program, []byte(body), 0o755); err != nil {
		t.Fatal(err)
	}
	return program, record
}

// TestPlanAndDeployChanged records this commit as the build of five services, another build of the validator, and none of the scheduler.
func TestPlanAndDeployChanged(t *testing.T) {
	t.Parallel()
	git := exec.Command("git", "rev-parse", "HEAD")
	git.Dir = root(t)
	commit, err := git.Output()
	if err != nil {
		t.Skip("this tree is not a Git clone: ", err)
	}
	cloud, env := startCloud(t, []string{"deploy"}, nil)
	parameters, objects := ssm.NewFromConfig(cloud.Config), s3.NewFromConfig(cloud.Config, func(o *s3.Options) { o.UsePathStyle = true })
	bucket := aws.String("llac-artifacts-" + cloud.ID)
	cloud.createBuckets(t, "llac-artifacts-")
	put := func(service, what, value string) {
		t.Helper()
		if _, err := parameters.PutParameter(t.Context(), &ssm.PutParameterInput{
			Name: aws.String("/llac/dev/services/" + service + "/" + what), Value: &value, Type: types.ParameterTypeString,
			Overwrite: aws.Bool(true),
		}); err != nil {
			t.Fatal(err)
		}
	}
	digest := strings.Repeat("ab", 32)
	for _, f := range events.Flow {
		if len(f.Consumes) == 0 || f.Service == "scheduler" { // the scheduler was never deployed
			continue
		}
		build := strings.TrimSpace(string(commit))
		if f.Service == "validator" {
			build = "0123456789ab"
		}
		speech, err := json.Marshal(map[string]any{"consumes": events.Consumes(f.Service), "emits": events.Emits(f.Service),
			"build": build})
		if err != nil {
			t.Fatal(err)
		}
		put(f.Service, "event_types", string(speech))
		put(f.Service, "version", build)
		put(f.Service, "sha256", digest)
		put(f.Service, "previous", "none")
	}
	program, calls := planningTerraform(t)
	out := t.TempDir()
	made := func(args ...string) (string, bool) {
		t.Helper()
		return run(t, root(t), env, append(args, "ENV=dev", "APPLY=yes", "TERRAFORM="+program, "FUNCTIONS_DIR="+out+"/functions",
			"PACKAGES_DIR="+out)...)
	}

	output, ok := made("plan", "SERVICE=stager")
	if !ok {
		t.Fatal(output)
	}
	summary, err := os.ReadFile(filepath.Join(out, "stager.dev.plan.md"))
	if err != nil || !strings.Contains(string(summary), "| update | `aws_sqs_queue.it` | tags |") ||
		strings.Contains(string(summary)+output, "s3cret") {
		t.Errorf("summary %q, error %v; output\n%s", summary, err, output)
	}
	var variables struct {
		SHA256 string `json:"artifact_sha256"`
		Key    string `json:"artifact_key"`
		Build  string `json:"artifact_version"`
	}
	b, err := os.ReadFile(filepath.Join(out, "stager.dev.tfvars.json"))
	if err == nil {
		err = json.Unmarshal(b, &variables)
	}
	if err != nil || variables.SHA256 != digest || variables.Key != "functions/stager/"+digest+".zip" ||
		variables.Build != strings.TrimSpace(string(commit)) {
		t.Errorf("terraform got %+v for the deployed package, error %v", variables, err)
	}
	if left, _ := filepath.Glob(filepath.Join(out, "*.plan.json")); len(left) > 0 {
		t.Errorf("the plan's values are left in %v", left)
	}
	if inBucket, err := objects.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: bucket}); err != nil ||
		len(inBucket.Contents) > 0 {
		t.Errorf("a plan uploaded %v, error %v", inBucket.Contents, err)
	}
	if called := verbs(t, calls); !slices.Equal(called, []string{"stager init", "stager plan", "stager show"}) {
		t.Errorf("calls of terraform: %v", called)
	}
	if output, ok = made("plan", "SERVICE=scheduler"); !ok || !strings.Contains(output, "was never deployed into dev") {
		t.Errorf("plan of a service that is not deployed: %v\n%s", ok, output)
	}

	if err := os.Remove(calls); err != nil {
		t.Fatal(err)
	}
	if output, ok = made("deploy-changed"); !ok {
		t.Fatal(output)
	}
	want := []string{"scheduler init", "scheduler plan", "scheduler apply", "validator init", "validator plan", "validator apply"}
	if called := verbs(t, calls); !slices.Equal(called, want) {
		t.Errorf("calls of terraform: %v, want %v\n%s", called, want, output)
	}
	if !strings.Contains(output, "validator: build 0123456789ab is not a commit of this clone") ||
		!strings.Contains(output, "scheduler: its events differ from those of the deployed build") {
		t.Errorf("no reason in the output:\n%s", output)
	}
	r, _ := packed(t, out, "validator")
	for _, name := range []string{".zip", ".json", ".cdx.json"} {
		if _, err := objects.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("functions/validator/" +
			r.SHA256 + name)}); err != nil {
			t.Errorf("%s is not next to the package in the bucket: %v", name, err)
		}
	}
}

// serviceOf is the service that a call of terraform is for, by the files that it is given.
var serviceOf = regexp.MustCompile(`/([a-z-]+)\.dev\.`)

// verbs lists the calls of terraform: the service and the command.
func verbs(t *testing.T, calls string) []string {
	t.Helper()
	log, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(log)) {
		words := strings.Fields(line)
		service := serviceOf.FindStringSubmatch(line)
		if words[0] != "-chdir=terraform/service" || service == nil {
			t.Fatalf("unexpected call of terraform: %s", line)
		}
		out = append(out, service[1]+" "+words[1])
	}
	return out
}
