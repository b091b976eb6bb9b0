package marts_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/platform/lake"
)

// files returns the digests of a folder's files by name.
func files(t *testing.T, folder string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		sum := sha256.Sum256(b)
		out[path] = hex.EncodeToString(sum[:])
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return out
}

func (l *projectLake) pointer() *lake.MartsPointer {
	l.t.Helper()
	p, _, err := lake.ReadMartsPointer(l.t.Context(), l.store)
	if err != nil {
		l.t.Fatal(err)
	}
	return p
}

// TestTheTimeZoneIsUTC builds a project whose profile sets another time zone: models and queries have UTC all the same.
func TestTheTimeZoneIsUTC(t *testing.T) {
	t.Parallel()
	l := newProjectLake(t)
	l.stageBoth()
	profile := filepath.Join(l.project, "profiles.yml")
	text, err := os.ReadFile(profile)
	if err != nil || !strings.Contains(string(text), "TimeZone: UTC") {
		t.Fatalf("the profile is %s, %v", text, err)
	}
	text = []byte(strings.Replace(string(text), "TimeZone: UTC", "TimeZone: America/New_York", 1))
	const day = "cast(cast(timestamptz '2024-01-01 00:00:00+00' as date) as varchar)"
	model := "select town_id, " + day + " as town_name, source_system, data_origin from {{ source('staging', 'towns') }}\n"
	if err := errors.Join(os.WriteFile(profile, text, 0o600),
		os.WriteFile(filepath.Join(l.project, "models", "marts", "dim_towns.sql"), []byte(model), 0o600)); err != nil {
		t.Fatal(err)
	}
	l.build()
	if got := l.rows("dim_towns", "distinct town_name"); got != "2024-01-01" {
		t.Errorf("a model has the day %s, want 2024-01-01", got)
	}
	s, err := l.engine.Open(t.Context(), t.TempDir(), l.project)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rows, err := s.Query(t.Context(), "select "+day, 0)
	if err != nil || fmt.Sprint(rows.Values) != "[[2024-01-01]]" {
		t.Errorf("a query has the day %v, %v, want 2024-01-01", rows.Values, err)
	}
}

