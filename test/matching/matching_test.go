package matching

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/local/portal"
	"github.com/llac-project/llac/services/stager/matching"
	"github.com/llac-project/llac/services/stager/reference"
)

// finder is all municipalities, under the options of the register's contract.
func finder(t *testing.T) matching.Finder {
	t.Helper()
	contracts, err := contract.LoadDir("../../datasets")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range contracts {
		if c.Dataset != "social_services" {
			continue
		}
		m := reference.Matched(c)[0].Match
		entries := []matching.Entry{{ID: "999998", Name: "No consta", Group: "No consta"}, {ID: "999999", Name: "Altres/Diversos", Group: "Altres/Diversos"}}
		for _, p := range portal.Places() {
			entries = append(entries, matching.Entry{ID: p.Code, Name: p.Name, Group: p.Comarca})
		}
		return matching.New(entries, matching.Options{Aliases: m.Aliases, Grouped: true, GroupAliases: m.WithinAliases, Except: m.Except})
	}
	t.Fatal("there is no contract of social_services")
	return nil
}

// withoutArticle cuts an article that stands after the last comma.
func withoutArticle(name string) (string, bool) {
	at := strings.LastIndex(name, ", ")
	if at < 0 || len(name)-at > len(", els") {
		return name, false
	}
	return name[:at], true
}

func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0x300 && r < 0x370 {
			return -1
		}
		return r
	}, norm.NFD.String(s))
}

// TestEverySpellingOfEveryMunicipality: no spelling of any of the 947 is taken for another one, and nearly all are found.
func TestEverySpellingOfEveryMunicipality(t *testing.T) {
	t.Parallel()
	f, places := finder(t), portal.Places()
	if len(places) != 947 {
		t.Fatalf("%d municipalities", len(places))
	}
	spellings := map[string]func(p portal.Place) string{
		"as published":            func(p portal.Place) string { return p.Name },
		"natural":                 func(p portal.Place) string { return p.Natural },
		"upper case":              func(p portal.Place) string { return strings.ToUpper(p.Name) },
		"natural, lower case":     func(p portal.Place) string { return strings.ToLower(p.Natural) },
		"decomposed":              func(p portal.Place) string { return norm.NFD.String(p.Name) },
		"natural, decomposed":     func(p portal.Place) string { return norm.NFD.String(p.Natural) },
		"no accents":              func(p portal.Place) string { return plain(p.Name) },
		"no accents, upper case":  func(p portal.Place) string { return strings.ToUpper(plain(p.Natural)) },
		"other apostrophe":        func(p portal.Place) string { return strings.ReplaceAll(p.Name, "'", "’") },
		"acute for apostrophe":    func(p portal.Place) string { return strings.ReplaceAll(p.Natural, "'", "´") },
		"space for apostrophe":    func(p portal.Place) string { return strings.ReplaceAll(p.Natural, "'", " ") },
		"space for hyphen":        func(p portal.Place) string { return strings.ReplaceAll(p.Natural, "-", " ") },
		"no hyphen":               func(p portal.Place) string { return strings.ReplaceAll(p.Natural, "-", "") },
		"double spaces":           func(p portal.Place) string { return " " + strings.ReplaceAll(p.Name, " ", "  ") + " " },
		"no-break spaces":         func(p portal.Place) string { return strings.ReplaceAll(p.Natural, " ", "\u00a0") },
		"comarca in parentheses":  func(p portal.Place) string { return p.Name + " (" + p.Comarca + ")" },
		"province in parentheses": func(p portal.Place) string { return p.Natural + " (Girona)" },
		"abbreviated": func(p portal.Place) string {
			return strings.ReplaceAll(strings.ReplaceAll(p.Natural, "Sant ", "St. "), "Santa ", "Sta. ")
		},
		"article in parentheses": func(p portal.Place) string {
			if bare, cut := withoutArticle(p.Name); cut {
				return bare + " (" + p.Name[len(bare)+2:] + ")"
			}
			return p.Name
		},
	}
	for _, kind := range slices.Sorted(maps.Keys(spellings)) {
		for _, p := range places {
			name := spellings[kind](p)
			for group, want := range map[string]matching.Result{
				p.Comarca: {ID: p.Code, Method: matching.ExactInGroup, Confidence: 1},
				"":        {ID: p.Code, Method: matching.Exact, Confidence: 0.95},
			} {
				if got := f.Find(name, group); got != want {
					t.Errorf("%s: %q in %q: got %+v, want %+v", kind, name, group, got, want)
				}
			}
			if p.FormerComarca != "" {
				if got := f.Find(name, p.FormerComarca); got != (matching.Result{ID: p.Code, Method: matching.Exact, Confidence: 0.8}) {
					t.Errorf("%s: %q in %q: got %+v", kind, name, p.FormerComarca, got)
				}
			}
		}
	}
}

