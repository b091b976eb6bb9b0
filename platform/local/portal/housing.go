package portal

import (
	"fmt"
	"strconv"
)

// HousingID is the Socrata id of the dwellings started and completed; all rows are invented.
const HousingID = "j8h8-vxug"

// The years of the housing dataset. Of the last one the last quarter is not published yet.
const (
	firstHousingYear = 2015
	lastHousingYear  = 2025
)

var housingColumns = []Column{
	{Name: "codi_idescat", Title: "Codi IDESCAT", Description: "Codi del municipi, sis xifres"},
	{Name: "codi_ine", Title: "Codi INE", Description: "Codi del municipi, cinc xifres"},
	{Name: "municipi", Title: "Municipi"},
	{Name: "codi_comarca_2015", Title: "Codi Comarca 2015"},
	{Name: "comarca_2015", Title: "Comarca 2015"},
	{Name: "codi_comarca_2023", Title: "Codi Comarca 2023"},
	{Name: "comarca_2023", Title: "Comarca 2023"},
	{Name: "codi_prov_ncia", Title: "Codi Província"},
	{Name: "prov_ncia", Title: "Província"},
	{Name: "mbit_funcional", Title: "Àmbit funcional"},
	{Name: "any", Title: "Any", Type: "number"},
	{Name: "iniciats_anuals", Title: "Iniciats anuals", Type: "number", Description: "Suma dels trimestres"},
	{Name: "anuals_acabats", Title: "Anuals acabats", Type: "number", Description: "Suma dels trimestres"},
	{Name: "iniciats_gener_mar", Title: "Iniciats gener-març", Type: "number"},
	{Name: "iniciats_abril_juny", Title: "Iniciats abril-juny", Type: "number"},
	{Name: "iniciats_juliol_setembre", Title: "Iniciats juliol-setembre", Type: "number"},
	{Name: "iniciats_octubre_desembre", Title: "Iniciats octubre-desembre", Type: "number"},
	{Name: "acabats_gener_mar", Title: "Acabats gener-març", Type: "number"},
	{Name: "acabats_abril_juny", Title: "Acabats abril-juny", Type: "number"},
	{Name: "acabats_juliol_setembre", Title: "Acabats juliol-setembre", Type: "number"},
	{Name: "acabats_octubre_desembre", Title: "Acabats octubre-desembre", Type: "number"},
	{Name: "longitud_municipi", Title: "Longitud Municipi", Type: "number", Description: "Inventada"},
	{Name: "latitud_municipi", Title: "Latitud Municipi", Type: "number", Description: "Inventada"},
	{Name: "georefer_ncia_municipi", Title: "Georeferència Municipi", Type: "point", Description: "Inventada"},
	{Name: ":@computed_region_bh64_c7uy", Title: "LIMADM_MUNICIPI", Type: "number"},
	{Name: ":@computed_region_wvic_k925", Title: "LIMADM COMARCA", Type: "number"},
}

// quarterColumns are the quarters' columns, of dwellings started and of dwellings completed.
var quarterColumns = [2][4]string{
	{"iniciats_gener_mar", "iniciats_abril_juny", "iniciats_juliol_setembre", "iniciats_octubre_desembre"},
	{"acabats_gener_mar", "acabats_abril_juny", "acabats_juliol_setembre", "acabats_octubre_desembre"},
}

// groupedCells are the figures that are written with a point for thousands, as on the real portal now and then. Their rows
// are invalid: read as a number, such a text is another number.
var groupedCells = []struct {
	code   string
	year   int
	column string
	count  int
}{
	{"080193", 2019, "iniciats_abril_juny", 1204}, // Barcelona
	{"080193", 2024, "iniciats_octubre_desembre", 1151},
	{"081017", 2022, "acabats_gener_mar", 1036}, // l'Hospitalet de Llobregat
}

// dwellingsPerYear holds how many dwellings are started and completed per year and 100,000 inhabitants.
var dwellingsPerYear = map[int][2]int{
	2015: {90, 85}, 2016: {120, 90}, 2017: {160, 105}, 2018: {190, 125}, 2019: {195, 165}, 2020: {140, 160},
	2021: {195, 170}, 2022: {190, 175}, 2023: {180, 180}, 2024: {205, 185}, 2025: {215, 190},
}

var provinceNames = map[string]string{"08": "Barcelona", "17": "Girona", "25": "Lleida", "43": "Tarragona"}

// planningAreas are the planning areas (àmbits funcionals) and their comarques.
var planningAreas = map[string][]string{
	"Alt Pirineu i Aran":  {"04", "05", "15", "25", "26", "39"},
	"Camp de Tarragona":   {"01", "08", "16", "29", "36"},
	"Comarques Centrals":  {"07", "14", "24", "35", "42", "43"},
	"Comarques Gironines": {"02", "10", "19", "20", "28", "31", "34"},
	"Metropolità":         {"11", "13", "21", "40", "41"},
	"Penedès":             {"03", "06", "12", "17"},
	"Ponent":              {"18", "23", "27", "32", "33", "38"},
	"Terres de l'Ebre":    {"09", "22", "30", "37"},
}

