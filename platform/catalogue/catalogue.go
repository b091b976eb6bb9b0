package catalogue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
)

// API is the part of Glue that the catalogue calls. *glue.Client implements it.
type API interface {
	GetTable(context.Context, *glue.GetTableInput, ...func(*glue.Options)) (*glue.GetTableOutput, error)
	CreateTable(context.Context, *glue.CreateTableInput, ...func(*glue.Options)) (*glue.CreateTableOutput, error)
	UpdateTable(context.Context, *glue.UpdateTableInput, ...func(*glue.Options)) (*glue.UpdateTableOutput, error)
	DeleteTable(context.Context, *glue.DeleteTableInput, ...func(*glue.Options)) (*glue.DeleteTableOutput, error)
	GetPartitions(context.Context, *glue.GetPartitionsInput, ...func(*glue.Options)) (*glue.GetPartitionsOutput, error)
	BatchCreatePartition(context.Context, *glue.BatchCreatePartitionInput, ...func(*glue.Options)) (*glue.BatchCreatePartitionOutput, error)
	BatchUpdatePartition(context.Context, *glue.BatchUpdatePartitionInput, ...func(*glue.Options)) (*glue.BatchUpdatePartitionOutput, error)
	BatchDeletePartition(context.Context, *glue.BatchDeletePartitionInput, ...func(*glue.Options)) (*glue.BatchDeletePartitionOutput, error)
}

// FailpointBeforeFlip is reached after the snapshot's table is ready and before the public table changes.
const FailpointBeforeFlip = "before-flip"

// flips is the maximum number of tries on a table that other processes change at the same time.
const flips = 10

// Catalogue is the Glue database of an environment.
type Catalogue struct {
	Glue      API
	Database  string // such as llac_dev_staging
	Bucket    string // the data bucket
	Lake      lake.Store
	Contracts runtime.Contracts
	Failpoint func(string)
	Log       *slog.Logger
}

var _ runtime.Catalogue = Catalogue{}

// New returns the Catalogue of a service that updates the tables.
func New(p runtime.Ports, o runtime.CatalogueOptions) runtime.Catalogue {
	return Catalogue{
		Glue: glue.NewFromConfig(o.AWS), Database: o.Database, Bucket: o.Bucket,
		Lake: p.Lake, Contracts: p.Contracts, Failpoint: p.Failpoint, Log: p.Log,
	}
}

// TableName returns the name of a snapshot's table. Glue only has lower-case names.
func TableName(dataset, snapshot string) string { return dataset + "__" + lower(snapshot) }

// Follow updates a dataset's tables to match its pointer: first the complete table of the snapshot, then the public table. It
// leaves correct tables unchanged. A dataset that was never published has no tables.
func (k Catalogue) Follow(ctx context.Context, dataset string) error {
	for range flips {
		// The public table is read before the pointer. If the table still has this version when it is updated, it has not
		// moved since, and the pointer is not behind it (invariant 10).
		public, err := k.table(ctx, dataset)
		if err != nil {
			return err
		}
		pointer, _, err := lake.ReadPointer(ctx, k.Lake, dataset)
		if err != nil || pointer == nil {
			return err
		}
		want, err := k.define(ctx, pointer)
		if err != nil {
			return err
		}
		if err := k.ensure(ctx, want); err != nil {
			return err
		}
		k.Failpoint(FailpointBeforeFlip)
		flipped, err := k.flip(ctx, public, want.public)
		if flipped || err != nil {
			return err
		}
	}
	return fmt.Errorf("follow the pointer: table %s.%s was changed %d times meanwhile; try again", k.Database, dataset, flips)
}

// flip updates the public table and reports whether it is correct now; false if another process changed it since it was read.
func (k Catalogue) flip(ctx context.Context, there *types.Table, want types.TableInput) (bool, error) {
	if there == nil {
		return k.create(ctx, want)
	}
	if same(*there, want) {
		return true, nil
	}
	// Invariant 2: this one call moves readers to the new snapshot.
	return k.update(ctx, *there, want)
}

