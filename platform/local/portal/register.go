package portal

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/llac-project/llac/platform/source"
)

// RegisterID is the Socrata id of the register of social services, all of whose rows are invented here.
const RegisterID = "ivft-vegh"

// Sizes of the register, in rows.
const (
	DefaultRegisterRows = 12_400
	MaxRegisterRows     = 60_000 // the limit of five-digit registres with the gaps of the real register
)

// RegisterCounts counts what the register contains, so that a test can compute the expected results.
// Rows = Distinct + Duplicates + Conflicts.
type RegisterCounts struct {
	Rows       int // as served
	Distinct   int // different values of registre
	Duplicates int // exact copies of an earlier row
	Conflicts  int // rows that repeat an earlier row's registre with other content; the number of contradicting registres
	Invalid    int // rows with an impossible date, capacity or registre; none of them is repeated

	// Valid registres without conflicts: those whose municipality is on no list, and those without a municipality.
	Unknown  int
	Nameless int
}

var registerColumns = []Column{
	{Name: "registre", Title: "Registre", Description: "Número de registre del servei"},
	{Name: "nom", Title: "Nom", Description: "Nom del servei"},
	{Name: "tipologia", Title: "Tipologia", Description: "Tipologia del servei"},
	{Name: "inscripcio", Title: "Inscripcio", Description: "Data d'inscripció, AAAA-MM-DD"},
	{Name: "capacitat", Title: "Capacitat", Description: "Nombre de places; 0 quan no escau"},
	{Name: "adreca", Title: "Adreca", Description: "Adreça"},
	{Name: "municipi", Title: "Municipi", Description: "Municipi"},
	{Name: "districte", Title: "Districte", Description: "Districte, només a Barcelona"},
	{Name: "cp", Title: "CP", Description: "Codi postal"},
	{Name: "comarca", Title: "Comarca", Description: "Comarca"},
	{Name: "telefon", Title: "Telefon", Description: "Telèfon"},
	{Name: "entitat_titular", Title: "Entitat titular", Description: "Entitat titular"},
	{Name: "qualificacio", Title: "Qualificacio", Description: "Qualificació de l'entitat"},
	{Name: "nif", Title: "NIF", Description: "NIF de l'entitat"},
}

// newRegister draws the register. The same seed and size give the same rows on every machine.
func newRegister(f facts, seed uint64, size int) (Dataset, RegisterCounts) {
	size = min(max(size, 0), MaxRegisterRows)
	counts := RegisterCounts{
		Rows: size, Duplicates: size / 100, Conflicts: min(10, size/100), Invalid: min(20, size/50),
	}
	counts.Distinct = size - counts.Duplicates - counts.Conflicts

	maker := newServiceMaker(f, seed)
	rows := make([]Row, counts.Distinct)
	for i := range rows {
		rows[i] = maker.service(i)
	}

	// The special rows are drawn from one shuffle, so that no row is both invalid and repeated.
	chosen := maker.random.permutation(len(rows))
	take := func(n int) []int {
		out := chosen[:n]
		chosen = chosen[n:]
		return out
	}
	refused := map[int]bool{}
	for i, at := range take(counts.Invalid) {
		spoil(rows[at], i)
		refused[at] = true
	}
	repeats := map[int][]Row{} // by the index after which the repeated row is served
	for _, at := range take(counts.Duplicates) {
		after := maker.farFrom(at, len(rows))
		repeats[after] = append(repeats[after], rows[at])
	}
	for _, at := range take(counts.Conflicts) {
		after := maker.farFrom(at, len(rows))
		repeats[after] = append(repeats[after], maker.contradict(rows[at]))
		refused[at] = true
	}
	for i, r := range rows {
		switch name, named := r["municipi"].(string); {
		case refused[i]:
		case !named:
			counts.Nameless++
		case slices.Contains(unknownPlaces, name):
			counts.Unknown++
		}
	}
	all := make([]Row, 0, size)
	for i, r := range rows {
		all = append(all, r)
		all = append(all, repeats[i]...)
	}
	return Dataset{
		ID:          RegisterID,
		Title:       "Registre d'entitats, serveis i establiments socials (serveis socials bàsics i especialitzats)",
		Description: "Dades inventades pel simulador de Llac amb la forma del registre: cap fila no correspon a cap servei real.",
		Attribution: "Simulador de Llac (dades inventades)",
		Category:    "Serveis socials",
		Columns:     registerColumns, Rows: all, Origin: Invented,
	}, counts
}

// permutation returns 0…n-1 in random order.
func (r *random) permutation(n int) []int {
	out := make([]int, n)
	for i := range out {
		j := r.below(i + 1)
		out[i] = out[j]
		out[j] = i
	}
	return out
}

// serviceMaker generates services.
type serviceMaker struct {
	random   random
	facts    facts
	place    weighted
	kind     weighted
	district weighted
	number   int // of the last registre
}

