package idescat_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/idescat"
	"github.com/llac-project/llac/platform/source/portals"
	"github.com/llac-project/llac/platform/source/sourcetest"
)

// gdp returns a cube of the shape that quarterly GDP may have, with invented ids. role and more are JSON.
func gdp(role, more string) []byte {
	return fmt.Appendf(nil, `{"class":"dataset","id":["T","S","C","I"],"size":[1,2,1,2],"role":%s,"dimension":{`+
		`"T":{"category":{"index":["2023T4"],"label":{"2023T4":"4t trimestre 2023"}}},`+
		`"S":{"category":{"index":["PIB","\u0056AB"],"label":{"PIB":"PIB","VAB":"Valor afegit brut"}}},`+
		`"C":{"category":{"index":["GDP"],"label":{"GDP":"producte"}}},`+
		`"I":{"category":{"index":["VALUE","YOY"],"label":{"VALUE":"valor"}}}},"value":[1,2,3,4]%s}`, role, more)
}

// wanted renders the values of some fields that a reader yields, one row per line.
func wanted(t *testing.T, page []byte, names ...string) string {
	t.Helper()
	r, err := portals.All.NewReader(idescat.Name)
	if err != nil {
		t.Fatal(err)
	}
	r.Want(names...)
	var b strings.Builder
	err = r.Rows(page, func(row source.Row) error {
		for _, f := range row.Fields {
			if strings.HasPrefix(f.Name, source.RolePrefix) {
				fmt.Fprintf(&b, "%s=%s ", strings.TrimPrefix(f.Name, source.RolePrefix), f.Raw)
			}
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDimensionsByRole(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		role, more string
		want       []string
		rows       string
	}{
		"one of each": {`{"time":["T"],"metric":["I"],"geo":["C"]}`, "",
			[]string{"role:time", "role:none", "role:geo.label", "role:metric"},
			"time=\"2023T4\" geo.label=\"producte\" metric=\"VALUE\" none=\"PIB\" \ntime=\"2023T4\" geo.label=\"producte\" " +
				"metric=\"YOY\" none=\"PIB\" \n" +
				"time=\"2023T4\" geo.label=\"producte\" metric=\"VALUE\" none=\"\\u0056AB\" \ntime=\"2023T4\" " +
				"geo.label=\"producte\" metric=\"YOY\" none=\"\\u0056AB\" \n"},
		"two metrics are one": {`{"time":["T"],"metric":["I","C"]}`, "", []string{"role:metric", "role:metric.label"},
			"metric=\"GDP/VALUE\" metric.label=\"producte, valor\" \nmetric=\"GDP/YOY\" metric.label=null \n" +
				"metric=\"GDP/VALUE\" metric.label=\"producte, valor\" \nmetric=\"GDP/YOY\" metric.label=null \n"},
		"two without a role are omitted": {`{"time":["T"],"metric":["I"]}`, "", []string{"role:none", "role:none.label", "role:time"},
			strings.Repeat("time=\"2023T4\" \n", 4)},
		"no roles at all": {`null`, "", []string{"role:time", "role:metric"}, "\n\n\n\n"},
		"after the origin": {`{"time":["T"]}`, `,"extension":{"llac_origin":"invented"}`, []string{"role:time"},
			strings.Repeat("time=\"2023T4\" \n", 4)},
		"names of no pseudo-field": {`{"time":["T"]}`, "", []string{"role:", "role:time.label.label", "time", "T"}, "\n\n\n\n"},
		"no fields wanted":         {`{"time":["T"]}`, "", nil, "\n\n\n\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := wanted(t, gdp(c.role, c.more), c.want...); got != c.rows {
				t.Errorf("rows\n%swant\n%s", got, c.rows)
			}
		})
	}
}

// The description states which dimensions have a role. A table that gives its roles to other dimensions has changed,
// whatever its date.
func TestRolesAreDescribed(t *testing.T) {
	t.Parallel()
	f := newFakeIdescat()
	server := sourcetest.NewServer(t, f, false)
	c, _ := sourcetest.NewClient(t, idescat.Name)
	target := tableTarget(server.URL, 0, nil)
	roles := func(d source.Description) (out []string) {
		for _, field := range d.Fields {
			if len(field.Of) > 0 {
				out = append(out, field.Name+" of "+strings.Join(field.Of, ","))
			}
		}
		return out
	}
	before := sourcetest.Describe(t, c, target)
	if got, want := roles(before), []string{"role:time of YEAR", "role:time.label of YEAR", "role:geo of MUN", "role:geo.label of MUN",
		"role:metric of CONCEPT", "role:metric.label of CONCEPT", "role:none of SEX", "role:none.label of SEX"}; !slices.Equal(got, want) {
		t.Errorf("roles %q, want %q", got, want)
	}
	f.mu.Lock()
	f.dims[1].role = ""
	f.mu.Unlock()
	if err := c.Verify(t.Context(), target, before); !errors.Is(err, source.ErrChanged) {
		t.Errorf("verify: %v, want changed", err)
	}
	after, err := c.Describe(t.Context(), target, before.Validators)
	if err != nil {
		t.Fatalf("the same date, other roles: %v", err)
	}
	if got := roles(after); len(got) != 4 || slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "none") }) {
		t.Errorf("roles %q: two dimensions without a role must not become one", got)
	}
}

