package contract_test

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/quality"
)

func project(t *testing.T) map[string]*contract.Contract {
	t.Helper()
	contracts, err := contract.LoadDir(filepath.Join("..", "..", "datasets"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*contract.Contract{}
	for _, c := range contracts {
		out[c.Dataset] = c
	}
	return out
}

func TestProjectContracts(t *testing.T) {
	t.Parallel()
	contracts := project(t)
	if len(contracts) < 10 {
		t.Fatalf("%d contracts, want at least 10", len(contracts))
	}
	for name, c := range contracts {
		if len(c.SHA256) != 64 || len(c.Key) == 0 || len(c.Quality) == 0 || c.SLA.Freshness <= 0 || c.Attribution == "" {
			t.Errorf("%s is not decoded completely: %+v", name, c)
		}
		if c.RawPages != contract.RawArchive || c.Retention.Superseded != 90*24*time.Hour {
			t.Errorf("%s: raw %s, superseded for %s", name, c.RawPages, c.Retention.Superseded)
		}
		for _, f := range c.Fields {
			if f.Personal() && f.Staged {
				t.Errorf("%s.%s is personal and staged", name, f.Name) // Invariant 8
			}
			matched := f.Match != nil || f.Derived() // by texts whose length another contract limits
			if f.Staged && f.Type == contract.Text && f.Pattern == "" && f.Mapping == nil && f.MaxLength == nil && !matched {
				t.Errorf("%s.%s accepts a text of any length", name, f.Name)
			}
		}
	}
}

func TestMunicipalities(t *testing.T) {
	t.Parallel()
	c := project(t)["municipalities"]
	if c.Source.Kind != "socrata" || c.Source.ID != "9aju-tpwc" || c.Source.BaseURL != "https://analisi.transparenciacatalunya.cat" {
		t.Errorf("the source is %+v", c.Source)
	}
	id := c.Field("municipality_id")
	if id.Source != "codi" || id.KeyPosition != 1 || id.CheckDigit != "idescat_municipality" ||
		!slices.Equal(id.CheckDigitExempt, []string{"999998", "999999"}) {
		t.Errorf("municipality_id is %+v", id)
	}
}

func TestSocialServices(t *testing.T) {
	t.Parallel()
	c := project(t)["social_services"]
	district := c.Field("district_id")
	if !slices.Equal(c.Partition, []string{"district_id"}) || district.PadLeft != 2 || district.Default == nil ||
		*district.Default != "00" {
		t.Errorf("partition %v, district %+v", c.Partition, district)
	}
	var personal []string
	for _, f := range c.Fields {
		if f.Personal() {
			personal = append(personal, f.Source)
		}
	}
	slices.Sort(personal)
	if got := strings.Join(personal, " "); got != "adreca entitat_titular nif nom telefon" {
		t.Errorf("personal fields are %s", got)
	}
	if c.KeyConflict != contract.QuarantineConflicts || c.SLA.Freshness != 36*time.Hour {
		t.Errorf("conflicts %s, freshness %s", c.KeyConflict, c.SLA.Freshness)
	}
	if f := c.Field("inscription_date"); f.Type != contract.Date || f.Format != "2006-01-02" {
		t.Errorf("inscription_date is %+v", f)
	}
	var rule quality.Rule
	for _, r := range c.Quality {
		if r.Name == "does_not_shrink" {
			rule = r
		}
	}
	if rule.Metric != "row_count_change_percent" || rule.Min == nil || *rule.Min != -20 || rule.Max != nil ||
		rule.Severity != "error" || rule.Unit != "percent" || rule.Line == 0 {
		t.Errorf("does_not_shrink is %+v", rule)
	}
}

func TestPopulation(t *testing.T) {
	t.Parallel()
	c := project(t)["population"]
	if s := c.Slicing; s == nil || s.Column != "year" || s.Param != "YEAR" || s.Prefix != "y" ||
		!slices.Equal(s.Values, []string{"2023", "2024"}) {
		t.Errorf("slicing is %+v", c.Slicing)
	}
	if !slices.Equal(c.Key, []string{"year", "territory_id", "sex"}) || !slices.Equal(c.References(), []string{"municipalities"}) {
		t.Errorf("key %v, references %v", c.Key, c.References())
	}
	if a, b := c.Field("territory_id"), c.Field("municipality_id"); a.Source != "MUN" || b.Source != "MUN" ||
		!slices.Equal(b.NullLiterals, []string{"TOTAL"}) {
		t.Errorf("territory_id %+v, municipality_id %+v", a, b)
	}
}

// The ids of the GDP tables' dimensions are unknown, so their contracts name none. The three contracts differ only in what
// they measure.
func TestGDPContractsAreAlike(t *testing.T) {
	t.Parallel()
	all := project(t)
	first := all["gdp_quarterly"]
	tables := map[string]bool{}
	for _, name := range []string{"gdp_quarterly", "gdp_quarterly_raw", "gdp_quarterly_volume"} {
		c := all[name]
		tables[c.Source.ID] = true
		if !slices.Equal(c.Key, []string{"quarter_code", "sector_code", "metric_code"}) || len(c.Fields) != len(first.Fields) ||
			len(c.Quality) != len(first.Quality) {
			t.Errorf("%s: key %v, %d columns, %d rules", name, c.Key, len(c.Fields), len(c.Quality))
		}
		for i, f := range c.Fields {
			if f.Name != first.Fields[i].Name || f.Type != first.Fields[i].Type || f.Source != first.Fields[i].Source {
				t.Errorf("%s: column %d is %+v", name, i, f)
			}
			if !f.Derived() && f.Source != "value" && f.Source != "status" && !strings.HasPrefix(f.Source, "role:") {
				t.Errorf("%s.%s reads %s, an unknown id", name, f.Name, f.Source)
			}
		}
		quarter := regexp.MustCompile(`^(?:` + c.Field("quarter_code").Pattern + `)$`)
		for code, good := range map[string]bool{"2023T4": true, "2023Q4": true, "2023-T4": true, "2023-Q1": true, "2023T5": false,
			"2023": false, "2023M04": false, "2023--T4": false} {
			if quarter.MatchString(code) != good {
				t.Errorf("%s: the pattern accepts %s: %v", name, code, !good)
			}
		}
	}
	if len(tables) != 3 {
		t.Errorf("tables %v", tables)
	}
}

// The register's catalogues request one column, and so no personal field.
func TestCatalogues(t *testing.T) {
	t.Parallel()
	all := project(t)
	for name, column := range map[string]string{"service_types": "tipologia", "service_qualifications": "qualificacio"} {
		c := all[name]
		if c.Source.ID != all["social_services"].Source.ID || c.Source.Params["$select"] != column || len(c.Fields) != 2 ||
			c.Fields[0].Source != column || c.Fields[1].NameOf() != c.Fields[0].Name {
			t.Errorf("%s reads %v of %s", name, c.Source.Params, c.Source.ID)
		}
		register := all["social_services"].Field(c.Fields[0].Name)
		if f := c.Fields[0]; f.Squeeze != register.Squeeze || !slices.Equal(f.NullLiterals, register.NullLiterals) {
			t.Errorf("%s.%s differs from the register: %+v, %+v", name, f.Name, f, register)
		}
	}
}

// recorded reads an answer that was recorded from a live service. The recordings are not part of the project.
func recorded(t *testing.T, name string) []byte {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "data", "recorded", filepath.FromSlash(name))
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("recorded responses not present: %s", name)
	}
	return raw
}

