package portal

import (
	"embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed facts/*.csv
var factFiles embed.FS

type municipality struct {
	code        string // six digits, the last a control digit
	name        string // as published, article after a comma
	natural     string // article first
	comarcaCode string
	comarca     string
	province    string // "08", "17", "25" or "43"
	people      [2]int // population on 1 January of populationYears

	former        string // name until 2023 to 2025; empty: the same
	formerComarca string // comarca until 2023; empty: the same
}

// populationYears are the years of municipality.people.
var populationYears = [2]string{"2023", "2024"}

type namedCode struct{ code, name string }

type facts struct {
	municipalities []municipality // in code order
	comarques      []namedCode    // in code order, 39 is "Aran"
	serviceTypes   []namedCode
	product        []publishedProduct // by quarter, of the revision of 2019
	geography      [][]string         // the rows of 9aju-tpwc: codi, nom, codi_comarca, nom_comarca
}

// loadFacts decodes the embedded files. They are part of the build, so one that cannot be read is a defect of the
// build and not an input: it panics, and a test reads them all.
var loadFacts = sync.OnceValue(func() facts {
	f, err := readFacts()
	if err != nil {
		panic(err)
	}
	return f
})

func readFacts() (facts, error) {
	var f facts
	rows, err := readTable("municipalities.csv", 8)
	if err != nil {
		return f, err
	}
	for _, r := range rows {
		m := municipality{code: r[0], name: r[1], natural: r[2], comarcaCode: r[3], comarca: r[4], province: r[5]}
		for i := range m.people {
			if m.people[i], err = strconv.Atoi(r[6+i]); err != nil {
				return f, fmt.Errorf("facts/municipalities.csv, %s: population: %w", m.code, err)
			}
		}
		f.municipalities = append(f.municipalities, m)
	}
	if rows, err = readTable("former.csv", 3); err != nil {
		return f, err
	}
	for _, r := range rows {
		at := slices.IndexFunc(f.municipalities, func(m municipality) bool { return m.code == r[0] })
		if at < 0 {
			return f, fmt.Errorf("facts/former.csv: there is no municipality %s", r[0])
		}
		f.municipalities[at].former, f.municipalities[at].formerComarca = r[1], r[2]
	}
	pairs := func(name string) (out []namedCode, err error) {
		rows, err := readTable(name, 2)
		for _, r := range rows {
			out = append(out, namedCode{r[0], r[1]})
		}
		return out, err
	}
	if f.comarques, err = pairs("comarques.csv"); err != nil {
		return f, err
	}
	if f.serviceTypes, err = pairs("service_types.csv"); err != nil {
		return f, err
	}
	if f.product, err = readProduct(); err != nil {
		return f, err
	}
	f.geography, err = readTable("9aju-tpwc.csv", 4)
	return f, err
}

func readTable(name string, columns int) ([][]string, error) {
	file, err := factFiles.Open("facts/" + name)
	if err != nil {
		return nil, fmt.Errorf("facts: %w", err)
	}
	defer file.Close()
	reader := csv.NewReader(file)
	reader.FieldsPerRecord = columns
	rows, err := reader.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("facts/%s: %w", name, err)
	}
	if len(rows) < 2 {
		return nil, fmt.Errorf("facts/%s: no rows", name)
	}
	return rows[1:], nil
}

// foldings maps the accented letters of Catalan names to their base letters, and drops what Idescat's order ignores.
// The apostrophe separates words; the hyphen does not.
var foldings = strings.NewReplacer(
	"à", "a", "á", "a", "è", "e", "é", "e", "í", "i", "ï", "i", "ò", "o", "ó", "o", "ú", "u", "ü", "u", "ç", "c", "ñ", "n",
	"'", " ", "’", " ", "-", "", "·", "", ",", "")

func fold(name string) string { return foldings.Replace(strings.ToLower(name)) }

// sortByName puts categories in the order in which Idescat lists places: by Catalan name, not by code.
func sortByName(places []Category) {
	keys := make(map[string]string, len(places))
	for _, p := range places {
		keys[p.Label] = fold(p.Label)
	}
	slices.SortStableFunc(places, func(a, b Category) int { return strings.Compare(keys[a.Label], keys[b.Label]) })
}
