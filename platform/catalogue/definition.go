package catalogue

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/gluetable"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
)

// The parameters of our tables. They record what a table shows.
const (
	parameterDataset  = "llac.dataset"
	parameterSnapshot = "llac.snapshot"
	parameterContract = "llac.contract_sha256"
	parameterSystem   = "llac.source_system" // invariant 11: the table shows whether its rows are simulated
)

// The classes with which Hive and Athena read Parquet.
const (
	parquetInput  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
	parquetOutput = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
	parquetSerDe  = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
)

// definition is how a dataset's tables must look for a pointer.
type definition struct {
	snapshot   types.TableInput
	partitions []types.PartitionInput // of the snapshot's table, in the pointer's order
	public     types.TableInput
}

func lower(s string) string { return strings.ToLower(s) }

// define returns the tables of a pointer. They depend only on the pointer and its contract: two processes define the same.
func (k Catalogue) define(ctx context.Context, p *lake.Pointer) (definition, error) {
	c, err := k.Contracts.Load(ctx, p.ContractSHA256)
	if err != nil {
		return definition{}, err
	}
	d := definition{}
	columns, keys := gluetable.Columns(c), gluetable.PartitionKeys(c)
	folders, err := folders(c, p)
	if err != nil {
		return definition{}, err
	}
	about := map[string]string{
		parameterDataset: p.Dataset, parameterSnapshot: p.Snapshot, parameterContract: p.ContractSHA256, parameterSystem: p.SourceSystem,
	}
	base := commonFolder(folders)
	d.snapshot = types.TableInput{
		Name: aws.String(TableName(p.Dataset, p.Snapshot)), TableType: aws.String("EXTERNAL_TABLE"),
		Description: aws.String(describe(c, p)),
		StorageDescriptor: k.storage(
			columns,
			base,
		), PartitionKeys: hive(keys), Parameters: with(about, "EXTERNAL", "TRUE", "classification", "parquet"),
	}
	if len(keys) > 0 {
		for _, f := range folders {
			d.partitions = append(d.partitions, types.PartitionInput{Values: f.values, StorageDescriptor: k.storage(columns, f.folder)})
		}
	}
	d.public = k.view(p.Dataset, TableName(p.Dataset, p.Snapshot), describe(c, p), append(slices.Clone(columns), keys...), about)
	return d, nil
}

// folder is the folder of a partition's one file.
type folder struct {
	folder string // key, with a slash at its end
	values []string
}

// folders returns the folders of a pointer's objects. A table reads every object in its folders. Each set of partition values
// therefore needs one folder, and a folder contains one object.
func folders(c *contract.Contract, p *lake.Pointer) ([]folder, error) {
	var out []folder
	seen := map[string]string{}
	for _, part := range p.Parts {
		for _, o := range part.Objects {
			f := folder{folder: path.Dir(o.Key) + "/"}
			for i, v := range o.Partition {
				if i >= len(c.Partition) || v.Column != c.Partition[i] {
					return nil, unfit(p, o.Key, "its partitions are not those of the contract")
				}
				f.values = append(f.values, v.Value)
			}
			if len(f.values) != len(c.Partition) {
				return nil, unfit(p, o.Key, "its partitions are not those of the contract")
			}
			at := strings.Join(f.values, "\x00")
			if other, ok := seen[at]; ok {
				return nil, unfit(p, o.Key, "it has the same partition as "+other)
			}
			seen[at] = o.Key
			out = append(out, f)
		}
	}
	if len(out) == 0 {
		return nil, unfit(p, lake.PointerKey(p.Dataset), "the pointer names no object")
	}
	return out, nil
}

func unfit(p *lake.Pointer, key, why string) error {
	return runtime.Permanent(
		fmt.Errorf(
			"define the table of snapshot %s of %s: %s: %s; readers keep the table of the previous snapshot",
			p.Snapshot,
			p.Dataset,
			key,
			why,
		),
	)
}

// commonFolder returns the folder that contains all others: a run's folder, or the dataset's if there are several runs. Each
// partition has the location of its own file.
func commonFolder(all []folder) string {
	common := all[0].folder
	for _, f := range all[1:] {
		for !strings.HasPrefix(f.folder, common) {
			common = above(common)
		}
	}
	if len(all) == 1 {
		for range all[0].values {
			common = above(common)
		}
	}
	return common
}

