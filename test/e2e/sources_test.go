package e2e

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/local/portal"
)

// TestThousandsSeparator checks that a figure written "1.151" is never loaded as 1. The quarters add up to the year in one reading
// only, 1151, which is published as repaired, with the original text and its position in the quarantine.
func TestThousandsSeparator(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "municipalities", "housing")
	got := w.run()["housing"]
	want(t, got, ledger.Published)
	checkRowCounts(t, got)
	w.noDrift("housing")
	if got.RowsFetched != 11*947 || got.Quarantined != 0 || got.Refused != 0 {
		t.Errorf("%d rows, quarantined %d (%v), refused %d (%v)", got.RowsFetched, got.Quarantined, got.ByReason, got.Refused,
			got.RefusedByReason)
	}
	type figure struct{ column, text, value string }
	wrong := map[string]figure{ // municipality and year
		"080193 2019": {"dwellings_started_q2", "1.204", "1204"}, "080193 2024": {"dwellings_started_q4", "1.151", "1151"},
		"081017 2022": {"dwellings_completed_q1", "1.036", "1036"},
	}
	pages := w.pages("housing", w.archived("housing"))
	repaired := map[string]string{} // column of a row to its text
	for _, key := range w.keys("quarantine/housing/") {
		w.parquet(key, func(row map[string]string) {
			record := recordAt(t, pages, row["source_page"], row["source_row"])
			if row["action"] != "repair" || row["code"] != "repaired" {
				t.Errorf("got %v", row)
			}
			repaired[fmt.Sprint(record["codi_idescat"], " ", record["any"], " ", row["field"])] = row["source_value"]
		})
	}
	for row, f := range wrong {
		if repaired[row+" "+f.column] != strconv.Quote(f.text) {
			t.Errorf("%s: the quarantine has %v", row, repaired)
		}
	}
	if len(repaired) != 2*len(wrong) { // each figure, and its year
		t.Errorf("repaired cells: %v", repaired)
	}
	rows := 0
	for _, o := range w.pointer("housing").Parts[0].Objects {
		year := o.Partition[0].Value
		w.parquet(o.Key, func(row map[string]string) {
			rows++
			f, known := wrong[row["municipality_id"]+" "+year]
			if known && row[f.column] != f.value || row["is_repaired"] != strconv.FormatBool(known) {
				t.Errorf("%s of %s: %v", row["municipality_name"], year, row)
			}
			if _, present := row["dwellings_started_q4"]; present == (year == "2025") {
				t.Errorf("%s, last quarter of %s: %v", row["municipality_name"], year, row)
			}
		})
	}
	if rows != 11*947 {
		t.Errorf("%d rows published", rows)
	}
	want(t, w.run("housing")["housing"], ledger.Unchanged)
}

// TestGDPByRole checks that the GDP contracts find each dimension by its role, without naming it.
func TestGDPByRole(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "gdp_quarterly", "gdp_quarterly_raw", "gdp_quarterly_volume")
	for name, got := range w.run() {
		want(t, got, ledger.Published)
		checkRowCounts(t, got)
		w.noDrift(name)
		if got.Staged != 104*10*2 {
			t.Errorf("%s: staged %d", name, got.Staged)
		}
		sectors, metrics, origins := map[string]bool{}, map[string]bool{}, map[string]bool{}
		for _, o := range w.pointer(name).Parts[0].Objects {
			w.parquet(o.Key, func(row map[string]string) {
				sectors[row["sector_name"]], metrics[row["metric_code"]], origins[row["data_origin"]] = true, true, true
				if len(row["quarter_code"]) != 6 || row["geography_code"] != "TOTAL" || row["amount"] == "" &&
					row["source_status"] != ".." {
					t.Fatalf("%s: %v", name, row)
				}
			})
		}
		if !sectors["Act. immobiliàries, professionals i altres"] || len(sectors) != 10 || len(metrics) != 2 ||
			!metrics["YOY_PCT"] || len(origins) != 1 || !origins["invented"] {
			t.Errorf("%s: sectors %v, metrics %v, origins %v", name, sectors, metrics, origins)
		}
	}
	for _, got := range w.run() {
		want(t, got, ledger.Unchanged)
	}
}

