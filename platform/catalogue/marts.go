package catalogue

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/llac-project/llac/platform/contract/gluetable"
	"github.com/llac-project/llac/platform/lake"
)

// The parameters of the marts' tables. They record what a table shows.
const (
	parameterMart      = "llac.mart"
	parameterBuild     = "llac.build"     // the build that wrote the file
	parameterPublished = "llac.published" // of a public table: the latest build that published it
	parameterContent   = "llac.content_sha256"
	parameterSnapshots = "llac.snapshots"
)

// Marts is the Glue database of an environment's marts.
type Marts struct {
	Glue      API
	Database  string // such as llac_dev_marts
	Bucket    string // the data bucket
	Lake      lake.Store
	Failpoint func(string) // nil: no failpoints
	Log       *slog.Logger
}

// Follow updates the tables to match the marts' pointer and returns the names of the tables that it created or changed. First
// it completes the tables of builds, then it updates the public ones, one call per table. Between these calls a reader may see
// one mart of the new build and another of the old one; a reader that must not queries the builds' tables. Marts that were
// never built have no tables.
func (k Marts) Follow(ctx context.Context) ([]string, error) {
	changes := &recorder{API: k.Glue, touched: map[string]bool{}}
	tables := k.tables(changes)
	for range flips {
		done, err := k.follow(ctx, tables)
		if done || err != nil {
			return slices.Sorted(maps.Keys(changes.touched)), err
		}
	}
	return slices.Sorted(
			maps.Keys(changes.touched),
		), fmt.Errorf(
			"follow the marts' pointer: tables of %s were changed %d times meanwhile; try again",
			k.Database,
			flips,
		)
}

// Forget deletes the table of a mart's build whose file is about to be deleted, if it exists. It refuses to delete the table
// that readers see. If the pointer no longer contains the mart, it deletes the public table too.
func (k Marts) Forget(ctx context.Context, mart, build string) error {
	tables := k.tables(k.Glue)
	pointer, _, err := lake.ReadMartsPointer(ctx, k.Lake)
	if err != nil {
		return err
	}
	published := pointer.Mart(mart)
	if published != nil && published.Build == build {
		return fmt.Errorf("delete the table of build %s of %s: the build is published; nothing is deleted", build, mart)
	}
	public, err := tables.table(ctx, mart)
	if err != nil {
		return err
	}
	if public != nil && public.Parameters[parameterBuild] == build {
		if published != nil {
			return fmt.Errorf(
				"delete the table of a build: table %s.%s still shows build %s; nothing is deleted, update the tables to the pointer first",
				k.Database,
				mart,
				build,
			)
		}
		if err := tables.remove(ctx, mart); err != nil {
			return err
		}
	}
	return tables.remove(ctx, MartTableName(mart, build))
}

// tables returns a Catalogue for the operations on single tables.
func (k Marts) tables(api API) Catalogue {
	return Catalogue{
		Glue:      api,
		Database:  k.Database,
		Bucket:    k.Bucket,
		Lake:      k.Lake,
		Failpoint: k.Failpoint,
		Log:       cmp.Or(k.Log, slog.New(slog.DiscardHandler)),
	}
}

func (k Marts) follow(ctx context.Context, tables Catalogue) (bool, error) {
	before, _, err := lake.ReadMartsPointer(ctx, k.Lake)
	if err != nil || before == nil {
		return true, err
	}
	// The public tables are read before the pointer. If a table still has this version when it is updated, it has not moved
	// since, and the pointer is not behind it (invariant 10).
	public := map[string]*types.Table{}
	for _, m := range before.Models {
		if public[m.Name], err = tables.table(ctx, m.Name); err != nil {
			return false, err
		}
	}
	pointer, _, err := lake.ReadMartsPointer(ctx, k.Lake)
	if err != nil || pointer == nil {
		return true, err
	}
	for _, m := range pointer.Models {
		if _, known := public[m.Name]; !known {
			return false, nil // the pointer moved meanwhile
		}
	}
	views, err := k.ensureBuilds(ctx, tables, pointer)
	if err != nil {
		return false, err
	}
	if k.Failpoint != nil {
		k.Failpoint(FailpointBeforeFlip)
	}
	all := true
	for _, view := range views {
		flipped, err := tables.flip(ctx, public[*view.Name], view)
		if err != nil {
			return false, err
		}
		all = all && flipped
	}
	return all, nil
}

