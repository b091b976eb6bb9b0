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

// Lambda's limits for a package from S3, zipped and unpacked.
const maxZipped, maxUnpacked = 50 << 20, 250 << 20

// checkPackage checks the package of a function as Lambda would: one program for arm64 with the handler's name, within the limits. It also
// checks that the function runs exactly these bytes.
func checkPackage(t *testing.T, e *environment, f driver.Function) deploy.Release {
	t.Helper()
	file := filepath.Join(e.packages, f.Service()+".zip")
	release, err := deploy.ReadRelease(e.packages, f.Service())
	if err != nil {
		t.Fatal(err)
	}
	digest, err := hex.DecodeString(release.SHA256)
	if got := base64.StdEncoding.EncodeToString(digest); err != nil || f.CodeSHA256 != got {
		t.Errorf("%s runs package %s, but make package built %s", f.Name, f.CodeSHA256, got)
	}
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	first := z.File[0]
	if len(z.File) != 1 || first.Name != f.Handler || first.Mode()&0o111 == 0 {
		t.Errorf("%s: %d files, the first is %s %s; want one executable file %s", file, len(z.File), first.Mode(), first.Name, f.Handler)
	}
	if release.ZipBytes > maxZipped || first.UncompressedSize64 > maxUnpacked {
		t.Errorf("%s: %d bytes zipped and %d unpacked; want at most %d and %d",
			file, release.ZipBytes, first.UncompressedSize64, maxZipped, maxUnpacked)
	}
	r, err := first.Open()
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

// deployAndRollBack deploys another build of one service and rolls it back. secondPlans then checks that no other root changes.
func deployAndRollBack(t *testing.T, e *environment, before driver.Deployed) {
	const service = "validator"
	var first deploy.Release
	for _, m := range before.Mappings {
		if r := checkPackage(t, e, m.Function); m.Function.Service() == service {
			first = r
		}
	}
	if err := e.log(e.deploy(t, service, "FUNCTIONS_BUILD=another-build"), "deploy-again"); err != nil {
		t.Fatal(err)
	}
	second := checkPackage(t, e, e.function(t, service))
	if second.SHA256 == first.SHA256 || second.Build != "another-build" {
		t.Errorf("deployed %+v after %+v", second, first)
	}
	after := e.deployed(t)
	for _, m := range before.Mappings {
		now := *mapping(&after, m.Function.Service())
		if changed := now.Function.Version != m.Function.Version; changed != (m.Function.Service() == service) {
			t.Errorf("%s: its mapping invoked version %s and now invokes %s",
				m.Function.Service(), m.Function.Version, now.Function.Version)
		}
	}
	recorded := func() deploy.Recorded {
		var result struct {
			Data struct{ Services []deploy.Recorded }
		}
		output := e.must(t, e.llac(t), "deploy", "running", service, "--env", env, "--json")
		if err := json.Unmarshal([]byte(output), &result); err != nil || len(result.Data.Services) != 1 {
			t.Fatalf("llac deploy running: %v\n%s", err, output)
		}
		return result.Data.Services[0]
	}
	if r := recorded(); r.SHA256 != second.SHA256 || r.Previous != first.SHA256 || r.Build != second.Build {
		t.Errorf("after the deploy the record is %+v", r)
	}
	if err := e.log(e.deploy(t, service, "rollback"), "rollback"); err != nil {
		t.Fatal(err)
	}
	if r := recorded(); r.SHA256 != first.SHA256 || r.Previous != second.SHA256 || r.Build != first.Build {
		t.Errorf("after the rollback the record is %+v", r)
	}
	digest, _ := hex.DecodeString(first.SHA256)
	if f := e.function(t, service); f.CodeSHA256 != base64.StdEncoding.EncodeToString(digest) {
		t.Errorf("after the rollback %+v runs", f)
	}
	// A rollback is refused for a service that does not exist, and for a service that was deployed only once.
	if output := e.refused(t, "make", "rollback", "SERVICE=nothing"); !strings.Contains(output, `service "nothing"`) {
		t.Errorf("%s", output)
	}
	out, err := e.deploy(t, "stager", "rollback").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "was deployed only once") {
		t.Errorf("%v\n%s", err, out)
	}
	e.deployWithoutCredentials(t, service)
}

