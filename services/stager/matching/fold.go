package matching

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/llac-project/llac/platform/names"
)

// fillers are words that hardly identify a name, however rare they are in a reference.
var fillers = append([]string{"de", "del", "dels", "d", "i"}, names.Articles...)

// abbreviations maps abbreviated words to their full form.
var abbreviations = map[string]string{"st": "sant", "sta": "santa"}

// words returns the folded words of a name, abbreviations in full.
func words(name string) []string {
	out := names.Words(name)
	for i, w := range out {
		if long, ok := abbreviations[w]; ok {
			out[i] = long
		}
	}
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
func normalize(name string) spelling { return newSpelling(articleFirst(norm.NFKC.String(name))) }

// readings returns the possible readings of a name that somebody wrote, the most likely first: the whole name, then the
// name without a final remark in parentheses. A name without letters and digits has none.
func readings(name string) []spelling {
	name = norm.NFKC.String(name) // its comma and parentheses may have another width
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
	if inside := words(remark); names.IsArticle(inside) { // "Prat de Llobregat (el)"
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

// articleFirst returns the words of a name. What follows the last comma moves to the front if it is an article:
// the commas of "Saus, Camallera i Llampaies" stay in place.
func articleFirst(name string) []string {
	if at := strings.LastIndexByte(name, ','); at >= 0 {
		if first, last := words(name[:at]), words(name[at:]); len(first) > 0 && names.IsArticle(last) {
			return append(last, first...)
		}
	}
	return words(name)
}
