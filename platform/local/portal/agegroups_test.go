package portal

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// The figures add up by sex, by age and by municipality. All are invented except the gaps of Palmerola.
func TestAgeTable(t *testing.T) {
	t.Parallel()
	p := small(t)
	if r := get(t, table(p, "/"+AgeTable+"/data")); r.status != 416 {
		t.Errorf("the whole table has more cells than the limit of a response: status %d", r.status)
	}
	for _, year := range populationYears {
		c := decoded[cube](t, get(t, table(p, "/"+AgeTable+"/data?YEAR="+year)))
		if want := []string{"YEAR", "MUN", "SEX", "AGE", "CONCEPT"}; !slices.Equal(c.ID, want) ||
			!slices.Equal(c.Size, []int{1, 949, 3, 4, 1}) {
			t.Fatalf("dimensions %v of %v, want %v", c.ID, c.Size, want)
		}
		if ages := c.codes(t, "AGE"); ages[2] != "Y_GE065" || ages[3] != "TOTAL" {
			t.Fatalf("ages %v", ages)
		}
		var sum [12]float64
		for place, code := range c.codes(t, "MUN") {
			var x [12]float64
			for k := range x {
				at := place*12 + k
				if code == palmerola.Code {
					if c.Value[at] != nil || c.Status[fmt.Sprint(at)] != ".." || c.Extension.Origin[at] != Recorded {
						t.Errorf("Palmerola has the cell %v, status %q", c.Value[at], c.Status[fmt.Sprint(at)])
					}
					continue
				}
				x[k] = number(t, c.Value[at].String())
				if c.Extension.Origin[at] != Invented || x[k] < 0 {
					t.Errorf("%s: cell %d is %v and %s", code, k, x[k], c.Extension.Origin[at])
				}
			}
			for k := range 4 {
				if x[k]+x[4+k] != x[8+k] {
					t.Errorf("%s: %v men and %v women are %v", code, x[k], x[4+k], x[8+k])
				}
			}
			for sex := range 3 {
				if x[4*sex]+x[4*sex+1]+x[4*sex+2] != x[4*sex+3] {
					t.Errorf("%s: the ages of sex %d are %v", code, sex, x[4*sex:4*sex+4])
				}
			}
			if code == "TOTAL" {
				if x != sum {
					t.Errorf("Catalonia %v, its municipalities %v", x, sum)
				}
				if share := x[10] / x[11]; share < 0.17 || share > 0.23 || x[11] < 7_800_000 || x[11] > 8_100_000 || x[6] <= x[2] {
					t.Errorf("of %v people %v are 65 and older, %v women", x[11], x[10], x[6])
				}
				continue
			}
			for k := range sum {
				sum[k] += x[k]
			}
		}
	}
	// The totals are near the register's figures, but not the same.
	var same, places int
	for _, m := range loadFacts().municipalities {
		people := drawAges(m, 1, 0)
		all := 0
		for _, sex := range people {
			all += sex[0] + sex[1] + sex[2]
		}
		if math.Abs(float64(all-m.people[1])) > float64(m.people[1])/200+1 {
			t.Errorf("%s has %d people, in the register %d", m.name, all, m.people[1])
		}
		if places++; all == m.people[1] && all > 500 {
			same++
		}
	}
	if same > places/20 {
		t.Errorf("%d places have the register's figure, which is another statistic's", same)
	}
}