// deployWithoutCredentials checks that a deploy without credentials does nothing and reports the reason.
func (e *environment) deployWithoutCredentials(t *testing.T, service string) {
	t.Helper()
	c := e.deploy(t, service)
	c.Env = append(slices.DeleteFunc(c.Env, func(variable string) bool {
		return strings.HasPrefix(variable, "AWS_ACCESS_KEY_ID=") || strings.HasPrefix(variable, "AWS_SECRET")
	}), "HOME="+t.TempDir(), "AWS_CONFIG_FILE=/nowhere", "AWS_SHARED_CREDENTIALS_FILE=/nowhere",
		"GOPATH="+goEnv(t, e, "GOPATH"), "GOCACHE="+goEnv(t, e, "GOCACHE"), "GOMODCACHE="+goEnv(t, e, "GOMODCACHE"))
	out, err := c.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "find AWS credentials: ") {
		t.Errorf("%v\n%s", err, out)
	}
}

// goEnv returns a setting of go env.
func goEnv(t *testing.T, e *environment, name string) string {
	t.Helper()
	return strings.TrimSpace(e.must(t, "go", "env", name))
}

// llac returns the file of the command llac.
func (e *environment) llac(t *testing.T) string { return filepath.Join(root(t), "bin", "llac") }

// function returns a service's function in the version that its mapping invokes now.
func (e *environment) function(t *testing.T, service string) driver.Function {
	t.Helper()
	d := e.deployed(t)
	return mapping(&d, service).Function
}

// roots returns all roots: first those of the account and the environment, then those of the services.
func roots() []string {
	out := []string{"bootstrap", "stacks/storage", "stacks/security", "stacks/messaging", "stacks/monitoring", "stacks/marts"}
	for _, s := range flow {
		out = append(out, "services/"+s)
	}
	return out
}

// plan plans a root again, writes the plan to <root>.json and returns it.
func (e *environment) plan(t *testing.T, root string) ([]byte, error) {
	name := strings.ReplaceAll(root, "/", "-")
	out := filepath.Join(e.plans, name+".plan")
	args := []string{env, root, "plan", "-no-color", "-lock=false", "-out=" + out}
	if service, ok := strings.CutPrefix(root, "services/"); ok {
		args = append(args, "-var-file="+filepath.Join(e.packages, service+"."+env+".tfvars.json"))
	}
	if strings.HasPrefix(root, "stacks/") { // with the variables of the apply
		args = append(args, "-var-file="+e.roles(t))
	}
	if err := e.log(e.command(t, "terraform/tf", args...), name+"-second"); err != nil {
		return nil, err
	}
	show := e.command(t, "terraform/tf", env, root, "show", "-json", out)
	body, err := show.Output()
	if err != nil {
		return nil, fmt.Errorf("show the plan of %s: %w", root, err)
	}
	return body, os.WriteFile(filepath.Join(e.plans, name+".json"), body, 0o644)
}