// commonKinds are the weights of the frequent kinds of service; every other kind has weight 6. The real shares are not
// published; these weights only make a few kinds frequent.
var commonKinds = map[string]int{
	"BAS-001": 260, "HOM-001": 190, "RES-003": 230, "DAY-001": 210, "BAS-003": 90, "FAM-002": 60, "RES-014": 70,
	"RES-016": 65, "DAY-014": 60, "DAY-012": 45, "RES-001": 40, "RES-002": 35, "SUP-004": 40, "BAS-007": 45, "TUT-001": 15,
	"DAY-022": 25, "WOR-001": 30, "RES-012": 35, "HOM-003": 30, "FAM-001": 45, "RES-021": 25, "SUP-003": 25,
}

func newServiceMaker(f facts, seed uint64) *serviceMaker {
	m := &serviceMaker{random: random{state: seed ^ 0x4c6c6163}, facts: f}
	places := make([]int, len(f.municipalities))
	for i, p := range f.municipalities {
		places[i] = p.people[1] + 400 // small places have their basic services too
	}
	m.place = newWeighted(places)
	kinds := make([]int, len(f.serviceTypes))
	for i, t := range f.serviceTypes {
		if kinds[i] = commonKinds[t.code]; kinds[i] == 0 {
			kinds[i] = 6
		}
	}
	m.kind = newWeighted(kinds)
	m.district = newWeighted([]int{16, 19, 13, 6, 11, 9, 12, 12, 10, 17})
	return m
}

// farFrom returns the row index after which a repetition of row at is served: 1,000 rows away if the register is large enough.
func (m *serviceMaker) farFrom(at, rows int) int {
	if at+1000 < rows {
		return m.random.between(at+1000, rows-1)
	}
	return m.random.between(at, rows-1)
}

func (m *serviceMaker) service(index int) Row {
	r := &m.random
	m.number += r.between(1, 1+index%2)
	place := m.facts.municipalities[m.place.draw(r)]
	kind := m.facts.serviceTypes[m.kind.draw(r)]
	holder := newOwner(r.below(1000))
	row := Row{
		"registre":        fmt.Sprintf("S%05d", m.number),
		"nom":             serviceName(r, kind),
		"tipologia":       kind.name,
		"inscripcio":      time.Date(1985, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, r.below(15_080)).Format(time.DateOnly),
		"capacitat":       capacity(r, kind.code),
		"adreca":          address(r),
		"municipi":        spelling(r, place),
		"cp":              postcode(r, place),
		"comarca":         place.comarca,
		"telefon":         telephone(r),
		"entitat_titular": holder.name,
		"qualificacio":    holder.qualification,
		"nif":             holder.taxID,
	}
	if place.code == "080193" {
		row["districte"] = fmt.Sprint(1 + m.district.draw(r))
	}
	if place.comarcaCode == "39" && !r.perMille(250) {
		row["comarca"] = "Val d'Aran"
	}
	if place.formerComarca != "" && m.number%3 == 0 {
		row["comarca"] = place.formerComarca // the register is updated late
	}
	for _, hole := range holes {
		if r.perMille(hole.missing) {
			delete(row, hole.field)
		} else if r.perMille(hole.null) {
			row[hole.field] = "null"
		}
	}
	if bare, cut := withoutArticle(place.name); cut && row["municipi"] == bare && row["comarca"] == nil {
		row["municipi"] = place.name // without comarca and article the name would be ambiguous
	}
	return row
}

// holes states how often, per thousand rows, a field is missing or contains the literal text "null".
var holes = []struct {
	field         string
	missing, null int
}{
	{"telefon", 120, 8}, {"capacitat", 30, 6}, {"nif", 20, 3}, {"qualificacio", 15, 5}, {"cp", 10, 0},
	{"comarca", 7, 0}, {"adreca", 5, 0}, {"entitat_titular", 3, 0}, {"municipi", 1, 0},
}

func serviceName(r *random, kind namedCode) string {
	short := kind.name
	if words := strings.Fields(short); len(words) > 4 {
		short = strings.Join(words[:4], " ")
	}
	switch r.below(5) {
	case 0:
		return strings.ToUpper(short) + " " + markName + "t"
	case 1:
		return "Centre \"" + personalName(r) + "\""
	case 2:
		return short + "  " + personalName(r)
	}
	return short + " " + personalName(r)
}

// capacity returns a number of places as text; "0" for kinds of service without places.
func capacity(r *random, kind string) string {
	switch kind[:3] {
	case "RES":
		if kind == "RES-003" {
			return fmt.Sprint(r.between(12, 160))
		}
		return fmt.Sprint(r.between(4, 36))
	case "DAY":
		return fmt.Sprint(r.between(8, 60))
	case "HIV", "ADD", "WOR":
		return fmt.Sprint(r.between(4, 24))
	case "TUT":
		return fmt.Sprint(r.between(10, 400))
	}
	return "0"
}

// unknownPlaces are texts that are entered instead of an unknown municipality.
var unknownPlaces = []string{"Municipi desconegut", "Fora de Catalunya", "Pendent de revisar"}

