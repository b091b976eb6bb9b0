//go:build trino && unix

package trino

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/llac-project/llac/platform/local/aws/conformance"
	"github.com/llac-project/llac/platform/local/python"
)

// cloud is moto instead of Glue and Athena: it stores tables and runs no SQL. A proxy before it records the statements.
type cloud struct {
	config   aws.Config
	endpoint string // of the proxy, for dbt

	mu   sync.Mutex
	sent []string // statements for Athena
}

// newCloud starts moto and the proxy.
func newCloud(t *testing.T) *cloud {
	t.Helper()
	moto, err := conformance.StartMoto(context.WithoutCancel(t.Context()), os.Stderr)
	var missing *python.NoPythonError
	if errors.As(err, &missing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = moto.Close() })
	c := &cloud{config: moto.Config}
	to, err := url.Parse(*moto.Config.BaseEndpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Amz-Target") == "AmazonAthena.StartQueryExecution" {
			body, err := io.ReadAll(r.Body)
			var query struct{ QueryString string }
			if err = errors.Join(err, json.Unmarshal(body, &query)); err != nil {
				t.Errorf("read a request to Athena: %v", err)
			}
			c.mu.Lock()
			c.sent = append(c.sent, query.QueryString)
			c.mu.Unlock()
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	c.endpoint = front.URL
	return c
}

// settings returns environment variables with which dbt-athena uses only this endpoint, and no real credentials.
func settings(endpoint string) []string {
	return []string{
		"AWS_ENDPOINT_URL=" + endpoint, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
	}
}

// call sends one request of the AWS JSON protocol, such as AWSGlue.CreateTable.
func (c *cloud) call(ctx context.Context, service, action string, input any) error {
	body, err := json.Marshal(input)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, *c.config.BaseEndpoint, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", action)
	credentials, err := c.config.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	digest := hex.EncodeToString(sum[:])
	if err := v4.NewSigner().SignHTTP(ctx, credentials, request, digest, service, c.config.Region, time.Now()); err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", action, response.Status, text)
	}
	return err
}

// fill resets moto and creates the databases and tables that a build in the cloud would find in Glue: one immutable table per
// snapshot, as the quality gate creates them; the published marts; and the tables that incremental models extend.
func (c *cloud) fill(ctx context.Context, tables []External) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, *c.config.BaseEndpoint+"/moto-api/reset", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	// If the workgroup enforced its location for results, dbt-athena would put the marts there too.
	err = c.call(ctx, "athena", "AmazonAthena.CreateWorkGroup", map[string]any{
		"Name": "llac", "Tags": []any{}, "Configuration": map[string]any{
			"EnforceWorkGroupConfiguration": false,
			"ResultConfiguration":           map[string]string{"OutputLocation": "s3://llac-athena-results/"},
		},
	})
	for _, bucket := range []string{"llac-data", "llac-athena-results"} {
		_, failure := s3.NewFromConfig(c.config, func(o *s3.Options) { o.UsePathStyle = true }).CreateBucket(ctx, &s3.CreateBucketInput{
			Bucket:                    &bucket,
			CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraintEuWest1},
		})
		err = errors.Join(err, failure)
	}
	for _, database := range []string{"staging", "published", "work"} {
		input := map[string]any{"DatabaseInput": map[string]string{"Name": database}}
		err = errors.Join(err, c.call(ctx, "glue", "AWSGlue.CreateDatabase", input))
	}
	for _, t := range tables {
		err = errors.Join(err, c.createTable(ctx, t))
	}
	return err
}

