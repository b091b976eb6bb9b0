//go:build slow && (darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/llac-project/llac/cmd/llac/cli"
	"github.com/llac-project/llac/operations/deploy"
	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/operations/filelake"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/catalogue"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/aws/conformance"
	"github.com/llac-project/llac/platform/local/portal"
	"github.com/llac-project/llac/platform/local/python"
	"github.com/llac-project/llac/platform/runtime"
)

// environment is an environment of an account that moto simulates.
type environment struct {
	t       *testing.T
	account deploy.Account
	lake    lake.Store
	glue    *glue.Client
	buckets *s3.Client
	asked   *recorder
}

const martsDatabase = "llac_dev_marts"

func newEnvironment(t *testing.T) *environment {
	t.Helper()
	moto, err := conformance.StartMoto(context.Background(), os.Stderr)
	if err != nil {
		if os.Getenv("LLAC_REQUIRE_ALL") == "1" {
			t.Fatal(err)
		}
		t.Skip("moto is not available: ", err)
	}
	t.Cleanup(func() { _ = moto.Close() })
	e := &environment{t: t, account: deploy.Account{AWS: moto.Config, ID: "123456789012"}, glue: glue.NewFromConfig(moto.Config),
		asked: &recorder{what: map[string]bool{}}}
	e.lake = e.account.Lake("dev")
	e.account.AWS.HTTPClient = &http.Client{Transport: e.asked} // of llac; the test itself does not use it
	e.buckets = s3.NewFromConfig(moto.Config, func(o *s3.Options) { o.UsePathStyle = true })
	for _, kind := range []string{"data", "config"} {
		name := "llac-dev-" + kind + "-" + e.account.ID
		if _, err := e.buckets.CreateBucket(t.Context(),
			&s3.CreateBucketInput{
				Bucket: &name, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"},
			}); err != nil {
			t.Fatal(err)
		}
		if _, err := e.buckets.PutBucketVersioning(t.Context(),
			&s3.PutBucketVersioningInput{Bucket: &name,
				VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := e.glue.CreateDatabase(t.Context(),
		&glue.CreateDatabaseInput{DatabaseInput: &types.DatabaseInput{Name: awssdk.String(martsDatabase)}}); err != nil {
		t.Fatal(err)
	}
	all, err := contract.LoadDir("../../../datasets")
	if err == nil {
		err = runtime.DeployContracts(t.Context(), lake.NewS3(moto.Config, "llac-dev-config-"+e.account.ID, nil), all)
	}
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// publish copies the snapshots, pointers and history of a lake on this machine.
func (e *environment) publish(from *filelake.Bucket) {
	e.t.Helper()
	for _, prefix := range []string{"staging/", "state/"} {
		err := from.List(e.t.Context(), prefix, func(i lake.Info) bool {
			body, _, err := from.Get(e.t.Context(), i.Key)
			if err == nil && !strings.HasPrefix(i.Key, "state/marts/") {
				_, err = e.lake.Put(e.t.Context(), i.Key, body)
			}
			if err != nil {
				e.t.Fatal(err)
			}
			return true
		})
		if err != nil {
			e.t.Fatal(err)
		}
	}
}

func (e *environment) pointer() *lake.MartsPointer {
	e.t.Helper()
	p, _, err := lake.ReadMartsPointer(e.t.Context(), e.lake)
	if err != nil {
		e.t.Fatal(err)
	}
	return p
}

func (e *environment) table(name string) *types.Table {
	e.t.Helper()
	out, err := e.glue.GetTable(e.t.Context(), &glue.GetTableInput{DatabaseName: awssdk.String(martsDatabase), Name: &name})
	if err != nil {
		e.t.Fatal(err)
	}
	return out.Table
}

// in makes the machine's tool use the account of the environment.
func (m *machine) in(e *environment) {
	before := m.app
	m.app = func(stdout, stderr *bytes.Buffer) *cli.App {
		a := before(stdout, stderr)
		a.Account = func(_ context.Context, env string) (deploy.Account, error) { return e.account, deploy.CheckEnv(env) }
		return a
	}
}

// recorder records the requests of llac to AWS: the action and the resource.
type recorder struct {
	mu   sync.Mutex
	what map[string]bool
}

func (a *recorder) RoundTrip(r *http.Request) (*http.Response, error) {
	what := ""
	if target, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "AWSGlue."); ok {
		what = "glue:" + target + " glue"
	} else {
		bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		_, kind, _ := strings.Cut(strings.TrimSuffix(bucket, "-123456789012"), "llac-dev-")
		action, query := "?"+r.Method, r.URL.Query()
		switch {
		case r.Method == http.MethodGet && query.Has("list-type"):
			action, key = "ListBucket", query.Get("prefix")
		case r.Method == http.MethodGet || r.Method == http.MethodHead:
			action = "GetObject"
		case r.Method == http.MethodDelete && query.Has("uploadId"):
			action = "AbortMultipartUpload"
		case r.Method == http.MethodDelete && query.Has("versionId"):
			action = "DeleteObjectVersion"
		case r.Method == http.MethodPut || r.Method == http.MethodPost:
			action = "PutObject"
		}
		what = "s3:" + action + " " + kind + "/" + key
	}
	a.mu.Lock()
	a.what[what] = true
	a.mu.Unlock()
	return http.DefaultTransport.RoundTrip(r)
}

// judge compares the role of the job with the recorded requests: S3DataLakePolicy and DBTExecutionRole allow all of them, and
// each action of the latter was requested for each of its resources.
func (a *recorder) judge(t *testing.T) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	allowed := map[string]*regexp.Regexp{} // by action and resource, of what it allows
	used := map[string]bool{}
	for _, name := range []string{"dbt", "s3-data-lake"} {
		b, err := os.ReadFile("../../../terraform/policies/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var policy struct {
			Statements []struct {
				Action, Resource []string
				Condition        struct{ StringLike map[string][]string }
			}
		}
		if err := json.Unmarshal(b, &policy); err != nil {
			t.Fatal(err)
		}
		for _, s := range policy.Statements {
			resources := s.Resource
			if prefixes := s.Condition.StringLike["s3:prefix"]; prefixes != nil {
				resources = nil
				for _, p := range prefixes {
					resources = append(resources, "${data_bucket}/"+p)
				}
			}
			for _, action := range s.Action {
				for _, r := range resources {
					if strings.HasPrefix(action, "glue:") {
						r = "glue"
					}
					grant := action + " " + strings.NewReplacer("${data_bucket}", "data", "${config_bucket}", "config").Replace(r)
					allowed[grant] = regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(grant), `\*`, ".*") + "$")
					used[grant] = used[grant] || name != "dbt"
				}
			}
		}
	}
	for what := range a.what {
		found := false
		for grant, pattern := range allowed {
			if pattern.MatchString(what) {
				found, used[grant] = true, true
			}
		}
		if !found {
			t.Errorf("the job's role may not %s", what)
		}
	}
	used["s3:AbortMultipartUpload data/marts/*"] = true // of a large file whose upload fails: lake's own tests have it
	for grant, is := range used {
		if !is {
			t.Errorf("terraform/policies/dbt.json: no request needed %s", grant)
		}
	}
}

