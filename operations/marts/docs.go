package marts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/platform/lake"
)

// Docs writes one page about the project and the published marts to a file. It needs the store, the engine with its copies,
// the contracts, the project and the clock of the options. It works without any published dataset too.
func Docs(ctx context.Context, o Options, out string) (err error) {
	folder, err := os.MkdirTemp("", "llac-docs-*")
	if err != nil {
		return fmt.Errorf("make a folder for the documentation: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	plan, err := ReadPlan(ctx, o.Store, o.Contracts, o.Project, false)
	if errors.Is(err, ErrNothingPublished) {
		plan, err = &Plan{}, nil
	}
	if err != nil {
		return err
	}
	s, err := o.Engine.Open(ctx, folder, o.Project)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := o.showMarts(ctx, s, plan); err != nil {
		return err
	}
	page, err := s.Docs(ctx)
	if err != nil {
		return fmt.Errorf("dbt docs generate: %w", err)
	}
	b, err := os.ReadFile(page)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(out), 0o755)
	}
	if err == nil {
		err = os.WriteFile(out, b, 0o644)
	}
	if err != nil {
		return fmt.Errorf("write the documentation to %s: %w", out, err)
	}
	return nil
}

// showMarts fills a session's work schema with the published marts.
func (o Options) showMarts(ctx context.Context, s Session, plan *Plan) error {
	if err := o.copy(ctx, plan); err != nil {
		return err
	}
	if err := s.Relate(ctx, plan.relations()); err != nil {
		return fmt.Errorf("open the published marts: %w", err)
	}
	if _, err := s.Parse(ctx, plan.variables(o.Clock.Now())); err != nil {
		return fmt.Errorf("read the dbt project %s: %w", o.Project, err)
	}
	var models []string
	for _, m := range plan.Usable {
		models = append(models, m.Name)
	}
	if err := s.Fill(ctx, models); err != nil {
		return fmt.Errorf("open the published marts: %w", err)
	}
	return nil
}

// Behind lists the datasets whose published snapshot is not the one that the marts were built from.
func Behind(ctx context.Context, store lake.Store, marts *lake.MartsPointer) ([]string, error) {
	published, err := ledger.Ledger{Lake: store}.Published(ctx)
	if err != nil {
		return nil, err
	}
	behind := []string{}
	for _, dataset := range published {
		p, _, err := lake.ReadPointer(ctx, store, dataset)
		if err != nil {
			return nil, err
		}
		if p != nil && marts.Snapshots[dataset] != p.Snapshot {
			behind = append(behind, dataset)
		}
	}
	return behind, nil
}
