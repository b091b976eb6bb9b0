package jsonpage

import (
	"bytes"
	"slices"

	"github.com/llac-project/llac/platform/source"
)

// maxNames limits the names that are remembered, so that a page with ever new names costs no more than its own size.
const maxNames = 4096

// maxName is the longest name that is remembered, in bytes as the page writes it: a few longer names could use up all memory.
const maxName = 1 << 10

// maxLeftOut is the number of consecutive missing fields that a prediction can skip.
const maxLeftOut = 4

// Names numbers the names of a reader's fields, and predicts the next name from the one before: the records of a portal
// list their fields in one order, and omit some. A prediction counts only where the page has exactly its bytes. A wrong
// prediction costs time, but never gives a field another field's name.
//
// Names have ranks, and a prediction always has a higher rank than the name before. So a record whose names were all
// predicted has no name twice, and needs no check. Where a record contradicts the ranks, learn changes them.
type Names struct {
	all     []fieldName // the first represents the beginning of a record; a name's ID is one less than its position
	byText  map[string]int
	bySpelt map[string]int // names that pages write with escapes
	ranks   uint64         // the highest rank
	checks  uint64         // the highest number of fieldName.seen
}

type fieldName struct {
	text  string
	spelt string // as the last page wrote it, from the opening quote to the colon
	next  int    // position of the name that followed it when that was last looked up; 0: none
	rank  uint64
	seen  uint64 // what dropRepeated last found out about it
}

func NewNames() *Names {
	return &Names{all: make([]fieldName, 1), byText: map[string]int{}, bySpelt: map[string]int{}}
}

// predict returns the position of the name that page starts with, if it is one of those expected after before; else 0.
func (t *Names) predict(before int, page []byte) int {
	at := before
	for range maxLeftOut {
		if at = t.all[at].next; at == 0 {
			return 0
		}
		if spelt := t.all[at].spelt; len(spelt) <= len(page) && string(page[:len(spelt)]) == spelt {
			return at
		}
	}
	return 0
}

// learn looks up a name that was not predicted and remembers that it followed before. spelt starts with the quoted name,
// whose length is long. It returns 0 if there are too many names or the name is too long. isNew reports whether the name's
// rank proves that the record did not have it before.
func (t *Names) learn(before int, spelt []byte, long int) (at int, isNew bool) {
	if long > maxName {
		return 0, false
	}
	if at = t.find(spelt[:long]); at == 0 {
		return 0, false
	}
	name := &t.all[at]
	if isNew = name.rank > t.all[before].rank; !isNew {
		t.ranks++
		name.rank, name.next = t.ranks, 0
	}
	if len(spelt) > maxName { // much white space before the colon: do not predict it
		return at, isNew
	}
	if name.spelt != string(spelt) {
		name.spelt = string(spelt)
	}
	if before != at {
		t.all[before].next = at
	}
	return at, isNew
}

// dropRepeated removes the fields whose names occur twice, and reports whether there were any.
func (t *Names) dropRepeated(fields []source.Value) ([]source.Value, bool) {
	t.checks += 2
	once, again := t.checks-1, t.checks // as fieldName.seen
	var nameless map[string]int         // how often each name without a position occurs
	found := false
	for i := range fields {
		f := &fields[i]
		if f.ID < 0 {
			if nameless == nil {
				nameless = map[string]int{}
			}
			nameless[f.Name]++
			found = found || nameless[f.Name] > 1
			continue
		}
		name := &t.all[f.ID+1]
		if name.seen >= once {
			name.seen, found = again, true
		} else {
			name.seen = once
		}
	}
	if !found {
		return fields, false
	}
	return slices.DeleteFunc(fields, func(f source.Value) bool {
		return f.ID < 0 && nameless[f.Name] > 1 || f.ID >= 0 && t.all[f.ID+1].seen == again
	}), true
}

// find returns the position of a quoted name, which it adds if it is new; 0: too many names.
func (t *Names) find(quoted []byte) int {
	if bytes.IndexByte(quoted, '\\') < 0 {
		if at, ok := t.byText[string(quoted[1:len(quoted)-1])]; ok {
			return at
		}
		return t.add(Unquote(quoted))
	}
	at, ok := t.bySpelt[string(quoted)]
	if !ok {
		at = t.add(Unquote(quoted))
		if at > 0 && len(t.bySpelt) < maxNames {
			t.bySpelt[string(quoted)] = at
		}
	}
	return at
}

// add returns the position of a decoded name, which it adds if it is new; 0: too many names, or the name is too long.
func (t *Names) add(text string) int {
	at, ok := t.byText[text]
	if !ok && len(t.byText) < maxNames && len(text) <= maxName {
		at = len(t.all)
		t.ranks++
		t.all = append(t.all, fieldName{text: text, rank: t.ranks})
		t.byText[text] = at
	}
	return at
}

// Field returns a field with a decoded name, without its value.
func (t *Names) Field(text string) source.Value { return source.Value{Name: text, ID: t.add(text) - 1} }
