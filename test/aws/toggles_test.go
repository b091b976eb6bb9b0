//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package aws

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/test/terraform"
)

// runner runs terraform/tf with the environment variables for one moto.
type runner struct{ env []string }

func (r runner) run(ctx context.Context, args ...string) (string, error) {
	c := exec.CommandContext(ctx, "../../terraform/tf", args...)
	c.Env = r.env
	out, err := c.Output()
	if err != nil {
		stderr := ""
		if e, ok := err.(*exec.ExitError); ok {
			stderr = string(e.Stderr)
		}
		return "", fmt.Errorf("terraform/tf %s: %w\n%s\n%s", strings.Join(args, " "), err, out, stderr)
	}
	return string(out), nil
}

func (r runner) apply(ctx context.Context, env, root string, args ...string) func() error {
	return func() error {
		_, err := r.run(ctx, append([]string{env, root, "apply", "-auto-approve", "-no-color"}, args...)...)
		return err
	}
}

// stateOf returns the resources of an applied root: values by address.
func (r runner) stateOf(t *testing.T, env, root string) map[string]map[string]any {
	t.Helper()
	text, err := r.run(t.Context(), env, root, "show", "-json")
	if err != nil {
		t.Fatal(err)
	}
	type module struct {
		Resources []struct {
			Address string
			Values  map[string]any
		}
		Children []module `json:"child_modules"`
	}
	var state struct {
		Values struct {
			Root module `json:"root_module"`
		}
	}
	if err := json.Unmarshal([]byte(text), &state); err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]any{}
	for queue := []module{state.Values.Root}; len(queue) > 0; queue = queue[1:] {
		for _, r := range queue[0].Resources {
			out[r.Address] = r.Values
		}
		queue = append(queue, queue[0].Children...)
	}
	return out
}

