package portal

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/platform/source/ckan"
	"github.com/llac-project/llac/platform/source/socrata"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The default register's bytes are pinned. Another digest means that the generator has changed, and with it the expected
// results of other tests.
func TestRegisterIsDeterministic(t *testing.T) {
	t.Parallel()
	digest := func(seed uint64) string {
		p := New(Options{Seed: seed})
		v, _ := p.published(socrata.Name, RegisterID)
		encoded, err := v.all()
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.New()
		for _, row := range encoded {
			sum.Write(row)
			sum.Write([]byte{'\n'})
		}
		return hex.EncodeToString(sum.Sum(nil))
	}
	golden := filepath.Join("testdata", "register.sha256")
	got := digest(0)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(got+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got+"\n" != string(want) {
		t.Errorf("the register's digest is %s, pinned is %s; run with -update if the change is intended", got, want)
	}
	if other := digest(1); other == got {
		t.Error("another seed gives the same register")
	}
}

// Two simulators, on other ports and started at other times, send the same bytes.
func TestSameOptionsSameBytes(t *testing.T) {
	t.Parallel()
	a, b := small(t), small(t)
	for _, path := range []string{
		"/resource/ivft-vegh.json?$order=:id", "/resource/ivft-vegh.json?$select=:*,*&$limit=7&$offset=7", "/api/views/ivft-vegh.json",
	} {
		if x, y := get(t, a.URL(socrata.Name)+path), get(t, b.URL(socrata.Name)+path); string(x.body) != string(y.body) ||
			x.header.Get("ETag") != y.header.Get("ETag") {
			t.Errorf("%s differs", path)
		}
	}
	for _, path := range []string{"/resource/" + HousingID + ".json?$order=:id&$limit=3&$offset=7000",
		"/api/views/" + HousingID + ".json"} {
		if x, y := get(t, a.URL(socrata.Name)+path), get(t, b.URL(socrata.Name)+path); string(x.body) != string(y.body) || x.status != 200 {
			t.Errorf("%s differs, or is %d", path, x.status)
		}
	}
	for _, id := range []string{PopulationTable, LargeTable, SparseTable, AgeTable, GDPTable, GDPVolumeTable, GDPRawTable, ClosedGDPTable} {
		path := "/" + id + "/data?YEAR=2022,2023&AGE=TOTAL"
		if x, y := get(t, table(a, path)), get(t, table(b, path)); string(x.body) != string(y.body) || x.status != 200 {
			t.Errorf("%s differs, or is %d", path, x.status)
		}
	}
	path := "/data/api/3/action/datastore_search?resource_id=" + FacilitiesID
	if x, y := get(t, a.URL(ckan.Name)+path), get(t, b.URL(ckan.Name)+path); string(x.body) != string(y.body) {
		t.Errorf("%s differs", path)
	}
}

func defaultRegister() ([]Row, RegisterCounts) {
	d, counts := newRegister(loadFacts(), 0, DefaultRegisterRows)
	return d.Rows, counts
}

func TestRegisterCounts(t *testing.T) {
	t.Parallel()
	rows, counts := defaultRegister()
	if len(rows) != DefaultRegisterRows || counts.Rows != len(rows) || counts.Duplicates != 124 || counts.Conflicts != 10 ||
		counts.Invalid != 20 {
		t.Errorf("%d rows, %+v", len(rows), counts)
	}
	type first struct {
		at  int
		row string
	}
	seen := map[string]first{}
	var duplicates, conflicts, invalid, acrossPages int
	unknown, nameless := map[string]bool{}, map[string]bool{}
	for i, r := range rows {
		key, text := r["registre"].(string), fmt.Sprint(r)
		before, repeated := seen[key]
		switch {
		case !repeated:
			seen[key] = first{i, text}
			if name, named := r["municipi"].(string); valid(r) {
				unknown[key], nameless[key] = slices.Contains(unknownPlaces, name), !named
			}
		case before.row == text:
			duplicates++
			if before.at/1000 != i/1000 {
				acrossPages++
			}
		default:
			conflicts++
			unknown[key], nameless[key] = false, false
		}
		if !valid(r) {
			invalid++
			if repeated {
				t.Errorf("an invalid row is repeated: %v", r)
			}
		}
	}
	if len(seen) != counts.Distinct || duplicates != counts.Duplicates || conflicts != counts.Conflicts || invalid != counts.Invalid {
		t.Errorf("found %d distinct, %d duplicates, %d conflicts, %d invalid; the counts state %+v", len(seen), duplicates, conflicts,
			invalid, counts)
	}
	count := func(m map[string]bool) (n int) {
		for _, is := range m {
			if is {
				n++
			}
		}
		return n
	}
	if count(unknown) != counts.Unknown || count(nameless) != counts.Nameless || counts.Unknown < 50 || counts.Nameless < 1 {
		t.Errorf("found %d rows of unknown places, %d without a place; the counts state %+v", count(unknown), count(nameless), counts)
	}
	if acrossPages < duplicates*9/10 {
		t.Errorf("only %d of %d duplicates lie on another page of 1,000", acrossPages, duplicates)
	}
	if counts.Rows != counts.Distinct+counts.Duplicates+counts.Conflicts {
		t.Errorf("the counts do not add up: %+v", counts)
	}
	for size, want := range map[int]int{-1: 0, 1: 1, 7: 7, 1 << 30: MaxRegisterRows} {
		d, counts := newRegister(loadFacts(), 3, size)
		if len(d.Rows) != want || counts.Rows != want {
			t.Errorf("requested %d rows: %d, %+v", size, len(d.Rows), counts)
		}
	}
	last, _ := newRegister(loadFacts(), 3, MaxRegisterRows)
	if id := last.Rows[len(last.Rows)-1]["registre"].(string); !regexp.MustCompile(`^S\d{5}$`).MatchString(id) {
		t.Errorf("the largest register ends at %s", id)
	}
}

var registre = regexp.MustCompile(`^S\d{5}$`)

// valid reports whether staging must accept a row.
func valid(r Row) bool {
	if date, ok := r["inscripcio"].(string); ok {
		if _, err := time.Parse(time.DateOnly, date); err != nil {
			return false
		}
	}
	if places, ok := r["capacitat"].(string); ok && places != "null" {
		if n, err := strconv.Atoi(places); err != nil || n < 0 {
			return false
		}
	}
	return registre.MatchString(r["registre"].(string))
}

// Each quirk of the real register occurs, with its real frequency.
func TestRegisterQuirks(t *testing.T) {
	t.Parallel()
	rows, _ := defaultRegister()
	f := loadFacts()
	published, natural, former, articleless := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, m := range f.municipalities {
		published[m.name] = true
		if m.natural != m.name {
			natural[m.natural] = true
		}
		if m.former != "" {
			former[m.former] = true
		}
		if bare, cut := withoutArticle(m.name); cut {
			articleless[bare] = true
		}
	}
	kinds, count := map[string]int{}, map[string]int{}
	is := func(quirk string, holds bool) {
		if holds {
			count[quirk]++
		}
	}
	for _, r := range rows {
		town, _ := r["municipi"].(string)
		district, inDistrict := r["districte"].(string)
		kinds[r["tipologia"].(string)]++
		is("article after a comma", published[town] && strings.HasSuffix(town, ", l'"))
		is("article first", natural[town])
		is("double space", strings.Contains(town, "  "))
		is("trailing space", strings.HasSuffix(town, " "))
		is("upper case", town != "" && strings.ToUpper(town) == town)
		is("decomposed", strings.ContainsAny(town, "\u0300\u0301\u0308\u0327"))
		is("typographic apostrophe", strings.Contains(town, "’"))
		is("acute accent for an apostrophe", strings.Contains(town, "´"))
		is("no article", articleless[town])
		is("comarca in parentheses", strings.HasSuffix(town, ")"))
		is("former name", former[town])
		is("former comarca",
			r["comarca"] == "Osona" && (town == "Prats de Lluçanès" || town == "Olost" || town == "Alpens" || town == "Lluçà"))
		is("unknown place", slices.Contains(unknownPlaces, town))
		if articleless[town] && r["comarca"] == nil {
			t.Errorf("neither article nor comarca: %v", r)
		}
		is("Val d'Aran", r["comarca"] == "Val d'Aran")
		is("Aran", r["comarca"] == "Aran")
		is("capacity 0", r["capacitat"] == "0")
		is("capacity null", r["capacitat"] == "null")
		is("no capacity", r["capacitat"] == nil)
		is("no telephone", r["telefon"] == nil)
		is("no town", r["municipi"] == nil)
		is("no comarca", r["comarca"] == nil)
		is("no NIF", r["nif"] == nil)
		is("qualification null", r["qualificacio"] == "null")
		is("Barcelona", strings.TrimSpace(strings.ToLower(town)) == "barcelona")
		is("district", inDistrict)
		if n, err := strconv.Atoi(district); inDistrict && (err != nil || n < 1 || n > 10 || district != strconv.Itoa(n)) {
			t.Errorf("district %q", district)
		}
		if inDistrict && r["comarca"] != "Barcelonès" && r["comarca"] != nil {
			t.Errorf("a district outside Barcelona: %v", r)
		}
	}
	for quirk, least := range map[string]int{
		"article after a comma": 20, "article first": 30, "double space": 20, "trailing space": 10, "upper case": 50,
		"Val d'Aran": 10, "Aran": 3, "capacity 0": 3000, "capacity null": 30,
		"decomposed": 30, "typographic apostrophe": 10, "acute accent for an apostrophe": 5, "no article": 20,
		"comarca in parentheses": 10, "former name": 3,
		"former comarca": 1, "unknown place": 50, "no capacity": 200, "no telephone": 1000,
		"no town": 1, "no comarca": 40, "no NIF": 100, "qualification null": 20, "district": 1500,
	} {
		if count[quirk] < least {
			t.Errorf("%s: %d rows, want at least %d", quirk, count[quirk], least)
		}
	}
	if count["district"] < count["Barcelona"] {
		t.Errorf("%d rows of Barcelona, %d districts", count["Barcelona"], count["district"])
	}
	if len(kinds) != 66 {
		t.Errorf("%d kinds of service, want all 66", len(kinds))
	}
	var sizes []int
	for _, n := range kinds {
		sizes = append(sizes, n)
	}
	slices.Sort(sizes)
	if sizes[65] < 20*sizes[0] {
		t.Errorf("the kinds are not skewed: from %d to %d rows", sizes[0], sizes[65])
	}
}

// Every personal value contains a mark, and no other value does.
func TestPersonalValuesAreMarked(t *testing.T) {
	t.Parallel()
	rows, _ := defaultRegister()
	personal := map[string]bool{"nom": true, "adreca": true, "telefon": true, "entitat_titular": true, "nif": true}
	met := map[string]bool{}
	for _, r := range rows {
		for name, value := range r {
			text := value.(string)
			mark := ""
			for _, planted := range PlantedPersonalValues() {
				if strings.Contains(text, planted) {
					mark = planted
					met[planted] = true
				}
			}
			if personal[name] != (mark != "") && text != "null" {
				t.Errorf("%s %q has the mark %q", name, text, mark)
			}
		}
	}
	if len(met) != len(PlantedPersonalValues()) {
		t.Errorf("marks met: %v", met)
	}
}

func TestFacts(t *testing.T) {
	t.Parallel()
	f, err := readFacts()
	if err != nil {
		t.Fatal(err)
	}
	if len(f.municipalities) != 947 || len(f.comarques) != 43 || len(f.serviceTypes) != 66 || len(f.geography) != 949 {
		t.Errorf("%d municipalities, %d comarques, %d kinds, %d rows", len(f.municipalities), len(f.comarques), len(f.serviceTypes),
			len(f.geography))
	}
	if _, err := readTable("none.csv", 1); err == nil {
		t.Error("a missing file was read")
	}
	if _, err := readTable("comarques.csv", 3); err == nil {
		t.Error("a file with other columns was read")
	}
}

// The first outputs of splitmix64 from seed 0, as published with the algorithm.
func TestRandom(t *testing.T) {
	t.Parallel()
	var r random
	for i, want := range []uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f} {
		if got := r.next(); got != want {
			t.Errorf("output %d is %#x, want %#x", i, got, want)
		}
	}
	w := newWeighted([]int{0, 3, 0, 1})
	counts := make([]int, 4)
	for range 4000 {
		counts[w.draw(&r)]++
	}
	if counts[0] != 0 || counts[2] != 0 || counts[1] < 2800 || counts[1] > 3200 {
		t.Errorf("drawn %v of weights 0, 3, 0, 1", counts)
	}
	if (weighted{}).draw(&r) != 0 || r.below(0) != 0 {
		t.Error("weights of 0 must draw index 0")
	}
}
