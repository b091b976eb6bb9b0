package matching

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"
)

// Entry is one row of a reference: an id and the name it goes by, in a group such as a comarca. One id may have several
// names, and be in several groups.
type Entry struct{ ID, Name, Group string }

// Options say what else is known of a reference's names.
type Options struct {
	Aliases      map[string]string // other names, and those of the reference that they stand for
	Grouped      bool              // entries have groups; if not, all are in one
	GroupAliases map[string]string // other names of groups
	Except       []string          // ids that are never an answer
}

// Method says how an id was found, or why none was. They are staged, and read by people: they never change meaning.
type Method string

// The methods.
const (
	ExactInGroup  Method = "exact_in_group"  // a name of the group, however it is spelt
	Exact         Method = "exact"           // a name of one id alone, in another group or with no group said
	TokensInGroup Method = "tokens_in_group" // a shorter or longer form of a name of the group, and of no other
	Ambiguous     Method = "ambiguous"       // several can be meant
	Unmatched     Method = "unmatched"       // nothing is like it
	NoName        Method = "no_name"         // there is no name
	NotMatched    Method = "not_matched"     // nobody has looked, because there was no reference
)

// How sure a match by its name is.
const (
	sure        = 1
	elsewhere   = 0.95 // no group was said
	contradicts = 0.8  // another group was said: boundaries move, and registers follow late
)

// What a match by words must reach, in thousandths.
const (
	likeEnough = 700 // of what the words of both weigh they must share so much
	margin     = 100 // so much more than the second best
)

// Result is what became of a name.
type Result struct {
	ID         string // empty: none
	Method     Method
	Confidence float64 // 0 to 1; 0 where there is no ID
}

// Judged says whether there is a confidence at all: there was a name, and somebody looked.
func (r Result) Judged() bool { return r.Method != NoName && r.Method != NotMatched }

// Finder finds what a name means within a group. Empty texts say nothing. It may be used by several goroutines at once.
type Finder interface {
	Find(name, group string) Result
}

// Nobody is the Finder that finds nothing, where there is no reference.
var Nobody Finder = nobody{}

type nobody struct{}

func (nobody) Find(string, string) Result { return Result{Method: NotMatched} }

// Names are a reference made ready. They do not change.
type Names struct {
	grouped bool
	names   []candidate
	byKey   map[string][]int // spelling to names
	byGroup map[string][]int // folded group to names
	other   map[string]string
	words   map[string]map[string]bool // that tell the names of a group apart, by folded group
	rarity  map[string]int             // of a word
	rarest  int                        // of a word that no name has
}

// candidate is one name.
type candidate struct {
	id, group string // group is folded
	key       string
	words     []string // sorted
	weight    int      // of all words
}

// New makes a reference ready. Entries without id or name are left out, and so are aliases that stand for no name of it, or
// that are themselves names of it: a reference of another day may have either.
func New(entries []Entry, o Options) *Names {
	n := &Names{grouped: o.Grouped, byKey: map[string][]int{}, byGroup: map[string][]int{}, words: map[string]map[string]bool{}, other: map[string]string{}, rarity: map[string]int{}}
	entries = slices.Clone(entries)
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Group, b.Group))
	})
	entries = slices.Compact(entries)
	var official []candidate
	for _, e := range entries {
		s := spell(e.Name)
		if e.ID == "" || s.key == "" || slices.Contains(o.Except, e.ID) {
			continue
		}
		c := candidate{id: e.ID, key: s.key, words: slices.Sorted(slices.Values(s.words))}
		if o.Grouped {
			g := spell(e.Group)
			c.group = g.key
			n.learn(c, g.words)
		} else {
			n.learn(c, nil)
		}
		official = append(official, c)
	}
	for _, c := range official {
		for _, w := range slices.Compact(slices.Clone(c.words)) {
			n.rarity[w]++
		}
	}
	// A word weighs what its rarity is in powers of two: a whole number, the same on every processor.
	for w, times := range n.rarity {
		n.rarity[w] = rarity(len(official), times, w)
	}
	n.rarest = rarity(len(official), 1, "")
	for _, c := range official {
		n.add(c)
	}
	for _, from := range slices.Sorted(maps.Keys(o.Aliases)) {
		alias, target := spell(from), spell(o.Aliases[from])
		if alias.key == "" || slices.ContainsFunc(official, func(c candidate) bool { return c.key == alias.key }) {
			continue
		}
		for _, c := range official {
			if c.key == target.key {
				n.add(candidate{id: c.id, group: c.group, key: alias.key, words: slices.Sorted(slices.Values(alias.words))})
			}
		}
	}
	for from, to := range o.GroupAliases {
		if from, to := groupKey(from), groupKey(to); from != "" && n.byGroup[from] == nil {
			n.other[from] = to
		}
	}
	return n
}

// learn notes the words of a name of a group that tell it apart.
func (n *Names) learn(c candidate, group []string) {
	if n.words[c.group] == nil {
		n.words[c.group] = map[string]bool{}
	}
	for _, w := range c.words {
		if !slices.Contains(group, w) && (notFiller(w) || len(c.words) == 1) {
			n.words[c.group][w] = true
		}
	}
}

func (n *Names) add(c candidate) {
	c.weight = n.weigh(c.words)
	at := len(n.names)
	n.names = append(n.names, c)
	n.byKey[c.key] = append(n.byKey[c.key], at)
	n.byGroup[c.group] = append(n.byGroup[c.group], at)
}

// maxFiller is the most that an article or a preposition weighs.
const maxFiller = 2

