package portal

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/source/socrata"
)

func homes(p *Portal, query string) string {
	return p.URL(socrata.Name) + "/resource/" + HousingID + ".json?" + strings.ReplaceAll(query, " ", "%20")
}

// Every municipality has a row in every year, figures are whole and add up, the last quarter is not published yet, and only
// the intended figures have a point.
func TestHousing(t *testing.T) {
	t.Parallel()
	p := small(t)
	var rows []map[string]any
	for offset := 0; offset < 11*947; offset += 5000 {
		rows = append(rows, rowsOf(t, get(t, homes(p, fmt.Sprintf("$order=:id&$limit=5000&$offset=%d", offset))))...)
	}
	if len(rows) != 11*947 {
		t.Fatalf("%d rows", len(rows))
	}
	whole := regexp.MustCompile(`^[0-9]+$`)
	seen, pointed, large, noLongitude := map[string]bool{}, map[string]bool{}, 0, 0
	for _, r := range rows {
		key := fmt.Sprint(r["codi_idescat"], r["any"])
		if seen[key] || r[":@llac_origin"] != Invented {
			t.Errorf("row %s comes twice, or is %v", key, r[":@llac_origin"])
		}
		seen[key] = true
		if r["longitud_municipi"] == nil {
			noLongitude++
		}
		for kind, columns := range quarterColumns {
			sum, hasPoint := 0, false
			for quarter, column := range columns {
				text, there := r[column].(string)
				if there == (r["any"] == "2025" && quarter == 3) {
					t.Errorf("%s: %s is %v", key, column, r[column])
				}
				if !whole.MatchString(text) && there {
					hasPoint = true
					pointed[key+column+"="+text] = true
				}
				n, _ := strconv.Atoi(strings.Replace(text, ".", "", 1))
				if sum += n; n >= 100 {
					large++
				}
			}
			year, _ := r[[2]string{"iniciats_anuals", "anuals_acabats"}[kind]].(string)
			if strings.Contains(year, ".") != hasPoint || strings.Replace(year, ".", "", 1) != strconv.Itoa(sum) {
				t.Errorf("%s: a year of %s, quarters of %d", key, year, sum)
			}
		}
	}
	want := map[string]bool{
		"0801932019iniciats_abril_juny=1.204": true, "0801932024iniciats_octubre_desembre=1.151": true,
		"0810172022acabats_gener_mar=1.036": true,
	}
	if fmt.Sprint(pointed) != fmt.Sprint(want) {
		t.Errorf("figures with a point: %v", pointed)
	}
	if large < 20 || noLongitude == 0 || noLongitude > 100 {
		t.Errorf("%d quarters of a hundred dwellings, %d rows without longitude", large, noLongitude)
	}
	if got := string(get(t,
		homes(p, "$select=count(*)&any=2024&comarca_2023=Lluçanès&comarca_2015=Osona")).body); !strings.Contains(got, `"8"`) {
		t.Errorf("the municipalities of Lluçanès were Osona's: %s", got)
	}
}

// The columns, their order and types, the planning areas and the layout of a row are those of the recorded rows.
func TestHousingAsRecorded(t *testing.T) {
	t.Parallel()
	view := readRecorded[struct {
		Title   string
		Columns []struct {
			Field string `json:"field_name"`
			Type  string `json:"datatype"`
			Title string `json:"display_name"`
		}
	}](t, "socrata/j8h8-vxug_metadata_normalised.json")
	d := housingDataset(loadFacts(), 0)
	if d.Title != view.Title || len(d.Columns) != len(view.Columns) {
		t.Fatalf("%q with %d columns, recorded %q with %d", d.Title, len(d.Columns), view.Title, len(view.Columns))
	}
	for i, c := range view.Columns {
		got := d.Columns[i]
		if got.Type == "" {
			got.Type = "text"
		}
		if got.Name != c.Field || got.Type != c.Type || got.Title != c.Title {
			t.Errorf("column %d is %+v, recorded %+v", i, got, c)
		}
	}
	recordedRows := readRecorded[[]map[string]any](t, "socrata/j8h8-vxug_40rows_soda_layout.json")
	p := small(t)
	ours := rowsOf(t, get(t, homes(p, "$order=:id&$limit=2000")))
	areas, named := map[any]any{}, map[any]any{}
	for _, r := range ours {
		areas[r["codi_comarca_2023"]], named[r["codi_comarca_2023"]] = r["mbit_funcional"], r["comarca_2023"]
	}
	for _, r := range recordedRows {
		if areas[r["codi_comarca_2023"]] != r["mbit_funcional"] || named[r["codi_comarca_2023"]] != r["comarca_2023"] {
			t.Errorf("comarca %v lies in %v, recorded in %v", r["comarca_2023"], areas[r["codi_comarca_2023"]], r["mbit_funcional"])
		}
	}
	first := recordedRows[0]
	first[":@llac_origin"] = ""
	if !slices.Equal(keysOf(ours[0]), keysOf(first)) {
		t.Errorf("fields %v, recorded %v", keysOf(ours[0]), keysOf(first))
	}
	for name, value := range first {
		if fmt.Sprintf("%T", ours[0][name]) != fmt.Sprintf("%T", value) {
			t.Errorf("%s is a %T, recorded a %T", name, ours[0][name], value)
		}
	}
}

// Every comarca is in one planning area.
func TestPlanningAreas(t *testing.T) {
	t.Parallel()
	var all []string
	for _, comarques := range planningAreas {
		all = append(all, comarques...)
	}
	slices.Sort(all)
	for i, c := range loadFacts().comarques {
		if len(all) != 43 || all[i] != c.code {
			t.Fatalf("planning areas have %v", all)
		}
	}
}

// A dataset that is created on demand can be republished before its first request.
func TestRepublishBeforeFirstRequest(t *testing.T) {
	t.Parallel()
	p := small(t)
	if err := p.Republish(HousingID, func(rows []Row) []Row { return rows[:10] }); err != nil {
		t.Fatal(err)
	}
	if got := rowsOf(t, get(t, homes(p, ""))); len(got) != 10 {
		t.Errorf("%d rows", len(got))
	}
}
