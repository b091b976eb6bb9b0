package portal

import "strconv"

// AgeTable is the id of the population table by municipality, sex and large age group.
const AgeTable = "censph/540/19948/mun"

// palmerola is a former municipality: the census still lists it, with ".." in every cell.
var palmerola = Category{Code: "171220", Label: "Palmerola"}

// ageGroups are the large age groups. The codes of 65 and more and of the total are the real ones; those of the two
// others are invented.
var ageGroups = Dimension{ID: "AGE", Label: "edat en grans grups", Categories: []Category{
	{"Y000T014", "de 0 a 14 anys"}, {"Y015T064", "de 15 a 64 anys"}, {"Y_GE065", "de 65 anys i més"}, {"TOTAL", "total"},
}}

// ageTable is the census's table. All figures are invented: the carried populations are the register's, which counts
// otherwise, so that the totals here lie a little below them.
func ageTable(f facts, seed uint64) Table {
	byCode := map[string]municipality{}
	for _, m := range f.municipalities {
		byCode[m.code] = m
	}
	places := municipalityCategories(f, palmerola)
	years := Dimension{ID: "YEAR", Label: "any", Role: "time"}
	t := Table{
		ID: AgeTable, Statistics: "Cens de població i habitatges", Node: "Població. Per sexe i edat en grans grups",
		Label: "Població. Per sexe i edat en grans grups", Geo: "Municipis", Source: "Simulador de Llac (dades inventades)",
		Cells: make([]Cell, 0, len(populationYears)*len(places)*len(sexes.Categories)*len(ageGroups.Categories)),
	}
	for y, year := range populationYears {
		years.Categories = append(years.Categories, Category{year, year})
		var country peopleByAge
		for _, place := range places {
			switch m, ok := byCode[place.Code]; {
			case ok:
				people := drawAges(m, y, seed)
				for sex := range country {
					for group := range country[sex] {
						country[sex][group] += people[sex][group]
					}
				}
				t.Cells = people.appendTo(t.Cells)
			case place == wholeCountry:
				t.Cells = country.appendTo(t.Cells)
			default:
				for range len(sexes.Categories) * len(ageGroups.Categories) {
					t.Cells = append(t.Cells, Cell{Null: true, Status: "..", Origin: Recorded})
				}
			}
		}
	}
	t.Dimensions = []Dimension{years, {ID: "MUN", Label: "municipi", Role: "geo", Categories: places}, sexes, ageGroups, people}
	return t
}

// peopleByAge counts men and women by the three age groups.
type peopleByAge [2][3]int

// drawAges invents the ages of a municipality's people: the smaller the place, the older they are.
func drawAges(m municipality, year int, seed uint64) peopleByAge {
	code, err := strconv.ParseUint(m.code, 10, 64)
	if err != nil {
		code = 0
	}
	r := random{state: seed ^ code<<20 ^ 0xa9e}
	share := func(part, thousandths int) int { return (part*thousandths + 500) / 1000 }
	old := r.between(165, 205)
	if m.people[0] < 5000 {
		old = r.between(170, 290)
	}
	young, men, counted := r.between(105, 155), r.between(480, 520), r.between(9965, 9995)
	old += 2 * year // and each year a little older
	all := (m.people[year]*counted + 5000) / 10_000
	var out peopleByAge
	out[0] = splitByAge(share(all, men), young+4, old-22, share)
	out[1] = splitByAge(all-share(all, men), young-4, old+22, share)
	return out
}

func splitByAge(all, young, old int, share func(part, thousandths int) int) [3]int {
	out := [3]int{0: share(all, young), 2: share(all, old)}
	out[1] = all - out[0] - out[2]
	return out
}

// appendTo appends the cells of men, women and total by the age groups and their total.
func (p peopleByAge) appendTo(cells []Cell) []Cell {
	for _, sex := range [3][3]int{p[0], p[1], {p[0][0] + p[1][0], p[0][1] + p[1][1], p[0][2] + p[1][2]}} {
		for _, n := range [4]int{sex[0], sex[1], sex[2], sex[0] + sex[1] + sex[2]} {
			cells = append(cells, Cell{Value: float64(n), Origin: Invented})
		}
	}
	return cells
}
