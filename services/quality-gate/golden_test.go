package gate

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
)

var update = flag.Bool("update", false, "write the golden files")

// everyRule has one rule or more of each metric.
func everyRule(t *testing.T) *contract.Contract {
	t.Helper()
	return things(
		t,
		custom("enough", "metric: row_count, mustBeGreaterOrEqualTo: 3", `description: "Three at least."`),
		custom("steady", "metric: row_count_change_percent, mustBeBetween: [-20, 20]"),
		custom("kinds_given", "metric: null_percent, column: kind, mustBeLessThan: 50"),
		custom("kinds_differ", "metric: duplicate_count, column: kind, mustBeLessThan: 2"),
		custom("keys_differ", "metric: duplicate_count, mustBe: 0", "unit: rows", "dimension: uniqueness"),
		custom("kinds_known", `metric: invalid, column: kind, validValues: ["a", "b"], mustBeLessOrEqualTo: 10`, "unit: percent"),
		custom("kinds_short", `metric: invalid, column: kind, pattern: "[a-z]", mustBe: 0`, "severity: warning"),
		custom("places_plausible", "metric: invalid, column: places, minimum: 0, maximum: 9, mustBe: 0"),
		custom("no_negative", "metric: minimum, column: places, mustBeGreaterOrEqualTo: 0"),
		custom(
			"score_capped",
			"metric: maximum, column: score, mustBeLessOrEqualTo: 1",
			"customProperties: [{property: llacResponsible, value: pipeline}]",
		),
		custom("prices_vary", "metric: distinct_count, column: price, mustBeGreaterThan: 0", "severity: warning"),
		custom("comarques_known", "metric: reference_orphans, column: comarca_id, mustBeLessOrEqualTo: 40", "unit: percent"),
		custom("few_refused", "metric: quarantined_percent, mustBeLessOrEqualTo: 20"),
	)
}

// TestVerdictBytes compares whole verdicts with golden files: the documents are persisted in the lake, and people read them.
func TestVerdictBytes(t *testing.T) {
	t.Parallel()
	mixed := `[
		{"thing_id":"1","kind":"a","places":3,"score":0.5,"price":1.25,"comarca_id":"01","source_page":0,"source_row":1},
		{"thing_id":"2","kind":null,"places":-1,"score":1.5,"comarca_id":"77","source_page":0,"source_row":1},
		{"thing_id":"3","kind":"x","places":12,"comarca_id":"78","source_page":1,"source_row":0},
		{"thing_id":"3","kind":"x","comarca_id":null,"source_page":1,"source_row":0},
		{"thing_id":"5","kind":"` + strings.Repeat("é", 150) + `","score":0.25},
		{"thing_id":"6","kind":null},
		{"thing_id":"7","kind":null},
		{"thing_id":"8","kind":null},
		{"thing_id":"9","kind":null},
		{"thing_id":"10","kind":null}]`
	nulls := `[{"thing_id":"1"},{"thing_id":"2"},{"thing_id":"3"}]`
	quarantined := func(c *lake.Candidate) { c.Quarantined, c.RowsIn = 4, c.RowsIn+5 }
	for name, c := range map[string]struct {
		published string
		candidate candidate
	}{
		"first_publication": {"", candidate{files: map[string]string{"": rows(4)}}},
		"everything_fails":  {rows(4), candidate{files: map[string]string{"": mixed}, change: quarantined}},
		"nothing_measured":  {"", candidate{files: map[string]string{"": nulls}}},
		"empty":             {rows(4), candidate{files: map[string]string{"": "[]"}}},
		"another_source":    {rows(4), candidate{files: map[string]string{"": rows(4)}, system: "elsewhere.example"}},
		"simulated":         {rows(4), candidate{files: map[string]string{"": rows(4)}, system: "simulator"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newTestGate(t, everyRule(t))
			if c.published != "" {
				b.Put(t, lake.PointerKey("things"), lake.Pointer{
					Dataset: "things", Snapshot: slot1, SourceSystem: b.official(),
					Parts: []lake.PointerPart{{Rows: 4}},
				})
			}
			c.candidate.slot = slot2
			w := b.stage(c.candidate)
			if _, err := b.deliver(w); err != nil {
				t.Fatal(err)
			}
			got, _, err := b.Lake.Get(t.Context(), lake.VerdictKey("things", w.RunID, "s1"))
			if err != nil {
				t.Fatal(err)
			}
			compareGolden(t, name, digests.ReplaceAll(got, []byte(`$1 "…"`)))
		})
	}
}

// digests are the values that depend on the Parquet writer's version and on the text of the contract.
var digests = regexp.MustCompile(`("(?:size|sha256|contract_sha256|version_id)":) [^,\n]+`)

func compareGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "verdicts", name+".json")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the verdict differs from %s; run go test . -update and read the difference\ngot\n%s\nwant\n%s", path, got, want)
	}
}