// ensure creates or repairs a snapshot's table and its partitions. A table that differs was changed by hand.
func (k Catalogue) ensure(ctx context.Context, want definition) error {
	name := *want.snapshot.Name
	for range flips {
		there, err := k.table(ctx, name)
		if err != nil {
			return err
		}
		settled := there != nil && same(*there, want.snapshot)
		switch {
		case settled:
		case there == nil:
			settled, err = k.create(ctx, want.snapshot)
		default:
			k.Log.WarnContext(ctx, "repairing a snapshot's table that was changed by hand", "table", name)
			settled, err = k.update(ctx, *there, want.snapshot)
		}
		if err != nil {
			return err
		}
		if settled {
			return k.ensurePartitions(ctx, name, want.partitions)
		}
	}
	return fmt.Errorf("create table %s.%s: it was changed %d times meanwhile; try again", k.Database, name, flips)
}

// Forget deletes the table of a snapshot whose objects are about to be deleted, if it exists. It refuses to delete the table
// that the public one shows.
func (k Catalogue) Forget(ctx context.Context, dataset, snapshot string) error {
	public, err := k.table(ctx, dataset)
	if err != nil {
		return err
	}
	if public != nil && public.Parameters[parameterSnapshot] == snapshot {
		return fmt.Errorf(
			"delete the table of a snapshot: table %s.%s shows snapshot %s; nothing is deleted",
			k.Database,
			dataset,
			snapshot,
		)
	}
	return k.remove(ctx, TableName(dataset, snapshot))
}

// remove deletes a table if it exists.
func (k Catalogue) remove(ctx context.Context, name string) error {
	_, err := k.Glue.DeleteTable(ctx, &glue.DeleteTableInput{DatabaseName: &k.Database, Name: &name})
	if missing(err) {
		return nil
	}
	return k.wrap("delete table", name, err)
}

// table returns a table; nil if it does not exist.
func (k Catalogue) table(ctx context.Context, name string) (*types.Table, error) {
	out, err := k.Glue.GetTable(ctx, &glue.GetTableInput{DatabaseName: &k.Database, Name: &name})
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, k.wrap("read table", name, err)
	}
	return out.Table, nil
}

// create reports whether it created the table; false if it exists already.
func (k Catalogue) create(ctx context.Context, want types.TableInput) (bool, error) {
	_, err := k.Glue.CreateTable(ctx, &glue.CreateTableInput{DatabaseName: &k.Database, TableInput: &want})
	var exists *types.AlreadyExistsException
	if errors.As(err, &exists) {
		return false, nil
	}
	return err == nil, k.wrap("create table", *want.Name, err)
}

// update reports whether it updated the table; false if the table changed since it was read.
func (k Catalogue) update(ctx context.Context, there types.Table, want types.TableInput) (bool, error) {
	_, err := k.Glue.UpdateTable(ctx, &glue.UpdateTableInput{
		DatabaseName: &k.Database, TableInput: &want, VersionId: there.VersionId, SkipArchive: aws.Bool(true),
	})
	var changed *types.ConcurrentModificationException
	if errors.As(err, &changed) || missing(err) {
		return false, nil
	}
	return err == nil, k.wrap("update table", *want.Name, err)
}

func missing(err error) bool {
	var none *types.EntityNotFoundException
	return errors.As(err, &none)
}

func (k Catalogue) wrap(what, name string, err error) error {
	if err == nil {
		return nil
	}
	if missing(err) { // of a call that creates or updates: the database is missing
		return fmt.Errorf(
			"%s %s.%s: %w; apply Terraform's stack storage, which creates the database, or check LLAC_GLUE_DATABASE",
			what,
			k.Database,
			name,
			err,
		)
	}
	return fmt.Errorf("%s %s.%s: %w", what, k.Database, name, err)
}
