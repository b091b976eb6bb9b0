package portal

import (
	"fmt"
	"strconv"
)

// The tables of quarterly GDP, supply side, Catalonia as a whole.
const (
	GDPTable       = "pibt/21129/24938/cat" // current prices, seasonally adjusted; revision 2024
	GDPVolumeTable = "pibt/21130/24940/cat" // chain-linked volume, seasonally adjusted; revision 2024
	GDPRawTable    = "pibt/21132/24942/cat" // current prices, not adjusted; revision 2024
	ClosedGDPTable = "pibt/13077/15840/cat" // current prices, seasonally adjusted; revision 2019, closed
)

// The first and the last quarter of the open tables, counted in quarters since the year 0.
const (
	firstQuarter = 2000 * 4
	lastQuarter  = 2025*4 + 3
	quarterCount = lastQuarter - firstQuarter + 1
)

// quarterCode writes a quarter as 2023T4. How the real tables write it is not known.
func quarterCode(quarter int) string { return fmt.Sprintf("%dT%d", quarter/4, quarter%4+1) }

// The branches. All other aggregates are sums of them.
const (
	farming = iota
	industry
	construction
	trade
	realEstate
	publicServices
	taxes
	branchCount
)

// aggregates are the categories of the dimension of sectors, each with the branches that it sums. The labels are Idescat's;
// the codes are invented.
var aggregates = []struct {
	Category
	of []int
}{
	{Category{"GDP", "PIB"}, []int{farming, industry, construction, trade, realEstate, publicServices, taxes}},
	{Category{"GVA", "Valor afegit brut"}, []int{farming, industry, construction, trade, realEstate, publicServices}},
	{Category{"AGR", "Agricultura"}, []int{farming}},
	{Category{"IND", "Indústria"}, []int{industry}},
	{Category{"CON", "Construcció"}, []int{construction}},
	{Category{"SER", "Serveis"}, []int{trade, realEstate, publicServices}},
	{Category{"SER_TRADE", "Comerç, transport i hostaleria"}, []int{trade}},
	{Category{"SER_ESTATE", "Act. immobiliàries, professionals i altres"}, []int{realEstate}},
	{Category{"SER_PUBLIC", "Adm. pública, educació, sanitat i serveis socials"}, []int{publicServices}},
	{Category{"TAX", "Impostos nets sobre productes"}, []int{taxes}},
}

// series contains the branches by quarter, in thousands of euros. All arithmetic uses whole numbers, because floating-point
// results depend on the processor.
type branchSeries [branchCount][]int64

func (s branchSeries) sum(of []int, at int) int64 {
	var sum int64
	for _, branch := range of {
		sum += s[branch][at]
	}
	return sum
}

// branchDraw contains the parameters that generate a branch.
var branchDraw = [branchCount]struct {
	start  int64    // in the first quarter, thousands of euros
	growth int64    // of the volume per quarter, millionths
	prices int64    // growth of the prices per quarter, millionths
	season [4]int64 // of the unadjusted figures, thousandths; the sum is 0
}{
	farming:        {430_000, 1_000, 4_500, [4]int64{-60, 20, 90, -50}},
	industry:       {7_200_000, 3_000, 4_600, [4]int64{-4, 22, -46, 28}},
	construction:   {2_250_000, 1_800, 6_500, [4]int64{-22, 16, -28, 34}},
	trade:          {6_900_000, 4_000, 6_300, [4]int64{-38, 4, 40, -6}},
	realEstate:     {7_600_000, 6_200, 6_400, [4]int64{-6, 4, -10, 12}},
	publicServices: {3_700_000, 5_400, 6_200, [4]int64{-14, 10, -34, 38}},
	taxes:          {2_500_000, 4_200, 5_800, [4]int64{12, -14, -8, 10}},
}