// TestBuild follows some marts: built, up to date, built again from the same snapshots, built from a new one.
func TestBuild(t *testing.T) {
	t.Parallel()
	l := newProjectLake(t)
	l.earlier = true
	l.stageBoth()
	l.earlier = false
	before := files(t, l.project)
	first := l.build()
	if !first.Built || len(first.Marts.Models) != 3 || first.Marts.Build != "20251103T120000" {
		t.Fatalf("got %+v", first.Marts)
	}
	if after := files(t, l.project); !maps.Equal(before, after) {
		t.Error("the build wrote into the project's folder")
	}
	if left := files(t, filepath.Join(l.dir, "marts")); len(left) != 0 {
		t.Errorf("the build left %v", left)
	}
	fact := first.Marts.Mart("fact_service_usage_daily")
	if fact.Rows != 2 || fact.SourceSystem != "simulator" || fact.DataOrigins["invented"] != 2 || fact.Tests != 2 ||
		fact.Snapshots["social_services"] != "20251101T050000" || fact.UpdatedAt != "2025-11-01" ||
		!slices.Equal(fact.Attribution, []string{"Source: the register."}) ||
		fact.Columns[1] != (lake.MartColumn{Name: "town_id", Type: "VARCHAR", Description: "Code of the town."}) {
		t.Errorf("got %+v", fact)
	}
	if m := first.Marts.Mart("agg_services_by_province"); m.Tests != 2 || len(m.Snapshots) != 2 || len(m.Attribution) != 2 {
		t.Errorf("got %+v", m)
	}
	if got, want := l.rows("fact_service_usage_daily", "service_date, town_id, services, places"),
		"20251101T050000 080193 2 15\n20251101T050000 170792 1 7"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	pairs, err := l.engine.Run(t.Context(), duckdb.Job{
		Query: "select decode(key) || '=' || decode(value) from parquet_kv_metadata(" + duckdb.Text(l.engine.Place(fact.Objects[0].Key)) +
			") order by 1",
	})
	if err != nil {
		t.Fatal(err)
	}
	var footer []string
	for _, row := range pairs.Values {
		footer = append(footer, row[0].(string))
	}
	for _, want := range []string{"attribution=Source: the register.", "build=20251103T120000", "data_origin=invented=2", "licence=CC0",
		"simulated=true",
		"snapshots=social_services=20251101T050000", "source=https://example.cat ssss-ssss", "source_updated_at=2025-11-01"} {
		if !slices.Contains(footer, want) {
			t.Errorf("the footer lacks %s; it has %v", want, footer)
		}
	}
	// The same snapshots in another lake give the same bytes (invariant 6).
	other := newProjectLake(t)
	other.earlier = true
	other.stageBoth()
	for i, m := range other.build().Marts.Models {
		if m.Objects[0] != first.Marts.Models[i].Objects[0] {
			t.Errorf("%s: %+v and %+v", m.Name, m.Objects[0], first.Marts.Models[i].Objects[0])
		}
	}
	record, err := marts.ReadRecord(t.Context(), l.store, first.Marts.Record)
	if err != nil || record.Build != first.Marts.Build || len(record.Tests) != 10 || record.Versions["dbt-core"] == "" ||
		record.Versions["duckdb"] == "" || record.Code != "test" || record.By != "a test" {
		t.Errorf("%v, the record is %+v", err, record)
	}

	// The same snapshots, project and code: nothing is built, and no engine is needed.
	l.clock.advance(time.Hour)
	if out := l.build(func(o *marts.Options) { o.Engine = nil }); out.Built || out.Marts.Build != first.Marts.Build {
		t.Errorf("built again: %+v", out.Marts)
	}
	// A forced build makes the same rows and keeps every object.
	forced := l.build(func(o *marts.Options) { o.Force = true })
	if !forced.Built || forced.Marts.Build != "20251103T130000" || forced.Marts.Previous != first.Marts.Build {
		t.Errorf("got %+v", forced.Marts)
	}
	for _, m := range forced.Marts.Models {
		if old := first.Marts.Mart(m.Name); m.Build != old.Build || m.Objects[0] != old.Objects[0] {
			t.Errorf("%s has the same rows and a new object: %+v", m.Name, m.Objects)
		}
	}

	// A new snapshot of the register: the daily fact keeps its day and gets another one, and the towns keep their file.
	l.clock.advance(time.Hour)
	l.stage("social_services", "20251103T133000", "simulator", "('S1', '080193', 10)", "('S9', '170792', 1)")
	next := l.build()
	if !slices.Equal(next.Record.Accumulated["fact_service_usage_daily"], []string{"20251103T133000"}) {
		t.Errorf("the fact took in %v", next.Record.Accumulated["fact_service_usage_daily"])
	}
	if got, want := l.rows("fact_service_usage_daily", "service_date, town_id, services"),
		"20251101T050000 080193 2\n20251101T050000 170792 1\n20251103T133000 080193 1\n20251103T133000 170792 1"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if m := next.Marts.Mart("dim_towns"); m.Build != first.Marts.Build {
		t.Errorf("the towns have not changed, and their file was written again: %+v", m)
	}
	if m := next.Marts.Mart("fact_service_usage_daily"); m.Build != next.Marts.Build {
		t.Errorf("got %+v", m)
	}
	// A full refresh from both snapshots makes the same rows, so the object stays.
	l.clock.advance(time.Hour)
	whole := l.build(func(o *marts.Options) { o.FullRefresh = true })
	if !slices.Equal(whole.Record.Accumulated["fact_service_usage_daily"], []string{"20251101T050000", "20251103T133000"}) {
		t.Errorf("a full refresh read %v", whole.Record.Accumulated["fact_service_usage_daily"])
	}
	if m := whole.Marts.Mart("fact_service_usage_daily"); m.Build != next.Marts.Build {
		t.Errorf("a full refresh made other rows: %+v", m)
	}
}

