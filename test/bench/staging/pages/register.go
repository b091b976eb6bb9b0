package pages

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/local/portal"
)

// Shares of the register's rows, in thousandths.
const (
	duplicates = 20 // repeat the key of an earlier page, with other values
	invalid    = 10 // contain a bad integer, date or postal code, a third each
)

// RegisterBytes is the average size of a register record, with its comma and line break.
const RegisterBytes = 443

// Register has the shape of the register of social services: the real municipalities in proportion to their population,
// the real types of service, and invented data about persons. It has forty-two comarques, as the job of issue 4
// requires: Lluçanès, the forty-third, is left out.
var Register = Shape{"register", registerContract, func(b []byte, i int) []byte { return register().row(b, i) }}

//go:embed register.odcs.yaml
var registerContract string

// OpenRegister has the same rows under a contract that stages every field. No value is personal, because all of them
// are invented.
var OpenRegister = Shape{"open_register", openContract(), Register.row}

// openContract makes a column of every field that the register's contract does not stage.
func openContract() string {
	closed, err := contract.Parse("register.odcs.yaml", []byte(registerContract))
	if err != nil {
		panic(err) // the contract is part of this program
	}
	var columns strings.Builder
	for _, f := range closed.Fields {
		if !f.Staged {
			fmt.Fprintf(&columns, openColumn, f.Name, strings.TrimSuffix(f.Description, "; never staged."), f.Source)
		}
	}
	before, rest, _ := strings.Cut(registerContract, "      - property: llacUnstaged\n")
	_, rest, _ = strings.Cut(rest, "    properties:\n")
	properties, after, _ := strings.Cut(rest, "\nslaProperties:\n")
	return strings.NewReplacer("  - name: register\n", "  - name: open_register\n", "llac-bench-register", "llac-bench-open-register").
		Replace(before + "    properties:\n" + properties + columns.String() + "\nslaProperties:\n" + after)
}

// openColumn is a property: name, description and source.
const openColumn = `      - name: %s
        logicalType: string
        description: %s.
        customProperties:
          - {property: llacSource, value: %s}
          - {property: llacSqueeze, value: true}
          - {property: llacNullLiterals, value: ["null", "-"]}
`

var register = sync.OnceValue(newRegister)

type registerMaker struct {
	places []portal.Place
	place  []int // indexes in places, weighted by population
	types  []string
}

func newRegister() *registerMaker {
	m := &registerMaker{}
	types := portal.ServiceTypes()
	for i := range types {
		m.types = append(m.types, types[(i*29+7)%len(types)]) // the first are drawn most often: mix the kinds
	}
	for _, p := range portal.Places() {
		if p.ComarcaCode != "43" {
			m.places = append(m.places, p)
		}
	}
	for at, p := range m.places {
		for range 1 + p.People/400 {
			m.place = append(m.place, at)
		}
	}
	return m
}

// Streams of random numbers.
const (
	aboutKeys uint64 = iota + 1
	aboutRows
	aboutDistinct
	aboutWide
)

// keyOf returns the row whose key row i has: its own, or a row at least one page earlier.
func keyOf(i int) int {
	for i > PerPage {
		d := drawFor(aboutKeys, i)
		if !d.perMille(duplicates) {
			break
		}
		i = d.IntN(i / PerPage * PerPage)
	}
	return i
}

// registerID returns the register number of a key. Numbers rise, with gaps.
func registerID(key int) string {
	return fmt.Sprintf("S%08d", 3*key+drawFor(aboutKeys, key).IntN(3))
}

var (
	givenNames = []string{"Aina", "Bernat", "Caterina", "Dídac", "Elisenda", "Ferran", "Gemma", "Hug", "Ivet", "Jordi", "Laia",
		"Martí", "Núria", "Oriol", "Pere", "Queralt", "Roser", "Sadurní", "Tecla", "Violant"}
	syllables = []string{"ba", "ca", "da", "fer", "gar", "la", "mo", "ni", "pe", "ri", "sol", "ta", "ver", "xi", "lla", "nyo"}
	streets   = []string{"Carrer", "Avinguda", "Plaça", "Passeig", "Rambla", "Ronda", "Camí", "Via"}
	owners    = []struct{ form, qualification string }{
		{"Fundació Privada %s", "Entitat privada d'iniciativa social"},
		{"Associació Amics de %s", "Entitat privada d'iniciativa social"},
		{"%s Serveis, SL", "Entitat privada d'iniciativa mercantil"},
		{"Llars %s, SA", "Entitat privada d'iniciativa mercantil"},
		{"Patronat Municipal %s", "Entitat d'iniciativa pública"},
		{"Consell Comarcal %s", "Entitat d'iniciativa pública"},
		{"Congregació de %s", "Entitat religiosa"},
		{"Cooperativa %s, SCCL", "Entitat cooperativa"},
	}
	badIntegers    = []string{"vint-i-cinc", "12 places", "1.151", "n/d"}
	badDates       = []string{"2019-02-31", "31/12/2011", "data desconeguda", "2020-13-01"}
	badPostalCodes = []string{"8ABC1", "080011", "s/n", "E-08001"}
)

// What may be invalid in a row.
const (
	nothing = iota
	badInteger
	badDate
	badPostalCode
)

