package matching

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"

	"github.com/llac-project/llac/platform/names"
)

// Entry is one row of a reference: an id and its name, in a group such as a comarca. One id may have several names and
// belong to several groups.
type Entry struct{ ID, Name, Group string }

// Options configure how the names of a reference are matched.
type Options struct {
	Aliases      map[string]string // other names, and the names of the reference that they stand for
	Grouped      bool              // entries have groups; if false, all entries are in one group
	GroupAliases map[string]string // other names of groups

	// Earlier lists the groups to which an id belonged before: boundaries move, and registers follow late. A name is found
	// outside the group of its row only if that group is one of them.
	Earlier map[string][]string

	Except []string // ids that are never matched
}

// Method states how an id was found, or why none was. Methods are staged and read by people: a method never changes its
// meaning.
type Method string

// Methods of a match.
const (
	ExactInGroup  Method = "exact_in_group"  // a name of the group, in any spelling
	Exact         Method = "exact"           // a name of exactly one id, in an earlier group of it or without a group
	TokensInGroup Method = "tokens_in_group" // a shorter or longer form of exactly one name of the group
	Ambiguous     Method = "ambiguous"       // several ids are possible, or the only one is of another group
	Unmatched     Method = "unmatched"       // no id is similar
	NoName        Method = "no_name"         // the name is empty
	NotMatched    Method = "not_matched"     // no lookup took place, because there was no reference
)

// Confidence of a match by the whole name.
const (
	inGroupConfidence = 1
	noGroupConfidence = 0.95 // the row has no group
	earlierConfidence = 0.8  // the row has a group to which the id belonged before
)

// Thresholds of a match by words, in thousandths.
const (
	minScore  = 700 // minimum weight of the shared words relative to all words
	minMargin = 100 // minimum distance to the second-best score
)

// Result is the result of looking up a name.
type Result struct {
	ID         string // empty: no match
	Method     Method
	Confidence float64 // 0 to 1; 0 without an ID
}

// HasConfidence reports whether the result has a confidence: there was a name, and it was looked up.
func (r Result) HasConfidence() bool { return r.Method != NoName && r.Method != NotMatched }

// Finder looks up a name within a group. Empty texts mean unknown. It must be safe for concurrent use.
type Finder interface {
	Find(name, group string) Result
}

// None is the Finder for a missing reference. It matches nothing.
var None Finder = none{}

type none struct{}

func (none) Find(string, string) Result { return Result{Method: NotMatched} }

// Names is a reference indexed for lookups. It is immutable.
type Names struct {
	grouped   bool
	names     []candidate
	byKey     map[string][]int // key of a spelling to indexes in names
	byGroup   map[string][]int // folded group to indexes in names
	other     map[string]string
	earlier   map[string][]string        // id to the folded groups to which it belonged before
	words     map[string]map[string]bool // distinguishing words of the names of a group, by folded group
	weights   map[string]int             // weight of a word
	maxWeight int                        // weight of a word that no name contains
}

// candidate is one name.
type candidate struct {
	id, group string // group is folded
	key       string
	words     []string // sorted
	weight    int      // sum of the weights of all words
}

// New indexes a reference. It ignores entries without id or name. It also ignores aliases that stand for no name of the
// reference, or that are names of it: the reference of another day may contain either.
func New(entries []Entry, o Options) *Names {
	n := &Names{
		grouped: o.Grouped, byKey: map[string][]int{}, byGroup: map[string][]int{}, other: map[string]string{},
		earlier: map[string][]string{}, words: map[string]map[string]bool{}, weights: map[string]int{},
	}
	official := n.official(entries, o.Except)
	n.setWeights(official)
	for _, c := range official {
		n.add(c)
	}
	n.addAliases(official, o.Aliases)
	for from, to := range o.GroupAliases {
		if from, to := groupKey(from), groupKey(to); from != "" && n.byGroup[from] == nil {
			n.other[from] = to
		}
	}
	for id, groups := range o.Earlier {
		for _, g := range groups {
			n.earlier[id] = append(n.earlier[id], n.group(g))
		}
	}
	return n
}

// official returns the distinct entries as candidates, in a fixed order, without the excepted ids.
func (n *Names) official(entries []Entry, except []string) []candidate {
	entries = slices.Clone(entries)
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Group, b.Group))
	})
	var official []candidate
	for _, e := range slices.Compact(entries) {
		s := normalize(e.Name)
		if e.ID == "" || s.key == "" || slices.Contains(except, e.ID) {
			continue
		}
		c := candidate{id: e.ID, key: s.key, words: slices.Sorted(slices.Values(s.words))}
		if n.grouped {
			g := normalize(e.Group)
			c.group = g.key
			n.addDistinguishing(c, g.words)
		} else {
			n.addDistinguishing(c, nil)
		}
		official = append(official, c)
	}
	return official
}

// setWeights computes the weight of each word: the binary logarithm of its rarity, as an integer that is the same on
// every processor.
func (n *Names) setWeights(official []candidate) {
	for _, c := range official {
		for _, w := range slices.Compact(slices.Clone(c.words)) {
			n.weights[w]++
		}
	}
	for w, times := range n.weights {
		n.weights[w] = weightOf(len(official), times, w)
	}
	n.maxWeight = weightOf(len(official), 1, "")
}