// TestToggles applies what is off by default to a moto of its own: a customer key and a VPC in dev; a replica, transfer acceleration and
// both dashboards in prod, with prod's variables. Both environments are in one account, which is allowed.
func TestToggles(t *testing.T) {
	if os.Getenv("LLAC_TEST_AWS") == "" {
		return // not a skip: a skip means that the machine lacks something
	}
	t.Parallel()
	m, err := StartMoto(t.Context(), "moto_server.py", os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	dir := t.TempDir()
	config, err := terraform.CLIConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	tf := runner{append(os.Environ(),
		"AWS_ENDPOINT_URL="+m.Endpoint, "TF_CLI_CONFIG_FILE="+config, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_REGION=eu-west-1", "LLAC_LOCAL=1", "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1",
		"LLAC_TF_DATA="+filepath.Join(dir, "data"), "LLAC_STATE_BUCKET=llac-state-"+Account)}
	started := time.Now()
	parallel := func(what string, all ...func() error) {
		t.Helper()
		var g errgroup.Group
		g.SetLimit(3) // each provider needs half a gigabyte
		for _, f := range all {
			g.Go(f)
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s after %s", what, time.Since(started).Round(time.Second))
	}
	// TestCloud applies bootstrap; its two buckets are enough here, and save a minute.
	const region = `<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>`
	put(t, m.Endpoint+"/llac-state-"+Account, region)
	put(t, m.Endpoint+"/llac-artifacts-"+Account, region)
	parallel("storage and security",
		tf.apply(t.Context(), "dev", "stacks/storage", "-var=kms=true"),
		tf.apply(t.Context(), "dev", "stacks/security", "-var=vpc=true", "-var-file="+absolute(t, "security.tfvars")),
		tf.apply(t.Context(), "prod", "stacks/storage", "-var=replica_region=eu-central-1", "-var=transfer_acceleration=true"))
	parallel("messaging", tf.apply(t.Context(), "dev", "stacks/messaging"), tf.apply(t.Context(), "prod", "stacks/messaging"))
	digest := upload(t, m.Endpoint, "stager")
	parallel("a service and monitoring",
		tf.apply(t.Context(), "dev", "services/stager", "-var=artifact_sha256="+digest),
		tf.apply(t.Context(), "prod", "stacks/monitoring"))
	checkDevToggles(t, tf)
	checkProdToggles(t, tf)
}

// checkDevToggles checks the customer key and the VPC of dev.
func checkDevToggles(t *testing.T, tf runner) {
	t.Helper()
	storage := tf.stateOf(t, "dev", "stacks/storage")
	key, _ := storage["aws_kms_key.lake[0]"]["arn"].(string)
	encryption := fmt.Sprint(storage["module.data.aws_s3_bucket_server_side_encryption_configuration.this"]["rule"])
	if key == "" || !strings.Contains(encryption, key) || !strings.Contains(encryption, "aws:kms") {
		t.Errorf("the data bucket is not encrypted with the key %s: %s", key, encryption)
	}
	network := tf.stateOf(t, "dev", "stacks/security")
	for _, address := range []string{
		"aws_vpc.this", "aws_nat_gateway.this", "aws_route.nat", "aws_vpc_endpoint.s3", "aws_security_group.functions",
	} {
		if network["module.network[0]."+address] == nil {
			t.Errorf("%s does not exist", address)
		}
	}
	service := tf.stateOf(t, "dev", "services/stager")
	vpc := fmt.Sprint(service["module.deployment.module.service.aws_lambda_function.this"]["vpc_config"])
	if !strings.Contains(vpc, "subnet-") || !strings.Contains(vpc, "sg-") {
		t.Errorf("the stager is not in the VPC: %s", vpc)
	}
	// moto does not return the key of a function's environment; it returns that of the logs.
	if logs := service["module.deployment.module.service.aws_cloudwatch_log_group.this"]; logs["kms_key_id"] != key {
		t.Errorf("the stager's logs are not encrypted with the key: %v", logs["kms_key_id"])
	}
	for address, v := range tf.stateOf(t, "dev", "stacks/messaging") {
		if strings.HasPrefix(address, "aws_sns_topic.") && v["kms_master_key_id"] != key {
			t.Errorf("%s is not encrypted with the key: %v", address, v["kms_master_key_id"])
		}
	}
}

// checkProdToggles checks the replica, the transfer acceleration and the dashboards of prod.
func checkProdToggles(t *testing.T, tf runner) {
	t.Helper()
	prod := tf.stateOf(t, "prod", "stacks/storage")
	rules, _ := prod["aws_s3_bucket_replication_configuration.this[0]"]["rule"].([]any)
	// moto does not return the prefixes of the filters, which Terraform's own tests check. It returns the rules' ids, which contain them.
	var ids []string
	for _, r := range rules {
		ids = append(ids, r.(map[string]any)["id"].(string))
	}
	for _, never := range []string{"landing", "quarantine", "dead-letters", "archive", "archive-social_services"} {
		if slices.Contains(ids, never) {
			t.Errorf("%q is replicated to another region", never)
		}
	}
	for _, wanted := range []string{"staging", "state", "evidence", "archive-municipalities"} {
		if !slices.Contains(ids, wanted) {
			t.Errorf("%s is not replicated: %v", wanted, ids)
		}
	}
	if replica := prod["module.replica[0].aws_s3_bucket.this"]; replica["region"] != "eu-central-1" {
		t.Errorf("the replica is in %v", replica["region"])
	}
	if a := prod["module.data.aws_s3_bucket_accelerate_configuration.this[0]"]; a["status"] != "Enabled" {
		t.Errorf("uploads are not accelerated: %v", a)
	}
	monitoring := tf.stateOf(t, "prod", "stacks/monitoring")
	if monitoring[`aws_cloudwatch_dashboard.this["business"]`] == nil {
		t.Error("prod has no business dashboard")
	}
	if namespace := monitoring["aws_cloudwatch_metric_alarm.heartbeat"]["namespace"]; namespace != "Llac/prod" {
		t.Errorf("prod's heartbeat alarm reads the metrics of %v", namespace)
	}
}

// absolute returns the absolute path of a file of this folder.
func absolute(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// upload puts a service's empty package into the artifacts bucket, and returns its digest.
func upload(t *testing.T, endpoint, service string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(emptyPackages(t), service+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	digest := hex.EncodeToString(sum[:])
	put(t, fmt.Sprintf("%s/llac-artifacts-%s/functions/%s/%s.zip", endpoint, Account, service, digest), string(b))
	return digest
}

// put creates a bucket or an object of moto, which does not check signatures.
func put(t *testing.T, address, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization",
		"AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=0")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("put %s into moto: %s", address, response.Status)
	}
}

// emptyPackages writes a package with a program that does nothing for each service, and returns their folder.
func emptyPackages(t *testing.T) string {
	dir := t.TempDir()
	for _, f := range events.Flow {
		file, err := os.Create(filepath.Join(dir, f.Service+".zip"))
		if err != nil {
			t.Fatal(err)
		}
		z := zip.NewWriter(file)
		w, err := z.CreateHeader(&zip.FileHeader{Name: "bootstrap", Method: zip.Deflate})
		if err == nil {
			_, err = w.Write([]byte("#!/bin/sh\n# " + f.Service + "\n"))
		}
		if err == nil {
			err = z.Close()
		}
		if err == nil {
			err = file.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
