//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package aws

import (
	"archive/zip"
	"debug/elf"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"golang.org/x/sync/errgroup"

	"github.com/llac-project/llac/operations/deploy"
	"github.com/llac-project/llac/test/aws/driver"
)

// The most that Lambda takes: zipped and sent through S3, and unpacked.
const zipped, unpacked = 50 << 20, 250 << 20

// package looks at what runs as Lambda would: a program for arm64 of the handler's name, within the limits, and the very bytes that the
// function has.
func packaged(t *testing.T, w *world, f driver.Function) deploy.Release {
	t.Helper()
	file := filepath.Join(w.packages, f.Service()+".zip")
	release, err := deploy.ReadRelease(w.packages, f.Service())
	if err != nil {
		t.Fatal(err)
	}
	digest, err := hex.DecodeString(release.SHA256)
	if got := base64.StdEncoding.EncodeToString(digest); err != nil || f.CodeSHA256 != got {
		t.Errorf("%s runs package %s, make package made %s", f.Name, f.CodeSHA256, got)
	}
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if len(z.File) != 1 || z.File[0].Name != f.Handler || z.File[0].Mode()&0o111 == 0 || release.ZipBytes > zipped || z.File[0].UncompressedSize64 > unpacked {
		t.Errorf("%s: %d files, the first %s %s, %d bytes zipped", file, len(z.File), z.File[0].Mode(), z.File[0].Name, release.ZipBytes)
	}
	r, err := z.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	program, err := elf.NewFile(strings.NewReader(string(body)))
	if err != nil || program.Machine != elf.EM_AARCH64 || program.Type != elf.ET_EXEC {
		t.Errorf("%s: %+v, %v; want a static program for aarch64", file, program, err)
	}
	return release
}

// deploysAlone deploys one service in another build and takes it back. secondPlans shows that no other root has anything to do after it.
func deploysAlone(t *testing.T, w *world, before driver.Deployed) {
	const service = "validator"
	var first deploy.Release
	for _, m := range before.Mappings {
		if r := packaged(t, w, m.Function); m.Function.Service() == service {
			first = r
		}
	}
	if err := w.log(w.deploy(t, service, "FUNCTIONS_BUILD=another-build"), "deploy-again"); err != nil {
		t.Fatal(err)
	}
	second := packaged(t, w, w.function(t, service))
	if second.SHA256 == first.SHA256 || second.Build != "another-build" {
		t.Errorf("deployed %+v after %+v", second, first)
	}
	after := w.deployed(t)
	for _, m := range before.Mappings {
		now := *mapping(&after, m.Function.Service())
		if moved := now.Function.Version != m.Function.Version; moved != (m.Function.Service() == service) {
			t.Errorf("%s: its mapping called version %s, and calls %s", m.Function.Service(), m.Function.Version, now.Function.Version)
		}
	}
	recorded := func() deploy.Recorded {
		var answer struct {
			Data struct{ Services []deploy.Recorded }
		}
		if err := json.Unmarshal([]byte(w.must(t, w.llac(t), "deploy", "running", service, "--env", env, "--json")), &answer); err != nil || len(answer.Data.Services) != 1 {
			t.Fatalf("%+v, %v", answer, err)
		}
		return answer.Data.Services[0]
	}
	if r := recorded(); r.SHA256 != second.SHA256 || r.Previous != first.SHA256 || r.Build != second.Build {
		t.Errorf("recorded is %+v", r)
	}
	if err := w.log(w.deploy(t, service, "rollback"), "rollback"); err != nil {
		t.Fatal(err)
	}
	if r := recorded(); r.SHA256 != first.SHA256 || r.Previous != second.SHA256 || r.Build != first.Build {
		t.Errorf("taken back, recorded is %+v", r)
	}
	digest, _ := hex.DecodeString(first.SHA256)
	if f := w.function(t, service); f.CodeSHA256 != base64.StdEncoding.EncodeToString(digest) {
		t.Errorf("taken back, %+v runs", f)
	}
	// And nobody is asked to guess: there is no service of this name, and none before one that was deployed once.
	if said := w.refused(t, "make", "rollback", "SERVICE=nothing"); !strings.Contains(said, `unknown service "nothing"`) {
		t.Errorf("%s", said)
	}
	if out, err := w.deploy(t, "stager", "rollback").CombinedOutput(); err == nil || !strings.Contains(string(out), "has been deployed once") {
		t.Errorf("%v\n%s", err, out)
	}
	// Without credentials nothing is begun.
	c := w.deploy(t, service)
	c.Env = append(slices.DeleteFunc(c.Env, func(e string) bool {
		return strings.HasPrefix(e, "AWS_ACCESS_KEY_ID=") || strings.HasPrefix(e, "AWS_SECRET")
	}), "HOME="+t.TempDir(), "AWS_CONFIG_FILE=/nowhere", "AWS_SHARED_CREDENTIALS_FILE=/nowhere",
		"GOPATH="+goEnv(t, w, "GOPATH"), "GOCACHE="+goEnv(t, w, "GOCACHE"), "GOMODCACHE="+goEnv(t, w, "GOMODCACHE"))
	if out, err := c.CombinedOutput(); err == nil || !strings.Contains(string(out), "no AWS credentials that can be used, so nothing was done") {
		t.Errorf("%v\n%s", err, out)
	}
}

