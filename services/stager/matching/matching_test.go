package matching

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// catalan is a part of the list of municipalities, with the pitfalls of the whole list; test/matching has all of it.
var catalan = []Entry{
	{"080193", "Barcelona", "Barcelonès"},
	{"081017", "Hospitalet de Llobregat, l'", "Barcelonès"},
	{"081691", "Prat de Llobregat, el", "Baix Llobregat"},
	{"082053", "Sant Cugat del Vallès", "Vallès Occidental"},
	{"082384", "Sant Quirze del Vallès", "Vallès Occidental"},
	{"082665", "Cerdanyola del Vallès", "Vallès Occidental"},
	{"170486", "Castell d'Aro, Platja d'Aro i s'Agaró", "Baix Empordà"},
	{"171870", "Saus, Camallera i Llampaies", "Alt Empordà"},
	{"251214", "Les", "Aran"},
	{"250576", "Bòrdes, Es", "Aran"},
	{"250557", "Biosca", "Solsonès"},
	{"080804", "Fígols", "Berguedà"},
	{"259084", "Fígols i Alinyà", "Alt Urgell"},
	{"431732", "Vilella Alta, la", "Priorat"},
	{"431747", "Vilella Baixa, la", "Priorat"},
	{"250404", "Balaguer", "Noguera"},
	{"250220", "Bellcaire d'Urgell", "Noguera"},
	{"430271", "Bisbal de Montsant, la", "Priorat"},
	{"081751", "Puig-reig", "Berguedà"},
	{"170001", "Bell-lloc", "Maresme"}, // two invented homonyms
	{"170002", "Bell-lloc", "Osona"},
	{"170003", "Vil·la de Dalt", "Osona"},
	{"170004", "Vil·la de Baix", "Osona"},
	{"999998", "No consta", "No consta"},
}

func catalanNames() *Names {
	return New(catalan, Options{
		Grouped: true, Except: []string{"999998"}, GroupAliases: map[string]string{"Val d'Aran": "Aran", "Osona": "Berguedà"},
		Earlier: map[string][]string{"250557": {"Solsonès", "Segarra"}, "999998": {"Osona"}},
		Aliases: map[string]string{
			"Bisbal de Falset, la": "Bisbal de Montsant, la", "Barcelona": "Balaguer", "Nowhere": "Nothing", "": "Barcelona",
		},
	})
}

func TestFind(t *testing.T) {
	t.Parallel()
	n := catalanNames()
	for _, c := range []struct {
		name, group string
		want        Result
	}{
		{"Barcelona", "Barcelonès", Result{"080193", ExactInGroup, 1}},
		{"  BARCELONA ", "barcelones", Result{"080193", ExactInGroup, 1}},
		{"Hospitalet de Llobregat, l'", "Barcelonès", Result{"081017", ExactInGroup, 1}},
		{"L'Hospitalet de Llobregat", "Barcelonès", Result{"081017", ExactInGroup, 1}},
		{"l’hospitalet  de\u00a0llobregat", "Barcelonès", Result{"081017", ExactInGroup, 1}},
		{"L´HOSPITALET DE LLOBREGAT", "Barcelonès", Result{"081017", ExactInGroup, 1}},
		{"Hospitalet de Llobregat (l')", "Barcelonès", Result{"081017", ExactInGroup, 1}},
		{"Hospitalet de Llobregat, l' (Barcelonès)", "Barcelonès", Result{"081017", ExactInGroup, 1}},
		{"L Hospitalet de Llobregat", "Barcelonès", Result{"081017", ExactInGroup, 1}},
		{"Sant Cugat del Valle\u0300s", "Vallès Occidental", Result{"082053", ExactInGroup, 1}},
		{"St. Cugat del Vallès", "Vallès Occidental", Result{"082053", ExactInGroup, 1}},
		{"Castell d'Aro, Platja d'Aro i s'Agaró", "Baix Empordà", Result{"170486", ExactInGroup, 1}},
		{"Saus, Camallera i Llampaies", "Alt Empordà", Result{"171870", ExactInGroup, 1}},
		{"Es Bòrdes", "Val d'Aran", Result{"250576", ExactInGroup, 1}},
		{"Les", "Val d’Aran", Result{"251214", ExactInGroup, 1}},
		{"Puigreig", "el Berguedà", Result{"081751", ExactInGroup, 1}},
		{"Puig Reig", "Berguedà", Result{"081751", ExactInGroup, 1}},
		{"Vil.la de Dalt", "Osona", Result{"170003", ExactInGroup, 1}},
		{"Viŀla de Dalt", "Osona", Result{"170003", ExactInGroup, 1}},
		{"Vil-la de Dalt", "Osona", Result{"170003", ExactInGroup, 1}},
		{"Bisbal de Falset, la", "Priorat", Result{"430271", ExactInGroup, 1}},

		{"Biosca", "Segarra", Result{"250557", Exact, 0.8}}, // it belonged there before
		{"BIOSCA", "la Segarra", Result{"250557", Exact, 0.8}},
		{"Biosca", "Noguera", Result{Method: Ambiguous}}, // a village of the Noguera may have this name, too
		{"Biosca", "", Result{"250557", Exact, 0.95}},
		{"Biosca", " - ", Result{"250557", Exact, 0.95}},
		{"Les", "", Result{"251214", Exact, 0.95}},
		{"Les", "Priorat", Result{Method: Ambiguous}},

		{"Hospitalet de Llobregat", "Barcelonès", Result{"081017", TokensInGroup, 0.916}},
		{"Prat de Llobregat", "Baix Llobregat", Result{"081691", TokensInGroup, 0.916}},
		{"Ajuntament de Sant Cugat del Vallès", "Vallès Occidental", Result{"082053", TokensInGroup, 0.8}},
		{"Sant Cugat del Vallès Occidental", "Vallès Occidental", Result{"082053", TokensInGroup, 0.848}},

		// Ambiguous or partial names give no id.
		{"Bell-lloc", "", Result{Method: Ambiguous}},
		{"Bell-lloc", "Priorat", Result{Method: Ambiguous}},
		{"Bell-lloc", "Maresme", Result{"170001", ExactInGroup, 1}},
		{"La Vilella, Alta i Baixa", "Priorat", Result{Method: Ambiguous}},
		{"Vil·la", "Osona", Result{Method: Unmatched}},
		{"Fígols", "Alt Urgell", Result{Method: Ambiguous}}, // short for the one in Alt Urgell, or the one in Berguedà
		{"Bellcaire d'Urgell (Balaguer)", "Noguera", Result{"250220", ExactInGroup, 1}},
		{"Balaguer, Bellcaire d'Urgell", "Noguera", Result{Method: Ambiguous}},

		{"Hospitalet de Llobregat", "", Result{Method: Unmatched}}, // a form of a name matches only within a group
		{"Municipi desconegut", "Barcelonès", Result{Method: Unmatched}},
		{"Sant", "Vallès Occidental", Result{Method: Unmatched}},
		{"Sant Cugat Sesgarrigues", "Vallès Occidental", Result{Method: Unmatched}},
		{"No consta", "No consta", Result{Method: Unmatched}},
		{"Nowhere", "Osona", Result{Method: Unmatched}},

		{"", "Barcelonès", Result{Method: NoName}},
		{" -- ", "Barcelonès", Result{Method: NoName}},
	} {
		if got := n.Find(c.name, c.group); got != c.want {
			t.Errorf("%q in %q: got %+v, want %+v", c.name, c.group, got, c.want)
		}
	}
}