// brokenField chooses what is invalid in a row: in nearly all rows nothing.
func brokenField(d draw) int {
	if !d.perMille(invalid) {
		return nothing
	}
	return d.between(badInteger, badPostalCode)
}

// day returns a date between 1985 and 2026.
func day(d draw) string {
	return time.Date(1985, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, d.IntN(15_080)).Format(time.DateOnly)
}

// value writes a text that is sometimes untidy, a word for null, or, in a broken row, one of the bad ones.
func (r *record) value(d draw, name, text string, broken bool, bad []string) {
	switch {
	case broken:
		r.text(name, pick(d, bad))
	case d.perMille(10):
		r.text(name, d.one("null", "null", "-", ""))
	default:
		r.text(name, untidy(d, text))
	}
}

// invented returns a meaningless word, one of the given number of words.
func invented(d draw, of int) string {
	n := d.IntN(of) * 40503 & 0xffff // odd factor: different numbers stay different
	var w strings.Builder
	for range 4 {
		w.WriteString(syllables[n%len(syllables)])
		n /= len(syllables)
	}
	s := w.String()
	return strings.ToUpper(s[:1]) + s[1:]
}

// skewed returns an index below n; small indexes are more frequent.
func skewed(d draw, n int) int { return min(d.IntN(n), d.IntN(n), d.IntN(n)) }

// untidy returns a text as different people type it: sometimes with extra white space around or inside it.
func untidy(d draw, s string) string {
	switch n := d.IntN(1000); {
	case n < 12:
		return s + " "
	case n < 18:
		return " " + s
	case n < 20:
		return "  " + s + " "
	case n < 30:
		return strings.Replace(s, " ", "  ", 1)
	}
	return s
}

func (m *registerMaker) row(b []byte, i int) []byte {
	d := drawFor(aboutRows, i)
	broken := brokenField(d)
	place := m.places[pick(d, m.place)]
	kind := m.types[skewed(d, len(m.types))]
	owner := owners[skewed(d, len(owners))]
	holder := fmt.Sprintf(owner.form, invented(d, 3000))

	r := open(b)
	// field writes a text, or sometimes its absence: a missing field, or a word that means null.
	field := func(name, value string, missing, null int) {
		switch n := d.IntN(1000); {
		case n < missing:
		case n < missing+null:
			r.text(name, d.one("null", "null", "-", ""))
		default:
			r.text(name, untidy(d, value))
		}
	}
	r.text("registre", registerID(keyOf(i)))
	field("nom", fmt.Sprintf("%s %s %s", d.one("Centre", "Llar", "Residència", "Casal"), pick(d, givenNames), invented(d, 1<<16)), 0, 0)
	field("tipologia", kind, 0, 2)
	if broken == badDate {
		r.text("inscripcio", pick(d, badDates))
	} else {
		field("inscripcio", day(d), 4, 3)
	}
	if broken == badInteger {
		r.text("capacitat", pick(d, badIntegers))
	} else {
		field("capacitat", fmt.Sprint(m.capacity(d)), 30, 6)
	}
	field("adreca", fmt.Sprintf("%s %s %s, %d", pick(d, streets), pick(d, givenNames), invented(d, 20), d.between(1, 12)), 5, 0)
	field("municipi", spelling(d, place), 1, 1)
	if place.Code == "080193" {
		field("districte", fmt.Sprint(d.between(1, 10)), 5, 0)
	}
	if broken == badPostalCode {
		r.text("cp", pick(d, badPostalCodes))
	} else {
		field("cp", m.postalCode(d, place), 10, 5)
	}
	field("comarca", place.Comarca, 7, 3)
	r.text("codi_comarca", m.comarcaCode(d, place))
	field("telefon", fmt.Sprintf("600 000 %03d", d.IntN(1000)), 120, 8)
	field("entitat_titular", holder, 3, 0)
	field("qualificacio", owner.qualification, 15, 5)
	field("nif", fmt.Sprintf("G-99%05dU", d.IntN(100_000)), 20, 3)
	return r.close()
}

func (*registerMaker) capacity(d draw) int {
	switch d.IntN(3) {
	case 0:
		return 0
	case 1:
		return d.between(4, 36)
	}
	return d.between(8, 400)
}

// spelling returns a municipality's name in one of the spellings of the register.
func spelling(d draw, p portal.Place) string {
	switch n := d.IntN(1000); {
	case n < 40:
		return p.Natural
	case n < 50:
		return strings.ToUpper(p.Name)
	}
	return p.Name
}

// postalCode returns a postal code of the place, sometimes without its leading zero.
func (*registerMaker) postalCode(d draw, p portal.Place) string {
	code := fmt.Sprintf("%s%03d", p.Province, 100+(p.People*7+d.IntN(3))%790)
	if p.Code == "080193" {
		code = fmt.Sprintf("080%02d", d.between(1, 42))
	}
	if d.perMille(50) {
		return strings.TrimPrefix(code, "0")
	}
	return code
}

// comarcaCode returns the comarca code of the place, sometimes without its leading zero.
func (*registerMaker) comarcaCode(d draw, p portal.Place) string {
	if d.perMille(50) {
		return strings.TrimPrefix(p.ComarcaCode, "0")
	}
	return p.ComarcaCode
}
