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

	"github.com/llac-project/llac/operations/services"
	"github.com/llac-project/llac/platform/catalogue"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/portal"
	"github.com/llac-project/llac/test/aws/driver"
	"github.com/llac-project/llac/test/terraform"
)

// flow lists the services in the order of a run.
var flow = services.Names()

const (
	env         = "dev"
	dataBucket  = "llac-" + env + "-data-" + Account
	stagingGlue = "llac_" + env + "_staging"
)

// environment is an emulated account to which everything under terraform/ is applied, with a simulated portal.
type environment struct {
	moto      *Moto
	config    aws.Config
	env       []string // environment variables of terraform, make and llac
	plans     string   // folder of plans, logs and Terraform's own files
	packages  string   // folder of the packages that make package builds
	binaries  string   // folder of the functions built for this machine
	portal    *portal.Portal
	contracts []*contract.Contract
	lake      lake.Store
	sqs       *sqs.Client
	glue      *glue.Client
}

// root returns the folder of the project.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// newEnvironment starts moto and a portal. Nothing is applied yet, unless address is that of a moto in which everything is applied already,
// which saves time while these tests are being changed.
func newEnvironment(t *testing.T, address string) *environment {
	t.Helper()
	m := &Moto{Endpoint: address}
	if address == "" {
		var err error
		if m, err = StartMoto(t.Context(), "moto_server.py", os.Stderr); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = m.Close() })
	}
	e := &environment{
		moto: m, plans: t.TempDir(),
		packages: filepath.Join(t.TempDir(), "packages"),
		binaries: filepath.Join(t.TempDir(), "functions"),
	}
	e.config = aws.Config{
		Region: "eu-west-1", BaseEndpoint: &m.Endpoint,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
	cli, err := terraform.CLIConfig(e.plans)
	if err != nil {
		t.Fatal(err)
	}
	e.env = append(os.Environ(),
		"AWS_ENDPOINT_URL="+m.Endpoint, "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_EC2_METADATA_DISABLED=true", "TF_CLI_CONFIG_FILE="+cli, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1", "LLAC_LOCAL=1",
		"LLAC_TF_DATA="+filepath.Join(e.plans, ".terraform"), "LLAC_ACCOUNT_FILE="+filepath.Join(e.plans, "account.hcl"),
		"LLAC="+e.llac(t), "PACKAGES_DIR="+e.packages, "FUNCTIONS_DIR="+filepath.Join(e.plans, "functions"), "APPLY=yes", "ENV="+env,
	)
	e.lake, e.sqs, e.glue = lake.NewS3(e.config, dataBucket, clock.System{}), sqs.NewFromConfig(e.config), glue.NewFromConfig(e.config)
	if e.contracts, err = contract.LoadDir(filepath.Join(root(t), "datasets")); err != nil {
		t.Fatal(err)
	}
	e.portal = portal.New(portal.Options{})
	if err := e.portal.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.portal.Close)
	return e
}

// command returns a program that runs in the project's folder, with the variables of e.
func (e *environment) command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir, c.Env = root(t), slices.Clone(e.env)
	return c
}

// must runs a program that must succeed, and returns its output.
func (e *environment) must(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := e.command(t, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// refused runs a program that must fail, and returns its output.
func (e *environment) refused(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := e.command(t, name, args...).CombinedOutput()
	if err == nil {
		t.Errorf("%s %s succeeded\n%s", name, strings.Join(args, " "), out)
	}
	return string(out)
}

// publishContracts puts the project's contracts in force.
func (e *environment) publishContracts(t *testing.T) {
	t.Helper()
	e.must(t, e.llac(t), "datasets", "publish", "--env", env, "--yes")
}

// extra returns the variables that functions get besides those from Terraform: the addresses of AWS and of the portals on this machine, and
// the permission to publish simulated data.
func (e *environment) extra() map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL": e.moto.Endpoint, "AWS_EC2_METADATA_DISABLED": "true",
		"LLAC_PORTAL":          e.portal.Setting(),
		"LLAC_ALLOW_SIMULATED": "true",
	}
}

