package matching

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// articles are the words that a name may start with and that are also written at its end, after a comma or in
// parentheses.
var articles = []string{"el", "la", "l", "els", "les", "es", "sa", "s", "ses", "lo", "los", "en", "na", "so"}

// fillers are words that hardly identify a name, however rare they are in a reference.
var fillers = append([]string{"de", "del", "dels", "d", "i"}, articles...)

// abbreviations maps abbreviated words to their full form.
var abbreviations = map[string]string{"st": "sant", "sta": "santa"}

// fold removes case, accents and variants of characters: "L’Hospitalet", composed or not, and "l'hospitalet" become
// equal.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(name))
}

// words splits a folded name. Apostrophes, hyphens and everything that is neither letter nor digit separate words. A
// dot between two l (Catalan "l·l") neither separates words nor belongs to one.
func words(name string) []string {
	runes := []rune(name)
	isL := func(i int) bool { return i >= 0 && i < len(runes) && runes[i] == 'l' }
	var out []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			w := string(word)
			if long, ok := abbreviations[w]; ok {
				w = long
			}
			out = append(out, w)
		}
		word = word[:0]
	}
	for i, r := range runes {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			word = append(word, r)
		case strings.ContainsRune("·.•‧∙⋅", r) && isL(i-1) && isL(i+1):
		default:
			end()
		}
	}
	end()
	return out
}

// spelling is one reading of a name: its words, article first, and the key by which equal names are found. The key
// consists of the letters and digits alone, because hyphens and spaces vary.
type spelling struct {
	words []string
	key   string
}

func newSpelling(words []string) spelling { return spelling{words, strings.Join(words, "")} }

// normalize reads a name of the reference.
func normalize(name string) spelling { return newSpelling(articleFirst(fold(name))) }

// readings returns the possible readings of a name that somebody wrote, the most likely first: the whole name, then the
// name without a final remark in parentheses. A name without letters and digits has none.
func readings(name string) []spelling {
	name = fold(name)
	whole := newSpelling(articleFirst(name))
	if len(whole.words) == 0 {
		return nil
	}
	out := []spelling{whole}
	before, remark, ok := cutRemark(name)
	if !ok {
		return out
	}
	rest := articleFirst(before)
	if len(rest) == 0 {
		return out
	}
	if inside := words(remark); isArticle(inside) { // "Prat de Llobregat (el)"
		return []spelling{newSpelling(append(inside, rest...))}
	}
	return append(out, newSpelling(rest))
}

// cutRemark splits a name that ends in parentheses.
func cutRemark(name string) (before, remark string, ok bool) {
	name = strings.TrimSpace(name)
	if !strings.HasSuffix(name, ")") {
		return "", "", false
	}
	before, remark, ok = strings.Cut(strings.TrimSuffix(name, ")"), "(")
	return before, remark, ok
}

// articleFirst returns the words of a folded name. What follows the last comma moves to the front if it is an article:
// the commas of "Saus, Camallera i Llampaies" stay in place.
func articleFirst(name string) []string {
	if at := strings.LastIndexByte(name, ','); at >= 0 {
		if first, last := words(name[:at]), words(name[at:]); len(first) > 0 && isArticle(last) {
			return append(last, first...)
		}
	}
	return words(name)
}

func isArticle(words []string) bool { return len(words) == 1 && slices.Contains(articles, words[0]) }