func goEnv(t *testing.T, w *world, name string) string {
	t.Helper()
	return strings.TrimSpace(w.must(t, "go", "env", name))
}

func (w *world) llac(t *testing.T) string { return filepath.Join(root(t), "bin", "llac") }

// function is a service's function as its mapping calls it now.
func (w *world) function(t *testing.T, service string) driver.Function {
	t.Helper()
	d := w.deployed(t)
	return mapping(&d, service).Function
}

// roots are all roots but the services, and then these.
func roots() []string {
	out := []string{"bootstrap", "stacks/storage", "stacks/security", "stacks/messaging", "stacks/monitoring", "stacks/marts"}
	for _, s := range flow {
		out = append(out, "services/"+s)
	}
	return out
}

// plan plans a root once more and answers what it would change.
func (w *world) plan(t *testing.T, root string) ([]byte, error) {
	name := strings.ReplaceAll(root, "/", "-")
	out := filepath.Join(w.plans, name+".plan")
	args := []string{env, root, "plan", "-no-color", "-lock=false", "-out=" + out}
	if service, is := strings.CutPrefix(root, "services/"); is {
		args = append(args, "-var-file="+filepath.Join(w.packages, service+"."+env+".tfvars.json"))
	}
	if strings.HasPrefix(root, "stacks/") { // as they were applied
		args = append(args, "-var-file="+w.roles(t))
	}
	if err := w.log(w.command(t, "terraform/tf", args...), name+"-second"); err != nil {
		return nil, err
	}
	show := w.command(t, "terraform/tf", env, root, "show", "-json", out)
	body, err := show.Output()
	if err != nil {
		return nil, fmt.Errorf("show the plan of %s: %w", root, err)
	}
	return body, os.WriteFile(filepath.Join(w.plans, name+".json"), body, 0o644)
}