// TestFormsOfNames: names that are shorter or longer than they should be, or in the wrong comarca, are found or not, and
// never taken for another. The shares are what the matching can do; one that falls is to be looked at.
func TestFormsOfNames(t *testing.T) {
	t.Parallel()
	f, places := finder(t), portal.Places()
	official := map[string]string{} // by the letters of a name
	comarques := map[string]bool{}
	for _, p := range places {
		official[letters(p.Natural)] = p.Code
		comarques[p.Comarca] = true
	}
	met := map[string]map[matching.Method]int{}
	try := func(kind, name, group, code string) {
		got := f.Find(name, group)
		if met[kind] == nil {
			met[kind] = map[matching.Method]int{}
		}
		met[kind][got.Method]++
		if got.ID != "" && got.ID != code {
			t.Errorf("%s: %q in %q is taken for %s (%s), it is %s", kind, name, group, got.ID, got.Method, code)
		}
	}
	for _, p := range places {
		if bare, cut := withoutArticle(p.Name); cut {
			try("article dropped", bare, p.Comarca, p.Code)
		}
		if p.Former != "" {
			try("former name", p.Former, p.Comarca, p.Code)
			try("former name", strings.ToUpper(p.Former), "", p.Code)
		}
		try("a word too many", "Ajuntament de "+p.Natural, p.Comarca, p.Code)
		try("the comarca behind", p.Natural+", "+p.Comarca, p.Comarca, p.Code)
		words := strings.Fields(p.Natural)
		for i := 1; i < len(words); i++ {
			// What is left may be another's whole name: then that one is meant.
			if short := strings.Join(words[:i], " "); official[letters(short)] == "" {
				try("the end dropped", short, p.Comarca, p.Code)
			}
			if short := strings.Join(words[i:], " "); official[letters(short)] == "" && official[letters(strings.Join(words[min(i+1, len(words)-1):], " "))] == "" {
				try("the beginning dropped", short, p.Comarca, p.Code)
			}
		}
		for other := range comarques {
			if other != p.Comarca {
				try("another comarca", p.Name, other, p.Code)
			}
		}
	}
	for kind, want := range map[string]struct {
		method matching.Method
		least  float64
	}{
		"article dropped":    {matching.TokensInGroup, 1},
		"former name":        {matching.ExactInGroup, 0.5}, // with its comarca; half of them are tried without
		"a word too many":    {matching.TokensInGroup, 0.35},
		"the comarca behind": {matching.TokensInGroup, 0.3},
		"another comarca":    {matching.Exact, 0.99},
	} {
		total := 0
		for _, n := range met[kind] {
			total += n
		}
		if share := float64(met[kind][want.method]) / float64(total); share < want.least {
			t.Errorf("%s: %.2f are matched by %s, want %.2f: %v", kind, share, want.method, want.least, met[kind])
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(met)) {
		t.Logf("%s: %v", kind, met[kind])
	}
}

// letters are what of a name counts.
func letters(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" '-·,", r) {
			return -1
		}
		return r
	}, strings.ToLower(plain(name)))
}

// TestNamesOfTwo: of two neighbours named together neither is taken.
func TestNamesOfTwo(t *testing.T) {
	t.Parallel()
	f := finder(t)
	places := portal.Places()
	for _, p := range places {
		for _, q := range places {
			if p.Code == q.Code || p.Comarca != q.Comarca {
				continue
			}
			for _, name := range []string{p.Natural + " i " + q.Natural, p.Name + " / " + q.Name} {
				if got := f.Find(name, p.Comarca); got.ID != "" {
					t.Errorf("%q is taken for %+v", name, got)
				}
			}
		}
	}
}

// TestNearNames: names that differ in little, each its own.
func TestNearNames(t *testing.T) {
	t.Parallel()
	f := finder(t)
	for _, prefix := range []string{"Sant Pere de", "Santa Maria de", "Vilanova", "Sant Martí", "Santa Coloma", "Gósol", "La Granadella", "Torrelles", "Sant Andreu", "La Vall", "La Pobla"} {
		n := 0
		for _, p := range portal.Places() {
			if !strings.HasPrefix(p.Natural, prefix) {
				continue
			}
			n++
			for _, group := range []string{p.Comarca, ""} {
				if got := f.Find(strings.ToUpper(plain(p.Natural)), group); got.ID != p.Code {
					t.Errorf("%s in %q: %+v", p.Natural, group, got)
				}
			}
		}
		if n == 0 {
			t.Errorf("nothing begins with %s", prefix)
		}
		if n > 1 {
			if got := f.Find(prefix, ""); got.ID != "" {
				t.Errorf("%s alone is taken for %+v", prefix, got)
			}
		}
	}
	for _, name := range []string{"No consta", "Altres/Diversos", "Municipi desconegut", "Fora de Catalunya", "Pendent de revisar", "Catalunya", "Madrid", "-", "de la", "l'", "Sant"} {
		for _, p := range portal.Places() {
			if got := f.Find(name, p.Comarca); got.ID != "" {
				t.Fatalf("%s in %s is taken for %+v", name, p.Comarca, got)
			}
		}
	}
}
