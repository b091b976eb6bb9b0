package answer_test

import (
	"encoding/csv"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/llac-project/llac/operations/answer"
	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/operations/views"
	"github.com/llac-project/llac/platform/local/python"
)

const facts = "../../platform/local/portal/facts/municipalities.csv"

func engine(t *testing.T) duckdb.Engine {
	t.Helper()
	e, err := duckdb.Open(t.Context(), io.Discard)
	var missing *python.NoPythonError
	if errors.As(err, &missing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// expected computes the changes from the facts, by comarca.
func expected(t *testing.T) map[string]answer.Comarca {
	t.Helper()
	f, err := os.Open(facts)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]answer.Comarca{}
	at := func(row []string, name string) string { return row[slices.Index(rows[0], name)] }
	for _, row := range rows[1:] {
		c := out[at(row, "comarca_name")]
		c.Name = at(row, "comarca_name")
		for name, sum := range map[string]*int64{"population_2023": &c.Start, "population_2024": &c.End} {
			n, err := strconv.ParseInt(at(row, name), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			*sum += n
		}
		c.Change = c.End - c.Start
		c.Percent = math.Round(10_000*float64(c.Change)/float64(c.Start)) / 100
		out[c.Name] = c
	}
	return out
}

// marts writes the two marts of the facts to files; change is SQL that is executed before.
func marts(t *testing.T, e duckdb.Engine, source, change string) views.Tables {
	t.Helper()
	dir := t.TempDir()
	trends, places := filepath.Join(dir, "trends.parquet"), filepath.Join(dir, "places.parquet")
	read := "read_csv(" + duckdb.Text(facts) + ", all_varchar = true)"
	_, err := e.Run(t.Context(), duckdb.Job{Statements: []string{
		"create table m as select * from " + read,
		`create table trends as select 'comarca' as geography_type, comarca_code as geography_id, 2023 as year, ` +
			`sum(population_2023::bigint)::bigint as population_start,
			sum(population_2024::bigint)::bigint as population_end, 'recorded' as data_origin from m group by comarca_code`,
		"alter table trends add column population_change bigint", "alter table trends add column population_change_pct decimal(12,2)",
		"update trends set population_change = population_end - population_start, population_change_pct = round((population_end " +
			"- population_start) * 100.0 / population_start, 2)",
		// What must not be taken for the answer: the year after, of which nothing is known yet, and other geographies.
		"insert into trends select geography_type, geography_id, 2024, population_end, null, data_origin, null, null from trends",
		"insert into trends values ('municipality', '080193', 2023, 1, 2, 'invented', 1, 100)",
		change,
		"copy trends to " + duckdb.Text(trends) + " (format parquet)",
		"copy (select idescat_code as municipality_id, comarca_code as comarca_id, comarca_name, true as is_current from m) to " +
			duckdb.Text(places) + " (format parquet)",
	}})
	if err != nil {
		t.Fatal(err)
	}
	table := func(schema, name, kind, file string) views.Table {
		return views.Table{Kind: kind, Attribution: []string{"Font: several."},
			Snapshots: map[string]string{"population": "20260101T000000"},
			View: duckdb.View{
				Schema: schema, Name: name, Source: source, Simulated: source == "simulator", Snapshot: "20260102T000000",
				Files: []string{file},
				Query: "SELECT * FROM read_parquet([" + duckdb.Text(file) + "], hive_partitioning = false)",
			}}
	}
	population := table("staging", "population", "dataset", places)
	population.Snapshot, population.Attribution, population.UpdatedAt = "20260101T000000", []string{"Font: Idescat."}, "2025-11-01"
	return views.Tables{All: []views.Table{
		population, table("marts", "agg_population_trends_yearly", "aggregate", trends),
		table("marts", "dim_municipalities", "dimension", places),
	}}
}

func TestPopulation(t *testing.T) {
	t.Parallel()
	e, want := engine(t), expected(t)
	for _, source := range []string{"simulator", "api.idescat.cat"} {
		change, origin := "select 1", "recorded"
		if source != "simulator" {
			change, origin = "update trends set data_origin = 'published' where data_origin = 'recorded'", "published"
		}
		got, err := answer.Population(t.Context(), e, marts(t, e, source, change))
		if err != nil || got == nil {
			t.Fatalf("got %v, %v", got, err)
		}
		if got.From != 2023 || got.To != 2024 || got.Start != 7_909_125 || got.End != 8_034_743 || got.Origin != origin ||
			got.Simulated != (source == "simulator") ||
			!slices.Equal(got.Attribution, []string{"Font: Idescat."}) || got.UpdatedAt != "2025-11-01" {
			t.Errorf("got %d to %d, %d to %d, %s, %v, %v, %s", got.From, got.To, got.Start, got.End, got.Origin, got.Simulated,
				got.Attribution,
				got.UpdatedAt)
		}
		if len(got.Comarques) != 43 || got.Comarques[0].Name != "Baix Penedès" || got.Comarques[42].Name != "Pallars Jussà" {
			t.Errorf("got %+v", got.Comarques)
		}
		for _, c := range got.Comarques {
			if c != want[c.Name] {
				t.Errorf("got %+v, want %+v as in the facts", c, want[c.Name])
			}
		}
		if !strings.Contains(got.Query, "data_origin in ('recorded', 'published')") {
			t.Errorf("the query is %s", got.Query)
		}
	}
}

// A single invented or missing figure, and no number is given at all.
func TestPopulationRefused(t *testing.T) {
	t.Parallel()
	e := engine(t)
	for change, want := range map[string]string{
		"update trends set data_origin = 'invented' where geography_type = 'comarca' and geography_id = '13' and year = " +
			"2023": "the figures of 1 of the 43 comarques for 2023 are invented",
		"update trends set data_origin = null where geography_type = 'comarca' and geography_id = '13' and year = " +
			"2023": "the figures of 1 of the 43 comarques for 2023 are invented",
		"update trends set population_change = null where geography_type = 'comarca' and geography_id = " +
			"'13'": "the figures of 1 of the 43 comarques for 2023 are unknown",
		"delete from trends where geography_id = '13'": "there are figures of 42 of the 43 comarques for 2023",
		"update trends set population_change = population_change + 1 where geography_type = 'comarca' and geography_id = '13' " +
			"and year = 2023": "the change of Barcelonès, 50996, is not that from 2318321 to 2369316",
	} {
		got, err := answer.Population(t.Context(), e, marts(t, e, "simulator", change))
		var refused *answer.RefusedError
		if got != nil || !errors.As(err, &refused) || refused.Reason != want {
			t.Errorf("%s: got %v, %v", change, got, err)
		}
	}
	none := marts(t, e, "simulator", "update trends set population_change = null")
	if got, err := answer.Population(t.Context(), e, none); got != nil || err != nil {
		t.Errorf("of no figures: %v, %v", got, err)
	}
	none.All = none.All[:1]
	if got, err := answer.Population(t.Context(), e, none); got != nil || err != nil {
		t.Errorf("of no marts: %v, %v", got, err)
	}
}