// deployed reads the wiring that Terraform made back from the cloud.
func (e *environment) deployed(t *testing.T) driver.Deployed {
	t.Helper()
	d, err := driver.ReadBack(t.Context(), e.config, env)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// drive starts a driver of d. If invoked is not nil, it is called with the process of each invocation.
func (e *environment) drive(t *testing.T, d driver.Deployed, invoked func(string, *os.Process)) *driver.Cloud {
	t.Helper()
	// Not the test's context: it is cancelled before the cleanup that calls Close.
	options := driver.Options{AWS: e.config, Binaries: e.binaries, Extra: e.extra(), Logs: e.plans, Invoked: invoked}
	c, err := driver.Start(context.WithoutCancel(t.Context()), d, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// waitFor waits until ok returns true. It fails, with the reason that ok returns, once no function has been busy for the duration quiet.
func waitFor(c *driver.Cloud, quiet time.Duration, ok func() (bool, string)) error {
	for {
		done, why := ok()
		if done {
			return nil
		}
		if c.Quiet() > quiet {
			return fmt.Errorf("%s, and nothing has happened for %s. %s\n%s", why, quiet, c.Missing(flow), strings.Join(c.Problems(), "\n"))
		}
		time.Sleep(300 * time.Millisecond)
	}
}

// published reports whether every dataset has a pointer and its landing is cleared; if not, it names those that have not.
func (e *environment) published(t *testing.T) (bool, string) {
	t.Helper()
	var missing []string
	for _, c := range e.contracts {
		p, _, err := lake.ReadPointer(t.Context(), e.lake, c.Dataset)
		if err != nil {
			t.Fatal(err)
		}
		if p == nil {
			missing = append(missing, c.Dataset)
			continue
		}
		if _, _, err := e.lake.Get(t.Context(), lake.ReceiptKey(c.Dataset, p.RunID, "landing-janitor", 0)); err != nil {
			missing = append(missing, c.Dataset+" (landing)")
		}
	}
	return len(missing) == 0, "not published: " + strings.Join(missing, ", ")
}

// depths returns the number of messages in each queue whose name ends in a suffix, including those in flight.
func (e *environment) depths(t *testing.T, suffixes ...string) map[string]int {
	t.Helper()
	out := map[string]int{}
	list, err := e.sqs.ListQueues(t.Context(), &sqs.ListQueuesInput{QueueNamePrefix: aws.String("llac-" + env + "-")})
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range list.QueueUrls {
		name := url[strings.LastIndex(url, "/")+1:]
		if !slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(name, s) }) {
			continue
		}
		a := e.queueAttributes(t, url)
		visible, _ := strconv.Atoi(a["ApproximateNumberOfMessages"])
		inFlight, _ := strconv.Atoi(a["ApproximateNumberOfMessagesNotVisible"])
		out[name] = visible + inFlight
	}
	return out
}

// keys lists the objects of the lake with a prefix.
func (e *environment) keys(t *testing.T, prefix string) []string {
	t.Helper()
	var out []string
	if err := e.lake.List(t.Context(), prefix, func(i lake.Info) bool { out = append(out, i.Key); return true }); err != nil {
		t.Fatal(err)
	}
	return out
}

// tables returns the tables of Glue by name.
func (e *environment) tables(t *testing.T) map[string]gluetypes.Table {
	t.Helper()
	out := map[string]gluetypes.Table{}
	for pages := glue.NewGetTablesPaginator(e.glue, &glue.GetTablesInput{DatabaseName: aws.String(stagingGlue)}); pages.HasMorePages(); {
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

// checkTables checks Glue's tables of a dataset against its pointer: the partitions of the snapshot's table are exactly the folders of the
// pointer, and the public table shows that snapshot.
func (e *environment) checkTables(t *testing.T, tables map[string]gluetypes.Table, p *lake.Pointer) {
	t.Helper()
	name := catalogue.TableName(p.Dataset, p.Snapshot)
	if _, ok := tables[name]; !ok {
		t.Errorf("table %s does not exist", name)
		return
	}
	public, ok := tables[p.Dataset]
	if !ok {
		t.Errorf("table %s does not exist", p.Dataset)
		return
	}
	if v, err := catalogue.ReadView(public); err != nil || v.Snapshot != p.Snapshot {
		t.Errorf("table %s shows snapshot %q, but %s is published (%v)", p.Dataset, v.Snapshot, p.Snapshot, err)
	}
	want := map[string]bool{}
	for _, part := range p.Parts {
		for _, o := range part.Objects {
			want["s3://"+dataBucket+"/"+o.Key[:strings.LastIndex(o.Key, "/")]] = true
		}
	}
	got := e.folders(t, tables[name])
	for folder := range want {
		if !got[folder] {
			t.Errorf("table %s has no partition in %s; its folders are %v", name, folder, got)
		}
	}
	if len(got) != len(want) {
		t.Errorf("table %s has %d folders, the pointer names %d", name, len(got), len(want))
	}
}

// folders returns the locations of a table's partitions, or of the table itself if it has no partitions.
func (e *environment) folders(t *testing.T, table gluetypes.Table) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	in := &glue.GetPartitionsInput{DatabaseName: aws.String(stagingGlue), TableName: table.Name}
	for pages := glue.NewGetPartitionsPaginator(e.glue, in); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, partition := range page.Partitions {
			out[strings.TrimSuffix(aws.ToString(partition.StorageDescriptor.Location), "/")] = true
		}
	}
	if len(out) == 0 {
		out[strings.TrimSuffix(aws.ToString(table.StorageDescriptor.Location), "/")] = true
	}
	return out
}

func itoa(n int) string { return strconv.Itoa(n) }

// attributes returns the attributes of the queue that an ARN names.
func (e *environment) attributes(t *testing.T, arn string) map[string]string {
	t.Helper()
	return e.queueAttributes(t, e.moto.Endpoint+"/"+Account+"/"+arn[strings.LastIndex(arn, ":")+1:])
}

// queueAttributes returns the attributes of a queue.
func (e *environment) queueAttributes(t *testing.T, url string) map[string]string {
	t.Helper()
	in := &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}}
	a, err := e.sqs.GetQueueAttributes(t.Context(), in)
	if err != nil {
		t.Fatalf("attributes of queue %s: %v", url, err)
	}
	return a.Attributes
}

