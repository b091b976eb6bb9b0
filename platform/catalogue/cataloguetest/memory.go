// Package cataloguetest provides a Glue in memory, which is as strict as the real one where the catalogue depends on it, and
// the conformance suites of the catalogue over any Glue.
package cataloguetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
)

// Memory is one Glue database in memory. Like Glue it rejects an update of an old version of a table, names that are not
// lower-case, and too many partitions in one call. Like Glue it keeps the partitions of an updated table.
type Memory struct {
	Database string
	// Before is called before the effect of each call, After after it. Their error is the result of the call. Nil: not called.
	Before, After func(operation, table string) error
	PageSize      int // partitions per page; 0: all in one page

	mu     sync.Mutex
	tables map[string]*table
	calls  []string
}

type table struct {
	types.Table
	partitions map[string]types.Partition
	version    int
}

// Calls returns the calls so far, as "Operation table".
func (m *Memory) Calls() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.calls)
}

// Tables returns the names of the tables, sorted.
func (m *Memory) Tables() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.tables))
}

// Table returns a table; nil if it does not exist.
func (m *Memory) Table(name string) *types.Table {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.tables[name]; t != nil {
		out := t.Table
		return &out
	}
	return nil
}

// Change changes a table as a person at the AWS console would.
func (m *Memory) Change(name string, change func(t *types.Table, partitions map[string]types.Partition)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tables[name]
	change(&t.Table, t.partitions)
	t.bump()
}

// Locations returns the locations of a table's partitions, by their values joined by "/".
func (m *Memory) Locations(name string) map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]string{}
	if t := m.tables[name]; t != nil {
		for at, p := range t.partitions {
			out[at] = aws.ToString(p.StorageDescriptor.Location)
		}
	}
	return out
}

func (t *table) bump() {
	t.version++
	t.VersionId = aws.String(strconv.Itoa(t.version))
}

// call runs an operation with the checks and hooks that all operations share.
func call[T any](m *Memory, ctx context.Context, operation string, database *string, name string, work func() (*T, error)) (*T, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if m.Before != nil {
		if err := m.Before(operation, name); err != nil {
			return nil, err
		}
	}
	out, err := func() (*T, error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.calls = append(m.calls, operation+" "+name)
		switch {
		case aws.ToString(database) != m.Database:
			return nil, &types.EntityNotFoundException{Message: aws.String("Database " + aws.ToString(database) + " not found.")}
		case name == "" || name != strings.ToLower(name):
			return nil, &types.InvalidInputException{Message: aws.String("name " + name)}
		}
		return work()
	}()
	if err == nil && m.After != nil {
		if err := m.After(operation, name); err != nil {
			return nil, err
		}
	}
	return out, err
}

// find returns a table. The caller holds the lock.
func (m *Memory) find(name string) (*table, error) {
	if t := m.tables[name]; t != nil {
		return t, nil
	}
	return nil, &types.EntityNotFoundException{Message: aws.String("Table " + name + " not found.")}
}

// GetTable implements catalogue.API.
func (m *Memory) GetTable(ctx context.Context, in *glue.GetTableInput, _ ...func(*glue.Options)) (*glue.GetTableOutput, error) {
	return call(m, ctx, "GetTable", in.DatabaseName, aws.ToString(in.Name), func() (*glue.GetTableOutput, error) {
		t, err := m.find(*in.Name)
		if err != nil {
			return nil, err
		}
		out := t.Table
		return &glue.GetTableOutput{Table: &out}, nil
	})
}