// TestAFailingTest stages towns without one that the register refers to. The relationship test names it, and readers keep the
// marts that they had.
func TestAFailingTest(t *testing.T) {
	t.Parallel()
	l := newProjectLake(t)
	l.stageBoth()
	first := l.build()
	l.clock.advance(time.Hour)
	l.stage("towns", "20251103T123000", "simulator", "('080193', 'Barcelona')")
	out, err := marts.Build(t.Context(), l.options())
	var failed *marts.FailedError
	if !errors.As(err, &failed) {
		t.Fatalf("got %v", err)
	}
	if out.Built || out.Marts != nil {
		t.Errorf("the failed build reports the marts %+v", out.Marts)
	}
	nodes := failed.Record.Failure.Nodes
	if len(nodes) != 1 || !slices.Equal(nodes[0].About, []string{"dim_towns", "fact_service_usage_daily"}) || nodes[0].Failures != 1 ||
		len(nodes[0].Rows) != 1 || nodes[0].Rows[0][0] != "170792" {
		t.Errorf("the failing test is reported as %+v", nodes)
	}
	if p := l.pointer(); p.Build != first.Marts.Build {
		t.Errorf("readers see build %s", p.Build)
	}
	var kept marts.Record
	if r, _, err := lake.ReadState[marts.Record](t.Context(), l.store, lake.MartsFailureKey("20251103T130000")); err != nil || r == nil {
		t.Errorf("no record of the failed build: %v", err)
	} else {
		kept = *r
	}
	if kept.Failure == nil || len(kept.Failure.Nodes) != 1 {
		t.Errorf("the record has %+v", kept.Failure)
	}
	left := slices.Collect(maps.Keys(files(t, filepath.Join(l.dir, "marts"))))
	text := strings.Join(left, "\n")
	if !strings.Contains(text, "failed/dbt.log") || !strings.Contains(text, "failed/target/compiled") ||
		strings.Contains(text, "marts.duckdb") {
		t.Errorf("kept for a person: %s", text)
	}
	// With the town staged again the next build succeeds and starts from the published marts.
	l.clock.advance(time.Hour)
	l.stage("towns", "20251103T133000", "simulator", "('080193', 'Barcelona')", "('170792', 'Girona')", "('250019', 'Abella de la Conca')")
	next := l.build()
	if m := next.Marts.Mart("dim_towns"); m.Rows != 3 || m.Build != next.Marts.Build {
		t.Errorf("got %+v", m)
	}
	if m := next.Marts.Mart("fact_service_usage_daily"); m.Build != first.Marts.Build {
		t.Errorf("the fact has not changed, and was written again: %+v", m)
	}
}

// TestInterrupted stops a build while dbt runs.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	l := newProjectLake(t)
	l.stageBoth()
	ctx, stop := context.WithCancel(t.Context())
	o := l.options()
	o.Progress = func(s marts.Step) {
		if s.Doing == "build" && s.Done > 1 {
			stop()
		}
	}
	out, err := marts.Build(ctx, o)
	if !errors.Is(err, context.Canceled) || out.Built {
		t.Errorf("got %v, %v", out.Built, err)
	}
	if p := l.pointer(); p != nil {
		t.Errorf("published %s", p.Build)
	}
	if left := files(t, filepath.Join(l.dir, "marts")); len(left) != 0 {
		t.Errorf("left %v", left)
	}
	if r, _, err := lake.ReadState[marts.Record](t.Context(), l.store, lake.MartsFailureKey("20251103T120000")); err != nil || r != nil {
		t.Errorf("an interrupted build has a failure record: %v, %v", r, err)
	}
}