// isPublished reports whether a dataset has a pointer.
func (e *environment) isPublished(t *testing.T, dataset string) bool {
	t.Helper()
	p, _, err := lake.ReadPointer(t.Context(), e.lake, dataset)
	if err != nil {
		t.Fatal(err)
	}
	return p != nil
}

// forget deletes all objects of a dataset, so that the next tick starts a run.
func (e *environment) forget(t *testing.T, dataset string) {
	t.Helper()
	for _, layer := range []string{"state", "runs", "landing", "staging", "archive", "evidence", "quality", "quarantine"} {
		for _, key := range e.keys(t, layer+"/"+dataset+"/") {
			e.deleteKey(t, key)
		}
	}
}

// deleteKey deletes every version of an object: deleting only the latest would bring the one before back.
func (e *environment) deleteKey(t *testing.T, key string) {
	t.Helper()
	for {
		_, info, err := e.lake.Get(t.Context(), key)
		if errors.Is(err, lake.ErrNotFound) {
			return
		}
		if err == nil {
			err = e.lake.Delete(t.Context(), key, info.VersionID)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// purge empties all queues.
func (e *environment) purge(t *testing.T) {
	t.Helper()
	list, err := e.sqs.ListQueues(context.WithoutCancel(t.Context()), &sqs.ListQueuesInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range list.QueueUrls {
		if _, err := e.sqs.PurgeQueue(context.WithoutCancel(t.Context()), &sqs.PurgeQueueInput{QueueUrl: &url}); err != nil {
			t.Fatal(err)
		}
	}
}
