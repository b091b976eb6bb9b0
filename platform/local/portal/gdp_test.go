package portal

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/source/socrata"
)

// The invented bytes are pinned. They are computed from whole numbers only, so that they are the same on every machine.
func TestInventedIsPinned(t *testing.T) {
	t.Parallel()
	p := New(Options{RegisterRows: 1})
	var got strings.Builder
	for _, id := range []string{GDPTable, GDPVolumeTable, GDPRawTable, ClosedGDPTable, AgeTable, HousingID} {
		sum := sha256.New()
		if id == HousingID {
			v, _ := p.published(socrata.Name, id)
			encoded, err := v.all()
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range encoded {
				sum.Write(append(row, '\n'))
			}
		} else {
			sum.Write(jsonBytes(p.tables[id].dataset("", true, nil)))
		}
		fmt.Fprintf(&got, "%s %s\n", hex.EncodeToString(sum.Sum(nil)), id)
	}
	golden := filepath.Join("testdata", "invented.sha256")
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("digests\n%spinned are\n%srun with -update if the change is intended", got.String(), want)
	}
	other := gdpTables(1)[0]
	if slices.Equal(other.Cells, gdpTables(0)[0].Cells) || slices.Equal(ageTable(loadFacts(), 1).Cells, ageTable(loadFacts(), 0).Cells) {
		t.Error("another seed gives the same figures")
	}
}

// gdpCells returns the figures of a table by quarter and sector label, as a client reads them: [0] figure, [1] change.
type gdpCells map[string]map[string][2]*float64

func readGDP(t *testing.T, p *Portal, id string) (gdpCells, cube, map[string]map[string]string) {
	t.Helper()
	c := decoded[cube](t, get(t, table(p, "/"+id+"/data")))
	if want := []string{"QUARTER", "CAT", "SECTOR", "CONCEPT"}; !slices.Equal(c.ID, want) {
		t.Fatalf("%s: dimensions %v, want %v", id, c.ID, want)
	}
	if c.Role["time"][0] != "QUARTER" || c.Role["geo"][0] != "CAT" || c.Role["metric"][0] != "CONCEPT" || len(c.codes(t, "CONCEPT")) != 2 {
		t.Fatalf("%s: roles %v", id, c.Role)
	}
	figures, origins := gdpCells{}, map[string]map[string]string{}
	at := 0
	for _, quarter := range c.codes(t, "QUARTER") {
		figures[quarter], origins[quarter] = map[string][2]*float64{}, map[string]string{}
		for _, sector := range c.codes(t, "SECTOR") {
			label := c.Dimension["SECTOR"].Category.Label[sector]
			var pair [2]*float64
			for k := range pair {
				if n := c.Value[at+k]; n != nil {
					x, err := n.Float64()
					if err != nil {
						t.Fatal(err)
					}
					pair[k] = &x
				} else if c.Status[strconv.Itoa(at+k)] != ".." {
					t.Errorf("%s: %s of %s is missing without a status", id, label, quarter)
				}
			}
			figures[quarter][label], origins[quarter][label] = pair, c.Extension.Origin[at]
			if c.Extension.Origin[at+1] != Invented {
				t.Errorf("%s: the change of %s in %s is %s", id, label, quarter, c.Extension.Origin[at+1])
			}
			at += 2
		}
	}
	return figures, c, origins
}

// sums are the identities of the supply side, with the tolerance of published figures: the sum and each addend are rounded
// separately, each by at most half a million.
var sums = []struct {
	whole string
	parts []string
	miss  float64
}{
	{"PIB", []string{"Valor afegit brut", "Impostos nets sobre productes"}, 1},
	{"Valor afegit brut", []string{"Agricultura", "Indústria", "Construcció", "Serveis"}, 2},
	{"Serveis", []string{"Comerç, transport i hostaleria", "Act. immobiliàries, professionals i altres",
		"Adm. pública, educació, sanitat i serveis socials"}, 2},
}

func TestSimulatedGDPAddsUp(t *testing.T) {
	t.Parallel()
	p := small(t)
	for id, quarters := range map[string]int{GDPTable: 104, GDPRawTable: 104, ClosedGDPTable: 96} {
		figures, c, _ := readGDP(t, p, id)
		if len(figures) != quarters || len(c.Value) != quarters*10*2 {
			t.Errorf("%s: %d quarters, %d cells", id, len(figures), len(c.Value))
		}
		missed := 0
		for quarter, of := range figures {
			for _, s := range sums {
				rest := *of[s.whole][0]
				for _, part := range s.parts {
					x := *of[part][0]
					if x <= 0 || x != math.Trunc(x) {
						t.Errorf("%s, %s: %s is %v, want whole millions", id, quarter, part, x)
					}
					rest -= x
				}
				if math.Abs(rest) > s.miss {
					t.Errorf("%s, %s: %s misses its parts by %v", id, quarter, s.whole, rest)
				}
				if rest != 0 {
					missed++
				}
			}
		}
		if missed < quarters/4 {
			t.Errorf("%s: only %d sums differ from their totals; rounding makes some differ in the real tables", id, missed)
		}
	}
}

