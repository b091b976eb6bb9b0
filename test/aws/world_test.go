//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package aws

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	gluetypes "github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/llac-project/llac/platform/catalogue"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/portal"
	"github.com/llac-project/llac/test/aws/driver"
	"github.com/llac-project/llac/test/terraform"
)

// flow is the order in which a run passes through the services.
var flow = []string{"scheduler", "fetcher", "validator", "stager", "quality-gate", "landing-janitor"}

const (
	env         = "dev"
	dataBucket  = "llac-" + env + "-data-" + Account
	stagingGlue = "llac_" + env + "_staging"
)

// world is an account in which everything under terraform/ was applied, with a portal.
type world struct {
	moto      *Moto
	config    aws.Config
	env       []string // of programs that work on it: terraform, make, llac
	plans     string   // folder of plans, logs and terraform's own files
	packages  string   // folder of what make package made
	binaries  string   // the functions built for this machine
	portal    *portal.Portal
	contracts []*contract.Contract
	lake      lake.Store
	sqs       *sqs.Client
	glue      *glue.Client
}

// root is the folder of the project.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// newWorld starts moto and builds what is deployed into it. Nothing is applied yet, unless at is the address of a moto in which everything
// is: somebody who works on these tests does not want to wait for it each time.
func newWorld(t *testing.T, at string) *world {
	t.Helper()
	m := &Moto{Endpoint: at}
	if at == "" {
		var err error
		if m, err = StartMoto(t.Context(), "moto_server.py", os.Stderr); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = m.Close() })
	}
	w := &world{moto: m, plans: t.TempDir(), packages: filepath.Join(t.TempDir(), "packages"), binaries: filepath.Join(t.TempDir(), "functions")}
	w.config = aws.Config{Region: "eu-west-1", BaseEndpoint: &m.Endpoint, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
	cli, err := terraform.CLIConfig(w.plans)
	if err != nil {
		t.Fatal(err)
	}
	w.env = append(os.Environ(), "AWS_ENDPOINT_URL="+m.Endpoint, "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true",
		"TF_CLI_CONFIG_FILE="+cli, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1", "LLAC_LOCAL=1", "LLAC_TF_DATA="+filepath.Join(w.plans, ".terraform"), "LLAC_ACCOUNT_FILE="+filepath.Join(w.plans, "account.hcl"),
		"LLAC="+w.llac(t), "PACKAGES_DIR="+w.packages, "FUNCTIONS_DIR="+filepath.Join(w.plans, "functions"), "APPLY=yes", "ENV="+env,
	)
	w.lake, w.sqs, w.glue = lake.NewS3(w.config, dataBucket, clock.System{}), sqs.NewFromConfig(w.config), glue.NewFromConfig(w.config)
	if w.contracts, err = contract.LoadDir(filepath.Join(root(t), "datasets")); err != nil {
		t.Fatal(err)
	}
	w.portal = portal.New(portal.Options{})
	if err := w.portal.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.portal.Close)
	return w
}

// command is a program in the project's folder, with the world's environment.
func (w *world) command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir, c.Env = root(t), slices.Clone(w.env)
	return c
}

// must runs a program that must end well, and answers what it said.
func (w *world) must(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := w.command(t, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// refused runs a program that must not end well, and answers what it said.
func (w *world) refused(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := w.command(t, name, args...).CombinedOutput()
	if err == nil {
		t.Errorf("%s %s ended well\n%s", name, strings.Join(args, " "), out)
	}
	return string(out)
}

// publishContracts puts the project's contracts in force.
func (w *world) publishContracts(t *testing.T) {
	t.Helper()
	w.must(t, w.llac(t), "datasets", "publish", "--env", env, "--yes")
}

// extra is all that functions get beside what Terraform gives them: where AWS and the portals are on this machine, and that what the
// simulator says may be published here.
func (w *world) extra() map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL": w.moto.Endpoint, "AWS_EC2_METADATA_DISABLED": "true",
		"LLAC_PORTAL":          w.portal.Setting(),
		"LLAC_ALLOW_SIMULATED": "true",
	}
}

// deployed reads back what Terraform made.
func (w *world) deployed(t *testing.T) driver.Deployed {
	t.Helper()
	d, err := driver.ReadBack(t.Context(), w.config, env)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// act starts to act out d.
func (w *world) act(t *testing.T, d driver.Deployed, invoked func(string, *os.Process)) *driver.Cloud {
	t.Helper()
	// Not the test's context, which ends before its clean-up: see Close.
	c, err := driver.Start(context.WithoutCancel(t.Context()), d, driver.Options{AWS: w.config, Binaries: w.binaries, Extra: w.extra(), Logs: w.plans, Invoked: invoked})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// waitFor waits until ok, or until nothing has moved for so long; then it says why.
func waitFor(c *driver.Cloud, quiet time.Duration, ok func() (bool, string)) error {
	for {
		good, why := ok()
		if good {
			return nil
		}
		if c.Quiet() > quiet {
			return fmt.Errorf("%s, and for %s nothing has moved. %s\n%s", why, quiet, c.Missing(flow), strings.Join(c.Trouble(), "\n"))
		}
		time.Sleep(300 * time.Millisecond)
	}
}

// published says whether every dataset has a pointer and its landing is cleared.
func (w *world) published(t *testing.T) (bool, string) {
	t.Helper()
	var behind []string
	for _, c := range w.contracts {
		p, _, err := lake.ReadPointer(t.Context(), w.lake, c.Dataset)
		if err != nil {
			t.Fatal(err)
		}
		if p == nil {
			behind = append(behind, c.Dataset)
			continue
		}
		if _, _, err := w.lake.Get(t.Context(), lake.ReceiptKey(c.Dataset, p.RunID, "landing-janitor", 0)); err != nil {
			behind = append(behind, c.Dataset+" (landing)")
		}
	}
	return len(behind) == 0, "not published: " + strings.Join(behind, ", ")
}

// depths are how many messages lie in each queue whose name ends so, those that somebody has in hand too.
func (w *world) depths(t *testing.T, suffixes ...string) map[string]int {
	t.Helper()
	out := map[string]int{}
	list, err := w.sqs.ListQueues(t.Context(), &sqs.ListQueuesInput{QueueNamePrefix: aws.String("llac-" + env + "-")})
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range list.QueueUrls {
		name := url[strings.LastIndex(url, "/")+1:]
		if !slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(name, s) }) {
			continue
		}
		a, err := w.sqs.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
		if err != nil {
			t.Fatal(err)
		}
		n, _ := strconv.Atoi(a.Attributes["ApproximateNumberOfMessages"])
		inHand, _ := strconv.Atoi(a.Attributes["ApproximateNumberOfMessagesNotVisible"])
		out[name] = n + inHand
	}
	return out
}

