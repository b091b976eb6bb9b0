package idescat_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/idescat"
	"github.com/llac-project/llac/platform/source/portals"
	"github.com/llac-project/llac/platform/source/sourcetest"
)

// Idescat's table pmh/1180/8078 by municipality has 2.6 million cells. Such metadata is accepted, and the parameters select
// the requested cells.
func TestIdescatTableLargerThanAnyPage(t *testing.T) {
	t.Parallel()
	f := newFakeIdescat()
	f.dims = []fakeDimension{
		{"YEAR", "time", codes("2", 9)},
		{"MUN", "geo", append(codes("08", 947), "TOTAL")},
		{"AGE", "", append(codes("Y", 101), "TOTAL")},
		{"SEX", "", []string{"F", "M", "TOTAL"}},
		{"CONCEPT", "metric", []string{"POP"}},
	}
	server := sourcetest.NewServer(t, f, false)
	c, _ := sourcetest.NewClient(t, idescat.Name)
	d := sourcetest.Describe(t, c, tableTarget(server.URL, 10000, map[string]string{"YEAR": "2008", "AGE": "TOTAL"}))
	if d.Rows != 948*3 || len(d.Pages) != 1 {
		t.Errorf("%d cells in %d pages, want %d in one", d.Rows, len(d.Pages), 948*3)
	}
	if d = sourcetest.Describe(t, c, tableTarget(server.URL, 10000, nil)); d.Rows != 9*948*102*3 {
		t.Errorf("the whole table has %d cells", d.Rows)
	}
}

// Sizes whose product overflows an integer are treated as too many cells.
func TestIdescatSizesThatOverflow(t *testing.T) {
	t.Parallel()
	f := newFakeIdescat()
	f.dims = nil
	for k := range 8 {
		f.dims = append(f.dims, fakeDimension{"D" + strconv.Itoa(k), "", codes("c", 256)}) // 2^64 cells
	}
	server := sourcetest.NewServer(t, f, false)
	c, _ := sourcetest.NewClient(t, idescat.Name)
	_, err := c.Describe(t.Context(), tableTarget(server.URL, 0, nil), events.Validators{})
	sourcetest.WantPermanent(t, err, "slice the dataset")
}

// A cube with a duplicate member is rejected, because it is ambiguous which of the two is correct.
func TestCubesWithDuplicateMembers(t *testing.T) {
	t.Parallel()
	const cube = `{"class":"dataset","id":["X"],"size":[2],"dimension":{"X":{"category":{"index":["a","b"],"label":%s}}},` +
		`"value":%s,"status":%s}`
	const labels = `{"a":"A","b":"B"}`
	for name, page := range map[string]string{
		"value":          fmt.Sprintf(cube, labels, `{"0":5,"0":7}`, `null`),
		"value, padded":  fmt.Sprintf(cube, labels, `{"0":5,"00":7}`, `null`),
		"value, signed":  fmt.Sprintf(cube, labels, `{"1":5,"+1":7}`, `null`),
		"status":         fmt.Sprintf(cube, labels, `[5,7]`, `{"1":"p","1":".."}`),
		"label":          fmt.Sprintf(cube, `{"a":"A","a":"B"}`, `[5,7]`, `null`),
		"the values":     fmt.Sprintf(cube, labels, `[5,7],"value":[7,5]`, `null`),
		"the dimensions": fmt.Sprintf(cube, labels, `[5,7],"id":["X"]`, `null`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows := 0
			err := portals.All.Rows(idescat.Name, []byte(page), func(source.Row) error { rows++; return nil })
			var bad *source.PageError
			if !errors.As(err, &bad) || rows != 0 {
				t.Errorf("%d rows, error %v; want a page error before any row", rows, err)
			}
		})
	}
}

// A table's date is stored in every row, so a text that is too long is rejected as a date.
func TestLongDateIsRefused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("à", 1<<20)
	page := `{"class":"dataset","updated":"` + long + `","id":["X"],"size":[1],"dimension":{"X":{"category":{"index":["a"]}}},"value":[1]}`
	var bad *source.PageError
	if err := portals.All.Rows(idescat.Name, []byte(page), func(source.Row) error { return nil }); !errors.As(err, &bad) {
		t.Errorf("a date of 2 MB: %v, want a page error", err)
	}
}
