package portal

import "strconv"

// PopulationTable is the id of the population table by municipality and sex.
const PopulationTable = "pmh/446/477/mun"

// The simulator's own tables: no statistics of Idescat is called "llac".
const (
	LargeTable  = "llac/1/1/mun" // more cells than CellLimit; its figures are invented
	SparseTable = "llac/1/2/com" // sent in JSON-stat's sparse form; its figures are invented
)

// medinya is a former municipality, dissolved by a court: the table still lists it, with ".." in every cell. Its code is
// invented (17999 and the control digit), because no published list contains it.
var medinya = Category{Code: "179999", Label: "Medinyà"}

var wholeCountry = Category{Code: "TOTAL", Label: "Catalunya"}

var sexes = Dimension{ID: "SEX", Label: "sexe", Categories: []Category{{"M", "homes"}, {"F", "dones"}, {"TOTAL", "total"}}}

var people = Dimension{ID: "CONCEPT", Label: "concepte", Role: "metric", Categories: []Category{{"POP", "població"}}}

// municipalityCategories returns the places of a table by municipality in Idescat's order, TOTAL last.
func municipalityCategories(f facts, more ...Category) []Category {
	places := append([]Category{}, more...)
	for _, m := range f.municipalities {
		places = append(places, Category{m.code, m.name})
	}
	sortByName(places)
	return append(places, wholeCountry)
}

// populationTable returns pmh/446/477/mun. The totals are recorded; men are an invented share of them, women the rest.
func populationTable(f facts, seed uint64) Table {
	byCode := map[string]municipality{}
	for _, m := range f.municipalities {
		byCode[m.code] = m
	}
	places := municipalityCategories(f, medinya)
	years := Dimension{ID: "YEAR", Label: "any", Role: "time"}
	t := Table{
		ID: PopulationTable, Statistics: "Padró municipal d'habitants", Node: "Població a 1 de gener. Per sexe",
		Label: "Població a 1 de gener. Per sexe", Geo: "Municipis",
		Source: "Idescat, a partir del Padró continu de l'INE.",
	}
	for y, year := range populationYears {
		years.Categories = append(years.Categories, Category{year, year})
		var men, all int
		for _, place := range places {
			switch m, ok := byCode[place.Code]; {
			case ok:
				share := menOf(m, seed)
				men, all = men+share[y], all+m.people[y]
				t.Cells = append(t.Cells, population(share[y], m.people[y])...)
			case place == wholeCountry:
				t.Cells = append(t.Cells, population(men, all)...)
			default:
				missing := Cell{Null: true, Status: "..", Origin: Recorded}
				t.Cells = append(t.Cells, missing, missing, missing)
			}
		}
	}
	t.Dimensions = []Dimension{years, {ID: "MUN", Label: "municipi", Role: "geo", Categories: places}, sexes, people}
	return t
}

// menOf returns an invented number of men in a municipality: 47 to 53 percent, nearly the same in both years.
func menOf(m municipality, seed uint64) [2]int {
	code, err := strconv.ParseUint(m.code, 10, 64)
	if err != nil {
		code = 0
	}
	r := random{state: seed ^ code<<20}
	share := r.between(4700, 5300)
	var men [2]int
	for y, people := range m.people {
		men[y] = (people*(share+y*3) + 5000) / 10_000
	}
	return men
}

func population(men, all int) []Cell {
	return []Cell{
		{Value: float64(men), Origin: Invented}, {Value: float64(all - men), Origin: Invented},
		{Value: float64(all), Origin: Recorded},
	}
}

// largeTable returns a table with more than CellLimit cells, so that a client must split it.
func largeTable(f facts, seed uint64) Table {
	years := Dimension{ID: "YEAR", Label: "any", Role: "time"}
	for year := 2014; year <= 2022; year++ {
		years.Categories = append(years.Categories, Category{strconv.Itoa(year), strconv.Itoa(year)})
	}
	t := Table{
		ID: LargeTable, Statistics: "Estadístiques inventades pel simulador de Llac", Node: "Xifres inventades",
		Label: "Xifres inventades. Per sexe", Geo: "Municipis", Source: "Simulador de Llac (dades inventades)",
		Dimensions: []Dimension{
			years, {ID: "MUN", Label: "municipi", Role: "geo", Categories: municipalityCategories(f)}, sexes, people,
		},
	}
	r := random{state: seed ^ 0x1a46e}
	for range t.size() / 3 {
		men, women := float64(r.below(5000)), float64(r.below(5000))
		t.Cells = append(t.Cells, Cell{Value: men}, Cell{Value: women}, Cell{Value: men + women})
	}
	return t
}

// sparseTable returns a table in JSON-stat's sparse form, with gaps, a provisional year and decimals.
func sparseTable(f facts, seed uint64) Table {
	places := make([]Category, len(f.comarques))
	for i, c := range f.comarques {
		places[i] = Category{c.code, c.name}
	}
	sortByName(places)
	t := Table{
		ID: SparseTable, Statistics: "Estadístiques inventades pel simulador de Llac", Node: "Xifres inventades",
		Label: "Índex inventat", Geo: "Comarques i Aran", Source: "Simulador de Llac (dades inventades)", Sparse: true,
		Dimensions: []Dimension{
			{ID: "YEAR", Label: "any", Role: "time", Status: map[string]string{"2024": "p"},
				Categories: []Category{{"2022", "2022"}, {"2023", "2023"}, {"2024", "2024"}}},
			{ID: "COM", Label: "comarca o Aran", Role: "geo", Categories: append(places, wholeCountry)},
			{ID: "CONCEPT", Label: "concepte", Role: "metric", Decimals: 1, Categories: []Category{{"INDEX", "índex"}}},
		},
	}
	r := random{state: seed ^ 0x5fa45e}
	for range t.size() {
		switch {
		case r.perMille(60):
			t.Cells = append(t.Cells, Cell{Null: true, Status: ".."})
		default:
			t.Cells = append(t.Cells, Cell{Value: float64(r.between(500, 1500)) / 10})
		}
	}
	return t
}
