package marts

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/platform/contract/dbtsource"
	"github.com/llac-project/llac/platform/lake"
)

// open starts the engine and relates the snapshots and the published marts to it.
func (b *build) open(ctx context.Context) (err error) {
	b.Progress(Step{Doing: "parse"})
	if b.session, err = b.Engine.Open(ctx, b.folder, b.Project); err != nil {
		return err
	}
	b.record.Versions = b.session.Versions()
	if err := b.copy(ctx, b.plan); err != nil {
		return err
	}
	if err := b.session.Relate(ctx, b.plan.relations()); err != nil {
		return fmt.Errorf("open the snapshots: %w", err)
	}
	return b.leaveOutIncomplete(ctx)
}

// copy downloads the objects that a plan reads to where the engine can open them.
func (o Options) copy(ctx context.Context, p *Plan) error {
	if o.Copies == nil {
		return nil
	}
	progress := o.Progress
	if progress == nil {
		progress = func(Step) {}
	}
	if err := o.Copies.Bring(ctx, p.reads(), progress); err != nil {
		return fmt.Errorf("copy the build's input: %w", err)
	}
	return nil
}

// leaveOutIncomplete removes snapshots from the plan that lack columns of their dataset's contract. They were staged under an
// earlier contract, and no model could read them.
func (b *build) leaveOutIncomplete(ctx context.Context) error {
	lacks, err := b.missingColumns(ctx)
	if err != nil {
		return err
	}
	b.plan.leaveOut(lacks)
	for _, n := range b.plan.Notices {
		b.notice("%s", n)
	}
	for _, a := range b.plan.Accumulations {
		for _, s := range a.New {
			if b.record.Accumulated == nil {
				b.record.Accumulated = map[string][]string{}
			}
			b.record.Accumulated[a.Model] = append(b.record.Accumulated[a.Model], s.Snapshot)
		}
	}
	return nil
}

// missingColumns returns a function that lists the contract's columns that a snapshot lacks.
func (b *build) missingColumns(ctx context.Context) (func(*lake.Pointer) []string, error) {
	rows, err := b.session.Query(ctx,
		"select table_name, column_name from information_schema.columns where table_schema = "+duckdb.Text(stagingSchema), 0)
	if err != nil {
		return nil, fmt.Errorf("read the columns of the snapshots: %w", err)
	}
	exists := map[string]bool{}
	for _, row := range rows.Values {
		exists[fmt.Sprint(row[0])+"."+fmt.Sprint(row[1])] = true
	}
	return func(s *lake.Pointer) []string {
		var out []string
		for _, c := range dbtsource.Columns(b.plan.contracts[s.Dataset]) {
			if !exists[relation(s.Dataset, s.Snapshot)+"."+c.Name] {
				out = append(out, c.Name)
			}
		}
		return out
	}, nil
}

// leaveOut removes the snapshots that lack columns.
func (p *Plan) leaveOut(lacks func(*lake.Pointer) []string) {
	for _, a := range p.Accumulations {
		a.New = slices.DeleteFunc(a.New, func(s *lake.Pointer) bool {
			columns := lacks(s)
			if columns == nil || s == p.Snapshots[s.Dataset] {
				return false
			}
			p.notice("Snapshot %s of %s was staged under an earlier contract, without %s: it is left out.",
				s.Snapshot, s.Dataset, strings.Join(columns, ", "))
			return true
		})
		if a.Last != nil && lacks(a.Last) != nil {
			a.Last = nil
		}
	}
	for _, dataset := range slices.Sorted(maps.Keys(p.Snapshots)) {
		s := p.Snapshots[dataset]
		columns := lacks(s)
		if columns == nil {
			continue
		}
		p.notice("Snapshot %s of %s was staged under an earlier contract, without %s: the marts that need it are left out. "+
			"Run llac run --force %s to stage it again.", s.Snapshot, dataset, strings.Join(columns, ", "), dataset)
		delete(p.Snapshots, dataset)
		for _, a := range p.Accumulations {
			if a.Dataset == dataset {
				a.New, a.Last = nil, nil
			}
		}
	}
}

// isReadable reports whether a dataset has a snapshot that the build reads.
func (b *build) isReadable(dataset string) bool { return b.plan.Snapshots[dataset] != nil }

// parse has dbt read the project, finds which marts can be made, and fills incremental models with their published rows.
func (b *build) parse(ctx context.Context) (err error) {
	if b.project, err = b.session.Parse(ctx, b.plan.variables(b.Clock.Now())); err != nil {
		return fmt.Errorf("read the dbt project %s: %w", b.Project, err)
	}
	b.lineage = trace(b.project)
	if b.marts, err = b.lineage.marts(); err != nil {
		return err
	}
	if err := b.lineage.checkAccumulations(b.plan.Accumulations); err != nil {
		return err
	}
	var incremental []string
	made := 0
	for _, m := range b.marts {
		if lacking := b.lineage.lacks(m.ID, b.isReadable); len(lacking) > 0 {
			b.leaveOut(m.Name, lacking)
			continue
		}
		made++
		if b.continues(m) {
			incremental = append(incremental, m.Name)
		}
	}
	if made == 0 {
		return fmt.Errorf("no mart can be made of the published datasets (%s): %w",
			strings.Join(slices.Sorted(maps.Keys(b.plan.Snapshots)), ", "), ErrNothingPublished)
	}
	if err := b.session.Fill(ctx, incremental); err != nil {
		return fmt.Errorf("fill incremental models with the published marts: %w", err)
	}
	return nil
}

// continues reports whether an incremental mart adds to its published rows.
func (b *build) continues(m mart) bool {
	published := b.plan.mart(m.Name)
	if m.Materialized != "incremental" || published == nil || b.FullRefresh {
		return false
	}
	if published.Model != m.Checksum {
		b.notice("The SQL of %s has changed since build %s. Its existing rows are kept; --full-refresh rebuilds them.",
			m.Name, published.Build)
	}
	return true
}

// leaveOut records that a mart cannot be made, and why.
func (b *build) leaveOut(name string, datasets []string) {
	left, consequence := LeftOut{Model: name, Datasets: datasets}, "there is none yet"
	if published := b.plan.mart(name); published != nil {
		left.Kept = published.Build
		consequence = "readers keep seeing build " + left.Kept
	}
	b.record.LeftOut = append(b.record.LeftOut, left)
	verb := "are"
	if len(datasets) == 1 {
		verb = "is"
	}
	b.notice("%s is left out, because %s %s not available: %s.", name, strings.Join(datasets, " and "), verb, consequence)
}
