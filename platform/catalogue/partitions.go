package catalogue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
)

// The maximum number of partitions in one call of Glue.
const (
	createBatch = 100
	updateBatch = 100
	deleteBatch = 25
)

// ensurePartitions makes a snapshot's table have exactly these partitions.
func (k Catalogue) ensurePartitions(ctx context.Context, table string, want []types.PartitionInput) error {
	there, err := k.partitions(ctx, table, len(want) > 0)
	if err != nil {
		return err
	}
	var create []types.PartitionInput
	var update []types.BatchUpdatePartitionRequestEntry
	for _, p := range want {
		at := identity(p.Values)
		old, ok := there[at]
		delete(there, at)
		switch {
		case !ok:
			create = append(create, p)
		case !sameStorage(old.StorageDescriptor, p.StorageDescriptor):
			update = append(update, types.BatchUpdatePartitionRequestEntry{PartitionInput: &p, PartitionValueList: p.Values})
		}
	}
	for batch := range slices.Chunk(create, createBatch) {
		if err := k.createPartitions(ctx, table, batch); err != nil {
			return err
		}
	}
	for batch := range slices.Chunk(update, updateBatch) {
		if err := k.updatePartitions(ctx, table, batch); err != nil {
			return err
		}
	}
	var extra []types.PartitionValueList
	for _, p := range there {
		extra = append(extra, types.PartitionValueList{Values: p.Values})
	}
	slices.SortFunc(extra, func(a, b types.PartitionValueList) int { return slices.Compare(a.Values, b.Values) })
	for batch := range slices.Chunk(extra, deleteBatch) {
		if err := k.deletePartitions(ctx, table, batch); err != nil {
			return err
		}
	}
	return nil
}

// updatePartitions repairs partitions that differ from the snapshot's.
func (k Catalogue) updatePartitions(ctx context.Context, table string, batch []types.BatchUpdatePartitionRequestEntry) error {
	k.Log.WarnContext(ctx, "repairing partitions of a snapshot's table that were changed by hand", "table", table, "partitions", len(batch))
	in := &glue.BatchUpdatePartitionInput{DatabaseName: &k.Database, TableName: &table, Entries: batch}
	out, err := k.Glue.BatchUpdatePartition(ctx, in)
	if err == nil && len(out.Errors) > 0 {
		err = detail(out.Errors[0].ErrorDetail, out.Errors[0].PartitionValueList)
	}
	return k.wrap("update partitions of", table, err)
}

// deletePartitions removes partitions that the snapshot does not have. A partition that another process removed first is fine.
func (k Catalogue) deletePartitions(ctx context.Context, table string, batch []types.PartitionValueList) error {
	k.Log.WarnContext(ctx, "removing partitions that were added to a snapshot's table by hand", "table", table, "partitions", len(batch))
	in := &glue.BatchDeletePartitionInput{DatabaseName: &k.Database, TableName: &table, PartitionsToDelete: batch}
	out, err := k.Glue.BatchDeletePartition(ctx, in)
	if err == nil {
		for _, e := range out.Errors {
			if !is(e.ErrorDetail, "EntityNotFoundException") {
				err = detail(e.ErrorDetail, e.PartitionValues)
			}
		}
	}
	return k.wrap("delete partitions of", table, err)
}

// createPartitions registers partitions. A partition that another process registered first is the same one.
func (k Catalogue) createPartitions(ctx context.Context, table string, batch []types.PartitionInput) error {
	out, err := k.Glue.BatchCreatePartition(
		ctx,
		&glue.BatchCreatePartitionInput{DatabaseName: &k.Database, TableName: &table, PartitionInputList: batch},
	)
	if err == nil {
		for _, e := range out.Errors {
			if !is(e.ErrorDetail, "AlreadyExistsException") {
				err = detail(e.ErrorDetail, e.PartitionValues)
			}
		}
	}
	return k.wrap("create partitions of", table, err)
}

// partitions returns a table's partitions by their values. If none are expected it returns none without a call.
func (k Catalogue) partitions(ctx context.Context, table string, expected bool) (map[string]types.Partition, error) {
	out := map[string]types.Partition{}
	if !expected {
		return out, nil
	}
	pages := glue.NewGetPartitionsPaginator(k.Glue, &glue.GetPartitionsInput{DatabaseName: &k.Database, TableName: &table})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, k.wrap("read partitions of", table, err)
		}
		for _, p := range page.Partitions {
			out[identity(p.Values)] = p
		}
	}
	return out, nil
}

func identity(values []string) string { return strings.Join(values, "\x00") }

func is(e *types.ErrorDetail, code string) bool { return e != nil && text(e.ErrorCode) == code }

func detail(e *types.ErrorDetail, values []string) error {
	if e == nil {
		return errors.New("partition " + strings.Join(values, "/") + ": Glue gives no reason")
	}
	return fmt.Errorf("partition %s: %s: %s", strings.Join(values, "/"), text(e.ErrorCode), text(e.ErrorMessage))
}