// secondPlans changes two things by hand, plans all roots, and sees exactly these two: whatever else a plan would change is on the list.
func secondPlans(t *testing.T, w *world) {
	functions := lambda.NewFromConfig(w.config)
	d := w.deployed(t)
	m := mapping(&d, "stager")
	if _, err := functions.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &m.Function.Name, MemorySize: aws.Int32(512)}); err != nil {
		t.Fatal(err)
	}
	url := w.moto.Endpoint + "/" + Account + "/llac-" + env + "-stager"
	if _, err := w.sqs.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: map[string]string{"VisibilityTimeout": "60"}}); err != nil {
		t.Fatal(err)
	}
	var group errgroup.Group
	group.SetLimit(3)
	for _, r := range roots() {
		group.Go(func() error { _, err := w.plan(t, r); return err })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	SecondPlans(t, w.plans, []string{
		"services-stager: update module.deployment.module.service.aws_lambda_function.this memory_size",
		"services-stager: update module.deployment.module.service.aws_sqs_queue.this visibility_timeout_seconds",
		// What follows from these: a changed function is another version, which the alias is to name.
		"services-stager: update module.deployment.module.service.aws_lambda_function.this version",
		"services-stager: update module.deployment.module.service.aws_lambda_function.this qualified_arn",
		"services-stager: update module.deployment.module.service.aws_lambda_function.this qualified_invoke_arn",
		"services-stager: update module.deployment.module.service.aws_lambda_alias.live function_version",
		"services-stager: update module.deployment.module.service.aws_sqs_queue.this policy", // which moto writes anew when an attribute is set
		"services-stager: update output.deployment *",
	})
	// An apply puts back what was changed.
	if err := w.log(w.deploy(t, "stager"), "mend"); err != nil {
		t.Fatal(err)
	}
	if now := w.function(t, "stager"); now.Memory != m.Function.Memory || w.attributes(t, m.Queue)["VisibilityTimeout"] != itoa(6*int(now.Timeout.Seconds())) {
		t.Errorf("an apply left %+v", now)
	}
}

// costs reads the plans of the real roots: what stands idle in dev has a known price and is within the budget; with another database beside
// it the check fails.
func costs(t *testing.T, w *world) {
	folder := t.TempDir()
	for _, r := range roots() {
		name := strings.ReplaceAll(r, "/", "-") + ".json"
		body, err := os.ReadFile(filepath.Join(w.plans, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), body, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Log(w.must(t, w.llac(t), "cost", "--plan", folder, "--env", env, "--check"))
	dear, err := os.ReadFile(filepath.Join(folder, "stacks-monitoring.json"))
	if err != nil {
		t.Fatal(err)
	}
	var plan map[string]any
	if err := json.Unmarshal(dear, &plan); err != nil {
		t.Fatal(err)
	}
	resources := plan["planned_values"].(map[string]any)["root_module"].(map[string]any)
	for i := range 30 {
		resources["resources"] = append(resources["resources"].([]any), map[string]any{
			"address": fmt.Sprintf("aws_cloudwatch_dashboard.more[%d]", i), "mode": "managed", "type": "aws_cloudwatch_dashboard", "name": "more", "values": map[string]any{"dashboard_name": fmt.Sprint("more-", i)},
		})
	}
	if dear, err = json.Marshal(plan); err == nil {
		err = os.WriteFile(filepath.Join(folder, "stacks-monitoring.json"), dear, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	if said := w.refused(t, w.llac(t), "cost", "--plan", folder, "--env", env, "--check"); !strings.Contains(said, "budget") {
		t.Errorf("thirty dashboards more are said to be within the budget:\n%s", said)
	}
}

// protected tries to destroy what holds the data.
func protected(t *testing.T, w *world) {
	said := w.refused(t, "terraform/tf", env, "stacks/storage", "destroy", "-auto-approve", "-no-color")
	if !strings.Contains(said, "Instance cannot be destroyed") || !strings.Contains(said, "prevent_destroy") {
		t.Errorf("%s", said)
	}
	if _, err := s3.NewFromConfig(w.config, func(o *s3.Options) { o.UsePathStyle = true }).HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String(dataBucket)}); err != nil {
		t.Errorf("the data bucket: %v", err)
	}
	// A variable that is missing, or is not what it should be, is told by its name before anything is done.
	for arg, want := range map[string]string{"-var=tick=sometimes": "EventBridge takes rate", "-var=alarm_emails=[\"nobody\"]": "An address looks like"} {
		if said := w.refused(t, "terraform/tf", env, "stacks/messaging", "plan", "-no-color", "-lock=false", arg); !strings.Contains(said, want) {
			t.Errorf("%s: %s", arg, said)
		}
	}
	if said := w.refused(t, "terraform/tf", env, "services/stager", "plan", "-no-color", "-lock=false"); !strings.Contains(said, "artifact_sha256") {
		t.Errorf("%s", said)
	}
}
