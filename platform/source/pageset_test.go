package source

import (
	"errors"
	"fmt"
	"testing"
)

func TestPageSet(t *testing.T) {
	t.Parallel()
	of := func(index int, ids ...uint64) Page { return Page{Index: index, Rows: int64(len(ids)), RowIDs: ids} }
	for name, c := range map[string]struct {
		pages   []Page
		digests []string // the default is a digest of its own for each page
		want    string   // error of the last page
	}{
		"different rows":      {pages: []Page{of(0, 1, 2), of(1, 3, 4)}},
		"empty pages":         {pages: []Page{of(0), of(1)}, digests: []string{"a", "a"}},
		"the same page again": {pages: []Page{of(0, 1)}, digests: []string{"a"}},
		"the same bytes": {pages: []Page{of(0, 1), of(1, 2)}, digests: []string{"a", "a"},
			want: "page 1 has the same bytes as page 0"},
		"one row twice":           {pages: []Page{of(0, 1, 2), of(1, 3, 4), of(2, 5, 2)}, want: "page 2 repeats rows of page 0"},
		"one row twice in a page": {pages: []Page{of(0, 1, 2, 1)}, want: "page 0 repeats rows of page 0"},
		"rows without ids":        {pages: []Page{{Index: 0, Rows: 2}, {Index: 1, Rows: 2}}},
		"a row of a page long before": {pages: []Page{of(0, 1, 2), of(1, 3, 4), of(2, 5, 6), of(3, 7, 2)},
			want: "page 3 repeats rows of page 0"},
		"a row of a page too long before": {pages: []Page{of(0, 1, 2), of(1, 3, 4), of(2, 5, 6), of(3, 7, 8), of(4, 9, 10),
			of(5, 11, 1)}},
	} {
		s := NewPageSet()
		s.size = 4
		for i, p := range c.pages {
			digest := fmt.Sprint(i)
			if c.digests != nil {
				digest = c.digests[i]
			}
			err := s.Add(p, digest)
			if i < len(c.pages)-1 && err != nil {
				t.Fatalf("%s: page %d: %v", name, i, err)
			}
			var m *MismatchError
			if i == len(c.pages)-1 && (c.want == "") != (err == nil) ||
				err != nil && (err.Error() != c.want || !errors.As(err, &m) || !m.Repeated) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
		}
	}
	s := NewPageSet()
	s.Known(0, 5, "a")
	s.Known(1, 0, "empty")
	if s.Add(of(2, 1), "a") == nil || s.Add(of(2, 1), "empty") != nil {
		t.Error("a digest of an earlier delivery is not known, or that of an empty page is")
	}
	// A page that is refused leaves no trace: the right one may follow.
	if err := s.Add(of(3, 7, 7), "b"); err == nil {
		t.Error("a page with a row twice was accepted")
	}
	if err := s.Add(of(3, 7, 8), "c"); err != nil {
		t.Errorf("the right page was refused: %v", err)
	}
}

// A row without an id may occur again; a sequence of rows does so only if pages overlap.
func TestSequencesOfRowsWithoutIDs(t *testing.T) {
	t.Parallel()
	page := func(index, from, to, different int) Page {
		tally := Kind{RowID: ":id"}.NewTally()
		for i := from; i < to; i++ {
			if err := tally.Add(Row{Fields: []Value{{Name: "n", Raw: []byte(fmt.Sprint(i % different))}}}); err != nil {
				t.Fatal(err)
			}
		}
		return tally.Page(index, nil, NoIdentity())
	}
	for name, c := range map[string]struct {
		before, after Page
		want          bool
	}{
		"the next rows":              {page(0, 0, 100, 1000), page(1, 100, 200, 1000), false},
		"a few rows earlier":         {page(0, 0, 100, 1000), page(1, 80, 180, 1000), true},
		"rows from the middle":       {page(0, 0, 100, 1000), page(1, 10, 40, 1000), true},
		"too few rows to be certain": {page(0, 0, 100, 1000), page(1, 85, 180, 1000), false},
		"a short page":               {page(0, 0, 100, 1000), page(1, 90, 100, 1000), false},
		"rows that are alike":        {page(0, 0, 100, 7), page(1, 70, 170, 7), false},
		"an empty page before":       {page(0, 0, 0, 1000), page(1, 0, 100, 1000), false},
	} {
		s := NewPageSet()
		if err := s.Add(c.before, "a"); err != nil {
			t.Fatal(err)
		}
		err := s.Add(c.after, "b")
		var m *MismatchError
		if (err != nil) != c.want || err != nil && (!errors.As(err, &m) || !m.Repeated || err.Error() != "page 1 repeats rows of page 0") {
			t.Errorf("%s: %v, want an error: %t", name, err, c.want)
		}
	}
	// Other fields are other rows.
	one, two := Kind{}.NewTally(), Kind{}.NewTally()
	if one.Add(Row{Fields: []Value{{Name: "a", Raw: []byte("bc")}}}) != nil || two.Add(Row{Fields: []Value{{Name: "ab",
		Raw: []byte("c")}}}) != nil || one.records[0] == two.records[0] {
		t.Error("two rows with other fields have the same hash")
	}
}
