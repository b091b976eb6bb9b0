package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/services/stager/matching"
)

const (
	datasets = "../../../datasets"
	recorded = "../../../../shared/data/recorded" // recorded portal responses, next to the checkout
)

// TestContractsCanBeStaged checks that this build supports every contract of the repository.
func TestContractsCanBeStaged(t *testing.T) {
	t.Parallel()
	all, err := contract.LoadDir(datasets)
	if err != nil || len(all) == 0 {
		t.Fatalf("contracts of %s: %d, %v", datasets, len(all), err)
	}
	for _, c := range all {
		if _, err := newJob(Input{Contract: c, Finders: noneFor(c)}, Options{}, nil); err != nil {
			t.Errorf("%s: %v", c.Dataset, err)
		}
	}
}

// TestFiguresWithMoreDecimals stages figures of the gross domestic product with more decimals than their contracts declare.
// They are rounded: a quarantined figure would refuse the whole series.
func TestFiguresWithMoreDecimals(t *testing.T) {
	t.Parallel()
	all, err := contract.LoadDir(datasets)
	if err != nil {
		t.Fatal(err)
	}
	const page = `{"class":"dataset","id":["T","S","G","M"],"size":[4,1,1,1],"role":{"time":["T"],"geo":["G"],"metric":["M"]},` +
		`"dimension":{"T":{"category":{"index":["2023T1","2023T2","2023T3","2023T4"]}},` +
		`"S":{"category":{"index":["PIB"],"label":{"PIB":"PIB"}}},"G":{"category":{"index":["CAT"]}},"M":{"category":{"index":["VALUE"]}}},"value":[75123.45,75123.35,7.51234E+4,75123.4]}`
	staged := 0
	for _, c := range all {
		if !strings.HasPrefix(c.Dataset, "gdp_") {
			continue
		}
		staged++
		page, want := page, "75123.4"
		if c.Dataset == "gdp_quarterly_volume" { // an index, around 100
			page, want = strings.NewReplacer("7.51234E+4", "1.234E+2", "75123", "123").Replace(page), "123.4"
		}
		got := testCase{contract: c, pages: []string{page}}.run(t)
		if !strings.Contains(got, "rows in 4 = staged 4 + duplicates 0 + quarantined 0") ||
			strings.Count(got, " | "+want+" | ") != 4 {
			t.Errorf("%s: got\n%s\nwant %s in four rows", c.Dataset, got, want)
		}
	}
	if staged != 3 {
		t.Errorf("%d contracts of the gross domestic product, want 3", staged)
	}
}

// TestRepeatedNamesInTheRegister stages a record of the register with two capacities and two towns, and a sound one.
func TestRepeatedNamesInTheRegister(t *testing.T) {
	t.Parallel()
	all, err := contract.LoadDir(datasets)
	if err != nil {
		t.Fatal(err)
	}
	const page = `[{"registre":"S00001","tipologia":"Servei de tutela","inscripcio":"2007-02-07","capacitat":"35","capacitat":"40",` +
		`"municipi":"Barcelona","municipi":"Girona","comarca":"Barcelonès"},` +
		`{"registre":"S00002","tipologia":"Servei de tutela","inscripcio":"2007-02-07","capacitat":"35","municipi":"Girona"}]`
	for _, c := range all {
		if c.Dataset != "social_services" {
			continue
		}
		got := testCase{contract: c, finders: noneFor(c), pages: []string{page}}.run(t)
		for _, want := range []string{"rows in 2 = staged 1 + duplicates 0 + quarantined 1\nrepeated_name 1\n", `"S00002"`} {
			if !strings.Contains(got, want) {
				t.Errorf("got\n%s\nwant it to contain %q", got, want)
			}
		}
		return
	}
	t.Fatal("missing contract of social_services")
}

// noneFor returns a Finder that matches nothing for every matched column.
func noneFor(c *contract.Contract) map[string]matching.Finder {
	out := map[string]matching.Finder{}
	for _, f := range c.Fields {
		if f.Match != nil {
			out[f.Name] = matching.None
		}
	}
	return out
}

// TestRecordedRegister stages a recorded response of the register of social services under the real contract.
func TestRecordedRegister(t *testing.T) {
	t.Parallel()
	const name = "socrata/ivft-vegh_seed_anonymised_3rows.json"
	page, err := os.ReadFile(filepath.Join(recorded, filepath.FromSlash(name)))
	if os.IsNotExist(err) {
		t.Skipf("recorded responses not present: %s", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	all, err := contract.LoadDir(datasets)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Dataset != "social_services" {
			continue
		}
		c := testCase{contract: c, finders: noneFor(c), pages: []string{string(page)}}
		got := c.run(t)
		for _, want := range []string{"staged/district_id=00\n", "staged/district_id=07\n", "staged/district_id=10\n",
			`"S00001" | "Servei de centre de dia per a persones amb addiccions"`,
			"1989-11-22 | 7 | ", "rows in 3 = staged 3 + duplicates 0 + quarantined 0"} {
			if !strings.Contains(got, want) {
				t.Errorf("got\n%s\nwant it to contain %q", got, want)
			}
		}
		// Invariant 8: neither names nor telephone numbers.
		for _, personal := range []string{"HAPPY", "901010101", "G1231231", "Llull", "Planiger"} {
			if strings.Contains(got, personal) {
				t.Errorf("%s is staged", personal)
			}
		}
		return
	}
	t.Fatal("missing contract of social_services")
}

// TestRecordedHousing stages recorded rows of dwellings under the real contract, including a row without longitude.
func TestRecordedHousing(t *testing.T) {
	t.Parallel()
	const name = "socrata/j8h8-vxug_40rows_soda_layout.json"
	page, err := os.ReadFile(filepath.Join(recorded, filepath.FromSlash(name)))
	if os.IsNotExist(err) {
		t.Skipf("recorded responses not present: %s", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	all, err := contract.LoadDir(datasets)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Dataset != "housing" {
			continue
		}
		got := (&testCase{contract: c, pages: []string{string(page)}}).run(t)
		for _, want := range []string{"rows in 40 = staged 40 + duplicates 0 + quarantined 0", "staged/year=2007\n",
			`"080692" | "Collbató" | "11" | "Baix Llobregat" | 7 | 10 | 17 | 26 | 18 | 21 | 17 | 9 | `} {
			if !strings.Contains(got, want) {
				t.Errorf("got\n%s\nwant it to contain %q", got, want)
			}
		}
		return
	}
	t.Fatal("missing contract of housing")
}