// secondPlans changes two settings without Terraform, plans all roots, and checks that the plans report exactly these two changes and those
// that plan_allow.txt lists. A deploy then restores both settings.
func secondPlans(t *testing.T, e *environment) {
	functions := lambda.NewFromConfig(e.config)
	d := e.deployed(t)
	m := mapping(&d, "stager")
	memory := &lambda.UpdateFunctionConfigurationInput{FunctionName: &m.Function.Name, MemorySize: aws.Int32(512)}
	if _, err := functions.UpdateFunctionConfiguration(t.Context(), memory); err != nil {
		t.Fatal(err)
	}
	url := e.moto.Endpoint + "/" + Account + "/llac-" + env + "-stager"
	visibility := &sqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: map[string]string{"VisibilityTimeout": "60"}}
	if _, err := e.sqs.SetQueueAttributes(t.Context(), visibility); err != nil {
		t.Fatal(err)
	}
	var group errgroup.Group
	group.SetLimit(3)
	for _, r := range roots() {
		group.Go(func() error { _, err := e.plan(t, r); return err })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	checkPlans(t, e.plans, []string{
		"services-stager: update module.deployment.module.service.aws_lambda_function.this memory_size",
		"services-stager: update module.deployment.module.service.aws_sqs_queue.this visibility_timeout_seconds",
		// Consequences of these two: a changed function gets a new version, which the alias must name.
		"services-stager: update module.deployment.module.service.aws_lambda_function.this version",
		"services-stager: update module.deployment.module.service.aws_lambda_function.this qualified_arn",
		"services-stager: update module.deployment.module.service.aws_lambda_function.this qualified_invoke_arn",
		"services-stager: update module.deployment.module.service.aws_lambda_alias.live function_version",
		// moto rewrites the policy when an attribute is set.
		"services-stager: update module.deployment.module.service.aws_sqs_queue.this policy",
		"services-stager: update output.deployment *",
	})
	if err := e.log(e.deploy(t, "stager"), "deploy-restores"); err != nil {
		t.Fatal(err)
	}
	now, timeout := e.function(t, "stager"), e.attributes(t, m.Queue)["VisibilityTimeout"]
	if now.Memory != m.Function.Memory || timeout != itoa(6*int(now.Timeout.Seconds())) {
		t.Errorf("after an apply the visibility timeout is %s and the function is %+v", timeout, now)
	}
}

// cost checks the plans of the real roots with llac cost: every resource that costs money while idle in dev has a known price, and the sum
// is within the budget. With thirty more dashboards the check fails.
func cost(t *testing.T, e *environment) {
	folder := t.TempDir()
	for _, r := range roots() {
		name := strings.ReplaceAll(r, "/", "-") + ".json"
		body, err := os.ReadFile(filepath.Join(e.plans, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), body, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Log(e.must(t, e.llac(t), "cost", "--plan", folder, "--env", env, "--check"))
	costly, err := os.ReadFile(filepath.Join(folder, "stacks-monitoring.json"))
	if err != nil {
		t.Fatal(err)
	}
	var plan map[string]any
	if err := json.Unmarshal(costly, &plan); err != nil {
		t.Fatal(err)
	}
	resources := plan["planned_values"].(map[string]any)["root_module"].(map[string]any)
	for i := range 30 {
		resources["resources"] = append(resources["resources"].([]any), map[string]any{
			"address": fmt.Sprintf("aws_cloudwatch_dashboard.more[%d]", i),
			"mode":    "managed", "type": "aws_cloudwatch_dashboard", "name": "more",
			"values": map[string]any{"dashboard_name": fmt.Sprint("more-", i)},
		})
	}
	if costly, err = json.Marshal(plan); err == nil {
		err = os.WriteFile(filepath.Join(folder, "stacks-monitoring.json"), costly, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	if output := e.refused(t, e.llac(t), "cost", "--plan", folder, "--env", env, "--check"); !strings.Contains(output, "budget") {
		t.Errorf("thirty more dashboards do not exceed the budget:\n%s", output)
	}
}

// protected checks that Terraform refuses to destroy the data bucket, and refuses invalid or missing variables before it does anything.
func protected(t *testing.T, e *environment) {
	output := e.refused(t, "terraform/tf", env, "stacks/storage", "destroy", "-auto-approve", "-no-color")
	if !strings.Contains(output, "Instance cannot be destroyed") || !strings.Contains(output, "prevent_destroy") {
		t.Errorf("%s", output)
	}
	objects := s3.NewFromConfig(e.config, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := objects.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String(dataBucket)}); err != nil {
		t.Errorf("the data bucket: %v", err)
	}
	for arg, want := range map[string]string{
		"-var=tick=sometimes":             "Use rate(15 minutes)",
		"-var=alarm_emails=[\"invalid\"]": "Use addresses such as",
	} {
		output := e.refused(t, "terraform/tf", env, "stacks/messaging", "plan", "-no-color", "-lock=false", arg)
		if !strings.Contains(output, want) {
			t.Errorf("%s: %s", arg, output)
		}
	}
	output = e.refused(t, "terraform/tf", env, "services/stager", "plan", "-no-color", "-lock=false")
	if !strings.Contains(output, "artifact_sha256") {
		t.Errorf("%s", output)
	}
}