// TestOutsideTheStatedGroup checks that a name is found outside the group of its row only if its id belonged there before.
// La Floresta is a municipality of Garrigues and a district of Sant Cugat, in Vallès Occidental.
func TestOutsideTheStatedGroup(t *testing.T) {
	t.Parallel()
	n := New([]Entry{
		{"250925", "Floresta, la", "Garrigues"}, {"082053", "Sant Cugat del Vallès", "Vallès Occidental"},
		{"431329", "Riudoms", "Baix Camp"}, {"431289", "Roquetes", "Baix Ebre"}, {"081094", "Lluçà", "Lluçanès"},
		{"082129", "Sant Feliu Sasserra", "Bages"}, {"080867", "Guixers", "Osona"}, {"081097", "Lluçà de Dalt", "Bages"},
		{"431483", "Bisbal de Montsant, la", "Priorat"},
	}, Options{
		Grouped: true, Earlier: map[string][]string{"081094": {"Osona", "Bages"}, "082129": {"Lluçanès"}},
		Aliases: map[string]string{"Bisbal de Falset, la": "Bisbal de Montsant, la"},
	})
	for _, c := range []struct {
		name, group string
		want        Result
	}{
		{"La Floresta", "Vallès Occidental", Result{Method: Ambiguous}},
		{"Floresta, la", "Vallès Occidental", Result{Method: Ambiguous}},
		{"La Floresta", "Garrigues", Result{"250925", ExactInGroup, 1}},
		{"La Floresta", "", Result{"250925", Exact, 0.95}},
		{"La Floresta", "a comarca that the list does not have", Result{Method: Ambiguous}},
		{"Riudoms", "Priorat", Result{Method: Ambiguous}},
		{"Roquetes", "Garraf", Result{Method: Ambiguous}},
		{"Bisbal de Falset, la", "Baix Camp", Result{Method: Ambiguous}},
		{"Lluçà", "Lluçanès", Result{"081094", ExactInGroup, 1}},
		{"LLUÇÀ", "osona", Result{"081094", Exact, 0.8}},
		{"Lluçà", "Bages", Result{Method: Ambiguous}}, // Lluçà de Dalt may be meant
		{"Lluçà", "Garrigues", Result{Method: Ambiguous}},
		{"Sant Feliu Sasserra", "Lluçanès", Result{"082129", Exact, 0.8}},
		{"Sant Feliu Sasserra", "Osona", Result{Method: Ambiguous}},
	} {
		if got := n.Find(c.name, c.group); got != c.want {
			t.Errorf("%q in %q: got %+v, want %+v", c.name, c.group, got, c.want)
		}
	}
}