// A GDP table whose filter the portal ignored is a permanent error, whatever the names of its dimensions.
func TestIgnoredFilterOfGDP(t *testing.T) {
	t.Parallel()
	f := newFakeIdescat()
	f.id = "pibt/21129/24938/cat"
	f.dims = []fakeDimension{{"T", "time", []string{"2023T3", "2023T4"}}, {"CAT", "geo", []string{"TOTAL"}},
		{"S", "", codes("S", 10)}, {"CONCEPT", "metric", []string{"VALUE"}}}
	server := sourcetest.NewServer(t, f, false)
	c, _ := sourcetest.NewClient(t, idescat.Name)
	target := source.Target{Kind: idescat.Name, BaseURL: server.URL, ID: f.id, PageSize: 10}
	d := sourcetest.Describe(t, c, target)
	if len(d.Pages) != 2 {
		t.Fatalf("%d pages, want one per quarter", len(d.Pages))
	}
	f.deaf = true
	_, err := c.Page(t.Context(), target, d, 1)
	sourcetest.WantPermanent(t, err, "dimension T has 2 categories, 1 were requested", "ignores unknown filters")
	target.Params = map[string]string{"QUARTER": "2023T4"}
	_, err = c.Describe(t.Context(), target, events.Validators{})
	sourcetest.WantPermanent(t, err, `no dimension "QUARTER", which the source parameters filter by`, "datasets/")
}

// Yielding dimensions by role allocates nothing per row.
func TestRolesAllocateNothing(t *testing.T) {
	cells := func(n int) []byte {
		index, values := make([]string, n), make([]string, n)
		for i := range n {
			index[i], values[i] = fmt.Sprintf(`"q%05d"`, i), "1"
		}
		return fmt.Appendf(nil, `{"class":"dataset","id":["T","C","I"],"size":[%d,1,1],"role":{"time":["T"],"metric":["C","I"]},`+
			`"dimension":{"T":{"category":{"index":[%s]}},`+
			`"C":{"category":{"index":["c"]}},"I":{"category":{"index":["i"]}}},"value":[%s]}`, n, strings.Join(index,
			","), strings.Join(values, ","))
	}
	page := cells(2000)
	measure := func(names ...string) float64 {
		r, err := portals.All.NewReader(idescat.Name)
		if err != nil {
			t.Fatal(err)
		}
		r.Want(names...)
		return testing.AllocsPerRun(5, func() {
			if err := r.Rows(page, func(source.Row) error { return nil }); err != nil {
				t.Fatal(err)
			}
		})
	}
	plain, roles := measure(), measure("role:time", "role:metric")
	if roles > plain+50 {
		t.Errorf("%v allocations per page of 2,000 cells, %v without roles", roles, plain)
	}
}
