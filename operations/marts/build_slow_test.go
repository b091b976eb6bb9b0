//go:build slow

package marts_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/platform/contract"
)

// TestMissingInput checks that only the marts of a missing dataset are left out: one that was never published, and one whose
// snapshot was staged under an earlier contract.
func TestMissingInput(t *testing.T) {
	t.Parallel()
	l := newProjectLake(t)
	l.stage("towns", "20251101T040000", "simulator", "('080193', 'Barcelona')")
	out := l.build()
	if len(out.Marts.Models) != 1 || out.Marts.Models[0].Name != "dim_towns" || len(out.Record.LeftOut) != 2 {
		t.Fatalf("got %+v, left out %+v", out.Marts.Models, out.Record.LeftOut)
	}
	l.noticed("fact_service_usage_daily is left out, because social_services is not available: there is none yet.",
		"agg_services_by_province is left out")
	l.clock.advance(time.Hour)
	l.stage("social_services", "20251103T123000", "simulator", "('S1', '080193', 10)")
	second := l.build()
	if len(second.Marts.Models) != 3 || len(second.Record.LeftOut) != 0 {
		t.Errorf("got %+v", second.Marts.Models)
	}

	l.clock.advance(time.Hour)
	c := l.contract("social_services")
	c.Fields = append(c.Fields, contract.Field{Name: "phone_count", Type: contract.Integer, Staged: true, Description: "New."})
	third := l.build(func(o *marts.Options) { o.Force = true })
	l.noticed("Snapshot 20251103T123000 of social_services was staged under an earlier contract, without phone_count",
		"llac run --force social_services", "readers keep seeing build "+second.Marts.Build)
	if m := third.Marts.Mart("fact_service_usage_daily"); m == nil || m.Build != second.Marts.Build || m.Rows != 1 {
		t.Errorf("got %+v", m)
	}
	// The next snapshot has the column. Leaving out the one before it loses nothing: the fact has its rows already.
	l.clock.advance(time.Hour)
	l.stage("social_services", "20251103T143000", "simulator", "('S1', '080193', 10, 3)")
	if m := l.build().Marts.Mart("fact_service_usage_daily"); m.Rows != 2 {
		t.Errorf("got %+v", m)
	}
}

// TestBuildErrors checks that a build that cannot work names the cause and publishes nothing.
func TestBuildErrors(t *testing.T) {
	t.Parallel()
	l := newProjectLake(t)
	l.stage("towns", "20251101T040000", "simulator", "('080193', 'Barcelona')")
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(l.project, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	o := l.options()
	o.Engine = marts.DuckDB{Place: l.engine.Place} // an environment without Python
	_, err := marts.Build(t.Context(), o)
	var broken *marts.BrokenError
	if !errors.As(err, &broken) || !strings.Contains(err.Error(), "remove that folder") {
		t.Errorf("got %v", err)
	}
	put("models/marts/broken.sql", "select {{ ref('nowhere') }}")
	if _, err := marts.Build(t.Context(), l.options()); err == nil || !strings.Contains(err.Error(), "read the dbt project") ||
		!strings.Contains(err.Error(), "nowhere") {
		t.Errorf("got %v", err)
	}
	put("models/marts/broken.sql", "{{ config(meta={'kind': 'fact', 'grain': 'One row.', 'key': ['n']}) }} select 1 as n")
	if _, err := marts.Build(t.Context(), l.options()); err == nil ||
		!strings.Contains(err.Error(), "model broken (models/marts/broken.sql): no test proves the grain") {
		t.Errorf("got %v", err)
	}
	put("models/marts/broken.yml", "models: [{name: broken, data_tests: [{is_key: {arguments: {columns: [n]}}}]}]")
	put("models/marts/broken.sql", "{{ config(meta={'kind': 'fact', 'grain': 'One row.', 'key': ['n']}) }} select nothing as n")
	_, err = marts.Build(t.Context(), l.options())
	var failed *marts.FailedError
	if !errors.As(err, &failed) || len(failed.Record.Failure.Nodes) != 1 ||
		!strings.Contains(failed.Record.Failure.Nodes[0].Message, "nothing") {
		t.Errorf("got %v", err)
	}
	if p := l.pointer(); p != nil {
		t.Errorf("published %+v", p)
	}
}

// noticed checks that the notices contain the parts.
func (l *projectLake) noticed(parts ...string) {
	l.t.Helper()
	all := strings.Join(l.notices, "\n")
	for _, p := range parts {
		if !strings.Contains(all, p) {
			l.t.Errorf("no notice contains %q:\n%s", p, all)
		}
	}
}
