package quality

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Distinct counts the distinct values of a column or of the key by digest, 16 bytes per value.
type Distinct struct {
	value    func(Row) (string, bool)
	seen     map[[16]byte]struct{}
	repeated bool             // the current row repeats an earlier value
	tally    map[string]int64 // rows by value, of the first maxTally values; nil: not needed
}

// maxTally bounds the values whose rows are counted, and shownValues those that a note shows.
const (
	maxTally    = 1000
	shownValues = 5
	shownLength = 60 // characters of a value
)

// rarest lists the values with the fewest rows: a wrong value is rarely frequent.
func (d *Distinct) rarest() string {
	values := slices.SortedFunc(maps.Keys(d.tally), func(a, b string) int {
		return cmp.Or(cmp.Compare(d.tally[a], d.tally[b]), cmp.Compare(a, b))
	})
	var shown []string
	for _, v := range values[:min(shownValues, len(values))] {
		text := []rune(v)
		if len(text) > shownLength {
			text = append(text[:shownLength:shownLength], '…')
		}
		shown = append(shown, fmt.Sprintf("%q in %d", string(text), d.tally[v]))
	}
	if shown == nil {
		return ""
	}
	return "rarest values and their rows: " + strings.Join(shown, ", ")
}

// DistinctValues returns the distinct values of a column, without null. All rules about the column share one set, which the
// pass feeds.
func (s *Subject) DistinctValues(column string) *Distinct {
	return s.shared(column, func(r Row) (string, bool) { return r.Text(column) })
}

// DistinctKeys returns the distinct keys.
func (s *Subject) DistinctKeys() *Distinct {
	return s.shared("", func(r Row) (string, bool) {
		var key strings.Builder
		for _, column := range s.Key {
			text, ok := r.Text(column)
			key.WriteString(strconv.FormatBool(ok) + strconv.Itoa(len(text)) + ":" + text) // ("a", "bc") is not ("ab", "c")
		}
		return key.String(), true
	})
}

func (s *Subject) shared(name string, value func(Row) (string, bool)) *Distinct {
	if s.distinct == nil {
		s.distinct = map[string]*Distinct{}
	}
	if s.distinct[name] == nil {
		s.distinct[name] = &Distinct{value: value, seen: map[[16]byte]struct{}{}}
	}
	return s.distinct[name]
}

// Count returns the number of distinct values so far.
func (d *Distinct) Count() int { return len(d.seen) }

// Repeated reports whether the current row has a value that an earlier row had.
func (d *Distinct) Repeated() bool { return d.repeated }

func (d *Distinct) add(r Row) {
	d.repeated = false
	text, ok := d.value(r)
	if !ok {
		return
	}
	if _, known := d.tally[text]; d.tally != nil && (known || len(d.tally) < maxTally) {
		d.tally[text]++
	}
	sum := sha256.Sum256([]byte(text))
	digest := [16]byte(sum[:16])
	if _, d.repeated = d.seen[digest]; !d.repeated {
		d.seen[digest] = struct{}{}
	}
}