// TestGDPWithOtherRoles checks that a table whose dimensions have other roles fails its run permanently with a reason
// and publishes nothing. A table without a territory is still accepted as one of Catalonia.
func TestGDPWithOtherRoles(t *testing.T) {
	t.Parallel()
	adjustment := portal.Dimension{ID: "AJUST", Categories: []portal.Category{{Code: "SA", Label: "corregides"}}}
	indicator := portal.Dimension{ID: "INDICATOR", Role: "metric", Categories: []portal.Category{{Code: "X", Label: "x"}}}
	for name, c := range map[string]struct {
		change  func(portal.Table) portal.Table
		state   ledger.State
		reasons []string
	}{
		"no quarters": {drop("QUARTER"), ledger.Rejected,
			[]string{"field_missing", "quarter_code requires the dimension with the role time", "name the dimension"}},
		"no sectors": {drop("SECTOR"), ledger.Rejected,
			[]string{"field_missing", "sector_code requires the only dimension without a role"}},
		"two without a role": {with(adjustment), ledger.Rejected,
			[]string{"sector_code requires the only dimension without a role, but the table has none or several"}},
		"no metric": {func(t portal.Table) portal.Table { t.Dimensions[3].Role = ""; return t }, ledger.Rejected,
			[]string{"metric_code requires the dimension with the role metric", "sector_code"}},
		"no territory": {drop("CAT"), ledger.Published, nil},
		"two metrics":  {with(indicator), ledger.Published, nil},
		"quarters of another form": {
			func(t portal.Table) portal.Table { t.Dimensions[0].Categories[0].Code = "2000-TRIM-1"; return t },
			ledger.Rejected, []string{"nothing_is_quarantined"},
		},
		"another unit": {func(t portal.Table) portal.Table { return times(t, 1000) }, ledger.Rejected,
			[]string{"product_is_plausible"}},
		"a sector is gone":       {shrunk(2), ledger.Rejected, []string{"every_sector"}},
		"most quarters are gone": {shrunk(0), ledger.Rejected, []string{"ten_years_at_least"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorkspace(t, "gdp_quarterly")
			if err := w.portal.RepublishTable(portal.GDPTable, c.change); err != nil {
				t.Fatal(err)
			}
			got := w.run()["gdp_quarterly"]
			want(t, got, c.state, c.reasons...)
			if published := w.pointer("gdp_quarterly") != nil; published != (c.state == ledger.Published) {
				t.Errorf("published: %v", published)
			}
		})
	}
}

// drop removes a dimension, as if the table had only its last category.
func drop(id string) func(portal.Table) portal.Table {
	return func(t portal.Table) portal.Table {
		at := slices.IndexFunc(t.Dimensions, func(d portal.Dimension) bool { return d.ID == id })
		inner := 1
		for _, d := range t.Dimensions[at+1:] {
			inner *= len(d.Categories)
		}
		size := len(t.Dimensions[at].Categories)
		var cells []portal.Cell
		for i, c := range t.Cells {
			if i/inner%size == size-1 {
				cells = append(cells, c)
			}
		}
		t.Cells, t.Dimensions = cells, slices.Delete(t.Dimensions, at, at+1)
		return t
	}
}

// with adds a dimension with one category.
func with(d portal.Dimension) func(portal.Table) portal.Table {
	return func(t portal.Table) portal.Table {
		t.Dimensions = append(t.Dimensions, d)
		return t
	}
}

// times multiplies all figures.
func times(t portal.Table, by float64) portal.Table {
	for i := range t.Cells {
		t.Cells[i].Value *= by
	}
	return t
}

