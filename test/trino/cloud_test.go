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

// cloud is moto in the place of Glue and Athena: it knows which tables there are, and runs no SQL. What would be run is
// written down on the way to it.
type cloud struct {
	config   aws.Config
	endpoint string // of dbt

	mu   sync.Mutex
	sent []string // statements for Athena
}

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

// settings are the environment in which dbt-athena meets this endpoint and no other, with no credentials of anybody's.
func settings(endpoint string) []string {
	return []string{
		"AWS_ENDPOINT_URL=" + endpoint, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
	}
}

// call makes one call of the AWS JSON protocol, such as AWSGlue.CreateTable.
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
	if err := v4.NewSigner().SignHTTP(ctx, credentials, request, hex.EncodeToString(sum[:]), service, c.config.Region, time.Now()); err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", action, response.Status, answer)
	}
	return err
}

// fill makes moto's Glue hold the databases and tables that a build in the cloud would find: one immutable table a
// snapshot, as the gate makes them; the published marts; and those that incremental models go on from.
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
	// A workgroup that enforced its place for results would have dbt-athena put the marts there too.
	err = c.call(ctx, "athena", "AmazonAthena.CreateWorkGroup", map[string]any{"Name": "llac", "Tags": []any{}, "Configuration": map[string]any{
		"EnforceWorkGroupConfiguration": false, "ResultConfiguration": map[string]string{"OutputLocation": "s3://llac-athena-results/"},
	}})
	for _, bucket := range []string{"llac-data", "llac-athena-results"} {
		_, made := s3.NewFromConfig(c.config, func(o *s3.Options) { o.UsePathStyle = true }).CreateBucket(ctx, &s3.CreateBucketInput{
			Bucket: &bucket, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraintEuWest1},
		})
		err = errors.Join(err, made)
	}
	for _, database := range []string{"staging", "published", "work"} {
		err = errors.Join(err, c.call(ctx, "glue", "AWSGlue.CreateDatabase", map[string]any{"DatabaseInput": map[string]string{"Name": database}}))
	}
	for _, t := range tables {
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
		err = errors.Join(err, c.call(ctx, "glue", "AWSGlue.CreateTable", map[string]any{"DatabaseName": t.Schema, "TableInput": map[string]any{
			"Name": t.Name, "TableType": "EXTERNAL_TABLE", "Parameters": map[string]string{"classification": "parquet", "EXTERNAL": "TRUE"}, "PartitionKeys": keys,
			"StorageDescriptor": map[string]any{
				"Columns": columns, "Location": "s3://llac-data/" + t.Schema + "/" + t.Name + "/",
				"InputFormat":  "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
				"OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
				"SerdeInfo":    map[string]string{"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
			},
		}}))
	}
	return err
}

// compile has dbt-athena compile the project where Glue holds what this build reads. Where Trino has built it, each
// statement must be the one that Trino has run, word for word. Then two marts are started, as far as moto lets them.
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
	p := Project{Environment: s.Environment, Dir: s.project.Dir, Target: "athena", Out: s.t.TempDir(), Settings: settings(s.cloud.endpoint), Vars: s.project.Vars}
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
		s.sameStatements(athena)
	}
	for _, t := range s.tables {
		quoted := fmt.Sprintf("%q.%q.%q", Catalog, t.Schema, t.Name)
		if t.Schema == "staging" && !slices.ContainsFunc(slices.Collect(maps.Values(athena)), func(sql string) bool { return strings.Contains(sql, quoted) }) {
			s.t.Errorf("nothing that Athena would be sent reads %s", quoted)
		}
	}
	s.start(ctx, p)
}

func (s *session) sameStatements(athena map[string]string) {
	trino, err := s.project.Compiled()
	if err != nil {
		s.t.Error(err)
		return
	}
	for _, id := range slices.Sorted(maps.Keys(trino)) {
		sent, ran := strings.Split(strings.TrimSpace(athena[id]), "\n"), strings.Split(strings.TrimSpace(trino[id]), "\n")
		for i := range max(len(sent), len(ran)) {
			if i == len(sent) || i == len(ran) || sent[i] != ran[i] {
				s.t.Errorf("%s: from line %d on, Athena would be sent\n%s\nand Trino ran\n%s", id, i+1, excerpt(sent, i), excerpt(ran, i))
				break
			}
		}
	}
	s.t.Logf("compared %d compiled statements of dbt-athena", len(trino))
}

// excerpt is some lines from one on.
func excerpt(lines []string, from int) string {
	return strings.Join(lines[min(from, len(lines)):min(from+12, len(lines))], "\n")
}

// The marts that are started: one that is made whole, and the one that grows.
const (
	whole   = "dim_economic_sectors"
	growing = "fact_service_usage_daily"
)

// start has dbt-athena run two marts, which do not need each other, and looks at what it sends first: a table of Parquet
// files at a place of its own. It cannot go on, because moto makes no table of it.
func (s *session) start(ctx context.Context, p Project) {
	s.cloud.mu.Lock()
	s.cloud.sent = nil
	s.cloud.mu.Unlock()
	stopped := p.Run(ctx, "run", "--select", whole+" "+growing)
	nodes, err := p.Nodes()
	if err != nil {
		s.t.Error(err)
		return
	}
	for _, n := range nodes {
		if n.Name == growing && (n.Config["materialized"] != "incremental" || n.Config["incremental_strategy"] != "insert_overwrite") {
			s.t.Errorf("on Athena %s is %v by %v, not incremental by insert_overwrite", growing, n.Config["materialized"], n.Config["incremental_strategy"])
		}
	}
	s.cloud.mu.Lock()
	defer s.cloud.mu.Unlock()
	for _, model := range []string{whole, growing} {
		table := model
		if slices.Contains(s.filled, model) {
			table += "__dbt_tmp" // whose rows then take the place of the partitions that they belong to
		}
		i := slices.IndexFunc(s.cloud.sent, func(sql string) bool {
			return strings.Contains(sql, fmt.Sprintf("create table %q.%q.%q", Catalog, "work", table))
		})
		if i < 0 {
			s.t.Errorf("dbt-athena sent no statement that makes %s, but %q; it said: %v", model, s.cloud.sent, stopped)
			continue
		}
		wanted := []string{"format='parquet'", "table_type='hive'", "is_external=true", "external_location='s3://llac-data/"}
		if table == growing {
			wanted = append(wanted, "partitioned_by=ARRAY['service_month']")
		}
		for _, setting := range wanted {
			if !strings.Contains(s.cloud.sent[i], setting) {
				s.t.Errorf("%s: the statement lacks %s:\n%s", model, setting, excerpt(strings.Split(s.cloud.sent[i], "\n"), 0))
			}
		}
	}
}

// TestAthena: dbt-athena reads the project without a network, compiles it where Glue has the pinned snapshots, and would
// make tables as Athena wants them. It needs no Java; TestMarts compares the statements with those that Trino runs.
func TestAthena(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	offline := Project{Environment: w.engine.Environment, Dir: project, Target: "athena", Out: t.TempDir(), Settings: settings("http://127.0.0.1:1")}
	if err := offline.Run(t.Context(), "parse"); err != nil {
		t.Error(err)
	}
	w.engine.cloud = newCloud(t)
	w.run()
	w.build()
}