// ensureBuilds creates or repairs the table of each mart's build and returns the public tables.
func (k Marts) ensureBuilds(ctx context.Context, tables Catalogue, pointer *lake.MartsPointer) ([]types.TableInput, error) {
	var views []types.TableInput
	for i := range pointer.Models {
		build, view, err := tables.mart(pointer, &pointer.Models[i])
		if err != nil {
			return nil, err
		}
		if err := tables.ensure(ctx, definition{snapshot: build}); err != nil {
			return nil, err
		}
		views = append(views, view)
	}
	return views, nil
}

// mart returns the tables of a mart: the table of the build that wrote its file, which changes only with the file, and the
// public table, which also contains the descriptions of later builds that made the same rows.
func (k Catalogue) mart(p *lake.MartsPointer, m *lake.Mart) (build, public types.TableInput, err error) {
	folder := ""
	for _, o := range m.Objects {
		if at := path.Dir(o.Key) + "/"; folder != "" && at != folder {
			return build, public, fmt.Errorf("define the table of mart %s: its files are in two folders, %s and %s", m.Name, folder, at)
		} else {
			folder = at
		}
	}
	if folder == "" {
		return build, public, fmt.Errorf("define the table of mart %s: it has no file", m.Name)
	}
	plain, described := make([]gluetable.Column, len(m.Columns)), make([]gluetable.Column, len(m.Columns))
	for i, c := range m.Columns {
		if described[i], err = gluetable.OfDuckDB(c.Name, c.Type, c.Description); err != nil {
			return build, public, fmt.Errorf("define the table of mart %s: %w", m.Name, err)
		}
		plain[i] = described[i]
		plain[i].Comment = ""
	}
	system := cmp.Or(m.SourceSystem, "llac") // made by the project itself: the calendar, the seeds
	about := map[string]string{parameterMart: m.Name, parameterBuild: m.Build, parameterContent: m.Content, parameterSystem: system}
	name := MartTableName(m.Name, m.Build)
	build = types.TableInput{
		Name: &name, TableType: aws.String("EXTERNAL_TABLE"),
		Description: aws.String(
			description("%s Build %s, from %s, %d rows. %s", m.Grain, m.Build, system, m.Rows, strings.Join(m.Attribution, " ")),
		),
		StorageDescriptor: k.storage(plain, folder), Parameters: with(about, "EXTERNAL", "TRUE", "classification", "parquet"),
	}
	var snapshots []string
	for _, dataset := range slices.Sorted(maps.Keys(m.Snapshots)) {
		snapshots = append(snapshots, dataset+"="+m.Snapshots[dataset])
	}
	about = with(about, parameterPublished, p.Build)
	if snapshots != nil {
		about = with(about, parameterSnapshots, strings.Join(snapshots, ","))
	}
	return build, k.view(m.Name, name, *build.Description+" "+m.Description, described, about), nil
}

// MartTableName returns the name of the table of a mart's build.
func MartTableName(mart, build string) string { return TableName(mart, build) }

// recorder records which tables were created or changed.
type recorder struct {
	API
	mu      sync.Mutex
	touched map[string]bool
}

func (r *recorder) record(name *string, err error) {
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.touched[*name] = true
	}
}

func (r *recorder) CreateTable(ctx context.Context, in *glue.CreateTableInput, o ...func(*glue.Options)) (*glue.CreateTableOutput, error) {
	out, err := r.API.CreateTable(ctx, in, o...)
	r.record(in.TableInput.Name, err)
	return out, err
}

func (r *recorder) UpdateTable(ctx context.Context, in *glue.UpdateTableInput, o ...func(*glue.Options)) (*glue.UpdateTableOutput, error) {
	out, err := r.API.UpdateTable(ctx, in, o...)
	r.record(in.TableInput.Name, err)
	return out, err
}
