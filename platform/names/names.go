// Package names folds names into the form in which Llac compares them. It is the only place that does: the matcher, the
// columns with llacFolded and llacNatural, and the seeds of the marts use it, and SQL compares their results.
//
// What must hold: folding a folded name changes nothing, and it is the same on every machine. Only the articles are specific
// to Catalan.
package names

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Articles are the words that a name may start with and that lists write at its end, after a comma: "Prat de Llobregat, el".
var Articles = []string{"el", "la", "l", "els", "les", "es", "sa", "s", "ses", "lo", "los", "en", "na", "so"}

// elided are the articles that an apostrophe joins to the name.
var elided = []string{"l", "s"}

// apostrophes are the characters that are written for an apostrophe: the typewriter's, the quotation marks, the modifier
// letters, the accents that stand alone, the prime, and the fullwidth form.
const apostrophes = "'’‘‛ʼʻʹʽˈ´`′ꞌ＇"

// middleDots are the characters between the two l of the Catalan "l·l".
const middleDots = "·.•‧∙⋅"

// Fold returns the folded name: its words, see Words, with one space between them. Names that differ only in case, accents,
// apostrophes, punctuation, spaces or the composition of their characters have the same folded name. A name without letters
// and digits keeps its characters, so that different names stay different.
func Fold(name string) string {
	if w := Words(name); len(w) > 0 {
		return strings.Join(w, " ")
	}
	return strings.Join(strings.Fields(norm.NFC.String(name)), " ")
}

// Words returns the words of a name, without case, accents and variants of characters. Apostrophes, hyphens and everything
// else that is neither letter nor digit separate words. A dot between two l neither separates words nor belongs to one.
func Words(name string) []string {
	runes := []rune(plain(name))
	isL := func(i int) bool { return i >= 0 && i < len(runes) && runes[i] == 'l' }
	var out []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			out = append(out, string(word))
		}
		word = word[:0]
	}
	for i, r := range runes {
		switch {
		case isApostrophe(r):
			end()
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			word = append(word, r)
		case strings.ContainsRune(middleDots, r) && isL(i-1) && isL(i+1):
		default:
			end()
		}
	}
	end()
	return out
}

// plain removes case, accents and variants of characters.
func plain(name string) string {
	name = norm.NFKD.String(cases.Fold().String(norm.NFKD.String(name)))
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r) // the library folds Cherokee to upper case
	}, name)
}

// isApostrophe reports whether a character is written for an apostrophe. Some are letters to Unicode.
func isApostrophe(r rune) bool { return strings.ContainsRune(apostrophes, r) }

// IsArticle reports whether words are one article.
func IsArticle(words []string) bool { return len(words) == 1 && slices.Contains(Articles, words[0]) }

// Natural returns a name as it is spoken: composed, with single spaces and with the typewriter's apostrophe, and with an article
// that follows the last comma in front: "Hospitalet de Llobregat, l’" gives "L'Hospitalet de Llobregat".
func Natural(name string) string {
	name = strings.Map(func(r rune) rune {
		if isApostrophe(r) {
			return '\''
		}
		return r
	}, norm.NFC.String(strings.Join(strings.Fields(name), " ")))
	at := strings.LastIndexByte(name, ',')
	if at < 0 || len(Words(name[:at])) == 0 {
		return name
	}
	last := Words(name[at:])
	if !IsArticle(last) {
		return name
	}
	first, size := utf8.DecodeRuneInString(last[0])
	article := string(unicode.ToUpper(first)) + last[0][size:]
	if slices.Contains(elided, last[0]) {
		return article + "'" + strings.TrimSpace(name[:at])
	}
	return article + " " + strings.TrimSpace(name[:at])
}
