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

// API is as much of Glue as the catalogue asks for; *glue.Client is one.
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

// FailpointBeforeFlip lies between the snapshot's table and the public one.
const FailpointBeforeFlip = "before-flip"

// flips bounds how often a public table that changes under us is read again.
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

// New is the Catalogue of a service that keeps the tables.
func New(p runtime.Ports, o runtime.CatalogueOptions) runtime.Catalogue {
	return Catalogue{
		Glue: glue.NewFromConfig(o.AWS), Database: o.Database, Bucket: o.Bucket,
		Lake: p.Lake, Contracts: p.Contracts, Failpoint: p.Failpoint, Log: p.Log,
	}
}

// TableName is the name of a snapshot's table. Glue knows lower-case names alone.
func TableName(dataset, snapshot string) string { return dataset + "__" + lower(snapshot) }

// Follow brings a dataset's tables to its pointer: the snapshot's table, whole, then the public one. What is right already
// is left as it is; a dataset that was never published has no tables.
func (k Catalogue) Follow(ctx context.Context, dataset string) error {
	for range flips {
		// In this order: a public table that is still at the version read here has not been moved since, so that the
		// pointer, read later, is not behind it (invariant 10).
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
	return fmt.Errorf("table %s.%s was changed %d times while it was brought to the pointer", k.Database, dataset, flips)
}

// flip brings the public table to what it is to be, unless somebody has changed it since it was read.
func (k Catalogue) flip(ctx context.Context, there *types.Table, want types.TableInput) (bool, error) {
	if there == nil {
		return k.create(ctx, want)
	}
	if same(*there, want) {
		return true, nil
	}
	// Invariant 2: the one call by which readers come to the new snapshot.
	return k.update(ctx, *there, want)
}

// ensure makes a snapshot's table and its partitions as they are to be. A table that is not so was changed by hand.
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
			k.Log.WarnContext(ctx, "a snapshot's table was not as it was made; it is put right", "table", name)
			settled, err = k.update(ctx, *there, want.snapshot)
		}
		if err != nil {
			return err
		}
		if settled {
			return k.ensurePartitions(ctx, name, want.partitions)
		}
	}
	return fmt.Errorf("table %s.%s was changed %d times while it was made", k.Database, name, flips)
}

// Forget removes the table of a snapshot whose objects are about to be deleted; one that is not there is forgotten
// already. The table that the public one shows stays.
func (k Catalogue) Forget(ctx context.Context, dataset, snapshot string) error {
	public, err := k.table(ctx, dataset)
	if err != nil {
		return err
	}
	if public != nil && public.Parameters[parameterSnapshot] == snapshot {
		return fmt.Errorf("table %s.%s shows snapshot %s, which is to be deleted; nothing of it is", k.Database, dataset, snapshot)
	}
	return k.remove(ctx, TableName(dataset, snapshot))
}

// remove deletes a table; one that is not there is removed already.
func (k Catalogue) remove(ctx context.Context, name string) error {
	_, err := k.Glue.DeleteTable(ctx, &glue.DeleteTableInput{DatabaseName: &k.Database, Name: &name})
	if missing(err) {
		return nil
	}
	return k.wrap("delete table", name, err)
}

// table reads a table; nil where there is none.
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

// create answers false where another was faster.
func (k Catalogue) create(ctx context.Context, want types.TableInput) (bool, error) {
	_, err := k.Glue.CreateTable(ctx, &glue.CreateTableInput{DatabaseName: &k.Database, TableInput: &want})
	var exists *types.AlreadyExistsException
	if errors.As(err, &exists) {
		return false, nil
	}
	return err == nil, k.wrap("create table", *want.Name, err)
}

// update answers false where the table is no longer as it was read.
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
	if missing(err) { // of a call that makes: then it is the database that is missing
		return fmt.Errorf("%s %s.%s: %w; terraform's stack storage makes the database, and LLAC_GLUE_DATABASE names it", what, k.Database, name, err)
	}
	return fmt.Errorf("%s %s.%s: %w", what, k.Database, name, err)
}