// shocks are added to the growth of all volumes, in millionths: well-known crises with invented sizes.
func shock(quarter int) int64 {
	switch year := quarter / 4; {
	case quarter >= 2008*4+2 && quarter <= 2009*4+2:
		return -15_000
	case year == 2012:
		return -10_000
	case quarter == 2020*4:
		return -52_000
	case quarter == 2020*4+1:
		return -170_000
	case quarter == 2020*4+2:
		return 175_000
	case year == 2021:
		return 12_000
	case year == 2022:
		return 5_000
	}
	return 0
}

// drawBranches generates the volume (at the prices of the first quarter) and the current value of every branch.
func drawBranches(seed uint64) (volume, current branchSeries) {
	r := random{state: seed ^ 0x6d65b0}
	for branch, draw := range branchDraw {
		level, price := draw.start, int64(1_000_000)
		for t := range quarterCount {
			if t > 0 {
				level += level * (draw.growth + shock(firstQuarter+t) + int64(r.between(-4_000, 4_000))) / 1_000_000
				price += price * (draw.prices + int64(r.between(-2_000, 2_000))) / 1_000_000
			}
			volume[branch] = append(volume[branch], level)
			current[branch] = append(current[branch], level*price/1_000_000)
		}
	}
	return volume, current
}

// unadjusted adds a seasonal pattern to the current values.
func unadjusted(current branchSeries) branchSeries {
	var out branchSeries
	for branch, values := range current {
		for t, x := range values {
			out[branch] = append(out[branch], x*(1000+branchDraw[branch].season[t%4])/1000)
		}
	}
	return out
}

// rounded divides and rounds to the nearest whole number, halves away from zero.
func rounded(x, by int64) int64 {
	if x < 0 {
		return -rounded(-x, by)
	}
	return (x + by/2) / by
}

// The metrics of the GDP tables. Which ones the real tables have, and how they are coded, is not known.
var (
	metricValue = Category{"VALUE_MEUR", "valor (milions d'euros)"}
	metricIndex = Category{"INDEX", "índex (2020=100)"}
	metricYear  = Category{"YOY_PCT", "variació interanual (%)"}
)

// gdpTables generates the open tables. Each figure is rounded separately, so that sums differ from their totals as in the
// real tables.
func gdpTables(seed uint64) []Table {
	volume, current := drawBranches(seed)
	raw := unadjusted(current)
	millions := func(s branchSeries) func(of []int, t int) float64 {
		return func(of []int, t int) float64 { return float64(rounded(s.sum(of, t), 1000)) }
	}
	index := func(of []int, t int) float64 {
		var reference int64
		for quarter := 2020 * 4; quarter < 2021*4; quarter++ {
			reference += volume.sum(of, quarter-firstQuarter)
		}
		return float64(rounded(volume.sum(of, t)*4*1000, reference)) / 10
	}
	return []Table{
		gdpTable(GDPTable, "a preus corrents. Oferta. Dades corregides d'estacionalitat", "2024", metricValue, current,
			quarterCount, millions(current)),
		gdpTable(GDPVolumeTable, "en volum. Oferta. Dades corregides d'estacionalitat", "2024", metricIndex, volume, quarterCount, index),
		gdpTable(GDPRawTable, "a preus corrents. Oferta. Dades brutes", "2024", metricValue, raw, quarterCount, millions(raw)),
	}
}