// shrunk keeps a third of a dimension's categories.
func shrunk(at int) func(portal.Table) portal.Table {
	return func(t portal.Table) portal.Table {
		inner := 1
		for _, d := range t.Dimensions[at+1:] {
			inner *= len(d.Categories)
		}
		size := len(t.Dimensions[at].Categories)
		var cells []portal.Cell
		for i, c := range t.Cells {
			if i/inner%size < size/3 {
				cells = append(cells, c)
			}
		}
		t.Cells, t.Dimensions[at].Categories = cells, t.Dimensions[at].Categories[:size/3]
		return t
	}
}

// noDrift checks that the validator reported no drift of a dataset.
func (w *workspace) noDrift(dataset string) {
	w.t.Helper()
	looked := 0
	for _, key := range w.keys("runs/" + dataset + "/") {
		if !strings.HasSuffix(key, "/validator.json") {
			continue
		}
		b, err := os.ReadFile(pipeline.Place(w.dir, key))
		if err != nil {
			w.t.Fatal(err)
		}
		if looked++; bytes.Contains(b, []byte(`"drift"`)) {
			w.t.Errorf("%s reports drift: %s", key, b)
		}
	}
	if looked == 0 {
		w.t.Errorf("the validator has no receipt for %s", dataset)
	}
}

// TestCataloguesOfTheRegister checks that one column of the register becomes a list of its distinct values, and that
// every row without a value is counted.
func TestCataloguesOfTheRegister(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "service_types", "service_qualifications")
	if err := w.portal.Republish(portal.RegisterID, func(rows []portal.Row) []portal.Row {
		for i := range 20 {
			delete(rows[100*i], "tipologia")
			rows[100*i+1]["tipologia"] = "null"
			rows[100*i+2]["qualificacio"] = "null"
			delete(rows[100*i+3], "qualificacio")
			rows[100*i+4]["qualificacio"] = " "
		}
		return rows
	}); err != nil {
		t.Fatal(err)
	}
	all := w.run()
	for name, c := range map[string]struct{ staged, quarantined int64 }{"service_types": {66, 40}, "service_qualifications": {3, 20}} {
		got := all[name]
		want(t, got, ledger.Published)
		checkRowCounts(t, got)
		w.noDrift(name)
		if got.Staged != c.staged || got.Quarantined != c.quarantined || got.ByReason["missing_required"] != c.quarantined {
			t.Errorf("%s: staged %d, quarantined %d (%v)", name, got.Staged, got.Quarantined, got.ByReason)
		}
	}
	// Only the one column was fetched, so no personal value can be anywhere.
	for name, page := range w.archived("service_types") {
		if bytes.Contains(page, []byte("telefon")) || bytes.Contains(page, []byte("registre")) {
			t.Errorf("%s contains more than the types", name)
		}
	}
	// If a tenth of the services have no type, the catalogue is rejected.
	if err := w.portal.Republish(portal.RegisterID, func(rows []portal.Row) []portal.Row {
		for i := range rows[:len(rows)/10] {
			delete(rows[i], "tipologia")
		}
		return rows
	}); err != nil {
		t.Fatal(err)
	}
	want(t, w.run("service_types")["service_types"], ledger.Rejected, "few_rows_are_quarantined")
}

// TestPopulationByAge checks that two of the table's four age groups are fetched, in two slices.
func TestPopulationByAge(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "municipalities", "population_by_age")
	got := w.run()["population_by_age"]
	want(t, got, ledger.Published)
	checkRowCounts(t, got)
	w.noDrift("population_by_age")
	if got.Staged != 2*949*3*2 {
		t.Errorf("staged %d", got.Staged)
	}
	groups := map[string]int{}
	for _, part := range w.pointer("population_by_age").Parts {
		for _, o := range part.Objects {
			w.parquet(o.Key, func(row map[string]string) {
				groups[row["age_group"]]++
				if row["territory_id"] == "171220" && (row["population"] != "" || row["source_status"] != "..") {
					t.Errorf("Palmerola has a population: %v", row)
				}
			})
		}
	}
	if groups["ge65"] != groups["total"] || len(groups) != 2 {
		t.Errorf("age groups %v", groups)
	}
}