// createTable creates a table in Glue.
func (c *cloud) createTable(ctx context.Context, t External) error {
	var columns, keys []map[string]string
	for _, column := range t.Columns {
		kind := column.Type
		switch kind {
		case "varchar":
			kind = "string"
		case "integer":
			kind = "int"
		}
		if slices.Contains(t.Partition, column.Name) {
			keys = append(keys, map[string]string{"Name": column.Name, "Type": kind})
		} else {
			columns = append(columns, map[string]string{"Name": column.Name, "Type": kind})
		}
	}
	return c.call(ctx, "glue", "AWSGlue.CreateTable", map[string]any{"DatabaseName": t.Schema, "TableInput": map[string]any{
		"Name": t.Name, "TableType": "EXTERNAL_TABLE", "PartitionKeys": keys,
		"Parameters": map[string]string{"classification": "parquet", "EXTERNAL": "TRUE"},
		"StorageDescriptor": map[string]any{
			"Columns": columns, "Location": "s3://llac-data/" + t.Schema + "/" + t.Name + "/",
			"InputFormat":  "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
			"OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
			"SerdeInfo":    map[string]string{"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
		},
	}})
}

// compile compiles the project with dbt-athena while Glue has the tables that this build reads. If Trino has built the project,
// each statement must be identical to the one that Trino ran. Then two marts are started, as far as moto supports it.
func (s *session) compile(ctx context.Context) {
	tables := slices.Clone(s.tables)
	for _, name := range s.filled {
		for _, t := range s.tables {
			if t.Schema == "published" && t.Name == name {
				t.Schema = "work"
				tables = append(tables, t)
			}
		}
	}
	if err := s.cloud.fill(ctx, tables); err != nil {
		s.t.Errorf("fill moto's Glue: %v", err)
		return
	}
	p := Project{
		Environment: s.Environment, Dir: s.project.Dir, Target: "athena", Out: s.t.TempDir(),
		Settings: settings(s.cloud.endpoint), Vars: s.project.Vars,
	}
	if err := p.Run(ctx, "compile"); err != nil {
		s.t.Error(err)
		return
	}
	athena, err := p.Compiled()
	if err != nil {
		s.t.Error(err)
		return
	}
	if s.trino != nil {
		s.compareStatements(athena)
	}
	for _, t := range s.tables {
		quoted := fmt.Sprintf("%q.%q.%q", Catalog, t.Schema, t.Name)
		reads := func(sql string) bool { return strings.Contains(sql, quoted) }
		if t.Schema == "staging" && !slices.ContainsFunc(slices.Collect(maps.Values(athena)), reads) {
			s.t.Errorf("no statement for Athena reads %s", quoted)
		}
	}
	s.start(ctx, p)
}

// compareStatements fails the test if a compiled statement of dbt-athena differs from the one that Trino ran.
func (s *session) compareStatements(athena map[string]string) {
	trino, err := s.project.Compiled()
	if err != nil {
		s.t.Error(err)
		return
	}
	for _, id := range slices.Sorted(maps.Keys(trino)) {
		sent, ran := strings.Split(strings.TrimSpace(athena[id]), "\n"), strings.Split(strings.TrimSpace(trino[id]), "\n")
		for i := range max(len(sent), len(ran)) {
			if i == len(sent) || i == len(ran) || sent[i] != ran[i] {
				s.t.Errorf("%s: from line %d on, the statement for Athena is\n%s\nand Trino ran\n%s",
					id, i+1, excerpt(sent, i), excerpt(ran, i))
				break
			}
		}
	}
	s.t.Logf("compared %d compiled statements of dbt-athena", len(trino))
}

// excerpt returns up to 12 lines, starting at from.
func excerpt(lines []string, from int) string {
	return strings.Join(lines[min(from, len(lines)):min(from+12, len(lines))], "\n")
}

// The marts that are started: one that each build replaces, and the incremental one.
const (
	replaced    = "dim_economic_sectors"
	incremental = "fact_service_usage_daily"
)

// start runs two independent marts with dbt-athena and checks the first statement of each: it creates a table of Parquet files
// at its own location. dbt-athena then fails, because moto does not create the table.
func (s *session) start(ctx context.Context, p Project) {
	s.cloud.mu.Lock()
	s.cloud.sent = nil
	s.cloud.mu.Unlock()
	failure := p.Run(ctx, "run", "--select", replaced+" "+incremental)
	nodes, err := p.Nodes()
	if err != nil {
		s.t.Error(err)
		return
	}
	for _, n := range nodes {
		materialized, strategy := n.Config["materialized"], n.Config["incremental_strategy"]
		if n.Name == incremental && (materialized != "incremental" || strategy != "insert_overwrite") {
			s.t.Errorf("on Athena %s is %v with strategy %v; want incremental with insert_overwrite", incremental, materialized, strategy)
		}
	}
	s.cloud.mu.Lock()
	defer s.cloud.mu.Unlock()
	for _, model := range []string{replaced, incremental} {
		table := model
		if slices.Contains(s.filled, model) {
			table += "__dbt_tmp" // its rows then replace their partitions
		}
		i := slices.IndexFunc(s.cloud.sent, func(sql string) bool {
			return strings.Contains(sql, fmt.Sprintf("create table %q.%q.%q", Catalog, "work", table))
		})
		if i < 0 {
			s.t.Errorf("dbt-athena sent no statement that creates %s, but %q; its error is: %v", model, s.cloud.sent, failure)
			continue
		}
		wanted := []string{"format='parquet'", "table_type='hive'", "is_external=true", "external_location='s3://llac-data/"}
		if table == incremental {
			wanted = append(wanted, "partitioned_by=ARRAY['service_month']")
		}
		for _, setting := range wanted {
			if !strings.Contains(s.cloud.sent[i], setting) {
				s.t.Errorf("%s: the statement lacks %s:\n%s", model, setting, excerpt(strings.Split(s.cloud.sent[i], "\n"), 0))
			}
		}
	}
}

// TestAthena checks dbt-athena without Java: it parses the project without a network, compiles it while Glue has the pinned
// snapshots, and starts marts with the settings that Athena requires. TestMarts compares the statements with Trino's.
func TestAthena(t *testing.T) {
	t.Parallel()
	sim := newSimulation(t)
	offline := Project{
		Environment: sim.engine.Environment, Dir: project, Target: "athena", Out: t.TempDir(),
		Settings: settings("http://127.0.0.1:1"),
	}
	if err := offline.Run(t.Context(), "parse"); err != nil {
		t.Error(err)
	}
	sim.engine.cloud = newCloud(t)
	sim.run()
	sim.build()
}