// Unadjusted figures have a season, and their yearly sum is close to the adjusted one.
func TestSimulatedSeason(t *testing.T) {
	t.Parallel()
	p := small(t)
	adjusted, _, _ := readGDP(t, p, GDPTable)
	raw, _, _ := readGDP(t, p, GDPRawTable)
	for year := 2000; year <= 2025; year++ {
		for _, a := range aggregates {
			var sum, sumRaw, season float64
			for quarter := 1; quarter <= 4; quarter++ {
				code := fmt.Sprintf("%dT%d", year, quarter)
				x, y := *adjusted[code][a.Label][0], *raw[code][a.Label][0]
				sum, sumRaw, season = sum+x, sumRaw+y, max(season, math.Abs(x/y-1))
			}
			if math.Abs(sumRaw/sum-1) > 0.02 {
				t.Errorf("%s of %d: %v adjusted, %v not", a.Label, year, sum, sumRaw)
			}
			if season < 0.002 {
				t.Errorf("%s of %d has no season", a.Label, year)
			}
		}
	}
	if total := *adjusted["2023T4"]["PIB"][0]; total < 60_000 || total > 95_000 {
		t.Errorf("the product of 2023T4 is %v, far from any that was ever published", total)
	}
}

// The index is 100 in its year of reference, has one decimal, and agrees with its own rates of change.
func TestSimulatedVolume(t *testing.T) {
	t.Parallel()
	p := small(t)
	figures, c, _ := readGDP(t, p, GDPVolumeTable)
	if c.Dimension["CONCEPT"].Category.Label["INDEX"] == "" || c.Dimension["CONCEPT"].Category.Unit["INDEX"].Decimals != 1 {
		t.Errorf("metrics %+v", c.Dimension["CONCEPT"])
	}
	for _, a := range aggregates {
		var mean float64
		for quarter := 1; quarter <= 4; quarter++ {
			mean += *figures[fmt.Sprintf("2020T%d", quarter)][a.Label][0] / 4
		}
		if math.Abs(mean-100) > 0.1 {
			t.Errorf("%s: the mean of 2020 is %v", a.Label, mean)
		}
		for at := range quarterCount {
			code, before := quarterCode(firstQuarter+at), quarterCode(firstQuarter+at-4)
			level, change := figures[code][a.Label][0], figures[code][a.Label][1]
			if *level*10 != math.Round(*level*10) || *level < 20 || *level > 300 {
				t.Errorf("%s of %s: %v", a.Label, code, *level)
			}
			if (at < 4) != (change == nil) {
				t.Errorf("%s of %s: change %v", a.Label, code, change)
			}
			if change != nil && math.Abs((*level / *figures[before][a.Label][0] - 1)*100-*change) > 0.4 {
				t.Errorf("%s of %s: %v after %v, but the change is %v %%", a.Label, code, *level, *figures[before][a.Label][0], *change)
			}
		}
	}
	if status := c.Dimension["QUARTER"].Extension["status"]; !strings.Contains(string(status), `"2025T4":"a"`) ||
		!strings.Contains(string(status), `"2024T1":"p"`) {
		t.Errorf("statuses of the quarters: %s", status)
	}
}