func (w *world) keys(t *testing.T, prefix string) []string {
	t.Helper()
	var out []string
	if err := w.lake.List(t.Context(), prefix, func(i lake.Info) bool { out = append(out, i.Key); return true }); err != nil {
		t.Fatal(err)
	}
	return out
}

// tables are the tables of Glue by name.
func (w *world) tables(t *testing.T) map[string]gluetypes.Table {
	t.Helper()
	out := map[string]gluetypes.Table{}
	for pages := glue.NewGetTablesPaginator(w.glue, &glue.GetTablesInput{DatabaseName: aws.String(stagingGlue)}); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range page.TableList {
			out[aws.ToString(table.Name)] = table
		}
	}
	return out
}

// follow holds Glue's tables of a dataset against its pointer: one for the snapshot, whose partitions lead to exactly the pointer's
// folders, and the public one, which shows it.
func (w *world) follow(t *testing.T, tables map[string]gluetypes.Table, p *lake.Pointer) {
	t.Helper()
	name := catalogue.TableName(p.Dataset, p.Snapshot)
	if _, is := tables[name]; !is {
		t.Errorf("there is no table %s", name)
		return
	}
	public, is := tables[p.Dataset]
	if !is {
		t.Errorf("there is no table %s", p.Dataset)
		return
	}
	if v, err := catalogue.ReadView(public); err != nil || v.Snapshot != p.Snapshot {
		t.Errorf("the table %s shows snapshot %q, published is %s (%v)", p.Dataset, v.Snapshot, p.Snapshot, err)
	}
	want := map[string]bool{}
	for _, part := range p.Parts {
		for _, o := range part.Objects {
			want["s3://"+dataBucket+"/"+o.Key[:strings.LastIndex(o.Key, "/")]] = true
		}
	}
	got := map[string]bool{}
	for pages := glue.NewGetPartitionsPaginator(w.glue, &glue.GetPartitionsInput{DatabaseName: aws.String(stagingGlue), TableName: &name}); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, partition := range page.Partitions {
			got[strings.TrimSuffix(aws.ToString(partition.StorageDescriptor.Location), "/")] = true
		}
	}
	if len(got) == 0 { // a dataset without partitions: the table itself leads to its folder
		got[strings.TrimSuffix(aws.ToString(tables[name].StorageDescriptor.Location), "/")] = true
	}
	for folder := range want {
		if !got[folder] {
			t.Errorf("table %s does not lead to %s; it leads to %v", name, folder, got)
		}
	}
	if len(got) != len(want) {
		t.Errorf("table %s leads to %d folders, the pointer names %d", name, len(got), len(want))
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

// attributes are those of a queue, by its ARN.
func (w *world) attributes(t *testing.T, arn string) map[string]string {
	t.Helper()
	url := w.moto.Endpoint + "/" + Account + "/" + arn[strings.LastIndex(arn, ":")+1:]
	a, err := w.sqs.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	if err != nil {
		t.Fatalf("queue %s: %v", arn, err)
	}
	return a.Attributes
}

func (w *world) isPublished(t *testing.T, dataset string) bool {
	t.Helper()
	p, _, err := lake.ReadPointer(t.Context(), w.lake, dataset)
	if err != nil {
		t.Fatal(err)
	}
	return p != nil
}

// forget lets a dataset be as if it had never been run: the next tick asks for it.
func (w *world) forget(t *testing.T, dataset string) {
	t.Helper()
	for _, layer := range []string{"state", "runs", "landing", "staging", "archive", "evidence", "quality", "quarantine"} {
		for _, key := range w.keys(t, layer+"/"+dataset+"/") {
			w.deleteKey(t, key)
		}
	}
}

// deleteKey deletes every version of an object: with the latest alone gone, the one before would be there again.
func (w *world) deleteKey(t *testing.T, key string) {
	t.Helper()
	for {
		_, info, err := w.lake.Get(t.Context(), key)
		if errors.Is(err, lake.ErrNotFound) {
			return
		}
		if err == nil {
			err = w.lake.Delete(t.Context(), key, info.VersionID)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// clean empties all queues.
func (w *world) clean(t *testing.T) {
	t.Helper()
	list, err := w.sqs.ListQueues(context.WithoutCancel(t.Context()), &sqs.ListQueuesInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range list.QueueUrls {
		if _, err := w.sqs.PurgeQueue(context.WithoutCancel(t.Context()), &sqs.PurgeQueueInput{QueueUrl: &url}); err != nil {
			t.Fatal(err)
		}
	}
}
