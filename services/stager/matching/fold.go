package matching

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// articles are the words that may stand after a name's last comma, or in parentheses after it, for those at its beginning.
var articles = []string{"el", "la", "l", "els", "les", "es", "sa", "s", "ses", "lo", "los", "en", "na", "so"}

// fillers say little of a name, however rare they are in a reference.
var fillers = append([]string{"de", "del", "dels", "d", "i"}, articles...)

// short are words that are written in short.
var short = map[string]string{"st": "sant", "sta": "santa"}

// plain takes case, accents and the forms of characters away: "L’Hospitalet", composed or not, and "l'hospitalet" are one.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(name))
}

// words takes a plain name apart. Apostrophes, hyphens and all that is neither letter nor digit stand between words; a dot
// between two l is part of neither.
func words(name string) []string {
	runes := []rune(name)
	isL := func(i int) bool { return i >= 0 && i < len(runes) && runes[i] == 'l' }
	var out []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			w := string(word)
			if long, ok := short[w]; ok {
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

// spelling is one way to read a name: its words, article first, and the key by which equal names are found: its letters
// alone, since nobody agrees on where a hyphen stands.
type spelling struct {
	words []string
	key   string
}

func newSpelling(words []string) spelling { return spelling{words, strings.Join(words, "")} }

// spell reads a name that the reference holds.
func spell(name string) spelling { return newSpelling(articleFirst(plain(name))) }

// readings are the ways in which a name that somebody wrote may be meant, the likeliest first: as it stands, then without
// the remark in parentheses that it ends in. A name without a letter has none.
func readings(name string) []spelling {
	name = plain(name)
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

// articleFirst answers a plain name's words. What stands after its last comma comes first when it is an article: the
// commas of "Saus, Camallera i Llampaies" stay where they are.
func articleFirst(name string) []string {
	if at := strings.LastIndexByte(name, ','); at >= 0 {
		if first, last := words(name[:at]), words(name[at:]); len(first) > 0 && isArticle(last) {
			return append(last, first...)
		}
	}
	return words(name)
}

func isArticle(words []string) bool { return len(words) == 1 && slices.Contains(articles, words[0]) }
