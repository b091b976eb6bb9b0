package pages

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/platform/contract"
)

// rowsOf parses pages of a million rows of a shape, spread over all of them.
func rowsOf(t *testing.T, s Shape, pages int) (rows []map[string]any, bytes int) {
	t.Helper()
	for p := range pages {
		page := s.Page(nil, p*1000/pages, 1_000_000)
		var got []map[string]any
		if err := json.Unmarshal(page, &got); err != nil {
			t.Fatal(err)
		}
		if len(got) != PerPage {
			t.Fatalf("got a page of %d rows", len(got))
		}
		rows, bytes = append(rows, got...), bytes+len(page)
	}
	return rows, bytes
}

// near fails if got differs from want by more than a share of want.
func near(t *testing.T, what string, got, want, share float64) {
	t.Helper()
	if math.Abs(got-want) > share*want {
		t.Errorf("%s: %.4g, want %.4g within %g %%", what, got, want, 100*share)
	}
}

func TestRegisterShares(t *testing.T) {
	t.Parallel()
	rows, bytes := rowsOf(t, Register, 50)
	n := float64(len(rows))
	near(t, "bytes per record", float64(bytes)/n, RegisterBytes, 0.01)

	whole, code := regexp.MustCompile(`^\s*(\d+|null|-)?\s*$`), regexp.MustCompile(`^\s*(\d{1,5}|null|-)?\s*$`)
	distinct := map[string]map[string]bool{}
	bad := map[string]float64{}
	for _, r := range rows {
		for name, v := range r {
			if distinct[name] == nil {
				distinct[name] = map[string]bool{}
			}
			distinct[name][v.(string)] = true
		}
		if v, ok := r["capacitat"].(string); ok && !whole.MatchString(v) {
			bad["integer"]++
		}
		if v, ok := r["cp"].(string); ok && !code.MatchString(v) {
			bad["postal code"]++
		}
		if v, ok := r["inscripcio"].(string); ok && len(v) >= 10 {
			if _, err := time.Parse(time.DateOnly, regexp.MustCompile(`\s`).ReplaceAllString(v, "")); err != nil {
				bad["date"]++
			}
		}
	}
	for _, kind := range []string{"integer", "postal code", "date"} {
		near(t, "share of a bad "+kind, bad[kind]/n, invalid/3000.0, 0.2)
	}
	for name, want := range map[string][2]int{
		"tipologia": {66, 66 * 6}, "comarca": {42, 42 * 6}, "municipi": {900, 947 * 6}, "adreca": {20_000, 50_000},
		"codi_comarca": {42, 51}, "nom": {45_000, 50_000}, "qualificacio": {5, 5 * 8},
	} {
		if got := len(distinct[name]); got < want[0] || got > want[1] {
			t.Errorf("%s has %d values, want %d to %d", name, got, want[0], want[1])
		}
	}
}

func TestKeysRepeatOnLaterPages(t *testing.T) {
	t.Parallel()
	seen, repeated := map[string]int{}, 0.0
	const n = 200_000
	for i := range n {
		id := registerID(keyOf(i))
		if page, ok := seen[id]; ok {
			repeated++
			if page == i/PerPage {
				t.Fatalf("row %d repeats a key of its own page", i)
			}
			continue // the first row of the key stays
		}
		seen[id] = i / PerPage
	}
	near(t, "share of repeated keys", repeated/n, duplicates/1000.0, 0.1)
}

func TestSameBytes(t *testing.T) {
	t.Parallel()
	for _, s := range []Shape{Register, OpenRegister, Distinct, Wide} {
		if a, b := s.Page(nil, 7, 7500), s.Page(nil, 7, 7500); string(a) != string(b) {
			t.Errorf("%s: two pages with the same number differ", s.Name)
		}
		if got := string(s.Page(nil, 8, 7500)); got != "[]\n" {
			t.Errorf("%s: a page after the last row is %q", s.Name, got)
		}
	}
}

func TestDistinctIsDistinct(t *testing.T) {
	t.Parallel()
	rows, _ := rowsOf(t, Distinct, 10)
	seen := map[string]bool{}
	for _, r := range rows {
		for i := range 6 {
			text := strings.TrimSpace(r[fmt.Sprintf("text_%d", i+1)].(string))
			if len(text) < 30 || len(text) > 61 || seen[text] {
				t.Fatalf("%q is too short, too long or not distinct", text)
			}
			seen[text] = true
		}
	}
}

func TestWideIsWide(t *testing.T) {
	t.Parallel()
	rows, _ := rowsOf(t, Wide, 2)
	for _, r := range rows {
		if len(r) != 200 {
			t.Fatalf("%d fields, want 200", len(r))
		}
	}
}

// TestContracts checks that each contract is valid and has all fields of its rows.
func TestContracts(t *testing.T) {
	t.Parallel()
	for _, s := range []Shape{Register, OpenRegister, Distinct, Wide} {
		c, err := contract.Parse(s.Name+".odcs.yaml", []byte(s.Contract))
		if err != nil {
			t.Fatal(err)
		}
		if c.Dataset != s.Name || c.KeyConflict != contract.LatestWins {
			t.Errorf("%s: dataset %s, key conflict %s", s.Name, c.Dataset, c.KeyConflict)
		}
		rows, _ := rowsOf(t, s, 2)
		known := map[string]bool{}
		for _, f := range c.Fields {
			if s.Name != Register.Name && !f.Staged {
				t.Errorf("%s: %s is not staged", s.Name, f.Name)
			}
			known[f.Source] = true
		}
		for _, r := range rows {
			for name := range r {
				if !known[name] {
					t.Fatalf("%s: the contract has no field %s", s.Name, name)
				}
			}
		}
	}
}