// addAliases adds the aliases that stand for an official name and are not one.
func (n *Names) addAliases(official []candidate, aliases map[string]string) {
	for _, from := range slices.Sorted(maps.Keys(aliases)) {
		alias, target := normalize(from), normalize(aliases[from])
		if alias.key == "" || slices.ContainsFunc(official, func(c candidate) bool { return c.key == alias.key }) {
			continue
		}
		for _, c := range official {
			if c.key == target.key {
				n.add(candidate{id: c.id, group: c.group, key: alias.key, words: slices.Sorted(slices.Values(alias.words))})
			}
		}
	}
}

// addDistinguishing records the words of a name that distinguish it within its group.
func (n *Names) addDistinguishing(c candidate, group []string) {
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

// maxFiller is the maximum weight of an article or a preposition.
const maxFiller = 2

func weightOf(total, times int, word string) int {
	weight := bits.Len(uint(total / times))
	if isFiller(word) {
		weight = min(weight, maxFiller)
	}
	return weight
}

func isFiller(word string) bool { return slices.Contains(fillers, word) }

func notFiller(word string) bool { return !isFiller(word) }

func groupKey(group string) string { return normalize(group).key }

func (n *Names) weigh(words []string) (sum int) {
	for _, w := range words {
		sum += n.weight(w)
	}
	return sum
}

func (n *Names) weight(word string) int {
	if w, ok := n.weights[word]; ok {
		return w
	}
	if isFiller(word) {
		return min(n.maxWeight, maxFiller)
	}
	return n.maxWeight
}

// Find implements Finder.
func (n *Names) Find(name, group string) Result {
	read := readings(name)
	if len(read) == 0 {
		return Result{Method: NoName}
	}
	hasGroup := n.grouped && groupKey(group) != ""
	group = n.group(group)
	for _, s := range read {
		if hits := n.byKey[s.key]; len(hits) > 0 {
			return n.resolveExact(hits, read, group, hasGroup)
		}
	}
	if n.grouped && !hasGroup {
		return Result{Method: Unmatched}
	}
	return n.matchTokens(read, group)
}

// group returns the folded group that a text refers to; "" if the reference has no groups.
func (n *Names) group(text string) string {
	if !n.grouped {
		return ""
	}
	s := normalize(text)
	if to, ok := n.other[s.key]; ok {
		return to
	}
	// "la Selva" where the reference has "Selva".
	if n.byGroup[s.key] == nil && len(s.words) > 1 && names.IsArticle(s.words[:1]) {
		return newSpelling(s.words[1:]).key
	}
	return s.key
}

// resolveExact chooses between names with the same key.
func (n *Names) resolveExact(hits []int, read []spelling, group string, hasGroup bool) Result {
	if hasGroup || !n.grouped {
		inside := slices.DeleteFunc(slices.Clone(hits), func(at int) bool { return n.names[at].group != group })
		if id, one := n.singleID(inside); one {
			return Result{ID: id, Method: ExactInGroup, Confidence: inGroupConfidence}
		} else if len(inside) > 0 {
			return Result{Method: Ambiguous}
		}
	}
	id, one := n.singleID(hits)
	switch {
	case !one:
		return Result{Method: Ambiguous}
	case !hasGroup:
		return Result{ID: id, Method: Exact, Confidence: noGroupConfidence}
	case !slices.Contains(n.earlier[id], group), n.mayMatch(read, group):
		// The name identifies one id, but a place of the row's group may have the same name without being in the reference,
		// or the group contains a similar name. Which of the two is wrong is unknown.
		return Result{Method: Ambiguous}
	}
	return Result{ID: id, Method: Exact, Confidence: earlierConfidence}
}

// mayMatch reports whether a name of the group may be meant: it contains all words of a reading, or is similar to it.
func (n *Names) mayMatch(read []spelling, group string) bool {
	for _, s := range read {
		for _, f := range n.forms(s, group) {
			if f.shorter {
				return true
			}
		}
	}
	return n.matchTokens(read, group).Method != Unmatched
}

// singleID returns the id that all of the names share, if there is one.
func (n *Names) singleID(hits []int) (id string, one bool) {
	for _, at := range hits {
		if id != "" && n.names[at].id != id {
			return "", false
		}
		id = n.names[at].id
	}
	return id, id != ""
}

// matchTokens searches a group for the one name of which a reading is a shorter or a longer form.
func (n *Names) matchTokens(read []spelling, group string) Result {
	for _, s := range read {
		forms := n.forms(s, group)
		best := ""
		for _, id := range slices.Sorted(maps.Keys(forms)) {
			if best == "" || forms[id].score > forms[best].score {
				best = id
			}
		}
		b := forms[best]
		if b.score < minScore {
			continue
		}
		for id, other := range forms {
			if b.foreign || id != best && (other.score > b.score-minMargin || other.covers || b.shorter && other.shorter) {
				return Result{Method: Ambiguous}
			}
		}
		return Result{ID: best, Method: TokensInGroup, Confidence: float64(b.score) / 1000}
	}
	return Result{Method: Unmatched}
}

// form describes how a spelling resembles a name.
type form struct {
	score   int  // in thousandths
	shorter bool // the spelling lacks words of the name other than fillers
	covers  bool // the name contains all words of the spelling, including fillers
	foreign bool // the spelling contains distinguishing words of another name of the group, which may be the one meant
}

// forms returns the ids of a group that a spelling may be a form of: one of the two contains all words of the other.
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
		f.foreign = slices.ContainsFunc(more, func(w string) bool { return n.words[group][w] })
		if there, ok := out[c.id]; !ok || f.score > there.score {
			out[c.id] = f
		}
	}
	return out
}

// compare returns the weight of the words that two sorted lists share, and the words that only the first and only the
// second contains.
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