// housingDataset is created on first use, because it is the largest dataset.
func housingDataset(f facts, seed uint64) Dataset {
	return Dataset{
		ID:          HousingID,
		Title:       "Habitatges iniciats i acabats. Sèrie històrica trimestral 2000 – actualitat",
		Description: "Dades inventades pel simulador de Llac amb la forma de la sèrie, i des del 2015: cap xifra no és real.",
		Attribution: "Simulador de Llac (dades inventades)",
		Category:    "Habitatge",
		Columns:     housingColumns, Origin: Invented,
		make: func() []Row { return housingRows(f, seed) },
	}
}

func housingRows(f facts, seed uint64) []Row {
	areas := map[string]string{}
	for name, comarques := range planningAreas {
		for _, code := range comarques {
			areas[code] = name
		}
	}
	grouped := map[string]int{}
	for _, g := range groupedCells {
		grouped[fmt.Sprint(g.code, g.year, g.column)] = g.count
	}
	out := make([]Row, 0, len(f.municipalities)*(lastHousingYear-firstHousingYear+1))
	for year := firstHousingYear; year <= lastHousingYear; year++ {
		for i, m := range f.municipalities {
			r := random{state: seed ^ uint64(year)<<40 ^ uint64(i)<<8 ^ 0x40b5e}
			row := housingPlace(m, i, areas)
			row["any"] = strconv.Itoa(year)
			for kind, columns := range quarterColumns {
				sum, withPoint := 0, false
				for quarter, column := range columns {
					n := dwellings(&r, m, dwellingsPerYear[year][kind])
					if count, dirty := grouped[fmt.Sprint(m.code, year, column)]; dirty {
						n, withPoint = count, true
						row[column] = withThousands(n)
					} else {
						row[column] = strconv.Itoa(n)
					}
					if year == lastHousingYear && quarter == 3 {
						delete(row, column) // not published yet
						continue
					}
					sum += n
				}
				text := strconv.Itoa(sum)
				if withPoint {
					text = withThousands(sum)
				}
				row[[2]string{"iniciats_anuals", "anuals_acabats"}[kind]] = text
			}
			if r.perMille(3) {
				delete(row, "longitud_municipi") // the real portal lacks some, though the point has them
			}
			out = append(out, row)
		}
	}
	return out
}

// withThousands writes a number of 1,000 or more with a point for thousands: "1.151".
func withThousands(n int) string { return fmt.Sprintf("%d.%03d", n/1000, n%1000) }

// dwellings draws a quarter's dwellings: a few in proportion to the population, sometimes many at once.
func dwellings(r *random, m municipality, inHundredThousand int) int {
	expected := m.people[1] * inHundredThousand * 10 / 4 // millionths
	if m.people[1] > 500_000 {
		expected = expected * 35 / 100 // a densely built city
	}
	expected = expected * r.between(60, 130) / 100
	if r.below(8) == 0 {
		expected *= 2
	}
	n := expected / 1_000_000
	if r.below(1_000_000) < expected%1_000_000 {
		n++
	}
	if n == 1 && r.below(4) == 0 {
		n = r.between(4, 24) // a block of flats
	}
	return n
}

// housingPlace returns the fields of a row that describe its municipality. Its location is invented.
func housingPlace(m municipality, index int, areas map[string]string) Row {
	comarca := m.comarca
	if m.comarcaCode == "39" {
		comarca = "Val d'Aran"
	}
	before := namedCode{m.comarcaCode, comarca}
	if m.comarcaCode == "43" { // all of Lluçanès belonged to Osona
		before = namedCode{"24", "Osona"}
	}
	where := mix(uint64(index) + 1)
	longitude := fmt.Sprintf("%d.%06d", where%3, where>>8%1_000_000)
	latitude := fmt.Sprintf("41.%06d", where>>32%1_000_000)
	return Row{
		"codi_idescat": m.code, "codi_ine": m.code[:5], "municipi": m.name,
		"codi_comarca_2015": before.code, "comarca_2015": before.name,
		"codi_comarca_2023": m.comarcaCode, "comarca_2023": comarca,
		"codi_prov_ncia": m.province, "prov_ncia": provinceNames[m.province], "mbit_funcional": areas[m.comarcaCode],
		"longitud_municipi": longitude, "latitud_municipi": latitude,
		"georefer_ncia_municipi": object{
			{"type", "Point"}, {"coordinates", []rawNumber{rawNumber(longitude), rawNumber(latitude)}},
		},
		":@computed_region_bh64_c7uy": strconv.Itoa(1 + index), ":@computed_region_wvic_k925": m.comarcaCode,
	}
}