// gdpTable returns the table of a series: each figure by level, with its change against the year before.
func gdpTable(id, what, revision string, metric Category, s branchSeries, quarters int, level func(of []int, t int) float64) Table {
	label := "Producte interior brut " + what
	t := Table{
		ID: id, Statistics: "Comptabilitat trimestral", Node: label + ". Revisió estadística " + revision, Label: label, Geo: "Catalunya",
		Source: "Simulador de Llac (dades inventades)", Cells: make([]Cell, 0, quarters*len(aggregates)*2),
	}
	time := Dimension{ID: "QUARTER", Label: "trimestre", Role: "time", Status: map[string]string{}}
	sectors := Dimension{ID: "SECTOR", Label: "sector"}
	for _, a := range aggregates {
		sectors.Categories = append(sectors.Categories, a.Category)
	}
	for at := range quarters {
		quarter := firstQuarter + at
		code := quarterCode(quarter)
		time.Categories = append(time.Categories,
			Category{code, fmt.Sprintf("%s trimestre %d", [...]string{"1r", "2n", "3r", "4t"}[quarter%4], quarter/4)})
		switch {
		case quarter == lastQuarter:
			time.Status[code] = "a"
		case quarter >= 2024*4:
			time.Status[code] = "p"
		}
		for _, a := range aggregates {
			change := Cell{Null: true, Status: ".."} // unknown for the first year
			if at >= 4 {
				before := s.sum(a.of, at-4)
				change = Cell{Value: float64(rounded((s.sum(a.of, at)-before)*1000, before)) / 10}
			}
			t.Cells = append(t.Cells, Cell{Value: level(a.of, at)}, change)
		}
	}
	t.Dimensions = []Dimension{
		time,
		{ID: "CAT", Label: "Catalunya", Role: "geo", Categories: []Category{wholeCountry}},
		sectors,
		{ID: "CONCEPT", Label: "concepte", Role: "metric", Decimals: 1, Categories: []Category{metric, metricYear}},
	}
	return t
}

// closedGDPTable returns the table of the earlier revision. The product from 2020T4 to 2023T4 is recorded, as it was published
// then; everything else is invented. The branches of a recorded quarter are shares of it, and the earlier quarters approach it.
func closedGDPTable(f facts, seed uint64) Table {
	_, current := drawBranches(seed)
	last := f.product[len(f.product)-1].quarter - firstQuarter
	whole := aggregates[0].of
	first := f.product[0]
	numerator, denominator := first.millions*1000, current.sum(whole, first.quarter-firstQuarter)
	published := map[int]int64{}
	for _, p := range f.product {
		published[p.quarter-firstQuarter] = p.millions
	}
	var s branchSeries
	for t := range last + 1 {
		millions, recorded := published[t]
		if recorded {
			numerator, denominator = millions*1000, current.sum(whole, t)
		}
		rest := numerator
		for branch := range branchCount {
			x := current[branch][t] * numerator / denominator
			s[branch] = append(s[branch], x)
			rest -= x
		}
		if recorded {
			s[realEstate][t] += rest // thousands of euros lost by the integer divisions
		}
	}
	t := gdpTable(ClosedGDPTable, "a preus corrents. Oferta. Dades corregides d'estacionalitat", "2019", metricValue, s, last+1,
		func(of []int, t int) float64 { return float64(rounded(s.sum(of, t), 1000)) })
	for at := range published {
		t.Cells[at*len(aggregates)*2].Origin = Recorded
	}
	t.Dimensions[0].Status = nil
	t.Source = "Idescat (PIB del 2020T4 al 2023T4); la resta, inventada pel simulador de Llac"
	t.Updated = closedOn
	return t
}

// closedOn is the invented day of the closed table's last update, some months after its last quarter.
const closedOn = "2024-03-21"

// publishedProduct is the product of a quarter as it was published under the revision of 2019.
type publishedProduct struct {
	quarter  int
	millions int64
}

// readProduct reads the product from the recorded demand side, which has its latest quarter first.
func readProduct() ([]publishedProduct, error) {
	rows, err := readTable("idescat_pib_demand_current_prices_sa.csv", 16)
	if err != nil {
		return nil, err
	}
	var out []publishedProduct
	for i := len(rows) - 1; i >= 0; i-- {
		var year, quarter int
		if _, err := fmt.Sscanf(rows[i][0], "%d-Q%d", &year, &quarter); err != nil {
			return nil, fmt.Errorf("facts/idescat_pib_demand_current_prices_sa.csv: period %q: %w", rows[i][0], err)
		}
		millions, err := strconv.ParseInt(rows[i][1], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("facts/idescat_pib_demand_current_prices_sa.csv, %s: product: %w", rows[i][0], err)
		}
		out = append(out, publishedProduct{year*4 + quarter - 1, millions})
	}
	return out, nil
}