// TestOneGroup treats the whole reference as one group.
func TestOneGroup(t *testing.T) {
	t.Parallel()
	n := New(catalan, Options{})
	for name, want := range map[string]Result{
		"el prat de llobregat": {"081691", ExactInGroup, 1},
		"Prat de Llobregat":    {"081691", TokensInGroup, 0.916},
		"Bell-lloc":            {Method: Ambiguous},
		"No consta":            {"999998", ExactInGroup, 1},
		"Atlantis":             {Method: Unmatched},
	} {
		if got := n.Find(name, "Osona"); got != want {
			t.Errorf("%q: got %+v, want %+v", name, got, want)
		}
	}
	if got := New(nil, Options{}).Find("Barcelona", ""); got != (Result{Method: Unmatched}) {
		t.Errorf("an empty reference: %+v", got)
	}
	if got := None.Find("Barcelona", ""); got != (Result{Method: NotMatched}) || got.HasConfidence() {
		t.Errorf("None: %+v", got)
	}
}

// TestATieIsNull checks that a name with two possible rows matches none, in any step and any order of the entries.
func TestATieIsNull(t *testing.T) {
	t.Parallel()
	two := []Entry{{"1", "Vilanova de Dalt", "g"}, {"2", "Vilanova de Dalt", "g"}, {"3", "Torre Alta", "g"},
		{"4", "Torre Baixa", "g"}, {"5", "Pla", "a"}, {"6", "Pla", "b"}}
	for i := range 200 { // with more names, a rare word weighs more
		two = append(two, Entry{fmt.Sprint("other", i), fmt.Sprint("other", i), "other"})
	}
	for range 8 {
		two = append(two[len(two)-1:], two[:len(two)-1]...)
		n := New(two, Options{Grouped: true})
		for _, name := range []string{"Vilanova de Dalt", "la Vilanova Dalt", "Vilanova de Dalt i més", "Torre Alta i Baixa", "Pla"} {
			if got := n.Find(name, "g"); got != (Result{Method: Ambiguous}) {
				t.Errorf("%q: got %+v, want no id, ambiguous", name, got)
			}
		}
	}
	// One id with two names is not a tie.
	n := New([]Entry{{"1", "Pla", "a"}, {"1", "el Pla", "a"}, {"1", "Pla", "b"}},
		Options{Grouped: true, Earlier: map[string][]string{"1": {"c"}}})
	for _, group := range []string{"a", "b", "c", ""} {
		if got := n.Find("Pla", group); got.ID != "1" {
			t.Errorf("in %q: %+v", group, got)
		}
	}
}

// TestOrderDoesNotMatter checks that results depend on the entries and not on their order.
func TestOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	back := slices.Clone(catalan)
	slices.Reverse(back)
	a, b := New(catalan, Options{Grouped: true}), New(back, Options{Grouped: true})
	for _, e := range catalan {
		for _, name := range []string{e.Name, strings.ToUpper(e.Name), "x " + e.Name, strings.Join(strings.Fields(e.Name)[1:], " ")} {
			for _, group := range []string{e.Group, "Osona", ""} {
				if x, y := a.Find(name, group), b.Find(name, group); x != y {
					t.Errorf("%q in %q: %+v and %+v", name, group, x, y)
				}
			}
		}
	}
}

// FuzzFind checks any name and group, in any reference: two calls return the same result, the id is in the reference or
// empty, and there is no panic.
func FuzzFind(f *testing.F) {
	for _, e := range catalan {
		f.Add(e.Name, e.Group, "Vila, la\nVila Alta\nla Vila", "x")
	}
	f.Add("(((,", ")", ",la\n(la)\n,", "l'")
	f.Add("\xff, l'", "\u0301", "\u0300\n·l·l·", "ŀ")
	n := catalanNames()
	f.Fuzz(func(t *testing.T, name, group, list, alias string) {
		var entries []Entry
		ids := map[string]bool{"": true}
		for i, line := range strings.Split(list, "\n") {
			e := Entry{fmt.Sprint(i % 5), line, line[:len(line)/2]}
			ids[e.ID] = true
			entries = append(entries, e)
		}
		o := Options{Grouped: len(list)%2 == 0, Aliases: map[string]string{alias: entries[0].Name},
			GroupAliases: map[string]string{alias: group}, Except: []string{"3"}}
		small, again := New(entries, o), New(entries, o)
		for _, e := range catalan {
			ids[e.ID] = true
		}
		for _, n := range []*Names{n, small} {
			r := n.Find(name, group)
			if !ids[r.ID] || r.ID == "3" && n == small || r.Confidence < 0 || r.Confidence > 1 ||
				(r.ID == "") != (r.Confidence == 0) || r != n.Find(name, group) {
				t.Fatalf("%q in %q: %+v", name, group, r)
			}
			found := r.Method == ExactInGroup || r.Method == Exact || r.Method == TokensInGroup
			if found != (r.ID != "") {
				t.Fatalf("%q in %q: %+v", name, group, r)
			}
		}
		if a, b := small.Find(name, group), again.Find(name, group); a != b {
			t.Fatalf("%q in %q: %+v and %+v", name, group, a, b)
		}
	})
}