// above returns the parent of a folder; "" is the bucket.
func above(folder string) string {
	i := strings.LastIndexByte(strings.TrimSuffix(folder, "/"), '/')
	return folder[:i+1]
}

func (k Catalogue) storage(columns []gluetable.Column, folder string) *types.StorageDescriptor {
	return &types.StorageDescriptor{
		Columns: hive(columns), Location: aws.String("s3://" + k.Bucket + "/" + folder),
		InputFormat: aws.String(parquetInput), OutputFormat: aws.String(parquetOutput),
		SerdeInfo: &types.SerDeInfo{
			SerializationLibrary: aws.String(parquetSerDe),
			Parameters:           map[string]string{"serialization.format": "1"},
		},
	}
}

// view returns a public table: a view with every column of another table.
func (k Catalogue) view(name, of, description string, columns []gluetable.Column, about map[string]string) types.TableInput {
	v := View{Catalog: "awsdatacatalog", Schema: k.Database}
	var names []string
	for _, col := range columns {
		v.Columns = append(v.Columns, ViewColumn{col.Name, col.Trino})
		names = append(names, quoted(col.Name))
	}
	v.SQL = "SELECT " + strings.Join(names, ", ") + " FROM " + quoted(k.Database) + "." + quoted(of)
	return types.TableInput{
		Name: aws.String(lower(name)), TableType: aws.String("VIRTUAL_VIEW"), Description: aws.String(description),
		ViewOriginalText: aws.String(v.encode()),
		ViewExpandedText: aws.String("/* Presto View */"),
		StorageDescriptor: &types.StorageDescriptor{
			Columns: hive(columns), SerdeInfo: &types.SerDeInfo{Name: aws.String("-"), SerializationLibrary: aws.String("-")},
		},
		Parameters: with(about, "presto_view", "true", "comment", "Presto View"),
	}
}

// describe returns the description of a dataset's tables.
func describe(c *contract.Contract, p *lake.Pointer) string {
	return description("%s Snapshot %s from %s, %d rows. %s", c.Grain, p.Snapshot, p.SourceSystem, p.Rows, c.Attribution)
}

// description formats a single line of a length that Glue accepts.
func description(format string, args ...any) string {
	s := strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ")
	if len(s) > maxDescription {
		s = strings.ToValidUTF8(s[:maxDescription], "")
	}
	return s
}

// maxDescription is the maximum length of a description in Glue, in bytes.
const maxDescription = 2048

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func hive(columns []gluetable.Column) []types.Column {
	out := make([]types.Column, len(columns))
	for i, c := range columns {
		out[i] = types.Column{Name: aws.String(c.Name), Type: aws.String(c.Hive)}
		if c.Comment != "" {
			out[i].Comment = aws.String(c.Comment)
		}
	}
	return out
}

func with(m map[string]string, pairs ...string) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		out[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}

// same reports whether a table equals its definition. Additional parameters are ignored.
func same(there types.Table, want types.TableInput) bool {
	for k, v := range want.Parameters {
		if there.Parameters[k] != v {
			return false
		}
	}
	return text(there.TableType) == text(want.TableType) && text(there.Description) == text(want.Description) &&
		text(there.ViewOriginalText) == text(want.ViewOriginalText) &&
		sameColumns(there.PartitionKeys, want.PartitionKeys) && sameStorage(there.StorageDescriptor, want.StorageDescriptor)
}

func sameStorage(a, b *types.StorageDescriptor) bool {
	if a == nil || b == nil {
		return a == b
	}
	return sameColumns(a.Columns, b.Columns) && text(a.Location) == text(b.Location) && text(a.InputFormat) == text(b.InputFormat) &&
		serde(a) == serde(b)
}

func serde(s *types.StorageDescriptor) string {
	if s.SerdeInfo == nil {
		return ""
	}
	return text(s.SerdeInfo.SerializationLibrary)
}

func sameColumns(a, b []types.Column) bool {
	return slices.EqualFunc(a, b, func(x, y types.Column) bool {
		return text(x.Name) == text(y.Name) && text(x.Type) == text(y.Type) && text(x.Comment) == text(y.Comment)
	})
}

func text(s *string) string { return aws.ToString(s) }