// CreateTable implements catalogue.API.
func (m *Memory) CreateTable(ctx context.Context, in *glue.CreateTableInput, _ ...func(*glue.Options)) (*glue.CreateTableOutput, error) {
	return call(m, ctx, "CreateTable", in.DatabaseName, aws.ToString(in.TableInput.Name), func() (*glue.CreateTableOutput, error) {
		name := *in.TableInput.Name
		if m.tables[name] != nil {
			return nil, &types.AlreadyExistsException{Message: aws.String("Table already exists.")}
		}
		t := &table{Table: made(in.TableInput), partitions: map[string]types.Partition{}, version: -1}
		t.bump()
		if m.tables == nil {
			m.tables = map[string]*table{}
		}
		m.tables[name] = t
		return &glue.CreateTableOutput{}, nil
	})
}

// UpdateTable implements catalogue.API.
func (m *Memory) UpdateTable(ctx context.Context, in *glue.UpdateTableInput, _ ...func(*glue.Options)) (*glue.UpdateTableOutput, error) {
	return call(m, ctx, "UpdateTable", in.DatabaseName, aws.ToString(in.TableInput.Name), func() (*glue.UpdateTableOutput, error) {
		t, err := m.find(*in.TableInput.Name)
		if err != nil {
			return nil, err
		}
		if in.VersionId != nil && *in.VersionId != aws.ToString(t.VersionId) {
			return nil, &types.ConcurrentModificationException{Message: aws.String("the table is at version " + aws.ToString(t.VersionId))}
		}
		version := t.VersionId
		t.Table = made(in.TableInput)
		t.VersionId = version
		t.bump()
		return &glue.UpdateTableOutput{}, nil
	})
}

// DeleteTable implements catalogue.API.
func (m *Memory) DeleteTable(ctx context.Context, in *glue.DeleteTableInput, _ ...func(*glue.Options)) (*glue.DeleteTableOutput, error) {
	return call(m, ctx, "DeleteTable", in.DatabaseName, aws.ToString(in.Name), func() (*glue.DeleteTableOutput, error) {
		if _, err := m.find(*in.Name); err != nil {
			return nil, err
		}
		delete(m.tables, *in.Name)
		return &glue.DeleteTableOutput{}, nil
	})
}

// GetPartitions implements catalogue.API.
func (m *Memory) GetPartitions(
	ctx context.Context,
	in *glue.GetPartitionsInput,
	_ ...func(*glue.Options),
) (*glue.GetPartitionsOutput, error) {
	return call(m, ctx, "GetPartitions", in.DatabaseName, aws.ToString(in.TableName), func() (*glue.GetPartitionsOutput, error) {
		t, err := m.find(*in.TableName)
		if err != nil {
			return nil, err
		}
		all := slices.Sorted(maps.Keys(t.partitions))
		from, _ := strconv.Atoi(aws.ToString(in.NextToken))
		to := len(all)
		out := &glue.GetPartitionsOutput{}
		if m.PageSize > 0 && from+m.PageSize < to {
			to = from + m.PageSize
			out.NextToken = aws.String(strconv.Itoa(to))
		}
		for _, at := range all[from:to] {
			out.Partitions = append(out.Partitions, t.partitions[at])
		}
		return out, nil
	})
}

// BatchCreatePartition implements catalogue.API.
func (m *Memory) BatchCreatePartition(
	ctx context.Context,
	in *glue.BatchCreatePartitionInput,
	_ ...func(*glue.Options),
) (*glue.BatchCreatePartitionOutput, error) {
	return call(
		m,
		ctx,
		"BatchCreatePartition",
		in.DatabaseName,
		aws.ToString(in.TableName),
		func() (*glue.BatchCreatePartitionOutput, error) {
			t, err := m.find(*in.TableName)
			if err != nil {
				return nil, err
			}
			if n := len(in.PartitionInputList); n == 0 || n > 100 {
				return nil, tooMany(n, 100)
			}
			out := &glue.BatchCreatePartitionOutput{}
			for _, p := range in.PartitionInputList {
				at := strings.Join(p.Values, "/")
				if refusal := t.unfit(p.Values); refusal != "" {
					out.Errors = append(out.Errors, partitionError(p.Values, "InvalidInputException", refusal))
					continue
				}
				if _, there := t.partitions[at]; there {
					out.Errors = append(out.Errors, partitionError(p.Values, "AlreadyExistsException", "Partition already exists."))
					continue
				}
				t.partitions[at] = types.Partition{Values: p.Values, StorageDescriptor: p.StorageDescriptor}
			}
			return out, nil
		},
	)
}

