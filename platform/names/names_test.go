package names_test

import (
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"github.com/llac-project/llac/platform/names"
)

func TestFold(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Hospitalet de Llobregat, l'":                 "hospitalet de llobregat l",
		"  PRAT de\u00a0Llobregat,\tel ":              "prat de llobregat el",
		"Franqueses del Vallès, les":                  "franqueses del valles les",
		"Hostalets de Pierola, els":                   "hostalets de pierola els",
		"Bisbal de Montsant, la":                      "bisbal de montsant la",
		"Saus, Camallera i Llampaies":                 "saus camallera i llampaies",
		"Cruïlles, Monells i Sant Sadurní de l'Heura": "cruilles monells i sant sadurni de l heura",
		"Avinyonet de Puigventós":                     "avinyonet de puigventos",
		"Bòrdes, Es":                                  "bordes es",
		"Castell d'Aro, Platja d'Aro i s'Agaró":       "castell d aro platja d aro i s agaro",
		"Servei d' habitatge tutelat":                 "servei d habitatge tutelat",
		"discapacitat intel·lectual":                  "discapacitat intellectual",
		"discapacitat inteŀlectual":                   "discapacitat intellectual",
		"DISCAPACITAT INTEL.LECTUAL":                  "discapacitat intellectual",
		"Vall·fictícia":                               "vall ficticia",
		"Adm. pública, educació, sanitat i d’altres":  "adm publica educacio sanitat i d altres",
		"Puig-reig":               "puig reig",
		"Straße İstanbul ΣΊΣΥΦΟΣ": "strasse istanbul σισυφοσ",
		"2n cicle (0-3)":          "2n cicle 0 3",
		"":                        "",
		" - ":                     "-",
		"--":                      "--",
	} {
		if got := names.Fold(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

// TestFoldingRemovesTheWayOfWriting writes names in every way that changes no name.
func TestFoldingRemovesTheWayOfWriting(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"Hospitalet de Llobregat, l'", "Castell d'Aro, Platja d'Aro i s'Agaró", "Bòrdes, Es", "Servei de prevenció d'addiccions",
		"Cruïlles, Monells i Sant Sadurní de l'Heura", "Plaça de l'Àngel",
	} {
		folded, natural := names.Fold(name), names.Natural(name)
		for _, apostrophe := range []string{"\u0027", "\u2019", "\u02bc", "\u00b4", "\u0060", "\u2018", "\u2032", "\uff07"} {
			for form, write := range map[string]func(string) string{
				"as it is": func(s string) string { return s }, "NFC": norm.NFC.String, "NFD": norm.NFD.String,
				"spaces": func(s string) string { return "\u00a0 " + strings.ReplaceAll(s, " ", " \t ") + "\n" },
			} {
				written := write(strings.ReplaceAll(name, "'", apostrophe))
				for _, s := range []string{written, strings.ToUpper(written), strings.ToLower(written)} {
					if got := names.Fold(s); got != folded {
						t.Errorf("%s, %U: Fold(%q) is %q, want %q", form, []rune(apostrophe)[0], s, got, folded)
					}
				}
				if got := names.Natural(written); got != natural {
					t.Errorf("%s, %U: Natural(%q) is %q, want %q", form, []rune(apostrophe)[0], written, got, natural)
				}
			}
		}
	}
}

func TestNatural(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Hospitalet de Llobregat, l'":                 "L'Hospitalet de Llobregat",
		"Hospitalet de Llobregat, l’":                 "L'Hospitalet de Llobregat",
		"Prat de Llobregat, el":                       "El Prat de Llobregat",
		"Prat de Llobregat,EL":                        "El Prat de Llobregat",
		"Bòrdes, Es":                                  "Es Bòrdes",
		"Agaró, s´":                                   "S'Agaró",
		"Castell d’Aro, Platja d’Aro i s’Agaró":       "Castell d'Aro, Platja d'Aro i s'Agaró",
		"Saus, Camallera i Llampaies":                 "Saus, Camallera i Llampaies",
		"Franqueses del Vallès, les":                  "Les Franqueses del Vallès",
		"Hostalets de Pierola, els":                   "Els Hostalets de Pierola",
		"Bisbal de Montsant, la":                      "La Bisbal de Montsant",
		"Avinyonet de Puigventós":                     "Avinyonet de Puigventós",
		"Vall·fictícia":                               "Vall·fictícia",
		"Cruïlles, Monells i Sant Sadurní de l'Heura": "Cruïlles, Monells i Sant Sadurní de l'Heura",
		"Aiguaviva":                                   "Aiguaviva",
		", la":                                        ", la",
		"":                                            "",
	} {
		if got := names.Natural(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func FuzzFold(f *testing.F) {
	for _, s := range []string{"L'Hospitalet, l’", "l·l", "ŀ", "\u0345\u0301", "İ", "ǅ", "\xff", "ﬁ", "ᾳ", "´", "l\u0301.l", "½", "--"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		folded := names.Fold(name)
		if again := names.Fold(folded); again != folded {
			t.Errorf("%q: folded %q, folded again %q", name, folded, again)
		}
		if got := names.Fold(norm.NFD.String(name)); got != names.Fold(norm.NFC.String(name)) {
			t.Errorf("%q: NFD gives %q, NFC %q", name, got, names.Fold(norm.NFC.String(name)))
		}
		natural := names.Natural(name)
		if got := names.Natural(natural); got != natural && !strings.ContainsRune(natural, ',') {
			t.Errorf("%q: natural %q, again %q", name, natural, got)
		}
	})
}
