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

// The parameters of the marts' tables that say what they show.
const (
	parameterMart      = "llac.mart"
	parameterBuild     = "llac.build"     // that wrote the file
	parameterPublished = "llac.published" // of a public table: the build that published it last
	parameterContent   = "llac.content_sha256"
	parameterSnapshots = "llac.snapshots"
)

// Marts is the Glue database of an environment's marts.
type Marts struct {
	Glue      API
	Database  string // such as llac_dev_marts
	Bucket    string // the data bucket
	Lake      lake.Store
	Failpoint func(string) // nil: none
	Log       *slog.Logger
}

// Follow brings the tables to the pointer of the marts and answers the names of those that it had to make or change:
// first, whole, the tables of builds, then the public ones, one call each. Between these calls a reader may see one mart
// of the new build and another of the old; who must not names the builds' tables. Marts that were never built have none.
func (k Marts) Follow(ctx context.Context) ([]string, error) {
	heard := &listener{API: k.Glue, touched: map[string]bool{}}
	tables := k.tables(heard)
	for range flips {
		done, err := k.follow(ctx, tables)
		if done || err != nil {
			return slices.Sorted(maps.Keys(heard.touched)), err
		}
	}
	return slices.Sorted(maps.Keys(heard.touched)), fmt.Errorf("the tables of %s were changed %d times while they were brought to the pointer", k.Database, flips)
}

// Forget removes the table of a build of a mart whose file is about to be deleted; one that is not there is forgotten
// already. The table that readers see stays; of a mart that the pointer no longer has, the public table goes too.
func (k Marts) Forget(ctx context.Context, mart, build string) error {
	tables := k.tables(k.Glue)
	pointer, _, err := lake.ReadMartsPointer(ctx, k.Lake)
	if err != nil {
		return err
	}
	published := pointer.Mart(mart)
	if published != nil && published.Build == build {
		return fmt.Errorf("build %s of %s is published and was to be deleted; nothing of it is", build, mart)
	}
	public, err := tables.table(ctx, mart)
	if err != nil {
		return err
	}
	if public != nil && public.Parameters[parameterBuild] == build {
		if published != nil {
			return fmt.Errorf("table %s.%s still shows build %s, which is to be deleted; nothing of it is, bring the tables to the pointer first", k.Database, mart, build)
		}
		if err := tables.remove(ctx, mart); err != nil {
			return err
		}
	}
	return tables.remove(ctx, MartTableName(mart, build))
}

// tables are the ways of the datasets' catalogue with one table.
func (k Marts) tables(api API) Catalogue {
	return Catalogue{Glue: api, Database: k.Database, Bucket: k.Bucket, Lake: k.Lake, Failpoint: k.Failpoint, Log: cmp.Or(k.Log, slog.New(slog.DiscardHandler))}
}

func (k Marts) follow(ctx context.Context, tables Catalogue) (bool, error) {
	before, _, err := lake.ReadMartsPointer(ctx, k.Lake)
	if err != nil || before == nil {
		return true, err
	}
	// In this order: a public table that is still at the version read here has not been moved since, so that the pointer,
	// read later, is not behind it (invariant 10).
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
	var views []types.TableInput
	for i := range pointer.Models {
		m := &pointer.Models[i]
		if _, known := public[m.Name]; !known {
			return false, nil // the pointer has moved meanwhile
		}
		of, view, err := tables.mart(pointer, m)
		if err != nil {
			return false, err
		}
		if err := tables.ensure(ctx, definition{snapshot: of}); err != nil {
			return false, err
		}
		views = append(views, view)
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

// mart makes the tables of a mart: the one of the build that wrote its file, which never changes as long as the file does
// not, and the public one, which also tells what later builds of the same rows said of it.
func (k Catalogue) mart(p *lake.MartsPointer, m *lake.Mart) (build, public types.TableInput, err error) {
	folder := ""
	for _, o := range m.Objects {
		if at := path.Dir(o.Key) + "/"; folder != "" && at != folder {
			return build, public, fmt.Errorf("mart %s cannot be made a table: its files lie in %s and in %s", m.Name, folder, at)
		} else {
			folder = at
		}
	}
	if folder == "" {
		return build, public, fmt.Errorf("mart %s cannot be made a table: it has no file", m.Name)
	}
	plain, told := make([]gluetable.Column, len(m.Columns)), make([]gluetable.Column, len(m.Columns))
	for i, c := range m.Columns {
		if told[i], err = gluetable.OfDuckDB(c.Name, c.Type, c.Description); err != nil {
			return build, public, fmt.Errorf("mart %s cannot be made a table: %w", m.Name, err)
		}
		plain[i] = told[i]
		plain[i].Comment = ""
	}
	system := cmp.Or(m.SourceSystem, "llac") // of the project's own: the calendar, the seeds
	about := map[string]string{parameterMart: m.Name, parameterBuild: m.Build, parameterContent: m.Content, parameterSystem: system}
	name := MartTableName(m.Name, m.Build)
	build = types.TableInput{
		Name: &name, TableType: aws.String("EXTERNAL_TABLE"),
		Description:       aws.String(description("%s Build %s, from %s, %d rows. %s", m.Grain, m.Build, system, m.Rows, strings.Join(m.Attribution, " "))),
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
	return build, k.view(m.Name, name, *build.Description+" "+m.Description, told, about), nil
}

// MartTableName is the name of a build's table of a mart.
func MartTableName(mart, build string) string { return TableName(mart, build) }

// listener hears which tables were made or changed.
type listener struct {
	API
	mu      sync.Mutex
	touched map[string]bool
}

func (l *listener) heard(name *string, err error) {
	if err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.touched[*name] = true
	}
}

func (l *listener) CreateTable(ctx context.Context, in *glue.CreateTableInput, o ...func(*glue.Options)) (*glue.CreateTableOutput, error) {
	out, err := l.API.CreateTable(ctx, in, o...)
	l.heard(in.TableInput.Name, err)
	return out, err
}

func (l *listener) UpdateTable(ctx context.Context, in *glue.UpdateTableInput, o ...func(*glue.Options)) (*glue.UpdateTableOutput, error) {
	out, err := l.API.UpdateTable(ctx, in, o...)
	l.heard(in.TableInput.Name, err)
	return out, err
}