func TestRecordedRegisterRowsFitTheContract(t *testing.T) {
	t.Parallel()
	c := project(t)["social_services"]
	var rows []map[string]any
	if err := json.Unmarshal(recorded(t, "socrata/ivft-vegh_seed_anonymised_3rows.json"), &rows); err != nil {
		t.Fatal(err)
	}
	fields := map[string]contract.Field{}
	for _, f := range c.Fields {
		fields[f.Source] = f
	}
	for i, row := range rows {
		for name := range row {
			if _, ok := fields[name]; !ok {
				t.Errorf("row %d has the field %q, which the contract does not name", i, name)
			}
		}
		for name, f := range fields {
			value, present := row[name].(string)
			if f.Required && !present {
				t.Errorf("row %d lacks the required %q", i, name)
			}
			if present && f.Pattern != "" && f.PadLeft == 0 && !regexp.MustCompile(`^(?:`+f.Pattern+`)$`).MatchString(value) {
				t.Errorf("row %d: %s does not match %s", i, name, f.Pattern)
			}
		}
	}
}

func TestRecordedDimensionsFitTheContract(t *testing.T) {
	t.Parallel()
	c := project(t)["population"]
	territory := regexp.MustCompile(`^(?:` + c.Field("territory_id").Pattern + `)$`)
	rows, err := csv.NewReader(strings.NewReader(string(recorded(t, "idescat/dimension_MUN_948.csv")))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		if !slices.ContainsFunc(row, territory.MatchString) {
			t.Errorf("the recorded territory %v does not match", row)
		}
	}
	var metadata any
	if err := json.Unmarshal(recorded(t, "idescat/recorded_metadata_pmh_1180_8078_mun.json"), &metadata); err != nil {
		t.Fatal(err)
	}
	codes := categories(metadata, "SEX")
	if len(codes) != 3 {
		t.Fatalf("the recorded dimension SEX has the codes %v", codes)
	}
	for _, code := range codes {
		if c.Field("sex").Mapping[code] == "" {
			t.Errorf("the recorded code %q of SEX is not mapped", code)
		}
	}
}

// categories finds the category ids of a dimension in a recorder's normalised metadata.
func categories(v any, dimension string) []string {
	switch v := v.(type) {
	case map[string]any:
		if list, ok := v["categories"].([]any); ok && v["id"] == dimension {
			var out []string
			for _, item := range list {
				if category, ok := item.(map[string]any); ok {
					out = append(out, category["id"].(string))
				}
			}
			return out
		}
		for _, inner := range v {
			if found := categories(inner, dimension); found != nil {
				return found
			}
		}
	case []any:
		for _, inner := range v {
			if found := categories(inner, dimension); found != nil {
				return found
			}
		}
	}
	return nil
}
