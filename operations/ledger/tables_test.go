package ledger_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
)

func pointer(dataset string, partitions ...[]lake.PartitionValue) *lake.Pointer {
	p := &lake.Pointer{Dataset: dataset, Parts: make([]lake.PointerPart, 1)}
	for _, v := range partitions {
		p.Parts[0].Objects = append(p.Parts[0].Objects,
			lake.CandidateObject{Object: events.Object{Key: lake.StagingKey(dataset, "r", "a", v)}, Partition: v})
	}
	return p
}

func TestTableOf(t *testing.T) {
	t.Parallel()
	place := func(key string) string { return "/it's/" + key }
	whole := ledger.TableOf(pointer("d", nil), &contract.Contract{}, place)
	if want := "SELECT * FROM read_parquet('/it''s/staging/d/ingested_process_at=r-a/*.parquet', hive_partitioning = " +
		"false)"; whole.Query != want {
		t.Errorf("query %s, want %s", whole.Query, want)
	}
	c := &contract.Contract{Partition: []string{"year", "district_id"},
		Fields: []contract.Field{{Name: "year", Type: contract.Integer}, {Name: "district_id", Type: contract.Text}}}
	value := func(year, district string) []lake.PartitionValue {
		return []lake.PartitionValue{{Column: "year", Value: year}, {Column: "district_id", Value: district}}
	}
	cut := ledger.TableOf(pointer("d", value("2023", "01"), value("2023", "02"), value("2024", "01")), c, place)
	if want := []string{"/it's/staging/d/ingested_process_at=r-a/*/*/*.parquet"}; !slices.Equal(cut.Globs, want) {
		t.Errorf("globs %v, want %v", cut.Globs, want)
	}
	// The types are named, so that 01 stays text.
	if want := "SELECT * FROM read_parquet('/it''s/staging/d/ingested_process_at=r-a/*/*/*.parquet', hive_types = " +
		"{'ingested_process_at': VARCHAR, 'year': BIGINT, 'district_id': VARCHAR})"; cut.Query != want {
		t.Errorf("query %s, want %s", cut.Query, want)
	}
}

func TestSimulated(t *testing.T) {
	t.Parallel()
	for system, want := range map[string]bool{"simulator": true, "unofficial:127.0.0.1:9000": true,
		"analisi.transparenciacatalunya.cat": false, "": false} {
		if got := lake.Origin(system).Simulated(); got != want {
			t.Errorf("Simulated(%q) = %v", system, got)
		}
	}
}

func TestExact(t *testing.T) {
	t.Parallel()
	c := &contract.Contract{Partition: []string{"district_id", "year"},
		Fields: []contract.Field{{Name: "district_id", Type: contract.Text}, {Name: "year", Type: contract.Integer}}}
	p := &lake.Pointer{Parts: []lake.PointerPart{{Objects: []lake.CandidateObject{
		{Object: events.Object{Key: "a/district_id=01/year=2023/x.parquet"}}, {Object: events.Object{Key: "it's.parquet"}},
	}}}}
	place := func(key string) string { return "/lake/" + key }
	both := "read_parquet(['/lake/a/district_id=01/year=2023/x.parquet', '/lake/it''s.parquet'], hive_partitioning = false"
	for _, want := range []string{
		`SELECT * EXCLUDE (filename), regexp_extract(filename, '.*/district_id=([^/]*)/', 1) AS "district_id", ` +
			`CAST(regexp_extract(filename, '.*/year=([^/]*)/', 1) AS BIGINT) AS "year" FROM (`,
		"FROM " + both + ", filename = true) UNION ALL BY NAME SELECT ", `CAST(NULL AS BIGINT) AS "source_page"`,
		`NOT IN ('source_url', 'landing_object_key', 'row_hash')`,
	} {
		if got := ledger.Exact(p, c, place); !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant it to contain\n%s", got, want)
		}
	}
	c.Partition = nil
	want := "SELECT * FROM " + both + ") UNION ALL BY NAME"
	if got := ledger.Exact(p, c, place); !strings.Contains(got, want) || strings.Contains(got, "EXCLUDE") {
		t.Errorf("got %s", got)
	}
}