// Recorded figures are served to the million in the table of the revision of 2019, where they were published, and nowhere else.
func TestRecordedGDPIsOfItsRevision(t *testing.T) {
	t.Parallel()
	p := small(t)
	rows, err := readTable("idescat_pib_demand_current_prices_sa.csv", 16)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{}
	for _, r := range rows {
		want[strings.Replace(r[0], "-Q", "T", 1)] = number(t, r[1])
	}
	if len(want) != 13 || want["2023T4"] != 74582 || want["2020T4"] != 57734 {
		t.Fatalf("recorded: %v", want)
	}
	for _, id := range []string{GDPTable, GDPVolumeTable, GDPRawTable, ClosedGDPTable} {
		figures, c, origins := readGDP(t, p, id)
		for quarter, of := range origins {
			for label, origin := range of {
				millions, known := want[quarter]
				known = known && label == "PIB" && id == ClosedGDPTable
				if known != (origin == Recorded) {
					t.Errorf("%s: %s of %s is %s", id, label, quarter, origin)
				}
				if known && *figures[quarter][label][0] != millions {
					t.Errorf("%s of %s is %v, published was %v", label, quarter, *figures[quarter][label][0], millions)
				}
			}
		}
		if closed := c.Updated < "2026"; closed != (id == ClosedGDPTable) {
			t.Errorf("%s was updated on %s", id, c.Updated)
		}
	}
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// The copied figures satisfy the identities of national accounts, except for rounding.
func TestRecordedGDPAddsUp(t *testing.T) {
	t.Parallel()
	demand, err := readTable("idescat_pib_demand_current_prices_sa.csv", 16)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range demand {
		x := func(column int) float64 { return number(t, r[column]) }
		for what, off := range map[string]float64{
			"product = domestic demand + external balance":             x(1) - x(2) - x(8),
			"domestic demand = households + government + investment":   x(2) - x(3) - x(4) - x(5),
			"foreign balance = exports - imports":                      x(9) - x(10) + x(13),
			"exports = of goods and services + of foreigners here":     x(10) - x(11) - x(12),
			"imports = of goods and services + of residents elsewhere": x(13) - x(14) - x(15),
		} {
			if math.Abs(off) > 1 {
				t.Errorf("%s: %s misses by %v", r[0], what, off)
			}
		}
	}
	supply, err := readTable("idescat_pib_supply_by_sector_snapshots.csv", 6)
	if err != nil {
		t.Fatal(err)
	}
	byQuarter := map[string]map[string]float64{}
	for _, r := range supply {
		if byQuarter[r[0]] == nil {
			byQuarter[r[0]] = map[string]float64{}
		}
		byQuarter[r[0]][r[2]] = number(t, r[3])
	}
	if len(byQuarter) != 2 {
		t.Fatalf("snapshots of %d quarters", len(byQuarter))
	}
	for quarter, of := range byQuarter {
		if len(of) != len(aggregates) {
			t.Errorf("%s has %d sectors", quarter, len(of))
		}
		for _, s := range sums {
			rest := of[s.whole]
			for _, part := range s.parts {
				rest -= of[part]
			}
			if math.Abs(rest) > s.miss {
				t.Errorf("%s: %s misses its parts by %v", quarter, s.whole, rest)
			}
		}
		for _, a := range aggregates { // the labels that are served are the published ones
			if of[a.Label] == 0 {
				t.Errorf("%s has no %s", quarter, a.Label)
			}
		}
	}
	volume, err := readTable("idescat_pib_volume_index_2019Q4.csv", 6)
	if err != nil {
		t.Fatal(err)
	}
	index := map[string]float64{}
	for _, r := range volume {
		index[r[2]] = number(t, r[3])
	}
	for _, s := range sums { // an index of a whole lies between those of its parts
		low, high := math.Inf(1), math.Inf(-1)
		for _, part := range s.parts {
			low, high = min(low, index[part]), max(high, index[part])
		}
		if x := index[s.whole]; x < low || x > high {
			t.Errorf("%s has the index %v, its parts lie between %v and %v", s.whole, x, low, high)
		}
	}
}

// Idescat's own index lists the tables under these ids and labels.
func TestGDPTablesAsIndexed(t *testing.T) {
	t.Parallel()
	index := readRecorded[[]struct {
		Statistics string   `json:"statistics_id"`
		Node       string   `json:"node_id"`
		Table      string   `json:"table_id"`
		Geo        []string `json:"geo_ids"`
		Label      string   `json:"label_ca"`
		NodeLabel  string   `json:"node_label_ca"`
		Statistic  string   `json:"statistic_label_ca"`
	}](t, "idescat/tables_index_2026-04-27.json")
	p := New(Options{RegisterRows: 1})
	for _, id := range []string{GDPTable, GDPVolumeTable, GDPRawTable, ClosedGDPTable, AgeTable} {
		steps, found := strings.Split(id, "/"), false
		for _, entry := range index {
			if entry.Statistics != steps[0] || entry.Node != steps[1] || entry.Table != steps[2] {
				continue
			}
			found = true
			got := p.tables[id]
			if got.Label != entry.Label || got.Node != entry.NodeLabel || got.Statistics != entry.Statistic ||
				!slices.Contains(entry.Geo, steps[3]) {
				t.Errorf("%s is labelled %q, %q, %q; the index has %+v", id, got.Statistics, got.Node, got.Label, entry)
			}
		}
		if !found {
			t.Errorf("%s is not in the index", id)
		}
	}
}