func rarity(names, times int, word string) int {
	weight := bits.Len(uint(names / times))
	if isFiller(word) {
		weight = min(weight, maxFiller)
	}
	return weight
}

func isFiller(word string) bool { return slices.Contains(fillers, word) }

func notFiller(word string) bool { return !isFiller(word) }

func groupKey(group string) string { return spell(group).key }

func (n *Names) weigh(words []string) (sum int) {
	for _, w := range words {
		sum += n.weight(w)
	}
	return sum
}

func (n *Names) weight(word string) int {
	if w, ok := n.rarity[word]; ok {
		return w
	}
	if isFiller(word) {
		return min(n.rarest, maxFiller)
	}
	return n.rarest
}

// Find implements Finder.
func (n *Names) Find(name, group string) Result {
	read := readings(name)
	if len(read) == 0 {
		return Result{Method: NoName}
	}
	said := n.grouped && groupKey(group) != ""
	group = n.group(group)
	for _, s := range read {
		if hits := n.byKey[s.key]; len(hits) > 0 {
			return n.exactly(hits, read, group, said)
		}
	}
	if n.grouped && !said {
		return Result{Method: Unmatched}
	}
	return n.nearly(read, group)
}

// group answers the folded group that a text means; "" where there are none.
func (n *Names) group(text string) string {
	if !n.grouped {
		return ""
	}
	s := spell(text)
	if to, ok := n.other[s.key]; ok {
		return to
	}
	// "la Selva" where the reference says "Selva".
	if n.byGroup[s.key] == nil && len(s.words) > 1 && isArticle(s.words[:1]) {
		return newSpelling(s.words[1:]).key
	}
	return s.key
}

// exactly decides between names that are spelt alike.
func (n *Names) exactly(hits []int, read []spelling, group string, said bool) Result {
	if said || !n.grouped {
		inside := slices.DeleteFunc(slices.Clone(hits), func(at int) bool { return n.names[at].group != group })
		if id, one := n.only(inside); one {
			return Result{ID: id, Method: ExactInGroup, Confidence: sure}
		} else if len(inside) > 0 {
			return Result{Method: Ambiguous}
		}
	}
	id, one := n.only(hits)
	switch {
	case !one:
		return Result{Method: Ambiguous}
	case !said:
		return Result{ID: id, Method: Exact, Confidence: elsewhere}
	case n.mayMean(read, group):
		// The name says one thing, and the group that a name like it is meant. Which of the two is wrong is not known.
		return Result{Method: Ambiguous}
	}
	return Result{ID: id, Method: Exact, Confidence: contradicts}
}

// mayMean says whether a name of the group may be meant: it has all words of a spelling, or is like it.
func (n *Names) mayMean(read []spelling, group string) bool {
	for _, s := range read {
		for _, f := range n.forms(s, group) {
			if f.shorter {
				return true
			}
		}
	}
	return n.nearly(read, group).Method != Unmatched
}

// only answers the one id that all of the names have.
func (n *Names) only(hits []int) (id string, one bool) {
	for _, at := range hits {
		if id != "" && n.names[at].id != id {
			return "", false
		}
		id = n.names[at].id
	}
	return id, id != ""
}

// nearly looks in a group for the one name of which a spelling is a shorter or a longer form.
func (n *Names) nearly(read []spelling, group string) Result {
	for _, s := range read {
		forms := n.forms(s, group)
		best := ""
		for _, id := range slices.Sorted(maps.Keys(forms)) {
			if best == "" || forms[id].score > forms[best].score {
				best = id
			}
		}
		b := forms[best]
		if b.score < likeEnough {
			continue
		}
		for id, other := range forms {
			if b.strange || id != best && (other.score > b.score-margin || other.covers || b.shorter && other.shorter) {
				return Result{Method: Ambiguous}
			}
		}
		return Result{ID: best, Method: TokensInGroup, Confidence: float64(b.score) / 1000}
	}
	return Result{Method: Unmatched}
}

// form is how a spelling is like a name.
type form struct {
	score   int  // in thousandths
	shorter bool // it lacks words of the name that are no fillers
	covers  bool // the name has all its words, fillers too
	strange bool // it has words that are another name's of the group: perhaps that one is meant
}

// forms answers the ids of a group that a spelling may be a form of: one of the two has all words of the other.
func (n *Names) forms(s spelling, group string) map[string]form {
	out := map[string]form{}
	w := slices.Sorted(slices.Values(s.words))
	weight := n.weigh(w)
	for _, at := range n.byGroup[group] {
		c := &n.names[at]
		shared, more, less := n.compare(w, c.words)
		longer, shorter := slices.ContainsFunc(more, notFiller), slices.ContainsFunc(less, notFiller)
		if shared == 0 || longer && shorter {
			continue
		}
		f := form{score: 2000 * shared / (weight + c.weight), shorter: shorter, covers: len(more) == 0}
		f.strange = slices.ContainsFunc(more, func(w string) bool { return n.words[group][w] })
		if there, ok := out[c.id]; !ok || f.score > there.score {
			out[c.id] = f
		}
	}
	return out
}

// compare weighs what two sorted lists of words share, and answers the words that the first has more and less than the
// second.
func (n *Names) compare(a, b []string) (shared int, more, less []string) {
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0] < b[0]:
			more, a = append(more, a[0]), a[1:]
		case len(a) == 0 || b[0] < a[0]:
			less, b = append(less, b[0]), b[1:]
		default:
			shared += n.weight(a[0])
			a, b = a[1:], b[1:]
		}
	}
	return shared, more, less
}