// BatchUpdatePartition implements catalogue.API.
func (m *Memory) BatchUpdatePartition(
	ctx context.Context,
	in *glue.BatchUpdatePartitionInput,
	_ ...func(*glue.Options),
) (*glue.BatchUpdatePartitionOutput, error) {
	return call(
		m,
		ctx,
		"BatchUpdatePartition",
		in.DatabaseName,
		aws.ToString(in.TableName),
		func() (*glue.BatchUpdatePartitionOutput, error) {
			t, err := m.find(*in.TableName)
			if err != nil {
				return nil, err
			}
			if n := len(in.Entries); n == 0 || n > 100 {
				return nil, tooMany(n, 100)
			}
			out := &glue.BatchUpdatePartitionOutput{}
			for _, e := range in.Entries {
				at := strings.Join(e.PartitionValueList, "/")
				if _, there := t.partitions[at]; !there {
					failure := partitionError(e.PartitionValueList, "EntityNotFoundException", "Partition not found.")
					out.Errors = append(
						out.Errors,
						types.BatchUpdatePartitionFailureEntry{PartitionValueList: e.PartitionValueList, ErrorDetail: failure.ErrorDetail},
					)
					continue
				}
				t.partitions[at] = types.Partition{Values: e.PartitionInput.Values, StorageDescriptor: e.PartitionInput.StorageDescriptor}
			}
			return out, nil
		},
	)
}

// BatchDeletePartition implements catalogue.API.
func (m *Memory) BatchDeletePartition(
	ctx context.Context,
	in *glue.BatchDeletePartitionInput,
	_ ...func(*glue.Options),
) (*glue.BatchDeletePartitionOutput, error) {
	return call(
		m,
		ctx,
		"BatchDeletePartition",
		in.DatabaseName,
		aws.ToString(in.TableName),
		func() (*glue.BatchDeletePartitionOutput, error) {
			t, err := m.find(*in.TableName)
			if err != nil {
				return nil, err
			}
			if n := len(in.PartitionsToDelete); n == 0 || n > 25 {
				return nil, tooMany(n, 25)
			}
			out := &glue.BatchDeletePartitionOutput{}
			for _, p := range in.PartitionsToDelete {
				at := strings.Join(p.Values, "/")
				if _, there := t.partitions[at]; !there {
					out.Errors = append(out.Errors, partitionError(p.Values, "EntityNotFoundException", "Partition not found."))
				}
				delete(t.partitions, at)
			}
			return out, nil
		},
	)
}

func tooMany(n, most int) error {
	return &types.InvalidInputException{Message: aws.String(fmt.Sprintf("%d partitions, want 1 to %d", n, most))}
}

func partitionError(values []string, code, message string) types.PartitionError {
	return types.PartitionError{PartitionValues: values, ErrorDetail: &types.ErrorDetail{ErrorCode: &code, ErrorMessage: &message}}
}

func (t *table) unfit(values []string) string {
	if len(values) != len(t.PartitionKeys) {
		return fmt.Sprintf(
			"The number of partition keys do not match the number of partition values: %d and %d",
			len(t.PartitionKeys),
			len(values),
		)
	}
	return ""
}

func made(in *types.TableInput) types.Table {
	return types.Table{
		Name: in.Name, Description: in.Description, TableType: in.TableType, Parameters: maps.Clone(in.Parameters),
		PartitionKeys: slices.Clone(in.PartitionKeys), StorageDescriptor: in.StorageDescriptor,
		ViewOriginalText: in.ViewOriginalText, ViewExpandedText: in.ViewExpandedText,
	}
}