// TestMartsOfAnEnvironment builds marts from snapshots in S3, compares them with those of the same snapshots on this machine,
// and checks that Glue's tables match them.
func TestMartsOfAnEnvironment(t *testing.T) {
	t.Parallel()
	_, err := duckdb.Open(t.Context(), io.Discard)
	var none *python.NoPythonError
	if errors.As(err, &none) {
		t.Skip(err)
	}
	e := newEnvironment(t)
	m, ctx := machineOf(t, portal.Options{}), context.Background()
	m.in(e)
	if stdout, stderr, status := m.llac(ctx, "run", "--dbt", project); status != 0 {
		t.Fatalf("run: exit status %d\n%s%s", status, stdout, stderr)
	}
	here := filelake.Open(m.dir, pipeline.DataBucket)
	local, _, err := lake.ReadMartsPointer(ctx, here)
	if err != nil {
		t.Fatal(err)
	}

	// An environment without published datasets.
	if _, stderr, status := m.llac(ctx, "marts", "--env", "dev", "--dbt", project); status != 10 ||
		!strings.Contains(stderr, "no dataset is published") {
		t.Errorf("an empty environment: exit status %d, %s", status, stderr)
	}
	if _, stderr, status := m.llac(ctx, "marts", "list", "--env", "dev"); status != 8 || !strings.Contains(stderr, "llac marts --env dev") {
		t.Errorf("marts list of an empty environment: exit status %d, %s", status, stderr)
	}
	e.publish(here)

	// A changed byte in a snapshot of the same length.
	at, _, err := lake.ReadPointer(ctx, here, "municipalities")
	if err != nil {
		t.Fatal(err)
	}
	snapshot := at.Parts[0].Objects[0].Key
	good, _, err := here.Get(ctx, snapshot)
	if err != nil {
		t.Fatal(err)
	}
	bad := slices.Clone(good)
	bad[len(bad)/2] ^= 1
	if _, err := e.lake.Put(ctx, snapshot, bad); err != nil {
		t.Fatal(err)
	}
	if _, stderr, status := m.llac(ctx, "marts", "--env", "dev", "--dbt", project); status != 10 ||
		!strings.Contains(stderr, "integrity: "+snapshot) || e.pointer() != nil {
		t.Errorf("a changed byte: exit status %d, %s", status, stderr)
	}
	if _, err := e.lake.Put(ctx, snapshot, good); err != nil {
		t.Fatal(err)
	}

	// The marts are byte for byte those of this machine, except for the footers.
	stdout, stderr, status := m.llac(ctx, "marts", "build", "--env", "dev", "--dbt", project, "--json")
	if status != 0 {
		t.Fatalf("marts build --env: exit status %d\n%s%s", status, stdout, stderr)
	}
	cloud := e.pointer()
	if len(cloud.Models) != 11 || len(local.Models) != 11 {
		t.Fatalf("%d marts in the cloud, %d here", len(cloud.Models), len(local.Models))
	}
	for i, mart := range cloud.Models {
		if l := local.Models[i]; mart.Name != l.Name || mart.Content != l.Content || mart.Rows != l.Rows || mart.Content == "" {
			t.Errorf("%s: content %s, %d rows; here %s: %s, %d rows", mart.Name, mart.Content, mart.Rows, l.Name, l.Content, l.Rows)
		}
		e.matches(cloud, mart)
	}
	var reply struct{ Data struct{ Tables []string } }
	if err := json.Unmarshal([]byte(stdout), &reply); err != nil || len(reply.Data.Tables) != 22 {
		t.Errorf("%v: tables %v", err, reply.Data.Tables)
	}

	// Again: nothing to do, no Python, and no object is copied.
	m.on(func(context.Context, io.Writer) (duckdb.Engine, error) {
		return duckdb.Engine{}, errors.New("Python was asked for, and nothing has changed")
	})
	copies := m.file("cloud", "dev", "copies")
	if err := os.RemoveAll(copies); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, status = m.llac(ctx, "marts", "--env", "dev", "--dbt", project)
	if _, err := os.Stat(copies); status != 0 || err == nil {
		t.Errorf("again: exit status %d, %v\n%s%s", status, err, stdout, stderr)
	}
	wants(t, "the report", stdout, "Marts: up to date, build "+cloud.Build, "s3://llac-dev-data-123456789012/marts",
		"Tables: those of llac_dev_marts were up to date.", "llac marts docs --env dev")

	// A deleted table is repaired, although no mart has changed.
	for _, name := range []string{"dim_time", catalogue.MartTableName("dim_time", cloud.Build)} {
		if _, err := e.glue.DeleteTable(ctx, &glue.DeleteTableInput{DatabaseName: awssdk.String(martsDatabase), Name: &name}); err != nil {
			t.Fatal(err)
		}
	}
	stdout, stderr, status = m.llac(ctx, "marts", "--env", "dev", "--dbt", project)
	if status != 0 {
		t.Errorf("repair: exit status %d\n%s%s", status, stdout, stderr)
	}
	wants(t, "the report", stdout, "Tables: 2 of llac_dev_marts created or changed")
	e.matches(cloud, *cloud.Mart("dim_time"))
	stdout, _, status = m.llac(ctx, "marts", "list", "--env", "dev")
	wants(t, "marts list", stdout, "Build "+cloud.Build, "dim_time")
	if status != 0 || strings.Contains(stdout, "Newer snapshots") {
		t.Errorf("marts list: exit status %d\n%s", status, stdout)
	}
	m.on(nil)

	// Two machines build at the same time: one moves the pointer, and the other reports that. Marts with the same rows keep
	// their objects and the tables of their builds; the public tables name the new build.
	other := machineOf(t, portal.Options{})
	other.in(e)
	var both sync.WaitGroup
	var statuses [2]int
	var logs [2]string
	for i, machine := range []*machine{m, other} {
		both.Go(func() {
			_, logs[i], statuses[i] = machine.llac(ctx, "marts", "--env", "dev", "--dbt", project, "--force")
		})
	}
	both.Wait()
	lost := slices.Index(statuses[:], 10)
	if lost < 0 || statuses[1-lost] != 0 || !strings.Contains(logs[lost], "is not published: build ") ||
		!strings.Contains(logs[lost], "while it was running") {
		t.Errorf("two builds: exit statuses %v\n%s\n%s", statuses, logs[0], logs[1])
	}
	again := e.pointer()
	if again.Build == cloud.Build {
		t.Errorf("readers see build %s", again.Build)
	}
	for _, mart := range again.Models {
		if mart.Build != cloud.Build {
			t.Errorf("%s was written again, by build %s", mart.Name, mart.Build)
		}
		e.matches(again, mart)
	}
	if left, err := filepath.Glob(m.file("cloud", "dev", "marts", "work-*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}

	// Files that no reader has seen for 90 days are deleted with all versions: here that of a killed build. The others stay.
	stray := lake.MartKey("fact", "fact_roads", "20200101T000000")
	if _, err := e.lake.Put(ctx, stray, []byte("half a mart")); err != nil {
		t.Fatal(err)
	}
	before := m.app
	m.app = func(stdout, stderr *bytes.Buffer) *cli.App {
		a := before(stdout, stderr)
		a.Clock = later{}
		return a
	}
	stdout, stderr, status = m.llac(ctx, "marts", "clean", "--env", "dev")
	wants(t, "marts clean", stdout, "fact_roads", "never published", "Deleted 1 file of 1 build", "11 files stay")
	versions, err := e.buckets.ListObjectVersions(ctx,
		&s3.ListObjectVersionsInput{Bucket: awssdk.String(e.account.DataBucket("dev")), Prefix: &stray})
	if err != nil || status != 0 || len(versions.Versions)+len(versions.DeleteMarkers) != 0 {
		t.Errorf("marts clean: exit status %d, %v; left %+v\n%s", status, err, versions, stderr)
	}
	m.app = before

	page := filepath.Join(t.TempDir(), "marts.html")
	if stdout, stderr, status := m.llac(ctx, "marts", "docs", "--env", "dev", "--dbt", project, "--out", page); status != 0 {
		t.Errorf("marts docs --env: exit status %d\n%s%s", status, stdout, stderr)
	}
	e.asked.judge(t)

	// If the tables cannot be updated, that is reported, and the published marts stay.
	if _, err := e.glue.DeleteDatabase(ctx, &glue.DeleteDatabaseInput{Name: awssdk.String(martsDatabase)}); err != nil {
		t.Fatal(err)
	}
	_, stderr, status = m.llac(ctx, "marts", "--env", "dev", "--dbt", project)
	wants(t, "standard error", stderr, "the tables of the marts in Glue do not show what is published",
		"stack storage, which creates the database", "llac marts --env dev")
	if status != 10 || e.pointer().Build != again.Build {
		t.Errorf("no database: exit status %d, readers see build %s", status, e.pointer().Build)
	}
	if b, err := os.ReadFile(page); err != nil || !bytes.Contains(b, []byte("fact_population_monthly")) {
		t.Errorf("the page: %v", err)
	}
}

// later is a clock that is half a year ahead.
type later struct{ clock.System }

func (later) Now() time.Time { return time.Now().AddDate(0, 6, 0) }

// matches compares a mart's tables with its file: the location, and the columns with their types as Arrow reads them.
func (e *environment) matches(p *lake.MartsPointer, m lake.Mart) {
	e.t.Helper()
	body, err := lake.Read(e.t.Context(), e.lake, m.Objects[0])
	if err != nil {
		e.t.Error(err)
		return
	}
	r, err := file.NewParquetReader(bytes.NewReader(body))
	if err != nil {
		e.t.Fatal(err)
	}
	schema, err := pqarrow.FromParquet(r.MetaData().Schema, nil, nil)
	if err != nil {
		e.t.Fatal(err)
	}
	var want, got []string
	for _, f := range schema.Fields() {
		kind := f.Type.String()
		if hive, ok := map[string]string{"utf8": "string", "int64": "bigint", "int32": "int", "int16": "smallint", "bool": "boolean",
			"float64": "double", "date32": "date"}[kind]; ok {
			kind = hive
		}
		kind = strings.ReplaceAll(strings.TrimPrefix(kind, "decimal128"), " ", "")
		if strings.HasPrefix(kind, "(") {
			kind = "decimal" + kind
		}
		want = append(want, f.Name+" "+kind)
	}
	of := e.table(catalogue.MartTableName(m.Name, m.Build))
	for _, c := range of.StorageDescriptor.Columns {
		got = append(got, *c.Name+" "+*c.Type)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		e.t.Errorf("%s: the table has the columns\n%v\nthe file\n%v", m.Name, got, want)
	}
	folder := "s3://llac-dev-data-123456789012/" + m.Objects[0].Key[:strings.LastIndex(m.Objects[0].Key, "/")+1]
	if at := awssdk.ToString(of.StorageDescriptor.Location); at != folder {
		e.t.Errorf("%s: the table is at %s, the file in %s", m.Name, at, folder)
	}
	public := e.table(m.Name)
	view, err := catalogue.ReadView(*public)
	if err != nil || view.Snapshot != m.Build || len(view.Columns) != len(m.Columns) || public.Parameters["llac.published"] != p.Build {
		e.t.Errorf("%s: readers see build %s of %s (%v), want %s of %s", m.Name, view.Snapshot, public.Parameters["llac.published"], err,
			m.Build, p.Build)
	}
}