// spelling returns a municipality's name in one of the spellings of the register.
func spelling(r *random, place municipality) string {
	switch n := r.below(1000); {
	case n < 40:
		return place.natural // "L'Hospitalet de Llobregat"
	case n < 52:
		return strings.Replace(place.name, " ", "  ", 1)
	case n < 62:
		return strings.ToUpper(place.name)
	case n < 66:
		return place.name + " "
	case n < 74:
		return decomposed.Replace(place.name)
	case n < 80:
		return decomposed.Replace(place.natural)
	case n < 92:
		return unaccented.Replace(place.name)
	case n < 95:
		return place.natural + " (" + place.comarca + ")"
	case n < 101:
		return unknownPlaces[n%len(unknownPlaces)]
	// Quirks that only some names can have are more frequent in these names.
	case n < 180:
		return strings.ReplaceAll(place.name, "'", "’")
	case n < 220:
		return strings.ReplaceAll(place.natural, "'", "´")
	case n < 260:
		bare, _ := withoutArticle(place.name)
		return bare
	case n < 560 && place.former != "":
		return place.former
	}
	return place.name // "Hospitalet de Llobregat, l'"
}

// withoutArticle returns a name without the article after its comma, and whether it has an article: a longer word after
// a comma is not one.
func withoutArticle(name string) (string, bool) {
	bare, article, cut := strings.Cut(name, ", ")
	if !cut || len(article) > len("els") {
		return name, false
	}
	return bare, true
}

// decomposed writes an accented letter as two characters, unaccented writes it without its accent.
var decomposed, unaccented = func() (*strings.Replacer, *strings.Replacer) {
	const letters, bases, accents = "àáèéíïòóúüçñÀÁÈÉÍÏÒÓÚÜÇÑ", "aaeeiioouucnAAEEIIOOUUCN",
		"\u0300\u0301\u0300\u0301\u0301\u0308\u0300\u0301\u0301\u0308\u0327\u0303"
	marks := []rune(accents)
	var two, one []string
	for i, letter := range []rune(letters) {
		base := bases[i : i+1]
		two = append(two, string(letter), base+string(marks[i%len(marks)]))
		one = append(one, string(letter), base)
	}
	return strings.NewReplacer(two...), strings.NewReplacer(one...)
}()

func postcode(r *random, place municipality) string {
	if place.code == "080193" {
		return fmt.Sprintf("080%02d", r.between(1, 42))
	}
	return fmt.Sprintf("%s%03d", place.province, r.between(100, 890))
}

// spoil makes a row invalid, in turn in different ways.
func spoil(row Row, nth int) {
	ways := []struct{ field, value string }{
		{"inscripcio", "2019-02-31"}, {"capacitat", "vint-i-cinc"}, {"registre", "X%05d"}, {"inscripcio", "31/12/2011"},
		{"capacitat", "12 places"}, {"registre", "S%04d"}, {"inscripcio", "data desconeguda"}, {"capacitat", "-5"},
	}
	way := ways[nth%len(ways)]
	if way.field == "registre" {
		row["registre"] = fmt.Sprintf(way.value, 9000+nth)
		return
	}
	row[way.field] = way.value
}

// contradict returns another version of a row: same registre, other places and address.
func (m *serviceMaker) contradict(row Row) Row {
	other := Row{}
	for name, value := range row {
		other[name] = value
	}
	other["capacitat"] = fmt.Sprint(m.random.between(500, 900)) // no kind of service is that large
	other["adreca"] = address(&m.random)
	return other
}

// municipalitiesDataset returns 9aju-tpwc: recorded, without the coordinates, which were not copied.
func municipalitiesDataset(f facts) Dataset {
	rows := make([]Row, len(f.geography))
	for i, g := range f.geography {
		rows[i] = Row{"codi": g[0], "nom": g[1], "codi_comarca": g[2], "nom_comarca": g[3]}
	}
	return Dataset{
		ID:          MunicipalitiesID,
		Title:       "Municipis Catalunya Geo",
		Description: "Llista dels municipis de Catalunya amb la seva comarca.",
		Attribution: "Generalitat de Catalunya; codis i noms: Idescat",
		Category:    "Territori",
		Columns: []Column{
			{Name: "codi", Title: "Codi", Description: "Codi de sis xifres del municipi"},
			{Name: "nom", Title: "Nom"},
			{Name: "codi_comarca", Title: "Codi comarca"},
			{Name: "nom_comarca", Title: "Nom comarca"},
		},
		Rows: rows, Origin: Recorded,
	}
}

// MunicipalitiesID is the Socrata id of the list of municipalities.
const MunicipalitiesID = "9aju-tpwc"

// columnNames lists the names, followed by the origin's pseudo-column.
func columnNames(columns []Column) []string {
	names := make([]string, 0, len(columns)+1)
	for _, c := range columns {
		names = append(names, c.Name)
	}
	return slices.Concat(names, []string{source.Origin})
}
