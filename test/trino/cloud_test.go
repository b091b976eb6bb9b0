//go:build trino

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
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/llac-project/llac/platform/local/aws/conformance"
	"github.com/llac-project/llac/platform/local/python"
)

// cloud is moto in the place of Glue and Athena: it knows which tables there are, and runs no SQL.
type cloud struct{ config aws.Config }

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
	return &cloud{moto.Config}
}

// settings are the environment in which dbt-athena meets moto and nothing else: no other endpoint, no other credentials.
func (c *cloud) settings() []string {
	return append(noAccount(), "AWS_ENDPOINT_URL="+*c.config.BaseEndpoint)
}

func noAccount() []string {
	return []string{
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_SESSION_TOKEN=", "AWS_PROFILE=", "AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=false",
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
	err = c.call(ctx, "athena", "AmazonAthena.CreateWorkGroup", map[string]any{"Name": "llac", "Tags": []any{}, "Configuration": map[string]any{
		"ResultConfiguration": map[string]string{"OutputLocation": "s3://llac-athena-results/"},
	}})
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

// compile has dbt-athena compile the project where Glue holds what this build reads, and compares each statement with the
// one that Trino has just run: they must be the same text.
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
	p := Project{Environment: s.Environment, Dir: s.project.Dir, Target: "athena", Out: s.t.TempDir(), Settings: s.cloud.settings(), Vars: s.project.Vars}
	if err := p.Run(ctx, "compile"); err != nil {
		s.t.Error(err)
		return
	}
	athena, err := p.Compiled()
	if err != nil {
		s.t.Error(err)
		return
	}
	trino, err := s.project.Compiled()
	if err != nil {
		s.t.Error(err)
		return
	}
	for _, id := range slices.Sorted(maps.Keys(trino)) {
		if strings.TrimSpace(athena[id]) != strings.TrimSpace(trino[id]) {
			s.t.Errorf("%s: Athena would be sent\n%s\nand Trino ran\n%s", id, athena[id], trino[id])
		}
	}
	s.t.Logf("compared %d compiled statements of dbt-athena", len(trino))
}
