package source

import "bytes"

// maxNames bounds the names remembered, so that a page of ever new names costs no more than itself.
const maxNames = 4096

// maxName is the longest name remembered, in bytes as a page writes it: longer ones would let few names take all memory.
const maxName = 1 << 10

// maxLeftOut is how many fields in a row a prediction looks beyond.
const maxLeftOut = 4

// nameTable numbers the names of a reader's fields, and predicts the next name from the one before: the records of a
// portal name their fields in one order, and leave some out. What holds: a prediction counts only where the page has its
// very bytes, so that it may be wrong, and costs time then, but never gives a field another's name.
type nameTable struct {
	all     []fieldName // the first stands for the beginning of a record; a name's ID is one less than its position
	byText  map[string]int
	bySpelt map[string]int // of the names that pages write with escapes
}

type fieldName struct {
	text  string
	spelt string // as a page wrote it last, from the opening quote to the colon
	next  int    // the name that came after it when that had to be looked up; 0: none
}

func newNameTable() *nameTable {
	return &nameTable{all: make([]fieldName, 1), byText: map[string]int{}, bySpelt: map[string]int{}}
}

// predict answers the position of the name that page begins with, if it is one of those expected after before; else 0.
func (t *nameTable) predict(before int, page []byte) int {
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

// learn looks up a name that was not predicted and remembers that it came after before. spelt begins with the quoted
// name, which is long bytes. It answers 0 for a name too many or too long.
func (t *nameTable) learn(before int, spelt []byte, long int) int {
	if long > maxName {
		return 0
	}
	at := t.find(spelt[:long])
	if at == 0 || len(spelt) > maxName { // much white space before the colon: not to be predicted
		return at
	}
	if t.all[at].spelt != string(spelt) {
		t.all[at].spelt = string(spelt)
	}
	t.all[before].next = at
	return at
}

// find answers the position of a quoted name, a new one at the end; 0: too many names.
func (t *nameTable) find(quoted []byte) int {
	if bytes.IndexByte(quoted, '\\') < 0 {
		if at, ok := t.byText[string(quoted[1:len(quoted)-1])]; ok {
			return at
		}
		return t.add(unquote(quoted))
	}
	at, ok := t.bySpelt[string(quoted)]
	if !ok {
		at = t.add(unquote(quoted))
		if at > 0 && len(t.bySpelt) < maxNames {
			t.bySpelt[string(quoted)] = at
		}
	}
	return at
}

// add answers the position of a decoded name, a new one at the end; 0: too many names, or too long a one.
func (t *nameTable) add(text string) int {
	at, ok := t.byText[text]
	if !ok && len(t.byText) < maxNames && len(text) <= maxName {
		at = len(t.all)
		t.all = append(t.all, fieldName{text: text})
		t.byText[text] = at
	}
	return at
}

// field answers a field of a decoded name, without its value.
func (t *nameTable) field(text string) Value { return Value{Name: text, ID: t.add(text) - 1} }
